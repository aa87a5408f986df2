"""Totals of closed periods: entered, published, found again by holders and auditors, and every falsehood noticed."""

import json
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.audit.rows import audit_rows
from ledger.audit.totals import (
    derived_totals,
    encode_proofs,
    enter_totals,
    last_with_totals,
    proof_of_account,
    proofs_of_owner,
    publish_totals,
)
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.facts import Finding
from ledger.findings import newest_finding
from ledger.log.leaf import TOTALS, canonical_json
from ledger.log.sumtree import parse_proof
from ledger.log.tiles import LogFolder
from ledger.periods import closed_periods
from ledger.storage import tables
from ledger.storage.engine import write_transaction
from ledger.verify.replay import replay
from ledger.verify.report import Report, Verdict
from ledger.verify.totals import verify_state
from tests.conftest import MakeEngine
from tests.entries import back, entry, paid, post
from tests.proof import HandmadeLog, PublishedBook, every_byte_changed, published_book
from tests.sites import serve
from tests.totals_kit import (
    APRIL,
    MALFORMED,
    MARCH,
    TOTALS_FORGERIES,
    account,
    close,
    paths,
    publish,
    right,
    some_balances,
    stated,
    total,
)


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(make_engine("sqlite"), tmp_path / "data", clock)


@pytest.fixture
def totalled(published: PublishedBook, clock: FixedClock) -> PublishedBook:
    """March is closed, its totals are in the log."""
    some_balances(published.book)
    total(published.book, clock)
    publish(published)
    return published


def checked(published: PublishedBook, mine: bytes | None = None, until_on: date = MARCH) -> Report:
    return verify_state(published.log_dir, until_on.isoformat(), published.policy, mine=mine)


def lines_in(book: Book) -> dict[tuple[str, str], dict]:
    with book.read() as connection:
        found = newest_finding(connection, book.book_id, TOTALS)
    assert found is not None
    return {(line["asset"], line["group"]): dict(line) for line in found.lines}


def refusal_of(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as found:
        act()
    return found.value


# what is entered


def test_totals_are_entered_and_everybody_finds_her_balances_on_either_database(
    engine: sa.Engine, tmp_path: Path, clock: FixedClock
) -> None:
    published = published_book(engine, tmp_path / "data", clock)
    book = published.book
    some_balances(book)
    total(book, clock)
    publish(published)
    sums = {name: (line["accounts"], line["sum"]) for name, line in lines_in(book).items()}
    assert sums == {
        ("EUR", "489100-credit"): (3, 75_000),
        ("LOAN-7", "020000-debit"): (1, 40_000),
        ("LOAN-7", "021000-credit"): (1, 40_000),
    }
    for owner, count in (("c17", 2), ("c18", 1), ("c19", 1), ("e7", 1)):
        report = checked(published, paths(book, owner))
        assert (report.verdict, report.exit_code) == (Verdict.VERIFIED, 0), report.to_text()
        assert [check.name for check in report.checks].count("own balance") == count
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert any(check.name == "totals" and check.detail.startswith("of 1 periods") for check in report.checks)
    rows = audit_rows(book)
    assert rows.failure is None
    assert any(check.name == "totals" and check.detail.startswith("of 1 periods") for check in rows.checks)


def test_totals_are_entered_once(published: PublishedBook, clock: FixedClock) -> None:
    book = published.book
    some_balances(book)
    assert enter_totals(book) == 0, "nothing is closed"
    close(book, clock)
    assert [enter_totals(book), enter_totals(book)] == [1, 0]
    assert last_with_totals(book) == MARCH


def test_two_that_enter_at_once_enter_one(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> None:
    book = published_book(engine, tmp_path / "data", clock).book
    some_balances(book)
    close(book, clock)
    entered: list[int] = []
    threads = [threading.Thread(target=lambda: entered.append(enter_totals(book))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entered) == [0, 0, 1]


def test_a_period_in_which_no_account_of_a_person_had_moved_has_no_totals(
    published: PublishedBook, clock: FixedClock
) -> None:
    post(published.book, entry("k1", ("550100", 5, 0), ("580100", 0, 5)))
    close(published.book, clock)
    assert enter_totals(published.book) == 0
    assert last_with_totals(published.book) is None


def test_only_the_last_closed_period_is_given_totals(published: PublishedBook, clock: FixedClock) -> None:
    """An auditor who reads the log entry by entry remembers one close."""
    book = published.book
    some_balances(book)
    close(book, clock)
    total(book, clock, APRIL)
    assert last_with_totals(book) == APRIL
    assert refusal_of(lambda: proofs_of_owner(book, "c17", MARCH)).code == "totals-not-entered"
    publish(published)
    assert replay(published.log_dir, published.bundle(), published.policy).verdict is Verdict.VERIFIED


def test_a_period_closed_while_totals_are_made_leaves_them_out(
    published: PublishedBook, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = published.book
    some_balances(book)
    close(book, clock)

    def meanwhile(*given: object) -> object:
        lines = derived_totals(*given)
        close(book, clock, APRIL)
        return lines

    monkeypatch.setattr("ledger.audit.totals.derived_totals", meanwhile)
    assert enter_totals(book) == 0
    monkeypatch.undo()
    assert enter_totals(book) == 1
    assert last_with_totals(book) == APRIL


def test_what_is_booked_after_the_close_is_in_the_next_totals(published: PublishedBook, clock: FixedClock) -> None:
    book = published.book
    some_balances(book)
    close(book, clock)
    post(book, paid("late", 300, on=date(2026, 3, 30)), paid("new", 7, citizen="c20", on=date(2026, 4, 1)))
    assert enter_totals(book) == 1
    assert lines_in(book)["EUR", "489100-credit"]["sum"] == 75_000
    total(book, clock, APRIL)
    assert lines_in(book)["EUR", "489100-credit"]["sum"] == 75_307
    publish(published)
    for until_on in (MARCH, APRIL):
        assert checked(published, paths(book, "c17", until_on), until_on).verdict is Verdict.VERIFIED
    [held] = [p.holding for p in proofs_of_owner(book, "c17", APRIL) if p.holding.asset == "EUR"]
    assert (held.cents, held.v) == (50_300, 2)
    assert checked(published, paths(book, "c17", MARCH), APRIL).verdict is Verdict.FORGED
    assert replay(published.log_dir, published.bundle(), published.policy).verdict is Verdict.VERIFIED


def test_a_balance_on_the_unusual_side_is_not_set_off_against_the_others(
    published: PublishedBook, clock: FixedClock
) -> None:
    book = published.book
    post(book, paid("p1", 900))
    with book.unit_of_work(actor="s1", floors=False) as unit:
        unit.post(back("owed", 250, citizen="c66"))
    total(book, clock)
    sums = {group: line["sum"] for (_, group), line in lines_in(book).items()}
    assert sums == {"489100-credit": 900, "489100-debit": 250}
    publish(published)
    assert checked(published, paths(book, "c66")).verdict is Verdict.VERIFIED


def test_the_head_of_a_path_is_the_last_line_that_its_holder_has_a_receipt_of(totalled: PublishedBook) -> None:
    held = proof_of_account(totalled.book, account("489100:c19"), MARCH).holding
    with totalled.book.read() as connection:
        last = connection.execute(
            sa.select(tables.posting.c.commitment, tables.posting.c.seq)
            .join(tables.account, tables.account.c.account_id == tables.posting.c.account_id)
            .where(tables.posting.c.book_id == "main", tables.account.c.owner == "c19")
            .order_by(tables.posting.c.seq.desc())
            .limit(1)
        ).one()
    assert (held.head, held.v, held.cents) == (*last, 0)


def test_an_account_without_a_part_in_the_totals_has_no_path(totalled: PublishedBook) -> None:
    book = totalled.book
    for name in ("550100", "489100:c99", "489200:c17"):
        found = refusal_of(lambda name=name: proof_of_account(book, account(name), MARCH))
        assert found == Refusal("account-not-in-totals", account=name, until_on="2026-03-31")
    assert refusal_of(lambda: proofs_of_owner(book, "c17", APRIL)).code == "period-not-closed"
    assert proofs_of_owner(book, "c99", MARCH) == []


def test_erasing_a_person_changes_no_total_and_no_path(totalled: PublishedBook) -> None:
    book = totalled.book
    before = {owner: paths(book, owner) for owner in ("c17", "c18")}
    with write_transaction(book.engine) as connection:
        connection.execute(sa.delete(tables.subject_key).where(tables.subject_key.c.owner == "c17"))
    assert {owner: paths(book, owner) for owner in before} == before
    with book.read() as connection:
        [period] = closed_periods(connection, book.book_id)
        assert derived_totals(connection, book, period) == list(lines_in(book).values())
    for mine in before.values():
        assert checked(totalled, mine).verdict is Verdict.VERIFIED


# what is published


def test_the_published_file_opens_the_totals_and_nothing_else(totalled: PublishedBook) -> None:
    text = (totalled.log_dir / "state" / "2026-03-31.json").read_text()
    shown = json.loads(text)
    assert shown["entry"]["t"] == TOTALS
    groups = [opened["line"]["group"] for opened in shown["lines"][1:]]
    assert groups == ["489100-credit", "020000-debit", "021000-credit"]
    assert not [owner for owner in ("c17", "c18", "c19", "e7") if owner in text]


def test_totals_are_checked_at_an_address_too(totalled: PublishedBook) -> None:
    with serve(totalled.log_dir) as address:
        report = verify_state(address, "2026-03-31", totalled.policy, mine=paths(totalled.book, "c17"))
        assert report.verdict is Verdict.VERIFIED, report.to_text()
        assert verify_state(address, "2026-04-30", totalled.policy).verdict is Verdict.INCOMPLETE


def test_the_file_waits_for_the_log(published: PublishedBook, clock: FixedClock) -> None:
    some_balances(published.book)
    size = published.publish().size
    total(published.book, clock)
    publish_totals(published.book, published.log_dir, size=size)
    report = checked(published)
    assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2)
    publish_totals(published.book, published.log_dir, size=size + 100)
    report = checked(published)
    assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2), "the checkpoint is older"
    publish(published)
    assert checked(published).verdict is Verdict.VERIFIED


def test_every_byte_of_the_published_file_counts(totalled: PublishedBook) -> None:
    file = totalled.log_dir / "state" / "2026-03-31.json"
    original, accepted = file.read_bytes(), []
    for position, changed in every_byte_changed(original, step=7):
        file.write_bytes(changed)
        if checked(totalled).verdict is Verdict.VERIFIED:
            accepted.append(position)
    assert accepted == []


def test_the_file_of_another_period_is_refused(totalled: PublishedBook, clock: FixedClock) -> None:
    total(totalled.book, clock, APRIL)
    publish(totalled)
    march, april = (totalled.log_dir / "state" / f"{day}.json" for day in (MARCH, APRIL))
    april.write_bytes(march.read_bytes())
    report = checked(totalled, until_on=APRIL)
    assert report.failure is not None
    assert report.failure.code == "totals-out-of-place"


@pytest.mark.parametrize("period", ["../../etc/passwd", "2026-3-31", "2026-02-30", ""])
def test_a_period_that_is_no_day_is_refused(totalled: PublishedBook, period: str) -> None:
    report = verify_state(totalled.log_dir, period, totalled.policy)
    assert report.failure is not None
    assert report.failure.code == "state-malformed"


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"entry":1,"lines":[]}', b'{"entry":{},"lines":[1]}', b'{ "a":1}'])
def test_a_file_of_another_form_is_refused(totalled: PublishedBook, content: bytes) -> None:
    (totalled.log_dir / "state" / "2026-03-31.json").write_bytes(content)
    report = checked(totalled)
    assert report.failure is not None
    assert report.failure.code == "state-malformed"


def test_an_entry_of_another_type_is_no_totals(totalled: PublishedBook) -> None:
    """The opening of the posting before, complete and in the log."""
    records = [json.loads(line) for line in totalled.bundle().read_bytes().splitlines()[1:-1]]
    public = LogFolder(totalled.log_dir).entry(2, len(records))
    file = totalled.log_dir / "state" / "2026-03-31.json"
    file.write_bytes(canonical_json({"entry": json.loads(public), "lines": records[2]["lines"]}))
    report = checked(totalled)
    assert report.failure is not None
    assert report.failure.code == "totals-out-of-place"


def test_without_a_policy_totals_are_checked_and_the_verdict_is_incomplete(totalled: PublishedBook) -> None:
    report = verify_state(totalled.log_dir, "2026-03-31", None, mine=paths(totalled.book, "c17"))
    assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2)


# falsehoods


def test_a_holder_whose_balance_was_left_out_or_changed_finds_out(totalled: PublishedBook) -> None:
    mine = paths(totalled.book, "c18")
    names = {"cents": 25_001, "v": 2, "account": "489100:c17", "group": "489100-debit", "asset": "USD"}
    for name, value in names.items():
        report = checked(totalled, canonical_json(json.loads(mine) | {name: value}) + b"\n")
        assert report.failure is not None
        assert report.failure.code == "share-not-in-totals"
    for malformed in (b"", mine[:-1], mine + b"\n", b"{}\n"):
        report = checked(totalled, malformed)
        assert report.failure is not None
        assert report.failure.code == "totals-proof-malformed"
    assert parse_proof(mine[:-1]).encode() == mine[:-1]


def test_an_operator_who_understates_is_found_by_holder_replay_and_rows(
    published: PublishedBook, clock: FixedClock
) -> None:
    book = published.book
    some_balances(book)
    close(book, clock)
    with book.read() as connection:
        [period] = closed_periods(connection, book.book_id)
        lines = [dict(line) for line in derived_totals(connection, book, period)]
    lines[0]["sum"] -= 25_000
    post(book, Finding("totals:2026-03-31", TOTALS, lines))
    publish(published)
    assert checked(published).verdict is Verdict.VERIFIED, "nobody's balance was looked at"
    for owner in ("c17", "c18"):
        report = checked(published, encode_proofs(proofs_of_owner(book, owner, MARCH)))
        assert report.failure is not None
        assert report.failure.code == "share-not-in-totals"
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert report.failure is not None
    assert (report.failure.code, report.failure.facts["line"]) == ("totals-differ", 1)
    rows = audit_rows(book)
    assert rows.failure is not None
    assert (rows.failure.code, rows.failure.facts["table"]) == ("row-differs", "finding")


def test_an_operator_who_leaves_out_a_group_is_found(published: PublishedBook, clock: FixedClock) -> None:
    book = published.book
    some_balances(book)
    close(book, clock)
    with book.read() as connection:
        [period] = closed_periods(connection, book.book_id)
        lines = derived_totals(connection, book, period)
    post(book, Finding("totals:2026-03-31", TOTALS, lines[:-1]))
    publish(published)
    assert checked(published, paths(book, "e7")).verdict is Verdict.FORGED
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert report.failure is not None
    assert (report.failure.code, report.failure.facts["line"]) == ("totals-differ", 3)
    assert audit_rows(book).failure is not None


def test_totals_of_no_closed_period_are_found_in_the_rows(published: PublishedBook) -> None:
    book = published.book
    some_balances(book)
    post(book, Finding("totals:2026-03-31", TOTALS, [{"says": "this"}]))
    failure = audit_rows(book).failure
    assert failure is not None
    assert (failure.code, failure.facts["column"]) == ("row-differs", "fact_key")


def test_right_totals_by_hand_replay(tmp_path: Path) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "489100:c1")
    stated(log, *right(log))
    accounts = [{"account": name, "asset": "EUR"} for name in ("489100:c1", "550100")]
    balances = [
        {"account": "489100:c1", "asset": "EUR", "credit": 100, "debit": 0},
        {"account": "550100", "asset": "EUR", "credit": 0, "debit": 100},
    ]
    log_dir, bundle = log.publish(accounts=accounts, trial_balance=balances, periods=["2026-02-28"])
    report = replay(log_dir, bundle, log.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()


@pytest.mark.parametrize("forgery", TOTALS_FORGERIES)
def test_totals_that_are_wrong_in_one_respect_are_refused(tmp_path: Path, forgery: str) -> None:
    code, make = TOTALS_FORGERIES[forgery]
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "489100:c1")
    make(log)
    log_dir, bundle = log.publish()
    failure = replay(log_dir, bundle, log.policy).failure
    assert failure is not None
    assert (failure.code, failure.name) == (code, "totals")


@pytest.mark.parametrize("fault", MALFORMED)
def test_lines_of_totals_have_one_form(tmp_path: Path, fault: str) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "489100:c1")
    MALFORMED[fault](log)
    log_dir, bundle = log.publish()
    failure = replay(log_dir, bundle, log.policy).failure
    assert failure is not None
    assert failure.code == "line-malformed"
