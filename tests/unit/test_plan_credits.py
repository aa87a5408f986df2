"""What a plan says of the tax credit of a claim that came from another lender: that of heirs on a loss, and no more."""

from datetime import date
from decimal import Decimal

import pytest

from contracts.loans.passing import Cause
from contracts.loans.simulation.dues import LAWFUL
from contracts.secondchance.model import Route
from contracts.secondchance.proposal import Assumption, Draft, Lender, propose
from contracts.secondchance.tools import Frame, Tool, Use
from contracts.terms.agreed import Every, RepaymentKind, Terms

TERMS = Terms(100_000, Decimal("0.035"), date(2026, 3, 9), date(2027, 3, 9), 5, Every.YEAR, RepaymentKind.LINEAR)


@pytest.mark.parametrize(
    ("came_by", "stated"),
    [
        (set(), ["before", "after", "bankrupt"]),
        ({Cause.DEATH}, ["after", "bankrupt"]),
        ({Cause.GIFT}, []),
        ({Cause.DEATH, Cause.GIFT}, []),
    ],
)
def test_a_credit_passes_to_heirs_on_a_loss_alone(came_by: set[Cause], stated: list[str]) -> None:
    frame = Frame(
        terms=TERMS, scheme="proxi.B", route=Route.JUDICIAL, on=date(2027, 4, 12), borrower_outstanding_cents=100_000
    )
    draft = Draft(
        frame=frame,
        order=LAWFUL,
        events=(),
        uses=(Use(tool=Tool.WAIVER), Use(tool=Tool.HAIRCUT, amount_cents=50_000), Use(tool=Tool.CARRY_FORWARD)),
        lenders=(Lender("p1", 60_000), Lender("p2", 40_000, came_by=frozenset(came_by))),
        refused=Assumption(Decimal("0.30"), 18),
        bankrupt=Assumption(Decimal("0.05"), 36),
    )
    lent, came = propose(draft).lenders
    cases = ("before", "after", "bankrupt")
    assert all(getattr(lent, case).tax_credit_cents for case in cases)
    assert [case for case in cases if getattr(came, case).tax_credit_cents] == stated
