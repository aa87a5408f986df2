"""Erasing a person: the key is gone, the log says which lines stay closed, and everything else is still proven."""

import importlib.util
import io
import json
import signal
from pathlib import Path

import pytest
import sqlalchemy as sa

import ledger.erasure
from ledger.accounts import AccountRef
from ledger.audit.log_export import write_log
from ledger.audit.log_import import read_log
from ledger.audit.openings import lines_with, receipt_for
from ledger.audit.rows import audit_rows
from ledger.book import Book, open_book
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.erasure import Basis, Lines, erase, hidden_lines, request_erasure
from ledger.errors import Refusal
from ledger.facts import Hold
from ledger.log.leaf import JSON
from ledger.state import Request
from ledger.storage import tables
from ledger.storage.keys import DESTROYED, KeyRing
from ledger.verify.replay import replay
from ledger.verify.report import Report, Verdict
from ledger.writer import GroupWriter
from tests.commands import run_module
from tests.conftest import MakeEngine, make_book
from tests.entries import back, paid, post
from tests.erasure_kit import ERASED, asked, come_and_go, erased
from tests.oracle import check_everything, digest_of
from tests.proof import HandmadeLog, PublishedBook, published_book

ROOT = Path(__file__).parents[3]
_spec = importlib.util.spec_from_file_location("second_of_erasures", ROOT / "tests/conformance/second_verifier.py")
second_verifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(second_verifier)


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    made = published_book(engine, tmp_path / "data", clock)
    come_and_go(made.book, clock)
    return made


@pytest.fixture
def published_here(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    made = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    come_and_go(made.book, clock)
    return made


def replayed(published: PublishedBook) -> Report:
    published.publish()
    bundle = published.bundle()
    report = replay(published.log_dir, bundle, published.policy)
    if report.verdict is Verdict.VERIFIED:
        second_verifier.replay(published.log_dir, bundle.read_bytes(), (published.log_dir / "policy").read_bytes())
    return report


def refused(book: Book, code: str, owner: str = ERASED, *, approval_id: str) -> None:
    before = digest_of(book)
    with pytest.raises(Refusal) as caught, book.unit_of_work(actor="s1") as unit:
        erase(unit, owner, approval_id=approval_id)
    assert caught.value.code == code
    assert digest_of(book) == before


def test_after_an_erasure_every_balance_is_derived_again_and_the_closed_lines_are_listed(
    published: PublishedBook,
) -> None:
    before = replayed(published)
    assert (before.verdict, [line for line in before.not_checked if "erased" in line]) == (Verdict.VERIFIED, [])
    [n] = erased(published.book)
    post(published.book, paid("later", 11, citizen="c18"))
    report = replayed(published)
    assert (report.verdict, report.exit_code) == (Verdict.VERIFIED, 0), report.to_text()
    checks = {check.name: check for check in report.checks}
    assert checks["erasures"].facts == {"entries": 1, "lines": 9}
    assert checks["balanced entries"].facts == {"postings": 14}
    assert [line for line in report.not_checked if line.startswith("what 9 lines of erased persons say")]
    with published.book.read() as connection:
        bodies = connection.scalars(sa.select(tables.finding.c.body).where(tables.finding.c.n == n))
        first, *named = sorted(bodies, key=lambda body: body.get("entry", 0))
    assert first == {"basis": "gdpr-17-1-a", "count": 9, "part": 1, "parts": 1}
    assert ERASED not in json.dumps([first, *named])


def test_the_rows_are_audited_after_an_erasure_and_the_audit_says_what_it_took_as_given(
    published: PublishedBook,
) -> None:
    erased(published.book)
    check_everything(published.book)
    report = audit_rows(published.book)
    assert report.failure is None, report.to_text()
    assert "what 9 lines of erased persons say" in report.to_text()


def test_the_holder_of_the_bundle_can_not_open_the_erased_lines(published_here: PublishedBook) -> None:
    book = published_here.book
    lines = hidden_lines_of(book)
    erased(book)
    published_here.publish()
    records = [json.loads(line) for line in published_here.bundle().read_bytes().splitlines()]
    closed = {
        (record["n"], index)
        for record in records[1:-1]
        for index, line in enumerate(record["lines"])
        if line.keys() == {"commitment"}
    }
    assert closed == {(each.n, index) for each in lines for index in range(each.first, each.last + 1)}
    assert ERASED not in json.dumps(records[-1])
    assert [row["account"] for row in records[-1]["trial_balance"]] == ["489100:c18", "550100"]
    [(n, line)] = lines_with(book, key="in:17", account=AccountRef("489100", ERASED))
    with pytest.raises(Refusal, match="subject-key-destroyed"):
        receipt_for(book, published_here.log_dir, n=n, line=line)
    [(n, line)] = lines_with(book, key="in:18", account=AccountRef("489100", "c18"))
    assert receipt_for(book, published_here.log_dir, n=n, line=line).opening


def hidden_lines_of(book: Book) -> list[Lines]:
    with book.read() as connection:
        return hidden_lines(connection, book.book_id, ERASED)


def test_a_key_that_vanished_without_an_erasure_leaves_the_replay_incomplete_and_fails_the_rows(
    published: PublishedBook,
) -> None:
    with published.book.unit_of_work(actor="s1") as unit:
        unit.keys.destroy(unit.connection, ERASED)
    report = replayed(published)
    assert (report.verdict, report.exit_code) == (Verdict.INCOMPLETE, 2), report.to_text()
    [missing] = report.missing
    assert missing.startswith("9 lines are closed and no erasure of attested lines names them: the first is line ")
    failure = audit_rows(published.book).failure
    assert (failure.code, failure.facts) == ("subject-key-destroyed", {"owner": ERASED})


def test_a_key_that_came_back_after_an_erasure_fails_the_rows(published_here: PublishedBook) -> None:
    book, keys = published_here.book, tables.subject_key
    with book.read() as connection:
        wrapped = connection.scalar(sa.select(keys.c.wrapped).where(keys.c.owner == ERASED))
    erased(book)
    with book.engine.begin() as connection:
        connection.execute(sa.update(keys).where(keys.c.owner == ERASED).values(wrapped=wrapped))
    assert audit_rows(book).failure.code == "erasure-does-not-fit"
    assert replayed(published_here).failure.code == "erasure-does-not-fit"


def test_nothing_is_closed_that_no_state_attests(published_here: PublishedBook) -> None:
    book = published_here.book
    with book.unit_of_work(actor="s1") as unit:
        approval_id = request_erasure(unit, ERASED, basis=Basis.OBJECTION, reason="asked")
    refused(book, "approval-not-given", approval_id=approval_id)
    with book.unit_of_work(actor="s2") as unit:
        ledger.erasure.approvals.approve(unit, approval_id)
    refused(book, "erasure-not-attested", approval_id=approval_id)


def test_a_person_with_a_balance_or_a_hold_is_not_erased(sqlite_book: Book) -> None:
    post(sqlite_book, paid("in", 5))
    for item in (Hold(back("hold", 5)), back("out", 5, settles="hold")):
        with pytest.raises(Refusal) as caught, sqlite_book.unit_of_work(actor="s1") as unit:
            request_erasure(unit, ERASED, basis=Basis.LEGAL_DUTY, reason="asked")
        assert caught.value == Refusal("erasure-account-not-empty", account="489100:c17", asset="EUR")
        post(sqlite_book, item)
    approval_id = asked(sqlite_book)
    post(sqlite_book, paid("again", 1))
    refused(sqlite_book, "erasure-account-not-empty", approval_id=approval_id)


def test_what_happens_after_the_approval_undoes_it(sqlite_book: Book, clock: FixedClock) -> None:
    come_and_go(sqlite_book, clock)
    approval_id = asked(sqlite_book)
    refused(sqlite_book, "approval-body-changed", "c18", approval_id=approval_id)
    refused(sqlite_book, "approval-unknown", approval_id="a-nobody-asked")
    post(sqlite_book, paid("again", 1), back("and:back", 1))
    refused(sqlite_book, "erasure-changed-since-approval", approval_id=approval_id)


def test_who_asked_does_not_approve(sqlite_book: Book) -> None:
    post(sqlite_book, paid("in", 5), back("out", 5))
    with sqlite_book.unit_of_work(actor="s1") as unit:
        approval_id = request_erasure(unit, ERASED, basis=Basis.CONSENT_WITHDRAWN, reason="asked")
    with pytest.raises(Refusal, match="approver-is-requester"), sqlite_book.unit_of_work(actor="s1") as unit:
        ledger.erasure.approvals.approve(unit, approval_id)


def test_erasing_twice_does_it_once(book: Book, clock: FixedClock) -> None:
    come_and_go(book, clock)
    approval_id = asked(book)
    with book.unit_of_work(actor="s1") as unit:
        keys = erase(unit, ERASED, approval_id=approval_id)
    after = digest_of(book)
    with book.unit_of_work(actor="s9") as unit:
        assert erase(unit, ERASED, approval_id=approval_id) == keys == [f"erasure:{approval_id}:1"]
    assert (digest_of(book), unit.results) == (after, [])
    with pytest.raises(Refusal) as caught, book.unit_of_work(actor="s1") as unit:
        request_erasure(unit, ERASED, basis=Basis.UNLAWFUL, reason="again")
    assert caught.value == Refusal("subject-key-destroyed", owner=ERASED)


def test_an_approval_that_comes_second_finds_the_key_gone(sqlite_book: Book, clock: FixedClock) -> None:
    come_and_go(sqlite_book, clock)
    first, second = asked(sqlite_book), asked(sqlite_book, key="state:second")
    with sqlite_book.unit_of_work(actor="s1") as unit:
        erase(unit, ERASED, approval_id=first)
    refused(sqlite_book, "subject-key-destroyed", approval_id=second)


def test_many_lines_are_named_by_several_entries(
    published_here: PublishedBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.erasure, "_RANGES", 4)
    numbers = erased(published_here.book)
    assert len(numbers) == 3
    report = replayed(published_here)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert {c.name: c.facts for c in report.checks}["erasures"] == {"entries": 3, "lines": 9}
    check_everything(published_here.book)


def test_one_who_never_moved_anything_is_erased_with_no_line(published_here: PublishedBook) -> None:
    with published_here.book.unit_of_work(actor="s1") as unit:
        unit.keys.subject_keys(unit.connection, ["c99"], now=unit.now())
    [_] = erased(published_here.book, "c99")
    assert replayed(published_here).verdict is Verdict.VERIFIED


def test_nothing_is_booked_under_a_second_key(book: Book, clock: FixedClock) -> None:
    come_and_go(book, clock)
    erased(book)
    before = digest_of(book)
    for entry in (paid("again", 1), paid("other", 1, citizen=ERASED)):
        with pytest.raises(Refusal) as caught:
            post(book, entry)
        assert caught.value == Refusal("subject-key-destroyed", owner=ERASED)
    with pytest.raises(Refusal, match="subject-key-destroyed"), book.unit_of_work(actor="s1") as unit:
        unit.keys.seal_personal(unit, ERASED, b"a secret")
    assert digest_of(book) == before


def test_a_request_about_an_erased_person_stops_nobody_else(book: Book, clock: FixedClock) -> None:
    come_and_go(book, clock)
    erased(book)
    writer = GroupWriter(book, wait_seconds=0.05)
    waiting = [writer.submit(Request([paid(f"g{i}", 1, citizen=c)])) for i, c in enumerate(("c18", ERASED, "c19"))]
    writer.close()
    assert [each.exception() is None for each in waiting] == [True, False, True]
    assert waiting[1].exception() == Refusal("subject-key-destroyed", owner=ERASED)


@pytest.mark.parametrize("point", [p for p in CRASH_POINTS if p.startswith("posting.")])
def test_killed_anywhere_the_key_and_the_entry_go_together(book: Book, clock: FixedClock, point: str) -> None:
    come_and_go(book, clock)
    approval_id = asked(book)
    killed = run_module("tests.erasure_kit", str_url(book), approval_id, crash_at=point)
    assert killed.returncode == -signal.SIGKILL
    check_everything(book)
    is_done = point == "posting.after-commit"
    assert ((wrapped_of(book) == DESTROYED), erasures(book)) == (is_done, int(is_done))
    again = run_module("tests.erasure_kit", str_url(book), approval_id)
    assert again.stdout == "erased\n", again.stderr
    assert (wrapped_of(book), erasures(book)) == (DESTROYED, 1)


def str_url(book: Book) -> str:
    return book.engine.url.render_as_string(hide_password=False)


def wrapped_of(book: Book) -> bytes:
    keys = tables.subject_key.c
    with book.read() as connection:
        return bytes(connection.scalar(sa.select(keys.wrapped).where(keys.book_id == "main", keys.owner == ERASED)))


def erasures(book: Book) -> int:
    entry = tables.entry.c
    with book.read() as connection:
        query = sa.select(sa.func.count()).where(entry.book_id == "main", entry.type == "erasure/1")
        return connection.scalar(query)


@pytest.mark.postgresql
def test_a_book_moves_with_its_erasures(make_engine: MakeEngine, clock: FixedClock) -> None:
    book = make_book(make_engine("sqlite"), clock)
    come_and_go(book, clock)
    erased(book)
    out, transport, keys = io.BytesIO(), bytes(range(32)), KeyRing("main", bytes(32))
    write_log(book, out, transport)
    engine = make_engine("postgresql")
    read_log(engine, io.BytesIO(out.getvalue()), transport, keys=keys)
    there = open_book(engine, "main", clock=clock, keys=keys)
    assert digest_of(there) == digest_of(book)
    check_everything(there)
    with pytest.raises(Refusal, match="subject-key-destroyed"):
        post(there, paid("again", 1))


# logs that are right but for one thing


@pytest.fixture
def log(tmp_path: Path) -> HandmadeLog:
    """Accounts of c1 and c2, opened on lines 1 and 2 of entry 1 and 1 of entry 2; 10 in and out for c1."""
    made = HandmadeLog(tmp_path)
    made.open_accounts("489100:c1", "550100")
    made.post(("550100", 10), ("489100:c1", -10))
    made.post(("489100:c1", 10), ("550100", -10))
    return made


HERS = ((1, 1, 1), (2, 2, 2), (3, 1, 1))
BANK = {"account": "550100", "asset": "EUR"}
CLOSING = {"accounts": [BANK], "trial_balance": [BANK | {"credit": 0, "debit": 0}]}


def close(log: HandmadeLog, *places: tuple[int, int]) -> None:
    for n, index in places:
        log.records[n]["lines"][index] = {"commitment": log.commitment(n, index)}


def name(log: HandmadeLog, *ranges: tuple[int, int, int], **head: JSON) -> int:
    count = sum(last - first + 1 for _, first, last in ranges)
    lines = [{"entry": n, "from": first, "to": last} for n, first, last in ranges]
    stated = {"basis": "gdpr-17-1-a", "count": count, "part": 1, "parts": 1} | head
    return log.add("erasure/1", stated, *lines, approvals=["a1"])


def attest_all(log: HandmadeLog) -> None:
    log.add("state/1", {"relation": "outbox", "rows": 0, "root": "x"})


def verdict(log: HandmadeLog, **closing: JSON) -> tuple[Verdict, str | None]:
    log_dir, bundle = log.publish(**{**CLOSING, **closing})
    report = replay(log_dir, bundle, log.policy)
    try:
        second_verifier.replay(log_dir, bundle.read_bytes(), (log_dir / "policy").read_bytes())
        second = Verdict.VERIFIED
    except (AssertionError, LookupError, TypeError, ValueError):
        second = Verdict.FORGED
    assert (second is Verdict.VERIFIED) == (report.verdict is Verdict.VERIFIED), report.to_text()
    return report.verdict, report.failure and report.failure.code


def test_closed_lines_that_are_attested_and_named_are_taken_as_given(log: HandmadeLog) -> None:
    attest_all(log)
    name(log, *HERS)
    close(log, (1, 1), (2, 2), (3, 1))
    assert verdict(log) == (Verdict.VERIFIED, None)


def test_closed_lines_that_were_not_attested_before_leave_it_incomplete(log: HandmadeLog) -> None:
    name(log, *HERS)
    attest_all(log)
    close(log, (1, 1), (2, 2), (3, 1))
    assert verdict(log) == (Verdict.INCOMPLETE, None)


@pytest.mark.parametrize(
    "ranges",
    [
        (*HERS, (2, 1, 1)),  # a line that is open
        (*HERS, (9, 1, 1)),  # an entry that is to come
        (*HERS, (2, 2, 2)),  # a line twice
        ((1, 1, 1), (2, 2, 3), (3, 1, 1)),  # a line that is none
        ((1, 0, 1), (2, 2, 2), (3, 1, 1)),  # a header
    ],
)
def test_an_erasure_names_closed_lines_of_earlier_entries_once(
    log: HandmadeLog, ranges: tuple[tuple[int, int, int], ...]
) -> None:
    attest_all(log)
    name(log, *ranges)
    close(log, (1, 1), (2, 2), (3, 1))
    assert verdict(log)[1] in {"erasure-does-not-fit", "line-malformed"}


@pytest.mark.parametrize(
    "head", [{"count": 2}, {"part": 2}, {"part": 0}, {"parts": 0}, {"basis": ""}, {"basis": "Anne"}, {"owner": "c1"}]
)
def test_what_an_erasure_says_of_itself_is_held_strictly(log: HandmadeLog, head: dict[str, JSON]) -> None:
    attest_all(log)
    name(log, *HERS, **head)
    close(log, (1, 1), (2, 2), (3, 1))
    assert verdict(log)[1] in {"erasure-does-not-fit", "line-malformed"}


def test_what_erased_lines_moved_comes_to_zero(log: HandmadeLog) -> None:
    log.post(("550100", 4), ("489100:c1", -4))
    attest_all(log)
    name(log, *HERS, (4, 2, 2))
    close(log, (1, 1), (2, 2), (3, 1), (4, 2))
    stated = {"trial_balance": [BANK | {"credit": 0, "debit": 4}]}
    assert verdict(log, **stated) == (Verdict.FORGED, "erased-lines-not-zero")


def test_a_header_is_never_closed(log: HandmadeLog) -> None:
    attest_all(log)
    name(log, *HERS)
    close(log, (1, 1), (2, 2), (3, 1), (2, 0))
    assert verdict(log) == (Verdict.FORGED, "opening-does-not-fit")


@pytest.mark.parametrize("commitment", ["", "AAAA", 7, "not base64"])
def test_a_closed_line_is_a_commitment_and_nothing_else(log: HandmadeLog, commitment: JSON) -> None:
    attest_all(log)
    name(log, *HERS)
    close(log, (1, 1), (2, 2), (3, 1))
    log.records[2]["lines"][2] = {"commitment": commitment}
    assert verdict(log)[0] is Verdict.FORGED


def test_a_bundle_of_an_older_form_has_no_closed_lines(log: HandmadeLog) -> None:
    attest_all(log)
    name(log, *HERS)
    close(log, (1, 1), (2, 2), (3, 1))
    log_dir, bundle = log.publish(**CLOSING)
    bundle.write_bytes(bundle.read_bytes().replace(b"bxl-openings/3", b"bxl-openings/2"))
    assert replay(log_dir, bundle, log.policy).failure.code == "opening-does-not-fit"


def test_a_hold_with_closed_lines_ends_when_an_entry_says_so(log: HandmadeLog) -> None:
    held = log.hold(("489100:c1", 6), ("550100", -6))
    log.post(("489100:c1", 4), ("550100", -4), hold=held)
    log.add("release/1", hold=held, step="void")
    log.post(("550100", 4), ("489100:c1", -4))
    attest_all(log)
    name(log, *HERS, (4, 1, 1), (5, 1, 1), (7, 2, 2))
    close(log, (1, 1), (2, 2), (3, 1), (4, 1), (5, 1), (7, 2))
    assert verdict(log) == (Verdict.VERIFIED, None)


def test_what_is_open_of_an_entry_with_closed_lines_is_still_held_to_its_rules(log: HandmadeLog) -> None:
    held = log.hold(("489100:c1", 6), ("550100", -6))
    log.post(("489100:c1", 7), ("550100", -7), hold=held)
    attest_all(log)
    name(log, *HERS, (4, 1, 1), (5, 1, 1))
    close(log, (1, 1), (2, 2), (3, 1), (4, 1), (5, 1))
    assert verdict(log) == (Verdict.FORGED, "hold-step-does-not-fit")


def test_limits_of_an_erased_persons_account_stay_closed(log: HandmadeLog) -> None:
    log.add("rules/1", {"account": "489100:c1", "asset": "EUR", "version": 2, "maximum": 0})
    attest_all(log)
    name(log, *HERS, (4, 1, 1))
    close(log, (1, 1), (2, 2), (3, 1), (4, 1))
    assert verdict(log) == (Verdict.VERIFIED, None)


def test_the_operator_says_how_many_lines_are_closed(log: HandmadeLog) -> None:
    attest_all(log)
    name(log, *HERS)
    close(log, (1, 1), (2, 2), (3, 1))
    assert verdict(log, closed=2) == (Verdict.FORGED, "statement-differs")
