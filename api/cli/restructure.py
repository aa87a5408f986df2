"""A plan for a loan in difficulty, from JSON and to JSON: what `bxl loan restructure` reads and prints."""

from decimal import Decimal

from api.cli.fields import CENTS, DECIMAL, FLAG, Fields, Reader, day, word
from api.cli.loan_events import AMOUNT, PERIODS, TEXT, read_event
from api.cli.rules import provisional_notes
from api.cli.terms import read_terms, schedule_json
from contracts.loans.simulation.dues import LAWFUL, allocation
from contracts.schemes.rules import schemes
from contracts.secondchance.model import Route
from contracts.secondchance.proposal import Assumption, Draft, Lender, LenderCase, Outcome, Proposal, propose
from contracts.secondchance.tools import Frame, HolidayInterest, Tool, Use
from contracts.terms.agreed import check_rate
from contracts.terms.exact import decimal_half_up
from ledger.errors import Refusal

_LONGEST_REASONS, _MOST_MONTHS, _DECIMALS = 2_000, 600, 6
_SHARE: Reader[Decimal] = Reader(
    lambda value: share if (share := DECIMAL.convert(value)) is not None and 0 <= share <= 1 else None,
    'a share from 0 to 1 as text, such as "0.25"',
)
_MONTHS: Reader[int] = Reader(
    lambda value: value if type(value) is int and 0 <= value <= _MOST_MONTHS else None, f"0 to {_MOST_MONTHS} months"
)
_REASONS: Reader[str] = Reader(
    lambda value: value if isinstance(value, str) and len(value) <= _LONGEST_REASONS else None,
    f"a text of at most {_LONGEST_REASONS} characters",
)


def plan_json(fields: Fields) -> dict[str, object]:
    """The plan that the fields ask for; refuses what `propose` and `Fields` refuse, and `scheme-unknown`."""
    return _proposal_json(propose(read_plan(fields)))


def read_plan(fields: Fields) -> Draft:
    """A plan's draft from the fields of a JSON object, all of them."""
    terms = read_terms(fields.object("terms"))
    scheme = fields.get("scheme", TEXT, None)
    known = schemes("term_years")
    if scheme is not None and scheme not in known:
        raise Refusal("scheme-unknown", scheme=scheme, known=known)
    frame = Frame(
        terms=terms,
        scheme=scheme,
        route=fields.need("route", word(Route)),
        on=fields.need("on", day()),
        borrower_outstanding_cents=fields.get("borrower_outstanding_cents", CENTS, terms.principal_cents),
    )
    rate = fields.get("discount_rate", DECIMAL, None)
    if rate is not None:
        check_rate(rate)
    draft = Draft(
        frame=frame,
        order=allocation(fields.get("allocation", TEXT, ",".join(LAWFUL))),
        events=tuple(read_event(each, n) for n, each in enumerate(fields.objects("events"), 1)),
        uses=tuple(_use(each) for each in fields.objects("tools")),
        lenders=_lenders(fields),
        refused=_assumption(fields.object("refused")),
        bankrupt=_assumption(fields.object("bankrupt")),
        discount_rate=rate,
        reasons=fields.get("compelling_reasons", _REASONS, ""),
        is_exemplary=fields.get("exemplary", FLAG, otherwise=False),
    )
    fields.done()
    return draft


def _use(fields: Fields) -> Use:
    tool = fields.need("tool", word(Tool))
    use = Use(tool=tool)
    match tool:
        case Tool.HOLIDAY:
            interest = fields.get("interest", word(HolidayInterest), HolidayInterest.DEFERRED)
            use = Use(tool=tool, periods=fields.need("periods", PERIODS), interest=interest)
        case Tool.EXTENSION:
            use = Use(tool=tool, periods=fields.need("periods", PERIODS))
        case Tool.RATE_CUT:
            use = Use(tool=tool, rate_annual=fields.need("rate_annual", DECIMAL))
            check_rate(use.rate_annual)
        case Tool.WAIVER | Tool.CAPITALISATION | Tool.HAIRCUT | Tool.PARTICIPATION:
            use = Use(tool=tool, amount_cents=fields.get("amount_cents", AMOUNT, None))
        case Tool.BETTER_FORTUNE:
            use = Use(tool=tool, expires_on=fields.get("expires_on", day(), None))
        case Tool.CARRY_FORWARD | Tool.SUBORDINATION:
            pass  # the tool says it all
    fields.done()
    return use


def _lenders(fields: Fields) -> tuple[Lender, ...]:
    found: dict[str, Lender] = {}
    for each in fields.objects("lenders"):
        lender = Lender(
            each.need("id", TEXT),
            each.need("lent_cents", AMOUNT),
            each.get("resident", FLAG, otherwise=True),
            each.get("claim_cents", CENTS, None),
        )
        each.done()
        if lender.holder in found:
            raise Refusal("terms-field-malformed", field="lenders", expected="each id once")
        found[lender.holder] = lender
    return tuple(found.values())


def _assumption(fields: Fields) -> Assumption:
    assumed = Assumption(fields.need("recovery_share", _SHARE), fields.need("months", _MONTHS))
    fields.done()
    return assumed


def _proposal_json(found: Proposal) -> dict[str, object]:
    draft, changed = found.draft, found.changed
    before, after = schedule_json(changed.before.rows), schedule_json(changed.after.rows)
    interest = [sum(row.interest_cents for row in owed.rows) for owed in (changed.before, changed.after)]
    return {
        "on": draft.frame.on.isoformat(),
        "route": draft.frame.route.value,
        "scheme": draft.frame.scheme,
        "tools": [use.tool.value for use in draft.uses],
        "concession": found.is_concession,
        "distressed": found.is_distressed,
        "discount_rate": f"{found.discount_rate:f}",
        "present_value_lost": f"{decimal_half_up(found.loss_share, _DECIMALS):f}",
        "last_due_on": found.last_due_on.isoformat(),
        "owed": {
            "principal_before_cents": changed.before.principal_cents,
            "principal_after_cents": changed.after.principal_cents,
            "waived_cents": changed.waived_cents,
            "capitalised_cents": changed.capitalised_cents,
            "capitalised_later_cents": changed.later_cents,
            "cut_cents": changed.cut_cents,
            "converted_cents": changed.converted_cents,
            "interest_change_cents": interest[1] - interest[0],
        },
        "schedule_before": before,
        "schedule_after": after,
        "lenders": [_case_json(case) for case in found.lenders],
        "assumptions": {
            name: {"recovery_share": f"{assumed.share:f}", "months": assumed.months}
            for name, assumed in (("refused", draft.refused), ("bankrupt", draft.bankrupt))
        },
        "below_minimum": list(found.below_minimum),
        "compelling_reasons": draft.reasons,
        "notes": [{"code": note} for note in found.notes] + provisional_notes(found.rules),
        "rules": [row.id for row in found.rules],
    }


def _case_json(case: LenderCase) -> dict[str, object]:
    names = ("claim_cents", "waived_cents", "capitalised_cents", "cut_cents", "converted_cents")
    own: dict[str, object] = {"id": case.holder} | {name: getattr(case, name) for name in names}
    outcomes = {"before": case.before, "after": case.after, "refused": case.refused, "bankrupt": case.bankrupt}
    return own | {name: _outcome_json(outcome) for name, outcome in outcomes.items()}


def _outcome_json(outcome: Outcome) -> dict[str, int]:
    return {
        "principal_cents": outcome.principal_cents,
        "interest_cents": outcome.interest_cents,
        "total_cents": outcome.cents,
        "present_value_cents": outcome.present_value_cents,
        "tax_credit_cents": outcome.tax_credit_cents,
    }
