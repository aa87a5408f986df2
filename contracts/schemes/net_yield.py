"""What a loan yields its lender a year: before tax, after withholding tax, and with the scheme's tax credit besides.

Each is the effective annual rate of the lender's own payments, as `contracts.terms.taeg` reckons it, if every
instalment is paid on its date and the loan is kept to its end: an indication, not a promise. Tax is withheld at the
rate that is known for the date of each payment. The credit of a tax period comes with its assessment, at the latest on
30 June of the second year after the period (art. 359 of the income tax code, CIR 92): 18 months after its end, which is
the default.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from contracts.schemes.credit import credit_by_year
from contracts.schemes.withholding import HolderKind, withholding
from contracts.terms.dates import add_months
from contracts.terms.schedule import Schedule
from contracts.terms.taeg import rate_of
from ledger.errors import Refusal

CREDIT_MONTHS = 18
MAX_CREDIT_MONTHS = 120


@dataclass(frozen=True, slots=True)
class LenderFlow:
    """What a lender pays (negative principal) or gets on a day, in cents."""

    on: date
    principal_cents: int = 0
    interest_cents: int = 0
    withheld_cents: int = 0
    credit_cents: int = 0


@dataclass(frozen=True, slots=True)
class NetYield:
    """Annual rates as fractions with 6 decimals, and the payments they follow from, in order of date."""

    gross: Decimal
    after_withholding: Decimal
    net: Decimal
    flows: tuple[LenderFlow, ...]


def net_yield(
    plan: Schedule, holder_kind: HolderKind, *, scheme: str | None = None, credit_months: int = CREDIT_MONTHS
) -> NetYield:
    """The yields of a lender of the whole of `plan`; `credit_months` run from the end of each tax period.

    Only an individual resident has the credit of a `scheme`. Refuses `no-rule-for-date`, `credit-months-out-of-range`,
    `credit-of-parts-not-told` for a loan that is paid out in parts, and `yield-out-of-range`.
    """
    if not 0 <= credit_months <= MAX_CREDIT_MONTHS:
        raise Refusal("credit-months-out-of-range", months=credit_months, limit=MAX_CREDIT_MONTHS)
    flows = sorted(_flows(plan, holder_kind, scheme, credit_months), key=lambda flow: flow.on)
    return NetYield(
        gross=rate_of([(flow.on, flow.principal_cents + flow.interest_cents) for flow in flows]),
        after_withholding=rate_of([(flow.on, _after_withholding(flow)) for flow in flows]),
        net=rate_of([(flow.on, _after_withholding(flow) + flow.credit_cents) for flow in flows]),
        flows=tuple(flows),
    )


def _after_withholding(flow: LenderFlow) -> int:
    return flow.principal_cents + flow.interest_cents - flow.withheld_cents


def _flows(plan: Schedule, holder_kind: HolderKind, scheme: str | None, credit_months: int) -> Iterator[LenderFlow]:
    for part in plan.terms.paid_out:
        yield LenderFlow(part.on, principal_cents=-part.amount_cents)
    for row in plan.instalments:
        tax_cents = withholding(row.interest_cents, holder_kind, row.due_on).tax_cents
        yield LenderFlow(row.due_on, row.principal_cents, row.interest_cents, tax_cents)
    if scheme is None or holder_kind is not HolderKind.RESIDENT_INDIVIDUAL:
        return
    if len(plan.terms.paid_out) > 1:
        raise Refusal("credit-of-parts-not-told", scheme=scheme)
    for year in credit_by_year(plan, scheme=scheme):
        if year.credit_cents:
            paid_on = add_months(date(year.tax_period, 12, 31), credit_months)
            yield LenderFlow(paid_on, credit_cents=year.credit_cents)
