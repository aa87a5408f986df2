"""How much of all that is outstanding may be under plans at once: the programme's own limits, by dated rules.

    under plans = plans in effect + plans before the lenders or the court + the one to be published

Each loan counts with all that is outstanding of it, once for all plans and once for each tool of its plan that has a
limit. A plan that is proposed has its place reserved until it is withdrawn or falls. What a court may impose counts
too, and is never refused: the law knows no such limit, and no lender should lose a reorganisation to ours. In a small
portfolio one loan is a large share, so that an amount is free in any case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from contracts.loans.books import loan_books
from contracts.loans.steps import lock_loans
from contracts.schemes.rules import rule, rule_of_those_that_have_it
from contracts.secondchance.model import Route, State
from contracts.secondchance.planning import PlanTerms
from contracts.secondchance.proposal import Proposal
from contracts.secondchance.queries import chance_file, loans_in
from contracts.secondchance.tools import NO_CONCESSION, Tool
from ledger import balances
from ledger.book import UnitOfWork
from ledger.errors import Refusal

PROGRAMME = "programme"
CLAIMS = "020000"
_RESERVED = (State.PROPOSAL, State.VOTE, State.HOMOLOGATION_PENDING)
_COUNTED = (*_RESERVED, State.PERFORMING_UNDER_PLAN)
_MAY_COME = (State.EARLY_WARNING, State.DEFAULTED, State.STANDSTILL)
"""States in which a plan can be published next; whoever publishes holds these loans too."""


@dataclass(frozen=True, slots=True)
class UnderPlan:
    """A loan whose plan counts: the tools of the plan, and what is outstanding, in cents."""

    tools: frozenset[Tool]
    cents: int


def hold_files(uow: UnitOfWork, loan_id: str) -> None:
    """Hold every loan that has a plan or may have one next, so that two plans cannot both take the last of a limit."""
    lock_loans(uow, [loan_id, *loans_in(uow.connection, uow.book_id, *_COUNTED, *_MAY_COME)])


def check(uow: UnitOfWork, plan: Proposal, loan_id: str) -> None:
    """Refuse what `check_limits` refuses; a plan that is no concession, or that a court decides on, passes."""
    tools = frozenset(use.tool for use in plan.draft.uses)
    if plan.is_concession and plan.draft.frame.route is not Route.JUDICIAL:
        candidate = UnderPlan(tools, plan.changed.before.principal_cents)
        total = sum(each.debit - each.credit for each in balances.turnover(uow.connection, uow.book_id, CLAIMS))
        check_limits(candidate, _others(uow, loan_id), total_cents=total, on=plan.draft.frame.on)


def check_limits(candidate: UnderPlan, others: Sequence[UnderPlan], *, total_cents: int, on: date) -> None:
    """Hold a plan against the limits of its day; `total_cents` is all that is outstanding, its own loan included.

    Refuses `plan-limit-exceeded` and `plan-tool-limit-exceeded`.
    """
    free_cents = rule(PROGRAMME, "plan_free_cents", on).integer()
    for tool, share in _shares(candidate.tools, on).items():
        used = sum(each.cents for each in (candidate, *others) if tool is None or tool in each.tools)
        limit = max(Fraction(free_cents), share * total_cents)
        if used > limit:
            facts: dict[str, int] = {"used_cents": used, "limit_cents": int(limit)}
            if tool is None:
                raise Refusal("plan-limit-exceeded", **facts)
            raise Refusal("plan-tool-limit-exceeded", tool=tool.value, **facts)


def _shares(tools: Iterable[Tool], on: date) -> Mapping[Tool | None, Fraction]:
    """The limits that apply: of all plans together (None), and of each of the tools that has one."""
    found: dict[Tool | None, Fraction] = {None: Fraction(rule(PROGRAMME, "plan_share", on).decimal())}
    for tool in sorted(tools):
        row = rule_of_those_that_have_it(PROGRAMME, f"plan_share_{tool.replace('-', '_')}", on)
        if row is not None:
            found[tool] = Fraction(row.decimal())
    return found


def _others(uow: UnitOfWork, loan_id: str) -> list[UnderPlan]:
    """Every other loan that is under a plan, or whose plan has its place reserved."""
    ids = [each for each in loans_in(uow.connection, uow.book_id, *_COUNTED) if each != loan_id]
    books, on = loan_books(uow.connection, uow.book_id, ids), uow.today()
    found = []
    for each in ids:
        plan = chance_file(uow.connection, uow.book_id, each).plans[-1]
        tools = frozenset(use.tool for use in PlanTerms.of(plan.body).uses)
        if tools - NO_CONCESSION:
            found.append(UnderPlan(tools, books[each].position.outstanding_cents(on)))
    return found
