"""`bxl verify vote`: what a published vote, a ballot and the auditor's file prove, and every forgery that is noticed.

Two kinds of forger: a stranger, who changes files after the log has fixed them; and the operator, who enters whatever
it likes in the log (`file_of_operator`), so that only the rule, the voters and the auditor stand in its way.
"""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.refusals import LOCALES, catalogue
from contracts.votes import queries
from contracts.votes.ballot import ballot_in, coin_records, head_record
from contracts.votes.published import Records, Spec
from contracts.votes.rules import FIRST, MeetingRules, rule_of_terms
from contracts.votes.verify import NO_AUDITOR, NO_BALLOT, NO_LOG, verify_vote
from ledger.clock import FixedClock
from ledger.log.encoding import b64, from_b64
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema
from ledger.verify.replay import replay
from ledger.verify.report import Report, Verdict
from tests.commands import run_bxl
from tests.conftest import NOON
from tests.proof import PublishedBook, published_book
from tests.votes_kit import (
    ABSTAIN,
    NO,
    YES,
    Poll,
    announced,
    encoded,
    file_of_operator,
    files_of,
    records_in,
    written,
)

CLAIMS = {"c1": 50_000, "c2": 125_000, "c3": 40_050, "c4": 60_000, "c5": 900_000}
Edit = Callable[[dict[str, Any]], None]


class Closed:
    """A closed vote of five, of whom one has sent no ballot and one has replaced hers."""

    def __init__(self, published: PublishedBook, clock: FixedClock) -> None:
        self.published = published
        self.poll = announced(published.book, clock, CLAIMS)
        self.poll.cast("c1", (NO, 50_000))
        self.poll.cast("c2", (YES, 100_000), (NO, 25_000))
        self.replaced = queries.ballot_file(published.book, self.poll.vote_id, "c1", "all")
        self.poll.cast("c1", (YES, 50_000))
        self.poll.cast("c3", (ABSTAIN, 40_050))
        self.poll.cast("c4", (YES, 60_000))
        self.own = json.loads(queries.ballot_file(published.book, self.poll.vote_id, "c1", "all"))
        self.poll.close()
        self.public, self.auditors = files_of(published, self.poll.vote_id)

    def report(
        self, public: Any = None, *, own: Any = None, auditor: Any = None, openings: Path | None = None
    ) -> Report:
        return verify_vote(
            encoded(public or self.public),
            self.published.policy,
            own=None if own is None else encoded(own),
            auditor=None if auditor is None else encoded(auditor),
            openings=openings,
        )

    def operators(self, *, line: dict[str, Any] | None = None, **lists: list[str]) -> dict[str, Any]:
        """The file of an operator that enters these lists in the log."""
        kept = self.records
        records = Records(**({"ballots": kept.ballots, "heads": kept.heads, "coins": kept.coins} | lists))
        announcement = self.public["announcement"]
        return file_of_operator(self.published, self.spec, records, announcement=announcement, line=line)

    @property
    def spec(self) -> Spec:
        return self.poll.spec

    @property
    def records(self) -> Records:
        return records_in(self.public)


@pytest.fixture(scope="module")
def closed(tmp_path_factory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("vote")
    engine = open_engine(f"sqlite:///{folder / 'book.sqlite3'}")
    create_schema(engine)
    clock = FixedClock(NOON)
    yield Closed(published_book(engine, folder / "data", clock), clock)
    engine.dispose()


def code_of(report: Report) -> str | None:
    assert report.verdict is Verdict.FORGED, report.to_text()
    assert report.failure is not None
    return report.failure.code


def exchanged(closed: Closed) -> list[str]:
    """The list of ballots with another in place of the voter's own, under the number of the one she has replaced."""
    kept = [record for record in closed.records.ballots if not record.startswith(f"{closed.own['n']} ")]
    other = f"{json.loads(closed.replaced)['n']} {b64(bytes(32))}"
    return sorted([*kept, other], key=lambda record: int(record.partition(" ")[0]))


# what is true


def test_a_true_file_verifies_alone_with_a_ballot_and_with_the_auditors(closed: Closed) -> None:
    alone = closed.report()
    assert alone.verdict is Verdict.VERIFIED, alone.to_text()
    assert {NO_BALLOT, NO_AUDITOR} <= set(alone.not_checked)
    assert alone.figures["outcome"] == "passed"
    assert (alone.figures["yes_cents"], alone.figures["said_cents"]) == (210_000, 235_000)
    whole = closed.report(own=closed.own, auditor=closed.auditors)
    assert whole.verdict is Verdict.VERIFIED, whole.to_text()
    assert not {NO_BALLOT, NO_AUDITOR} & set(whole.not_checked)


def test_without_a_policy_the_verdict_is_incomplete(closed: Closed) -> None:
    report = verify_vote(encoded(closed.public), None)
    assert report.verdict is Verdict.INCOMPLETE, report.to_text()


def test_a_book_with_votes_replays(closed: Closed) -> None:
    published = closed.published
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()


def test_the_command_says_what_the_function_says(closed: Closed, tmp_path: Path) -> None:
    public, own = written(tmp_path, "vote.json", closed.public), written(tmp_path, "mine.json", closed.own)
    auditors = written(tmp_path, "auditors.json", closed.auditors)
    policy = closed.published.log_dir / "policy"
    done = run_bxl("verify", "vote", public, "--ballot", own, "--auditor", auditors, "--policy", policy, "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["verdict"] == "verified"
    forged = copy.deepcopy(closed.public)
    forged["records"]["heads"].pop()
    found = run_bxl("verify", "vote", written(tmp_path, "vote.json", forged), "--policy", policy)
    assert found.returncode == 1
    assert "vote records missing or added (list heads, stated 4, found 3)" in found.stdout
    unknown = run_bxl("verify", "vote", public, env={"BXL_DATA": str(tmp_path / "nothing")})
    assert unknown.returncode == 1


# a stranger changes the file


def _dropped(name: str) -> Edit:
    return lambda file: file["records"][name].pop(1)


def _doubled(name: str) -> Edit:
    return lambda file: file["records"][name].insert(1, file["records"][name][1])


def _added(name: str, record: str) -> Edit:
    def add(file: dict[str, Any]) -> None:
        file["records"][name].append(record)
        file["records"][name].sort(key=lambda each: int(each.split(" ")[0]) if name == "ballots" else each)

    return add


def _changed(name: str, one: str, other: str) -> Edit:
    def change(file: dict[str, Any]) -> None:
        records = file["records"][name]
        position = next(i for i, record in enumerate(records) if one in record)
        records[position] = records[position].replace(one, other)

    return change


def _moved(name: str) -> Edit:
    return lambda file: file["records"][name].reverse()


def _renumber(file: dict[str, Any]) -> None:
    listed = file["records"]["ballots"]
    listed[1] = f"{listed[0].split(' ')[0]} {listed[1].split(' ')[1]}"


def _recommit(file: dict[str, Any]) -> None:
    listed = file["records"]["ballots"]
    listed[1] = f"{listed[1].split(' ')[0]} {b64(bytes(32))}"


def _exchanged(file: dict[str, Any]) -> None:
    file["closing"], file["announcement"] = file["announcement"], file["closing"]


def _reopened(file: dict[str, Any], one: str, other: str) -> None:
    assert one in file["closing"]["opening"]
    file["closing"]["opening"] = file["closing"]["opening"].replace(one, other)


TAG = "z" * 22
FORGED: dict[str, tuple[Edit, str]] = {
    "ballot dropped": (_dropped("ballots"), "vote-records-missing-or-added"),
    "ballot added": (_added("ballots", f"9 {b64(bytes(32))}"), "vote-records-missing-or-added"),
    "ballot doubled": (_doubled("ballots"), "vote-record-doubled"),
    "ballot under another number": (_renumber, "vote-record-doubled"),
    "ballots moved": (_moved("ballots"), "vote-records-out-of-order"),
    "ballot changed": (_recommit, "vote-records-differ"),
    "head dropped": (_dropped("heads"), "vote-records-missing-or-added"),
    "head added": (_added("heads", f"{TAG} all yes 0"), "vote-records-missing-or-added"),
    "head doubled": (_doubled("heads"), "vote-record-doubled"),
    "head changed": (_changed("heads", " abstain ", " yes "), "vote-records-differ"),
    "heads moved": (_moved("heads"), "vote-records-out-of-order"),
    "coin dropped": (_dropped("coins"), "vote-records-missing-or-added"),
    "coin added": (_added("coins", f"{TAG} all yes 100"), "vote-records-missing-or-added"),
    "coin doubled": (_doubled("coins"), "vote-record-doubled"),
    "coin changed": (_changed("coins", " no ", " yes "), "vote-records-differ"),
    "coin of another amount": (_changed("coins", " 50000", " 20000"), "vote-records-differ"),
    "coin of no sort": (_changed("coins", " 50000", " 30000"), "vote-record-malformed"),
    "head of no choice": (_changed("heads", " abstain ", " maybe "), "vote-record-malformed"),
    "record that is no text": (lambda f: f["records"]["coins"].insert(0, 7), "vote-record-malformed"),
    "tally changed": (lambda f: f["tally"][0]["cents"].update(yes=1), "vote-tally-differs"),
    "result changed": (lambda f: f["result"].update(outcome="rejected"), "vote-result-differs"),
    "subject changed": (lambda f: f["spec"].update(subject="loan:l2"), "vote-spec-differs"),
    "terms changed": (lambda f: f["spec"].update(terms_sha256="cd" * 32), "vote-spec-differs"),
    "claims changed": (lambda f: f["spec"]["classes"][0].update(cents=1), "vote-spec-differs"),
    "rule changed": (lambda f: f["spec"]["rule"].update(amount_from="1/3"), "vote-rule-differs"),
    "rule of no kind": (lambda f: f["spec"]["rule"].update(kind="mine"), "vote-file-malformed"),
    "spec without a date": (lambda f: f["spec"].pop("record_on"), "vote-file-malformed"),
    "bands out of order": (lambda f: f["spec"].update(bands=[5, 0]), "vote-file-malformed"),
    "another format": (lambda f: f.update(format="bxl-vote/2"), "vote-file-malformed"),
    "a member more": (lambda f: f.update(more=1), "vote-file-malformed"),
    "no list": (lambda f: f["records"].update(coins={}), "vote-file-malformed"),
    "no receipt": (lambda f: f["closing"].update(proof=7), "vote-file-malformed"),
    "announcement of something else": (lambda f: f.update(announcement=f["closing"]), "vote-entry-differs"),
    "announced and closed the other way": (_exchanged, "vote-entry-differs"),
    "receipt changed": (lambda f: f["closing"].update(proof="x"), "proof-malformed"),
    "opening changed": (lambda f: _reopened(f, '"cast":5', '"cast":4'), "opening-does-not-fit"),
}


@pytest.mark.parametrize("name", FORGED)
def test_every_change_of_the_file_is_found_and_named(closed: Closed, name: str) -> None:
    edit, code = FORGED[name]
    forged = copy.deepcopy(closed.public)
    edit(forged)
    assert forged != closed.public
    assert code_of(closed.report(forged)) == code
    for language in LOCALES:
        assert code not in catalogue() or catalogue()[code].sentences[language]


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"format":1.5}', b'{"a":1,"a":2}', b"[" * 100_000, b"\xff"])
def test_what_is_no_file_of_a_vote_is_said_to_be_none(closed: Closed, text: bytes) -> None:
    assert code_of(verify_vote(text, closed.published.policy)) == "vote-file-malformed"


def test_the_receipt_of_another_entry_closes_nothing(closed: Closed, tmp_path: Path) -> None:
    other = closed.operators(line={"step": "withdrawal"})
    assert code_of(closed.report(other)) == "vote-entry-differs"
    another = closed.operators(line={"vote": "v2"})
    assert code_of(closed.report(another)) == "vote-entry-differs"


# the operator commits the log to something false


def test_one_head_a_ballot_and_none_beyond_the_claims(closed: Closed) -> None:
    kept = closed.records
    fewer = closed.operators(heads=kept.heads[1:])
    assert code_of(closed.report(fewer)) == "vote-heads-differ"
    more = [f"{100 + i} {b64(bytes([i]) * 32)}" for i in range(2)]
    heads = sorted([*kept.heads, *(f"{letter * 22} all yes 0" for letter in "yz")])
    assert code_of(closed.report(closed.operators(ballots=[*kept.ballots, *more], heads=heads))) == "vote-beyond-claims"


def test_amounts_stay_within_claims_and_bands(closed: Closed) -> None:
    coins = closed.records.coins
    above = [*coins, f"{TAG} all yes 1000000"]
    assert code_of(closed.report(closed.operators(coins=sorted(above)))) == "vote-beyond-claims"
    shifted = [record.replace(" abstain ", " yes ") for record in coins]
    assert code_of(closed.report(closed.operators(coins=shifted))) == "vote-band-differs"
    lower = [record[:-1] + "0" for record in closed.records.heads]
    assert code_of(closed.report(closed.operators(heads=lower))) == "vote-band-differs"
    beyond = [record[:-1] + "9" for record in closed.records.heads]
    assert code_of(closed.report(closed.operators(heads=beyond))) == "vote-band-differs"


def test_a_class_or_coin_that_does_not_exist_is_noticed(closed: Closed) -> None:
    classes = [record.replace(" all ", " other ") for record in closed.records.heads]
    assert code_of(closed.report(closed.operators(heads=classes))) == "vote-class-unknown"
    large = sorted([*closed.records.coins, f"{TAG} all yes 2000000"])
    assert code_of(closed.report(closed.operators(coins=large))) == "vote-record-malformed"


def test_a_result_that_the_log_holds_is_still_recomputed(closed: Closed) -> None:
    false = closed.operators(line={"result": "00" * 32})
    assert code_of(closed.report(false)) == "vote-result-differs"
    false = closed.operators(line={"coins": "none"})
    assert code_of(closed.report(false)) == "vote-records-missing-or-added"


def test_a_voter_finds_that_her_ballot_was_dropped_or_counted_otherwise(closed: Closed) -> None:
    kept = closed.records
    fewer = closed.operators(ballots=exchanged(closed))
    assert closed.report(fewer).verdict is Verdict.VERIFIED, "nobody else can tell"
    assert code_of(closed.report(fewer, own=closed.own)) == "ballot-not-counted"
    swapped = [record.replace(" yes ", " no ") for record in kept.coins]
    heads = [record.replace(" yes ", " no ").replace("mostly-yes", "mostly-no") for record in kept.heads]
    otherwise = closed.operators(coins=swapped, heads=heads)
    assert closed.report(otherwise).verdict is Verdict.VERIFIED, "nobody else can tell"
    assert code_of(closed.report(otherwise, own=closed.own)) == "ballot-counted-otherwise"


def test_a_replaced_ballot_is_not_counted(closed: Closed) -> None:
    assert code_of(closed.report(own=json.loads(closed.replaced))) == "ballot-not-counted"


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda b: b["body"].update(parts=[["no", 50_000]]), "ballot-not-counted"),
        (lambda b: b["body"].update(parts=[["yes", 0]]), "ballot-malformed"),
        (lambda b: b["body"].update(parts=[["maybe", 1]]), "ballot-malformed"),
        (lambda b: b["body"].update(parts=7), "ballot-malformed"),
        (lambda b: b["body"].update(parts=[["yes", 1], ["yes", 2]]), "ballot-malformed"),
        (lambda b: b["body"].update(vote="v2"), "ballot-of-another-vote"),
        (lambda b: b.update(n=1), "ballot-not-counted"),
        (lambda b: b.update(n="1"), "vote-file-malformed"),
        (lambda b: b.update(salt=b64(bytes(31))), "vote-file-malformed"),
        (lambda b: b.update(salt="?"), "base64-malformed"),
        (lambda b: b.update(salt=b64(bytes(32))), "ballot-not-counted"),
        (lambda b: b.update(format="bxl-ballot/2"), "vote-file-malformed"),
        (lambda b: b.pop("n"), "vote-file-malformed"),
    ],
)
def test_a_ballot_that_is_not_hers_or_was_changed_is_not_counted(closed: Closed, edit: Edit, code: str) -> None:
    own = copy.deepcopy(closed.own)
    edit(own)
    assert code_of(closed.report(own=own)) == code


# the auditor


def _ballot_of(file: dict[str, Any], position: int) -> dict[str, Any]:
    return file["ballots"][position]


AUDITED: dict[str, tuple[Edit, str]] = {
    "claim dropped": (lambda f: f["claims"].pop(), "vote-claims-differ"),
    "claim doubled": (lambda f: f["claims"].append(f["claims"][0]), "vote-claims-differ"),
    "claim of another weight": (lambda f: f["claims"][0].update(cents=1), "vote-claims-differ"),
    "claim of another class": (lambda f: f["claims"][0].update({"class": "x"}), "vote-claims-differ"),
    "claim under another salt": (lambda f: f["claims"][0].update(salt=b64(bytes(32))), "vote-claims-differ"),
    "claims of another vote": (lambda f: f.update(spec="00" * 32), "vote-spec-differs"),
    "claims that are no list": (lambda f: f.update(claims={}), "vote-file-malformed"),
    "ballots that are no list": (lambda f: f.update(ballots={}), "vote-file-malformed"),
    "another format": (lambda f: f.update(format="x"), "vote-file-malformed"),
    "ballot dropped": (lambda f: f["ballots"].pop(), "ballot-not-opened"),
    "ballot changed": (lambda f: _ballot_of(f, -1)["body"].update(parts=[["no", 60_000]]), "ballot-not-counted"),
    "ballot above its claim": (
        lambda f: _ballot_of(f, -1)["body"].update(parts=[["yes", 60_001]]),
        "ballot-above-claim",
    ),
    "ballot of a stranger": (lambda f: _ballot_of(f, -1)["body"].update(voter="x" * 22), "ballot-without-claim"),
    "ballot of another vote": (lambda f: _ballot_of(f, -1)["body"].update(vote="v2"), "ballot-without-claim"),
    "ballot without a body": (lambda f: _ballot_of(f, -1).update(body=[]), "vote-file-malformed"),
    "ballot from before it was replaced": (lambda f: f["ballots"].pop(2), "ballot-not-counted"),
}


@pytest.mark.parametrize("name", AUDITED)
def test_every_change_of_the_auditors_file_is_found(closed: Closed, name: str) -> None:
    edit, code = AUDITED[name]
    forged = copy.deepcopy(closed.auditors)
    edit(forged)
    assert code_of(closed.report(auditor=forged)) == code


def test_the_auditor_finds_records_that_follow_from_no_ballot(closed: Closed) -> None:
    swapped = [record.replace(" yes ", " no ") for record in closed.records.coins]
    heads = [record.replace(" yes ", " no ").replace("mostly-yes", "mostly-no") for record in closed.records.heads]
    false = closed.operators(coins=swapped, heads=heads)
    assert code_of(closed.report(false, auditor=closed.auditors)) == "vote-records-not-of-ballots"


def test_the_auditor_finds_a_ballot_that_was_dropped_or_added(closed: Closed) -> None:
    false = closed.operators(ballots=exchanged(closed))
    assert code_of(closed.report(false, auditor=closed.auditors)) == "ballot-not-counted"


def test_with_openings_the_auditor_finds_a_ballot_that_the_closing_left_out(closed: Closed) -> None:
    """Nobody but the voter misses one that is left out of both files."""
    openings = closed.published.bundle()
    whole = closed.report(auditor=closed.auditors, openings=openings)
    assert whole.verdict is Verdict.VERIFIED, whole.to_text()
    assert NO_LOG in closed.report(auditor=closed.auditors).not_checked
    assert NO_LOG not in whole.not_checked
    fewer = copy.deepcopy(closed.auditors)
    left_out = fewer["ballots"].pop()
    salt, body = from_b64(left_out["salt"]), left_out["body"]
    ballot, spec = ballot_in(body), closed.spec
    gone = {head_record(salt, "all", ballot, spec.bands), *coin_records(salt, "all", ballot, spec.coin_cap_cents)}
    lists = {
        name: [record for record in records if record not in gone and not record.startswith(f"{left_out['n']} ")]
        for name, records in closed.records.by_name().items()
    }
    false = closed.operators(**lists)
    assert closed.report(false, auditor=fewer).verdict is Verdict.VERIFIED, "nobody else can tell"
    assert code_of(closed.report(false, auditor=fewer, openings=closed.published.bundle())) == "ballot-not-opened"
    invented = copy.deepcopy(closed.auditors)
    invented["ballots"].insert(0, invented["ballots"][0] | {"n": 2, "salt": b64(bytes(32))})
    assert code_of(closed.report(auditor=invented, openings=openings)) == "ballot-not-logged"


def test_another_spec_than_the_announced_one_is_found_even_where_the_operator_closes_with_it(closed: Closed) -> None:
    spec = replace(closed.spec, terms_sha256="cd" * 32)
    announcement = closed.public["announcement"]
    false = file_of_operator(closed.published, spec, closed.records, announcement=announcement)
    assert code_of(closed.report(false)) == "vote-spec-differs"


def test_a_ballot_from_after_the_closing_is_out_of_order(closed: Closed) -> None:
    late = f"{10**6} {b64(bytes(32))}"
    ballots = [*closed.records.ballots[1:], late]
    assert code_of(closed.report(closed.operators(ballots=ballots))) == "vote-records-out-of-order"


def test_a_meeting_is_verified_by_the_rule_of_its_terms(make_engine, tmp_path: Path, clock: FixedClock) -> None:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    rule = rule_of_terms(MeetingRules(), meeting=FIRST)
    poll: Poll = announced(published.book, clock, CLAIMS, rule=rule, subject="bond:b1")
    poll.cast("c5", (YES, 800_000))
    poll.cast("c2", (NO, 125_000))
    poll.close()
    public, auditors = files_of(published, poll.vote_id)
    report = verify_vote(encoded(public), published.policy, auditor=encoded(auditors))
    assert (report.verdict, report.figures["outcome"]) == (Verdict.VERIFIED, "passed"), report.to_text()
