"""Claims that pass, again and again: no cent appears, none is lost, and nobody else's moves."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from contracts.loans.model import ClaimShare, LenderClaim, distribution
from contracts.loans.passing import Cause, PassedPart, Passing, held_plan
from contracts.terms.schedule import Every, RepaymentKind, Terms, schedule
from ledger.money import allocate

DAY = date(2026, 3, 2)


@st.composite
def stories(draw):
    """A loan's claims and instalments, and passings between payments: claims, instalments, passings, in order."""
    amounts = draw(st.lists(st.integers(50, 100_000), min_size=1, max_size=5))
    claims = [
        LenderClaim(number=n, pledge_id=f"p{n}", lender=f"c{n}", principal_cents=cents)
        for n, cents in enumerate(amounts, 1)
    ]
    count = draw(st.integers(1, 10))
    terms = Terms(
        principal_cents=sum(amounts), rate_annual=draw(st.decimals("0.01", "0.09", places=3)), starts_on=DAY,
        first_due_on=DAY + timedelta(days=365), instalments=count, every=Every.YEAR,
        kind=draw(st.sampled_from([RepaymentKind.LINEAR, RepaymentKind.ANNUITY, RepaymentKind.BULLET])),
    )  # fmt: skip
    return claims, schedule(terms).instalments, draw(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 3),
        st.sets(st.integers(1, count))), max_size=4))  # fmt: skip


PAID_OUT_OF_TURN = (
    [LenderClaim(number=1, pledge_id="p1", lender="c1", principal_cents=50)],
    schedule(
        Terms(
            principal_cents=50, rate_annual=Decimal("0.01"), starts_on=DAY, first_due_on=DAY + timedelta(days=365),
            instalments=4, every=Every.YEAR, kind=RepaymentKind.LINEAR,
        )
    ).instalments,
    [(0, 2, set()), (0, 1, {3})],
)  # fmt: skip
"""An heir's own claim passes after the third instalment was paid before the first: her sister's may not move."""


def amounts(share: ClaimShare) -> tuple[int, int]:
    return share.interest_cents, share.principal_cents


@given(stories())
@example(PAID_OUT_OF_TURN)
def test_what_passes_is_shared_by_its_holders_and_by_nobody_else(story):
    claims, instalments, wanted = story
    agreed = distribution(instalments, claims)
    steps: tuple[Passing, ...] = ()
    settled: frozenset[int] = frozenset()
    for chosen, heirs, paid in wanted:
        settled |= paid
        held = [c for c in claims if c.number not in {each.number for each in steps}]
        claim = held[chosen % len(held)]
        plan = held_plan(agreed, tuple(claims), steps, len(instalments)).plan
        owed = sum(row[claim.number - 1].principal_cents for n, row in enumerate(plan, 1) if n not in settled)
        if owed < heirs:
            continue
        first = len(claims) + 1
        parts = allocate(owed, [1] * heirs)
        claims = [
            *claims,
            *(
                replace(claim, number=first + k, pledge_id=f"h{first + k}", lender=f"h{first + k}")
                for k in range(heirs)
            ),
        ]
        to = tuple(PassedPart(first + k, cents, 0) for k, cents in enumerate(parts))
        steps = (*steps, Passing(cause=Cause.DEATH, on=DAY, number=claim.number, to=to, settled=settled, is_lost=False))
        after = held_plan(agreed, tuple(claims), steps, len(instalments)).plan
        for n, row in enumerate(after, 1):
            assert sum(s.principal_cents for s in row) == instalments[n - 1].principal_cents
            assert sum(s.interest_cents for s in row) == instalments[n - 1].interest_cents
            untouched = [m for m in range(len(plan[n - 1])) if m != claim.number - 1]
            assert [amounts(row[m]) for m in untouched] == [amounts(plan[n - 1][m]) for m in untouched]
            assert amounts(row[claim.number - 1]) == amounts(plan[n - 1][claim.number - 1]) or n not in settled
        for part in to:
            assert sum(row[part.number - 1].principal_cents for row in after) == part.cents
