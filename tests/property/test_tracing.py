"""Every cent of an issue has one place: whatever is allocated, released and spent, both sums tie to the cent."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bonds.projects import Use, UseKind
from contracts.bonds.tracing import Flow, Paid, flows
from ledger.errors import InvariantError

DAY = date(2026, 3, 2)
NAMES = ("a", "b", "c")


def use(n: int, kind: UseKind, cents: int, project: str = "a") -> Use:
    return Use(n=n, kind=kind, on=DAY, amount_cents=cents, project_id=project)


def coin_by_coin(payments: list[Paid], uses: list[Use]) -> dict[tuple[int, str, int | None], int]:
    """The same rule said another way: each cent is a thing of its own that moves from list to list."""
    pool = [paid.number for paid in payments for _ in range(paid.cents)]
    lines: dict[str, list[int]] = {name: [] for name in NAMES}
    places: dict[tuple[int, str, int | None], int] = {}

    def count(numbers: list[int], project: str, expense: int | None) -> None:
        for number in numbers:
            places[number, project, expense] = places.get((number, project, expense), 0) + 1

    for each in uses:
        line, cents = lines[each.project_id], each.amount_cents
        if each.kind is UseKind.ALLOCATED:
            line += pool[:cents]
            del pool[:cents]
        elif each.kind is UseKind.RELEASED:
            pool[:0] = line[len(line) - cents :]
            del line[len(line) - cents :]
        else:
            count(line[:cents], each.project_id, each.n)
            del line[:cents]
    count(pool, "", None)
    for name, line in lines.items():
        count(line, name, None)
    return places


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Paid], list[Use]]:
    """Payments, and uses of which none takes more than there is."""
    amounts = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6))
    payments = [Paid(number=n, cents=cents) for n, cents in enumerate(amounts, 1)]
    pool, cash, uses = sum(amounts), dict.fromkeys(NAMES, 0), list[Use]()
    for n in range(10, 10 + draw(st.integers(0, 12))):
        project = draw(st.sampled_from(NAMES))
        kind = draw(st.sampled_from([UseKind.ALLOCATED, UseKind.RELEASED, UseKind.SPENT]))
        limit = pool if kind is UseKind.ALLOCATED else cash[project]
        if limit:
            cents = draw(st.integers(1, limit))
            pool += {UseKind.ALLOCATED: -cents, UseKind.RELEASED: cents, UseKind.SPENT: 0}[kind]
            cash[project] += cents if kind is UseKind.ALLOCATED else -cents
            uses.append(use(n, kind, cents, project))
    return payments, uses


@settings(max_examples=200, deadline=None)
@given(lives())
def test_the_rule_gives_each_cent_the_place_that_moving_it_alone_gives(life: tuple[list[Paid], list[Use]]) -> None:
    payments, uses = life
    found = flows(payments, uses)
    assert {(each.number, each.project_id, each.expense): each.cents for each in found} == coin_by_coin(payments, uses)
    for paid in payments:
        assert sum(each.cents for each in found if each.number == paid.number) == paid.cents
    for each in uses:
        if each.kind is UseKind.SPENT:
            assert sum(flow.cents for flow in found if flow.expense == each.n) == each.amount_cents


@settings(max_examples=100, deadline=None)
@given(lives())
def test_what_paid_an_expense_never_changes_afterwards(life: tuple[list[Paid], list[Use]]) -> None:
    payments, uses = life
    whole = {(each.number, each.expense): each.cents for each in flows(payments, uses) if each.expense}
    for end in range(len(uses)):
        part = {(each.number, each.expense): each.cents for each in flows(payments, uses[:end]) if each.expense}
        assert part.items() <= whole.items()


def test_the_first_euro_in_is_the_first_out() -> None:
    payments = [Paid(number=1, cents=500), Paid(number=2, cents=300)]
    uses = [
        use(10, UseKind.ALLOCATED, 400),
        use(11, UseKind.ALLOCATED, 300, "b"),
        use(12, UseKind.SPENT, 150, "b"),
        use(13, UseKind.RELEASED, 100),
        use(14, UseKind.SPENT, 300),
    ]
    assert flows(payments, uses) == [
        Flow(number=1, cents=100),
        Flow(number=1, cents=300, project_id="a", expense=14),
        Flow(number=1, cents=100, project_id="b", expense=12),
        Flow(number=2, cents=100),
        Flow(number=2, cents=150, project_id="b"),
        Flow(number=2, cents=50, project_id="b", expense=12),
    ]
    with pytest.raises(InvariantError):
        flows(payments, [use(10, UseKind.SPENT, 1)])
