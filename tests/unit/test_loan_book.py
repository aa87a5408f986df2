"""The public loan book: bands, steps that never flatter, and no row that is the only one of its kind."""

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from contracts.servicing.model import Due, Position, Standing
from contracts.statistics.figures import LoanFacts, assess, calendar_windows
from contracts.statistics.files import dictionary, loan_book_csv
from contracts.statistics.loan_book import COLUMNS, LADDER, WITHHELD, K, Profile, Row, in_steps, loan_book
from contracts.statistics.queries import pseudonym
from frontend.i18n import LANGUAGES

ON = date(2026, 12, 31)
KEY = bytes(range(32))
TRAITS = st.tuples(
    st.sampled_from([2024, 2025]),
    st.sampled_from([1_000_000, 3_000_000, 30_000_000]),
    st.sampled_from(["0.0200", "0.0350"]),
    st.sampled_from([3, 5]),
    st.sampled_from(["food", "repair"]),
)


def book(*traits: tuple[int, int, str, int, str]) -> list[Row]:
    """A loan book of loans of these years, amounts, rates, terms and sectors."""
    pairs = []
    for n, (year, cents, rate, term, sector) in enumerate(traits):
        due = Due(n=1, due_on=date(year + 1, 1, 1), interest_cents=0, principal_cents=cents)
        position = Position(principal_cents=cents, dues=(due,), standing=Standing(disbursed_on=date(year, 1, 1)))
        profile = Profile(
            pseudonym=pseudonym(KEY, f"l{n}"),
            rate_annual=Decimal(rate),
            term_years=term,
            repayment="linear, year",
            sector=sector,
            scheme="proxi.B",
        )
        loan = LoanFacts(loan_id=f"l{n}", position=position)
        pairs.append((profile, assess(loan, calendar_windows(date(2024, 1, 1), ON), ON)))
    return loan_book(pairs)


def kind(row: Row) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in LADDER)


@given(st.lists(TRAITS, max_size=40))
def test_at_least_five_rows_show_the_same_of_what_was_agreed(traits: list[tuple[int, int, str, int, str]]) -> None:
    rows = book(*traits)
    assert len(rows) == len(traits)
    if len(rows) < K:
        assert {kind(row) for row in rows} <= {(WITHHELD,) * len(LADDER)}
    else:
        assert min(Counter(map(kind, rows)).values()) >= K
    for row in rows:
        assert (row.vintage == WITHHELD) == (WITHHELD in {row.counted_in, row.first_default}), "years tell the vintage"


def test_as_little_as_possible_is_withheld_and_the_sector_first() -> None:
    same = (2024, 1_000_000, "0.0350", 5, "food")
    assert WITHHELD not in {cell for row in book(*[same] * K) for cell in kind(row)}
    other = (*same[:4], "repair")
    mixed = book(*[same] * (K - 1), other)
    assert {(row.sector, row.rate_percent, row.vintage) for row in mixed} == {(WITHHELD, "3.5-4.0", "2024")}


def test_rows_stand_in_an_order_that_tells_nothing() -> None:
    names = [row.loan for row in book(*[(2024, 1_000_000, "0.0350", 5, "food")] * 9)]
    assert names == sorted(names) != [pseudonym(KEY, f"l{n}") for n in range(9)]
    assert all(re.fullmatch(r"[0-9a-f]{16}", name) for name in names)


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_rounding_never_flatters(part: int, whole: int) -> None:
    part = min(part, whole)
    low, high = int(in_steps(part, whole, up=False)), int(in_steps(part, whole, up=True))
    assert low * whole <= part * 100 <= high * whole
    assert (high - low) in {0, 5}


def test_a_cell_is_never_a_formula() -> None:
    [row, *_] = book(*[(2024, 1_000_000, "0.0350", 5, "=1+1")] * K)
    assert row.sector == "=1+1"
    assert ",'=1+1," in loan_book_csv([row]).decode()
    assert loan_book_csv([replace(row, sector="a,b")]).decode().count('"a,b"') == 1


def test_every_column_is_described_in_three_languages() -> None:
    assert tuple(column.name for column in dictionary()) == COLUMNS
    for column in dictionary():
        assert set(column.meaning) == set(LANGUAGES)
        assert len(set(column.meaning.values())) == len(LANGUAGES)
        assert not re.search(r"(?<!\u00a0)[;:?!](?:\s|$)", column.meaning["fr"]), column.name
        assert "'" not in column.meaning["fr"]
