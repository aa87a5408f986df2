"""Closing periods under four eyes, entries that come late, and what they change in what was closed."""

import json
from datetime import date, timedelta

import pytest

from frontend.pages.desk import approve_and_do
from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.audit.floors import BelowFloor, below_floor
from ledger.audit.restatements import restatement, store_restatement
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.dated import known_at_instant
from ledger.errors import Refusal
from ledger.facts import PeriodClose
from ledger.periods import PERIOD_CLOSE, close_period, closed_period, closed_periods, request_period_close
from ledger.reports import balance_sheet, income_statement
from tests.conftest import NOON
from tests.entries import BANK, back, entry, paid, post
from tests.refusals_kit import refusal_of, refused

JANUARY, FEBRUARY = date(2026, 1, 31), date(2026, 2, 28)


def ask(book: Book, until_on: date = JANUARY, actor: str = "s1") -> str:
    with book.unit_of_work(actor=actor) as unit:
        return request_period_close(unit, until_on=until_on, reason="month end")


def close(book: Book, until_on: date = JANUARY, approval_id: str | None = None) -> tuple[str, bool]:
    approval_id = approval_id or ask(book, until_on)
    with book.unit_of_work(actor="s2") as unit:
        found = approvals.find(unit.connection, unit.book_id, approval_id)
        if found is not None and found.approver is None:
            approvals.approve(unit, approval_id)
        key = close_period(unit, until_on=until_on, approval_id=approval_id)
    [result] = unit.results
    return key, result.duplicate


def signed(book: Book, account: str, **when) -> int:
    with book.read() as connection:
        return balances.balance(connection, book.book_id, AccountRef.parse(account), **when)


def test_two_people_close_a_period_and_the_entry_names_their_approval(book: Book) -> None:
    post(book, paid("k1", 100, on=date(2026, 1, 5)))
    approval_id = ask(book)
    assert close(book, JANUARY, approval_id) == ("period:2026-01-31", False)
    assert close(book, JANUARY, approval_id) == ("period:2026-01-31", True)
    close(book, FEBRUARY)
    with book.read() as connection:
        first, second = closed_periods(connection, book.book_id)
        assert closed_period(connection, book.book_id, FEBRUARY) == second
    assert (first.since_on, first.until_on, first.actor, first.approvals) == (None, JANUARY, "s2", (approval_id,))
    assert (second.since_on, second.until_on) == (date(2026, 2, 1), FEBRUARY)


def test_one_person_alone_closes_nothing(book: Book) -> None:
    approval_id = ask(book)
    closing = {"until_on": JANUARY, "approval_id": approval_id}
    assert refused(book, lambda unit: close_period(unit, **closing)).code == "approval-not-given"
    assert refused(book, lambda unit: approvals.approve(unit, approval_id)).code == "approver-is-requester"
    other_day = {"until_on": FEBRUARY, "approval_id": approval_id}
    assert refused(book, lambda unit: close_period(unit, **other_day)).code == "approval-body-changed"


def test_balances_that_changed_since_they_were_approved_are_not_closed(book: Book) -> None:
    post(book, paid("k1", 100, on=date(2026, 1, 5)))
    approval_id = ask(book)
    with book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
    post(book, paid("k2", 1, on=date(2026, 2, 1)))  # of another month
    post(book, paid("k3", 7, on=date(2026, 1, 31)))
    found = refused(book, lambda unit: close_period(unit, until_on=JANUARY, approval_id=approval_id))
    assert found.code == "period-changed-since-approval"
    assert (found.facts["approved_entries"], found.facts["entries"]) == (3, 5)
    post(book, back("k4", 7, on=date(2026, 1, 31)))  # the balances are those that were approved
    assert close(book, JANUARY, approval_id) == ("period:2026-01-31", False)


def test_a_period_is_over_before_it_is_closed_and_is_closed_once(book: Book, clock: FixedClock) -> None:
    for until_on in (date(2026, 3, 2), date(2026, 12, 31)):
        assert refused(book, lambda unit, day=until_on: request_period_close(unit, until_on=day, reason="?")).code == (
            "period-not-over"
        )
        assert refusal_of(book, PeriodClose("p", until_on)).code == "period-not-over"
    close(book, FEBRUARY)
    for until_on in (JANUARY, FEBRUARY):
        asked = refused(book, lambda unit, day=until_on: request_period_close(unit, until_on=day, reason="?"))
        assert asked.code == "period-already-closed"
        assert refusal_of(book, PeriodClose("p", until_on)).code == "period-already-closed"
    with book.read() as connection, pytest.raises(Refusal, match="period-not-closed"):
        closed_period(connection, book.book_id, JANUARY)


def test_the_desk_closes_the_period_that_was_asked_for(book: Book) -> None:
    approval_id = ask(book)
    with book.unit_of_work(actor="s2") as unit:
        approve_and_do(unit, approval_id)
    with book.read() as connection:
        [period] = closed_periods(connection, book.book_id)
        asked = approvals.find(connection, book.book_id, approval_id)
    assert (period.until_on, period.approvals) == (JANUARY, (approval_id,))
    assert asked is not None
    assert (asked.action, set(asked.body)) == (PERIOD_CLOSE, {"entries", "trial_balance_sha256", "until_on"})


def test_a_late_entry_keeps_its_date_and_says_what_it_restates(book: Book) -> None:
    post(book, paid("k1", 100, on=date(2026, 1, 5)))
    close(book, JANUARY)
    post(book, paid("k2", 30, on=date(2026, 1, 20)), paid("k3", 5, on=date(2026, 2, 1)))
    with book.read() as connection:
        late, punctual = (balances.entry_by_key(connection, book.book_id, key) for key in ("k2", "k3"))
        [period] = closed_periods(connection, book.book_id)
    assert late is not None
    assert punctual is not None
    assert (late.effective_on, dict(late.details)) == (date(2026, 1, 20), {"restates": "2026-01-31"})
    assert dict(punctual.details) == {}
    assert signed(book, BANK, on=JANUARY) == 130
    assert signed(book, BANK, on=JANUARY, known_at=period.n) == 100


def test_what_a_template_dates_itself_is_not_dated_in_a_closed_period(book: Book) -> None:
    close(book, JANUARY)
    strict = Book(book.engine, book.book_id, book.clock, book.keys, late_refused=frozenset({"payout-ordered"}))
    found = refusal_of(strict, paid("k1", 5, on=JANUARY, purpose="payout-ordered"))
    assert (found.code, found.facts["closed_on"]) == ("period-closed-for-purpose", "2026-01-31")
    post(strict, paid("k1", 5, on=date(2026, 2, 1), purpose="payout-ordered"), paid("k2", 5, on=JANUARY))


def story(book: Book) -> None:
    """Two months closed, then news of both."""
    post(book, paid("k1", 100_00, on=date(2026, 1, 5)), paid("k2", 50_00, on=date(2026, 2, 5), citizen="c9"))
    close(book, JANUARY)
    close(book, FEBRUARY)
    post(book, entry("fee", ("400000:e5", 10_00, 0), ("704000", 0, 10_00), on=date(2026, 1, 30)))
    post(book, back("undone", 20_00, on=date(2026, 2, 6), citizen="c9"))


def test_the_restatement_names_every_late_entry_and_what_it_changed(book: Book) -> None:
    story(book)
    with book.read() as connection:
        found = restatement(connection, book.book_id, until_on=FEBRUARY)
        earlier = restatement(connection, book.book_id, until_on=JANUARY)
    assert [(e.key, e.restates) for e in found.late] == [("fee", JANUARY), ("undone", FEBRUARY)]
    assert [(c.name, c.closed, c.known) for c in found.accounts] == [
        ("400000:e5", 0, 10_00),
        ("489100:c9", -50_00, -30_00),
        (BANK, 150_00, 130_00),
        ("704000", 0, -10_00),
    ]
    assert {c.name: c.known - c.closed for c in found.rubrics}["20/58"] == -10_00
    assert [e.key for e in earlier.late] == ["fee"]
    body = json.loads(found.text())
    assert [row["difference"] for row in body["accounts"]] == [10_00, 20_00, -20_00, -10_00]
    assert (body["since_on"], body["until_on"], body["closed_by"]) == ("2026-02-01", "2026-02-28", found.period.n)


def test_a_period_that_nothing_came_late_for_has_an_empty_restatement(book: Book) -> None:
    post(book, paid("k1", 100_00, on=date(2026, 1, 5)))
    close(book, JANUARY)
    post(book, paid("k2", 1, on=date(2026, 2, 1)))
    with book.read() as connection:
        found = restatement(connection, book.book_id, until_on=JANUARY)
    assert (found.late, found.accounts, found.rubrics) == ((), (), ())


def test_the_restatement_is_kept_by_its_hash_and_printed_again_to_the_byte(book: Book) -> None:
    story(book)
    with book.unit_of_work(actor="s1") as unit:
        stored = store_restatement(unit, until_on=FEBRUARY)
    text, key = stored.text(), f"restatement:2026-02-28:{stored.known_at}"
    post(book, paid("k9", 3, on=date(2026, 1, 5)))  # more news
    with book.read() as connection:
        again = restatement(connection, book.book_id, until_on=FEBRUARY, known_at=stored.known_at)
        newer = restatement(connection, book.book_id, until_on=FEBRUARY)
        note = balances.entry_by_key(connection, book.book_id, key)
    assert again.text() == text != newer.text()
    assert note is not None
    assert (note.type, note.evidence, note.details["about"]) == ("note/1", stored.sha256, stored.period.n)
    with book.unit_of_work(actor="s1") as unit:
        store_restatement(unit, until_on=FEBRUARY, known_at=stored.known_at)
    assert [result.duplicate for result in unit.results] == [True]


def test_no_restatement_of_what_was_not_closed_or_not_known(book: Book) -> None:
    post(book, paid("k1", 100_00, on=date(2026, 1, 5)))
    close(book, JANUARY)
    for when, code in (
        ({"until_on": FEBRUARY}, "period-not-closed"),
        ({"until_on": JANUARY, "known_at": 1}, "period-not-closed"),
        ({"until_on": JANUARY, "known_at": 99}, "known-at-not-reached"),
    ):
        assert refused(book, lambda unit, when=when: store_restatement(unit, **when)).code == code


def test_the_statements_as_known_then_do_not_hear_what_came_later(book: Book) -> None:
    story(book)
    with book.read() as connection:
        period = closed_period(connection, book.book_id, FEBRUARY)
        then = balance_sheet(connection, book.book_id, on=FEBRUARY, known_at=period.n)
        now = balance_sheet(connection, book.book_id, on=FEBRUARY)
        year = {"since": date(2026, 1, 1), "until": FEBRUARY}
        earned = [income_statement(connection, book.book_id, **year, known_at=n) for n in (period.n, None)]
    assert (then.total_cents, now.total_cents) == (150_00, 140_00)
    assert [each.result_cents for each in earned] == [0, 10_00]


def test_days_on_which_a_balance_was_below_its_floor_are_listed(book: Book) -> None:
    post(book, paid("k1", 100, on=date(2026, 2, 20)), back("k2", 60, on=date(2026, 2, 10)))
    post(book, back("k3", 10, on=date(2026, 2, 12)), paid("k4", 5, on=date(2026, 3, 9)))
    with book.read() as connection:
        found = below_floor(connection, book.book_id)
        before = below_floor(connection, book.book_id, known_at=2)
    until = date(2026, 2, 19)
    assert found == [
        BelowFloor(AccountRef("489100", "c17"), date(2026, 2, 10), until, -70, 0),
        BelowFloor(AccountRef(BANK), date(2026, 2, 10), until, -70, 0),
    ]
    assert before == []


def test_a_balance_that_is_still_below_its_floor_has_no_last_day(book: Book, clock: FixedClock) -> None:
    post(book, paid("k1", 100, on=date(2027, 2, 20)), back("k2", 60, on=date(2026, 2, 10)))
    clock.instant = NOON + timedelta(days=1)
    with book.read() as connection:
        assert [f.until_on for f in below_floor(connection, book.book_id)] == [date(2027, 2, 19)] * 2
        known = known_at_instant(connection, book.book_id, NOON)
        assert [f.lowest for f in below_floor(connection, book.book_id, known_at=known)] == [-60, -60]
