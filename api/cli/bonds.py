"""What the commands on bonds answer: one JSON object of terms in, figures as decimal text out."""

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from api.cli.fields import DECIMAL, FREQUENCY, Fields, day, integer, word
from contracts.terms.bonds import BondFlow, BondTerms
from contracts.terms.bondyield import price_at, yield_at
from contracts.terms.daycount import DayCount
from contracts.terms.exact import decimal_half_up, half_up
from ledger.calendars import Roll
from ledger.errors import Refusal

_DECIMALS = 12
_CLEAN_PRICE, _YIELD = "clean_price", "yield"


class Calendar(StrEnum):
    """Where payments settle."""

    TARGET = "TARGET"


def accrued_json(fields: Fields) -> dict[str, object]:
    """Interest accrued on the nominal, in currency units."""
    terms, settles_on = _read_terms(fields), fields.need("settles_on", day())
    _skip_quote(fields)
    fields.done()
    accrued = terms.accrued(settles_on)
    return {
        "accrued": _exact(accrued.share * Fraction(terms.nominal_cents, 100)),
        "previous_coupon_on": accrued.period.opens_on.isoformat(),
        "next_coupon_on": accrued.period.closes_on.isoformat(),
        "days": accrued.days,
        "period_days": accrued.period_days,
    }


def price_json(fields: Fields) -> dict[str, object]:
    """Prices in percent of the nominal, durations in years."""
    terms, settles_on = _read_terms(fields), fields.need("settles_on", day())
    yield_annual = _read_quote(fields, _YIELD)
    fields.done()
    price = price_at(terms, settles_on, yield_annual)
    return {
        name: f"{getattr(price, name):z.{_DECIMALS}f}" for name in ("clean", "dirty", "duration", "modified_duration")
    }


def yield_json(fields: Fields) -> dict[str, object]:
    """The yield, compounded with the coupons."""
    terms, settles_on = _read_terms(fields), fields.need("settles_on", day())
    clean_price = _read_quote(fields, _CLEAN_PRICE)
    fields.done()
    return {"yield": f"{yield_at(terms, settles_on, clean_price):z.{_DECIMALS}f}"}


def cashflows_json(fields: Fields) -> dict[str, object]:
    """Every payment on the nominal, or with `settles_on` those that a buyer of that day receives."""
    terms, settles_on = _read_terms(fields), fields.get("settles_on", day(), None)
    _skip_quote(fields)
    fields.done()
    periods = terms.unpaid(settles_on) if settles_on else terms.periods
    return {"flows": [_flow_json(terms, terms.flow(period)) for period in periods]}


def _flow_json(terms: BondTerms, flow: BondFlow) -> dict[str, object]:
    interest_cents = half_up(flow.interest * terms.nominal_cents)
    principal_cents = flow.principal * terms.nominal_cents
    return {
        "n": flow.period.n,
        "accrues_from": flow.period.opens_on.isoformat(),
        "due_on": flow.period.closes_on.isoformat(),
        "paid_on": flow.period.paid_on.isoformat(),
        "days": flow.days,
        "interest": _exact(flow.interest * Fraction(terms.nominal_cents, 100)),
        "interest_cents": interest_cents,
        "principal_cents": principal_cents,
        "total_cents": interest_cents + principal_cents,
    }


def _read_terms(fields: Fields) -> BondTerms:
    calendar, roll = fields.get("calendar", word(Calendar), None), fields.get("roll", word(Roll), None)
    return BondTerms(
        nominal_cents=fields.need("nominal_cents", integer("a whole number of cents")),
        coupon_rate=fields.need("coupon_rate", DECIMAL),
        issued_on=fields.need("issued_on", day()),
        matures_on=fields.need("matures_on", day()),
        months=fields.need("frequency", FREQUENCY),
        day_count=fields.need("day_count", word(DayCount)),
        first_coupon_on=fields.get("first_coupon_on", day(), None),
        roll=roll or (Roll.FOLLOWING if calendar else None),
    )


def _read_quote(fields: Fields, name: str) -> Decimal:
    """The price or the yield; refuses `price-and-yield-stated` where both are, for one follows from the other."""
    _refuse_both(fields)
    quote = fields.need(name, DECIMAL)
    _skip_quote(fields)
    return quote


def _skip_quote(fields: Fields) -> None:
    """A price or a yield that the answer has no use for changes nothing, so that one object serves every command."""
    _refuse_both(fields)
    for name in (_CLEAN_PRICE, _YIELD):
        fields.get(name, DECIMAL, None)


def _refuse_both(fields: Fields) -> None:
    if fields.has(_CLEAN_PRICE) and fields.has(_YIELD):
        raise Refusal("price-and-yield-stated")


def _exact(value: Fraction) -> str:
    return f"{decimal_half_up(value, _DECIMALS):f}"
