"""What a plan may do to a loan, and what its scheme says to that before anything is reckoned.

| tool | effect on the schedule | concession | outside a judicial reorganisation, for a scheme's loan |
|---|---|---|---|
| holiday | no principal for some periods; interest paid, deferred or added to the debt | yes | within the term |
| extension | more instalments | yes | never for a proxi loan; else within the scheme's terms |
| rate-cut | less interest from the day on | yes | not below the scheme's floor at conclusion |
| waiver | called and unpaid interest is given up | yes | yes |
| capitalisation | called and unpaid interest becomes principal | yes | within the borrower's cap |
| carry-forward | what was called is owed by the instalments left, its interest with the next | yes | yes |
| haircut | less principal | distressed | as a gift without tax relief |
| participation | principal becomes shares | distressed | yes; it does not count as paid |
| subordination | rank only | no | proxi loans are subordinated already |
| better-fortune | what was cut is owed again if the debtor recovers, until a day | no | yes |

Called interest is given up before it is capitalised: afterwards there is none left to give up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from contracts.schemes.conditions import PROXI_A, PROXI_B, check_borrower_cap, rate_corridor
from contracts.schemes.rules import Rule, rule
from contracts.secondchance.model import Route
from contracts.terms.agreed import Terms
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from ledger.errors import Refusal

PROXI = frozenset({PROXI_A, PROXI_B})


class Tool(StrEnum):
    """A change of terms."""

    HOLIDAY = "holiday"
    EXTENSION = "extension"
    RATE_CUT = "rate-cut"
    WAIVER = "waiver"
    CAPITALISATION = "capitalisation"
    CARRY_FORWARD = "carry-forward"
    HAIRCUT = "haircut"
    PARTICIPATION = "participation"
    SUBORDINATION = "subordination"
    BETTER_FORTUNE = "better-fortune"


NO_CONCESSION = frozenset({Tool.SUBORDINATION, Tool.BETTER_FORTUNE})
DISTRESSED = frozenset({Tool.HAIRCUT, Tool.PARTICIPATION})


class HolidayInterest(StrEnum):
    """What becomes of the interest of a holiday."""

    PAID = "paid"
    DEFERRED = "deferred"
    CAPITALISED = "capitalised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One tool as a plan uses it; `amount_cents` is None where all of it is meant."""

    tool: Tool
    periods: int = 0
    interest: HolidayInterest = HolidayInterest.DEFERRED
    amount_cents: int | None = None
    rate_annual: Decimal = Decimal(0)
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a plan is made: the loan's scheme (None: no scheme), the route, and the day of effect.

    `borrower_outstanding_cents` counts all of the borrower's loans of the scheme, this one included.
    """

    terms: Terms
    scheme: str | None
    route: Route
    on: date
    borrower_outstanding_cents: int

    @property
    def is_judicial(self) -> bool:
        """Whether a court homologates the plan."""
        return self.route is Route.JUDICIAL


def check_order(uses: Sequence[Use], on: date) -> None:
    """Each tool once, a waiver before what is capitalised, a clause of better fortune after its haircut and dated.

    Refuses `plan-without-tools`, `tool-repeated`, `waiver-after-capitalisation`, `better-fortune-without-haircut`,
    `better-fortune-without-expiry`.
    """
    if not uses:
        raise Refusal("plan-without-tools")
    tools = [use.tool for use in uses]
    for n, use in enumerate(uses):
        if use.tool in tools[:n]:
            raise Refusal("tool-repeated", tool=use.tool.value)
        if use.tool is Tool.WAIVER and Tool.CAPITALISATION in tools[:n]:
            raise Refusal("waiver-after-capitalisation")
        if use.tool is not Tool.BETTER_FORTUNE:
            continue
        if Tool.HAIRCUT not in tools[:n]:
            raise Refusal("better-fortune-without-haircut")
        if use.expires_on is None or use.expires_on <= on:
            raise Refusal("better-fortune-without-expiry", on_on=on.isoformat())


def check_extension(frame: Frame, *, last: int) -> tuple[Rule, ...]:
    """Whether the loan may last until instalment `last`.

    Refuses `extension-needs-reorganisation` for a proxi loan, `term-not-allowed` outside the other schemes' terms.
    """
    if frame.scheme is None or frame.is_judicial:
        return ()
    ends_on, starts_on = frame.terms.due_on(last), frame.terms.starts_on
    terms = rule(frame.scheme, "term_years", starts_on)
    years = ends_on.year - starts_on.year
    allowed = ", ".join(str(member) for member in terms.members())
    if frame.scheme in PROXI:
        raise Refusal("extension-needs-reorganisation", scheme=frame.scheme, allowed=allowed)
    if years not in terms.members() or add_months(starts_on, MONTHS_A_YEAR * years) != ends_on:
        raise Refusal("term-not-allowed", term_years=years, allowed=allowed)
    return (terms,)


def check_rate_cut(frame: Frame, rate_annual: Decimal, *, current: Decimal) -> tuple[Rule, ...]:
    """Refuses `rate-not-lower`, and `rate-cut-needs-reorganisation` below the scheme's floor at conclusion."""
    if rate_annual >= current:
        raise Refusal("rate-not-lower", rate_annual=str(rate_annual), current=str(current))
    if frame.scheme is None or frame.is_judicial:
        return ()
    corridor = rate_corridor(frame.scheme, frame.terms.starts_on)
    if rate_annual < corridor.floor:
        raise Refusal("rate-cut-needs-reorganisation", rate_annual=str(rate_annual), floor=str(corridor.floor))
    return corridor.rules


def check_capitalised(frame: Frame, cents: int) -> tuple[Rule, ...]:
    """What becomes principal uses up the borrower's cap: refuses `borrower-cap-exceeded`."""
    if frame.scheme is None or not cents:
        return ()
    outstanding = frame.borrower_outstanding_cents
    return check_borrower_cap(frame.scheme, on=frame.on, amount_cents=cents, outstanding_cents=outstanding)


def notes(frame: Frame, uses: Sequence[Use]) -> list[str]:
    """What lenders and borrower must know of the plan besides its figures, by code."""
    tools, is_proxi = {use.tool for use in uses}, frame.scheme in PROXI
    said = {
        "change-registered-at-fund": is_proxi,
        "haircut-without-tax-relief": Tool.HAIRCUT in tools and not (is_proxi and frame.is_judicial),
        "shares-not-counted-as-paid": Tool.PARTICIPATION in tools,
        "already-subordinated": Tool.SUBORDINATION in tools and is_proxi,
        "better-fortune-contingent": Tool.BETTER_FORTUNE in tools,
    }
    return [note for note, applies in said.items() if applies]
