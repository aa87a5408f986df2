"""From a borrower's wish to a plan before the lenders: she asks for one, an officer reads it, a second publishes it."""

from datetime import date

from contracts import moves
from contracts.loans.books import LoanBook
from contracts.loans.steps import approved, lock_loan
from contracts.offers.service import borrower_outstanding_cents
from contracts.secondchance import lifecycle as life
from contracts.secondchance import limits, service
from contracts.secondchance.model import CashPosition, State
from contracts.secondchance.planning import PlanTerms, plan_hash
from contracts.secondchance.queries import ChanceFile, chance_file, notes_id
from contracts.secondchance.scenarios import Scenario, ScenarioName, scenarios
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

PUBLISH = "plan-publication"
MAY_PROPOSE = frozenset({State.EARLY_WARNING, State.DEFAULTED, State.STANDSTILL, State.PROPOSAL})


def say_early(uow: UnitOfWork, loan_id: str, cash: CashPosition, *, update_on: date) -> None:
    """The borrower says herself, today, that it goes badly; the file is opened where there is none.

    Refuses `update-date-too-early`.
    """
    on, evidence = uow.today(), plan_hash({"loan_id": loan_id, "on_hand_cents": cash.on_hand_cents,
        "receipts_cents": cash.receipts_cents, "expenses_cents": cash.expenses_cents})  # fmt: skip
    lock_loan(uow, loan_id)
    if moves.last_move(uow.connection, uow.book_id, notes_id(loan_id)) is None:
        service.open_file(uow, loan_id, on=on, evidence=evidence, update_on=update_on)
    service.observe(uow, loan_id, on=on)
    service.ask_for_help(uow, loan_id, cash, on=on, evidence=evidence, update_on=update_on)


def ways_out(uow: UnitOfWork, book: LoanBook, cash: CashPosition) -> list[Scenario]:
    """Every scenario for the loan today."""
    outstanding = borrower_outstanding_cents(uow, book.loan.borrower)
    return scenarios(book, cash, on=uow.today(), borrower_outstanding_cents=outstanding)


def ask_plan(uow: UnitOfWork, loan_id: str, name: ScenarioName) -> None:
    """The borrower asks that a scenario be put to her lenders.

    Refuses `file-not-open`, `cash-not-stated`, `move-not-allowed` in a state in which no plan can be put forward,
    `plan-without-tools` for arrears that there are not, and what refuses the scenario.
    """
    book, file = lock_loan(uow, loan_id), chance_file(uow.connection, uow.book_id, loan_id)
    if file.cash is None:
        raise Refusal("cash-not-stated")
    _check_may_propose(file)
    chosen = next((each for each in ways_out(uow, book, file.cash) if each.name is name), None)
    if chosen is None:
        raise Refusal("plan-without-tools")
    if chosen.refusal is not None:
        raise chosen.refusal
    facts: dict[str, JSON] = {"scenario": name.value, "body": chosen.plan.body}
    evidence, on = plan_hash(chosen.plan.body), uow.today()
    moves.record_move(uow, life.NOTES, notes_id(loan_id), life.PLAN_ASKED, on=on, evidence=evidence, facts=facts)


def request_publication(uow: UnitOfWork, loan_id: str, plan: PlanTerms, *, update_on: date, reason: str) -> str:
    """Ask a second officer to put a plan before the lenders, with the day of the next news; gives the approval.

    Refuses `update-date-too-early`, and what publishing it today would refuse.
    """
    limits.hold_files(uow, loan_id)
    book, file = lock_loan(uow, loan_id), chance_file(uow.connection, uow.book_id, loan_id)
    _check_may_propose(file)
    if update_on <= uow.today():
        raise Refusal("update-date-too-early", on_on=uow.today().isoformat())
    limits.check(uow, service.reckon_plan(uow, book, plan, on=uow.today()), loan_id)
    body: dict[str, JSON] = {"loan_id": loan_id, "plan": plan.body, "update_on": update_on.isoformat()}
    return approvals.request(uow, action=PUBLISH, body=body, reason=reason)


def publish_approved(uow: UnitOfWork, loan_id: str, *, approval_id: str) -> None:
    """Put the plan before the lenders, as it was approved, and promise the next news.

    Refuses what `ledger.approvals` refuses and what `contracts.secondchance.service.publish_plan` does.
    """
    body, on = approved(uow, approval_id, PUBLISH, loan_id), uow.today()
    stated = body["plan"]
    assert isinstance(stated, dict)
    plan, update_on = PlanTerms.of(stated), date.fromisoformat(str(body["update_on"]))
    service.publish_plan(uow, loan_id, plan, on=on, evidence=plan_hash(plan.body))
    service.give_update(uow, loan_id, on=on, evidence=plan_hash(plan.body), update_on=update_on)


def _check_may_propose(file: ChanceFile) -> None:
    if file.state not in MAY_PROPOSE:
        raise Refusal("move-not-allowed", machine=life.MACHINE.name, state=file.state.value, event=life.PROPOSED)
