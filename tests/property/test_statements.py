"""Whatever is booked, the statements balance, agree with each other and survive the closing of the year."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.journal import JournalEntry, Posting
from tests.conftest import NOON, MakeEngine, make_book
from tests.entries import post
from tests.oracle import check_everything
from tests.statements_kit import FIRST, LAST, LOAN, NEXT, amounts, ask_to_close, close, income_of, open_next, sheet_on

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking a database takes longer than reading the example
BALANCE = ["100000", "130000", "140000", "141000", "170000", "220900", "280000", "340000", "400000:e1", "409000",
           "416200:c1", "440000:x1", "453000:e1", "489100:c1", "491000", "493000", "499200", "510000", "550200",
           "580400"]  # fmt: skip
RESULT = ["604000", "610000", "630000", "635000", "649000", "650000", "661000", "670000", "689000", "692000", "694000",
          "704000:o1", "704000:o2", "711000", "740000", "757000", "763000", "769000", "780000", "791000"]  # fmt: skip
PAIRS = st.one_of(
    st.tuples(st.sampled_from(BALANCE), st.sampled_from(RESULT), st.just("EUR")),
    st.tuples(st.sampled_from(BALANCE), st.sampled_from(BALANCE), st.just("EUR")),
    st.tuples(st.just("030100"), st.just("031100"), st.just("EUR")),
    st.tuples(st.just("020000:c1"), st.just("021000:e1"), st.just("LOAN-L1")),
)
LEG = st.tuples(PAIRS, st.integers(1, 999), st.booleans())
DAYS = st.integers(-40, 364).map(lambda days: FIRST + timedelta(days=days))
BOOKING = st.tuples(DAYS, st.lists(LEG, min_size=1, max_size=3))


def postings(leg) -> list[Posting]:
    (one, other, asset), amount, turned = leg
    debited, credited = (other, one) if turned else (one, other)
    return [
        Posting(AccountRef.parse(debited, asset), debit=amount),
        Posting(AccountRef.parse(credited, asset), credit=amount),
    ]


def entries(bookings) -> list[JournalEntry]:
    return [
        JournalEntry(f"k{number}", on, "test", tuple(line for leg in legs for line in postings(leg)))
        for number, (on, legs) in enumerate(bookings)
    ]


def result_of(booked: list[JournalEntry], since: date, until: date) -> int:
    """Income less expenses, in the plainest way; what is appropriated is no expense."""
    return -sum(
        line.signed
        for item in booked
        for line in item.postings
        if since <= item.effective_on <= until
        and line.account.code[0] in "67"
        and not line.account.code.startswith(("69", "79"))
    )


def agree(book: Book, since: date, until: date) -> None:
    """One sheet balances, and the statement of the period up to it carries forward what it shows."""
    sheet, found = sheet_on(book, until), income_of(book, since, until)
    assert amounts(sheet.assets).get("20/58", 0) == amounts(sheet.liabilities).get("10/49", 0)
    assert amounts(found.appropriation).get("14", 0) == amounts(sheet.liabilities).get("14", 0)


@pytest.mark.parametrize(
    ("database", "examples"),
    [pytest.param("sqlite", 50), pytest.param("postgresql", 20, marks=pytest.mark.postgresql)],
)
def test_statements_of_random_books_agree_before_and_after_the_closing(
    make_engine: MakeEngine, database: str, examples: int
) -> None:
    engine, numbers = make_engine(database), itertools.count(1)

    @settings(
        max_examples=examples, deadline=None, phases=PHASES, print_blob=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(BOOKING, min_size=1, max_size=12), DAYS)
    def run(bookings, day: date) -> None:
        book = make_book(engine, FixedClock(NOON), f"b{next(numbers)}")
        booked = entries(bookings)
        with book.unit_of_work(actor="s1", floors=False) as unit:
            unit.open_asset(LOAN)
            for item in booked:
                unit.post(item)
        for since, until in [(FIRST, LAST), (min(day, FIRST), day), (day, LAST)]:
            if since <= until:
                agree(book, since, until)
                assert income_of(book, since, until).result_cents == result_of(booked, since, until)
        everything = income_of(book, date(1900, 1, 1), LAST)
        appropriated = sum(p.signed for e in booked for p in e.postings if p.account.code.startswith(("69", "79")))
        assert sheet_on(book, LAST).result_cents == everything.result_cents - appropriated
        closes_as_it_stood(book, day)
        check_everything(book)

    run()


def closes_as_it_stood(book: Book, day: date) -> None:
    """Close and open: no statement up to the last day changes, and the new year begins at nothing."""
    before = sheet_on(book, LAST), sheet_on(book, day), income_of(book), income_of(book, day, LAST)
    carried = amounts(before[0].liabilities).get("14", 0)
    if amounts(income_of(book, date(1900, 1, 1), LAST).rows) == {} and not before[0].result_cents:
        return  # perhaps nothing to close
    close(book, LAST, ask_to_close(book))
    open_next(book)
    assert (sheet_on(book, LAST), sheet_on(book, day), income_of(book), income_of(book, day, LAST)) == before
    assert sheet_on(book, NEXT).result_cents == 0
    assert amounts(sheet_on(book, NEXT).liabilities).get("14", 0) == carried
    assert amounts(income_of(book, NEXT, NEXT).rows) == {}
    agree(book, NEXT, NEXT)
    post(book, JournalEntry("new-year", NEXT, "test", tuple(postings((("550200", "704000:o1", "EUR"), 7, False)))))
    assert income_of(book, NEXT, NEXT).result_cents == sheet_on(book, NEXT).result_cents == 7
