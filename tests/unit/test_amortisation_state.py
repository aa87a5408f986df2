"""A debt that was put into JSON in the middle of a period goes on as if it had not been."""

import json
from datetime import date
from decimal import Decimal

import pytest

from contracts.terms.agreed import Every, RepaymentKind, Terms
from contracts.terms.amortisation import Amortisation


def changed(kind: RepaymentKind) -> Amortisation:
    """Two periods over, and then in the third a lower rate, 500.00 less, interest carried and a year's grace."""
    terms = Terms(1_000_000, Decimal("0.035"), date(2026, 3, 2), date(2027, 3, 2), 6, Every.YEAR, kind)
    plan = Amortisation(terms)
    plan.move(terms.starts_on, terms.principal_cents)
    plan.pass_until(date(2028, 3, 2))
    plan.change_rate(date(2028, 5, 1), Decimal("0.0125"))
    plan.move(date(2028, 6, 1), -50_000)
    plan.carry(1_234)
    plan.defer(range(4, 5), interest=True, capitalise=kind is RepaymentKind.LINEAR)
    plan.set_last(8)
    return plan


@pytest.mark.parametrize("kind", list(RepaymentKind))
def test_what_is_left_is_the_same_after_a_rest_in_json(kind: RepaymentKind) -> None:
    plan = changed(kind)
    resumed = Amortisation.resumed(plan.terms, json.loads(json.dumps(plan.to_state())))
    assert resumed.to_state() == plan.to_state()
    assert resumed.accrued_cents(date(2028, 9, 1)) == plan.accrued_cents(date(2028, 9, 1)) > 0
    rows = [each.close() for each in (plan, resumed) for _ in range(6)]
    assert rows[:6] == rows[6:]
    assert (plan.is_over, rows[5].outstanding_cents) == (True, 0)
    assert sum(row.principal_cents for row in rows[:6]) >= 500_000
