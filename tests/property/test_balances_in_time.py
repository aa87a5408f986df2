"""A balance on any day as known at any entry is the plain sum of what counts, whatever was closed, late or ahead."""

import itertools
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.accounts import AccountRef
from ledger.balances import balance, balances, statement, trial_balance
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.dated import known_at_instant
from ledger.facts import PeriodClose
from ledger.storage import tables
from tests.conftest import NOON, make_book
from tests.entries import entry
from tests.oracle import check_everything

FIRST = date(2026, 1, 1)
ACCOUNTS = ("550100", "489100:c1", "489100:c2", "704000")
NUMBERS = itertools.count(1)


@dataclass
class Posted:
    """What a plain reader needs to know of a posting."""

    n: int
    on: date
    account: str
    signed: int


@dataclass
class Story:
    """A book and all that was posted to it."""

    book: Book
    clock: FixedClock
    postings: list[Posted] = field(default_factory=list)
    instants: list[tuple[int, object]] = field(default_factory=list)

    def sum(self, account: str, on: date | None, known_at: int | None) -> int | None:
        found = [
            p.signed
            for p in self.postings
            if p.account == account and (on is None or p.on <= on) and (known_at is None or p.n <= known_at)
        ]
        return sum(found) if found else None


moves = st.tuples(
    st.just("post"), st.integers(-70, 40), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(1, 900)
).filter(lambda move: move[2] != move[3])
closes = st.tuples(st.just("close"), st.integers(1, 25))
stories = st.lists(st.one_of(moves, moves, moves, closes), min_size=1, max_size=14)


def live(engine: sa.Engine, steps: list[tuple]) -> Story:
    """Each step a few days after the one before; a closing closes up to some days ago."""
    clock = FixedClock(NOON)
    book = make_book(engine, clock, f"b{next(NUMBERS)}")
    story, today, closed_on = Story(book, clock), date(2026, 3, 2), None
    for number, step in enumerate(steps):
        clock.instant += timedelta(days=4, microseconds=number)
        today += timedelta(days=4)
        with book.unit_of_work(actor="s1", floors=False) as unit:
            if step[0] == "post":
                _, shift, debited, credited, amount = step
                on = today + timedelta(days=shift)
                unit.post(entry(f"k{number}", (debited, amount, 0), (credited, 0, amount), on=on))
            else:
                until_on = today - timedelta(days=step[1])
                if closed_on is not None and until_on <= closed_on:
                    continue
                closed_on = until_on
                unit.post(PeriodClose(f"period:{until_on}", until_on))
        n = unit.results[0].n
        story.instants.append((n, clock.instant))
        if step[0] == "post":
            story.postings += [Posted(n, on, debited, amount), Posted(n, on, credited, -amount)]
    return story


@pytest.mark.parametrize("again", range(2))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=stories, data=st.data())
def test_any_balance_equals_the_sum_of_what_counts(engine: sa.Engine, again: int, steps: list, data) -> None:
    story = live(engine, steps)
    book, last_n = story.book, max((n for n, _ in story.instants), default=0)
    days = sorted({p.on for p in story.postings} | {FIRST})
    edges = [day + timedelta(days=shift) for day in days for shift in (-1, 0, 1)]
    with book.read() as connection:
        for _ in range(12):
            on = data.draw(st.one_of(st.none(), st.sampled_from(edges)), label="on")
            known_at = data.draw(st.one_of(st.none(), st.integers(0, last_n)), label="known at")
            for account in ACCOUNTS:
                found = balance(connection, book.book_id, AccountRef.parse(account), on=on, known_at=known_at)
                assert found == (story.sum(account, on, known_at) or 0), (account, on, known_at)
            expected = {a: story.sum(a, on, known_at) for a in sorted(ACCOUNTS)}
            listed = {
                str(b.account): b.signed for b in trial_balance(connection, book.book_id, on=on, known_at=known_at)
            }
            assert listed == {a: signed for a, signed in expected.items() if signed is not None}
            persons = balances(connection, book.book_id, code_prefix="489", on=on, known_at=known_at)
            assert [str(b.account) for b in persons] == [a for a in listed if a.startswith("489")]
        for n, instant in story.instants:
            assert known_at_instant(connection, book.book_id, instant) == n
    check_everything(book)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=stories)
def test_a_statement_as_known_ends_with_the_last_line_that_was_booked(engine: sa.Engine, steps: list) -> None:
    story = live(engine, steps)
    book = story.book
    with book.read() as connection:
        opened = set(
            connection.scalars(sa.select(tables.account.c.code).where(tables.account.c.book_id == book.book_id))
        )
        for account in ACCOUNTS:
            ref = AccountRef.parse(account)
            mine = [p for p in story.postings if p.account == account]
            if ref.code not in opened or not mine:
                continue
            for known_at, _ in story.instants:
                lines = statement(connection, book.book_id, ref, known_at=known_at)
                assert [(x.entry, x.debit - x.credit) for x in lines] == [
                    (p.n, p.signed) for p in mine if p.n <= known_at
                ]
