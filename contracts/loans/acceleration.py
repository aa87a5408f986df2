"""Acceleration: all of a loan is claimed at once, on a ground of the ordinance, by a dated notice and its evidence.

    asked for ──approved──> accelerated: one last instalment of all principal left, with interest to the day, is called

It takes the place of the instalments that were not called yet; days past due run from the day of the notice where
nothing was late before, and the loan counts as defaulted. Where the borrower is bankrupt nothing more is called: the
notice is what the lenders' tax rules ask for (art. 13).
"""

from datetime import date

from contracts import moves
from contracts.events import emit_mails
from contracts.loans import postings
from contracts.loans.books import LoanBook, loan_book
from contracts.loans.dues import ask_for, call_dues
from contracts.loans.lifecycle import ACCELERATED, CALLED, CANCELLED, DISBURSED, INSTALMENT, LOAN, SETTLED
from contracts.loans.model import Ground, InstalmentState, LoanState
from contracts.loans.steps import approved, instalment_id, lock_loan, mail, tell
from contracts.loans.uncalled import not_called
from contracts.schemes.rules import rule
from contracts.terms.dates import add_months
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.storage.base import JSON

ACCELERATE = "accelerate-loan"
"""The action that two people agree to."""


def request_acceleration(uow: UnitOfWork, loan_id: str, *, ground: Ground, on: date, evidence: str, reason: str) -> str:
    """Ask a second person to approve that everything is claimed by a notice of that day; gives the approval's id.

    `evidence` is the SHA-256 of the notice with what proves its day and its ground. Refuses `evidence-malformed`,
    `move-not-allowed`, `date-not-reached`, `date-too-early` for a day before the last due date or payment, and
    `acceleration-ground-not-met` where arrears are stated that are not three months old, and `loan-under-plan`
    while a plan has not fallen.
    """
    moves.check_evidence(evidence, key=f"{loan_id}:{ACCELERATED}")
    _refuse_unfit(lock_loan(uow, loan_id), ground, on, today=uow.today())
    body: dict[str, JSON] = {"loan_id": loan_id, "ground": ground, "on": on.isoformat(), "evidence": evidence}
    return approvals.request(uow, action=ACCELERATE, body=body, reason=reason)


def accelerate(uow: UnitOfWork, loan_id: str, *, approval_id: str) -> None:
    """Claim everything, as it was approved: the borrower is asked for it and the lenders are told.

    Refuses what the request and `ledger.approvals` refuse.
    """
    body = approved(uow, approval_id, ACCELERATE, loan_id)
    ground, on = Ground(str(body["ground"])), date.fromisoformat(str(body["on"]))
    book = lock_loan(uow, loan_id)
    call_dues(uow, [(loan_id, each.n) for each in book.instalments], on=uow.today())
    book = loan_book(uow.connection, uow.book_id, loan_id)
    _refuse_unfit(book, ground, on, today=uow.today())
    left = [each.n for each in book.instalments if book.instalment_state(each.n) is InstalmentState.SCHEDULED]
    facts: dict[str, JSON] = {"ground": ground, "approval_id": approval_id}
    is_called = bool(left) and book.state is LoanState.RUNNING
    if is_called:
        due = not_called(book, on).end(on)
        facts |= {"n": left[0], "days": due.days}
        facts |= {"interest_cents": due.interest_cents, "principal_cents": due.principal_cents}
    moves.record_move(uow, LOAN, loan_id, ACCELERATED, on=on, evidence=str(body["evidence"]), facts=facts)
    book = loan_book(uow.connection, uow.book_id, loan_id)
    if is_called:
        _call_all(uow, book, left[1:])
    _tell(uow, book, on)


def _refuse_unfit(book: LoanBook, ground: Ground, on: date, *, today: date) -> None:
    LOAN.after(book.state, ACCELERATED)
    book.refuse_under_plan()
    if book.happened_on(ACCELERATED) is not None:
        raise Refusal("move-not-allowed", machine=LOAN.name, state=book.state.value, event=ACCELERATED)
    numbers = [each.n for each in book.instalments]
    before = [book.instalment_on(n, event) for n in numbers for event in (CALLED, SETTLED)]
    check_happened(on, today=today, since=[book.loan.agreed_on, book.happened_on(DISBURSED), *before])
    if ground is Ground.ARREARS:
        months = rule(book.loan.scheme, "acceleration_arrears_months", on).integer()
        oldest = min((due.due_on for due in book.position.overdue(on)), default=on)
        if add_months(oldest, months) >= on:
            since = oldest.isoformat()
            raise Refusal("acceleration-ground-not-met", loan_id=book.loan.loan_id, months=months, since_on=since)


def _call_all(uow: UnitOfWork, book: LoanBook, later: list[int]) -> None:
    """Call the last instalment, of everything that is left, and cancel those that it takes the place of."""
    loan_id, last = book.loan.loan_id, book.instalments[-1]
    entry = postings.due_called(book.loan, last, actor=uow.actor)
    uow.post(entry)
    called = moves.NewMove(object_id=instalment_id(loan_id, last.n), event=CALLED, on=last.due_on, fact_key=entry.key)
    rest = [moves.NewMove(object_id=instalment_id(loan_id, n), event=CANCELLED, on=last.due_on) for n in later]
    moves.record_moves(uow, INSTALMENT, [called, *rest])
    ask_for(uow, book, last.n)


def _tell(uow: UnitOfWork, book: LoanBook, on: date) -> None:
    loan, day = book.loan, on.isoformat()
    cents = book.position.outstanding_cents(on)
    tell(uow, "loan-accelerated", loan, loan.loan_id, loan.borrower, amount_cents=cents, on_on=day)
    mails = [
        mail(loan, c.pledge_id, c.lender, amount_cents=book.position_of(c).outstanding_cents(on), on_on=day)
        for c in book.held_claims
    ]
    emit_mails(uow, "loan-accelerated-lender", mails)
