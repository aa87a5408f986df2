"""Instalments collected by direct debit from borrowers who have given us a mandate.

A debit is announced 14 days before its due date, with amount, date and mandate. While it is under way nobody asks for
the instalment in another way. One that fails leaves the due payable as before; one that the borrower's bank takes back
after the lenders were paid is owed by the borrower (416300). While anything is owed, the client account lacks it: no
further instalment of that borrower is distributed (the cash rule), and nobody else's loan is touched.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import sqlalchemy as sa

from contracts import moves
from contracts.events import LOAN_DISTRIBUTE, LOAN_RECOVER, emit_mail
from contracts.loans import postings
from contracts.loans import tables as t
from contracts.loans.cash import CASH_RULE, owed_cents, parked_dues
from contracts.loans.dues import request_due_payment
from contracts.loans.lifecycle import INSTALMENT, LOAN
from contracts.loans.model import RECOVERY, InstalmentState, LoanState
from contracts.loans.owed import ask_for_owed
from contracts.loans.quotes import asked_quote
from contracts.loans.steps import lock_loan
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.payments.debits import NOTICE_DAYS, Debit, debit, debits_for, order_debit
from ledger.payments.mandates import active_mandate
from ledger.payments.model import REFUNDS_DUE, PaymentState
from ledger.payments.queries import payments_for
from ledger.payments.reasons import Action
from ledger.payments.service import close_case
from ledger.storage.base import JSON

JOB = "system:loans"
MOST_ATTEMPTS = 2


def announce_debits(book: Book, on: date) -> int:
    """Dated job: announce the debit of every instalment that is due within 14 days, where there is a mandate for it."""
    i = t.instalment.c
    open_dues = moves.in_state(book.book_id, INSTALMENT, i.instalment_id, InstalmentState.SCHEDULED)
    running = moves.in_state(book.book_id, LOAN, i.loan_id, LoanState.RUNNING)
    near = i.due_on <= on + timedelta(days=NOTICE_DAYS)
    query = sa.select(i.loan_id, i.n).where(i.book_id == book.book_id, near, open_dues, running)
    with book.read() as connection:
        found = connection.execute(query.order_by(i.due_on, i.loan_id)).all()
    done = 0
    for row in found:
        with book.unit_of_work(actor=JOB) as uow:
            done += announce_debit(uow, row.loan_id, row.n)
    return done


def announce_debit(uow: UnitOfWork, loan_id: str, n: int) -> bool:
    """Announce the debit of one instalment; False without a mandate, or where it or everything is asked for already."""
    book = lock_loan(uow, loan_id)
    known = active_mandate(uow.connection, uow.book_id, book.loan.borrower)
    reference = f"due:{loan_id}:{n}"
    tried = debits_for(uow.connection, uow.book_id, reference)
    asked = payments_for(uow.connection, uow.book_id, reference)
    is_asked = any(each.state in {PaymentState.REQUESTED, PaymentState.OPEN, PaymentState.PAID} for each in asked)
    if known is None or is_asked or len(tried) >= MOST_ATTEMPTS or asked_quote(book, uow.today()) is not None:
        return False
    due = book.instalments[n - 1]
    ordered = order_debit(
        uow,
        known,
        reference=reference,
        amount_cents=due.total_cents,
        credit=postings.collected(loan_id),
        due_on=due.due_on,
    )
    facts: dict[str, JSON] = {
        "title": book.loan.title,
        "n": n,
        "amount_cents": due.total_cents,
        "collect_on": ordered.collect_on.isoformat(),
        "mandate": known.mandate_id,
        "account": known.iban_last4,
    }
    emit_mail(uow, "debit-announced", key=ordered.debit_id, to=book.loan.borrower, facts=facts, path="/enterprise")
    return True


def note_failed_debit(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `debit.failed`: try again if the reason allows it, else ask for the money in another way."""
    failed = debit(uow.connection, uow.book_id, str(body["debit_id"]))
    _, loan_id, number = failed.reference.split(":")
    book, n = lock_loan(uow, loan_id), int(number)
    facts: dict[str, JSON] = {"title": book.loan.title, "n": n, "amount_cents": failed.amount_cents}
    emit_mail(uow, "debit-failed", key=failed.debit_id, to=book.loan.borrower, facts=facts, path="/enterprise")
    if book.settled_by(n) == failed.payment_id:
        ask_for_owed(uow, loan_id, n)
    elif book.instalment_state(n) is InstalmentState.CALLED:
        retried = body["action"] == Action.RETRY and announce_debit(uow, loan_id, n)
        if not retried:
            request_due_payment(uow, loan_id, n)


def taken_from(uow: UnitOfWork, returned: Debit) -> AccountRef:
    """Whose money a debit that is given back takes: the loan's until it is distributed, then the borrower owes it."""
    _, loan_id, number = returned.reference.split(":")
    book = lock_loan(uow, loan_id)
    owed = AccountRef(postings.OWED_BY_BORROWER, book.loan.borrower)
    if book.settled_by(int(number)) == returned.payment_id:
        return owed
    for account in (returned.credit, AccountRef(REFUNDS_DUE, book.loan.borrower)):
        if -balances.balance(uow.connection, uow.book_id, account) >= returned.amount_cents:
            return account
    return owed


def distribute_parked(book: Book, on: date) -> int:
    """Dated job: what the cash rule held back is distributed once its borrower owes nothing more."""
    with book.read() as connection:
        waiting = parked_dues(connection, book.book_id)
        free = [each for each in waiting if owed_cents(connection, book.book_id, each.borrower) == 0]
    for each in free:
        with book.unit_of_work(actor=JOB) as uow:
            close_case(uow, subject=each.subject, code=CASH_RULE, reason="covered again")
            body: dict[str, JSON] = {"loan_id": each.loan_id, "n": each.n, "first": 1, "on": on.isoformat()}
            topic = LOAN_RECOVER if each.subject.startswith(RECOVERY) else LOAN_DISTRIBUTE
            uow.emit(topic, f"{each.subject}:covered:{on.isoformat()}", body)
    return len(free)
