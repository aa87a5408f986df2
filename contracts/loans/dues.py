"""A loan's dues: called on their day, paid, shared out to the lenders; and what is done while one is late.

A run over many lenders goes on in chunks: each is one unit of work, and what is left is a row of the outbox. Handlers
and dated jobs may run again without changing anything.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial

import sqlalchemy as sa

from contracts import moves
from contracts.events import LOAN_DISTRIBUTE
from contracts.loans import postings
from contracts.loans import queries as q
from contracts.loans import tables as t
from contracts.loans.cash import is_shared_out, park_if_short
from contracts.loans.lifecycle import (
    CALLED,
    FIRST_REMINDER,
    INSTALMENT,
    LENDERS_INFORMED,
    LOAN,
    REPAID,
    SECOND_REMINDER,
    SETTLED,
    steps_due,
)
from contracts.loans.model import InstalmentState, LoanState, due_of
from contracts.loans.steps import chunk, emit_rest, in_unit, instalment_id, lock_loan, send_back, tell, to_refund
from contracts.parties.queries import party
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments.methods import PaymentKind
from ledger.payments.queries import is_undone, paid, standing_payments, still_to_pay
from ledger.payments.receiving import request_transfer
from ledger.payments.service import request_payment
from ledger.storage.base import JSON


def call_due_instalments(book: Book, on: date) -> int:
    """Dated job: every instalment of a running loan is called on its due date; gives how many were."""
    i = t.instalment.c
    scheduled = moves.in_state(book.book_id, INSTALMENT, i.instalment_id, InstalmentState.SCHEDULED)
    running = moves.in_state(book.book_id, LOAN, i.loan_id, LoanState.RUNNING)
    query = sa.select(i.loan_id, i.n).where(i.book_id == book.book_id, i.due_on <= on, scheduled, running)
    with book.read() as connection:
        found = connection.execute(query.order_by(i.due_on, i.loan_id)).all()
    return sum(in_unit(book, partial(call_due, loan_id=row.loan_id, n=row.n, on=on)) for row in found)


def call_due(uow: UnitOfWork, loan_id: str, n: int, *, on: date) -> bool:
    """Call one instalment that has fallen due and ask its borrower for the payment; False if there is none to call."""
    book = lock_loan(uow, loan_id)
    due = book.instalments[n - 1]
    is_scheduled = book.instalment_state(n) is InstalmentState.SCHEDULED
    if book.state is not LoanState.RUNNING or not is_scheduled or due.due_on > on:
        return False
    entry = postings.due_called(book.loan, due, actor=uow.actor)
    uow.post(entry)
    moves.record_move(uow, INSTALMENT, instalment_id(loan_id, n), CALLED, on=due.due_on, fact_key=entry.key)
    request_due_payment(uow, loan_id, n)
    return True


def request_due_payment(uow: UnitOfWork, loan_id: str, n: int) -> str:
    """Ask the borrower for the payment of a called instalment, again if the last can't be paid any more; its id.

    Refuses `due-not-payable`.
    """
    book = lock_loan(uow, loan_id)
    if not 1 <= n <= len(book.instalments) or book.instalment_state(n) is not InstalmentState.CALLED:
        raise Refusal("due-not-payable", loan_id=loan_id, n=n)
    reference, due = f"due:{loan_id}:{n}", book.instalments[n - 1]
    payments = standing_payments(uow.connection, uow.book_id, reference)
    known = paid(payments) or still_to_pay(payments, by_transfer=False)
    if known is not None:
        return known.payment_id
    language = party(uow.connection, uow, book.loan.borrower).language
    payment_id = request_payment(
        uow,
        reference=reference,
        payer=book.loan.borrower,
        amount_cents=due.total_cents,
        description=f"{book.loan.title} ({loan_id}, {n})",
        credit=postings.collected(loan_id),
        kind=PaymentKind.DUE,
        return_path=f"/{language}/enterprise?back=1",
        language=language,
    )
    payer, credit = book.loan.borrower, postings.collected(loan_id)
    request_transfer(uow, reference=reference, payer=payer, amount_cents=due.total_cents, credit=credit)
    facts: dict[str, str | int] = {"n": n, "due_on": due.due_on.isoformat(), "amount_cents": due.total_cents}
    tell(uow, "due-called", book.loan, payment_id, book.loan.borrower, **facts)
    return payment_id


def credit_account_for(connection: sa.Connection, book_id: str, reference: str, *, payer: str) -> AccountRef:
    """Where money that arrives for `due:<loan>:<n>` belongs now: to the due while it is called, else to its payer."""
    loan_id, n = due_of(reference)
    state = q.loan_book(connection, book_id, loan_id).instalment_state(n)
    return postings.collected(loan_id) if state is InstalmentState.CALLED else to_refund(payer)


def settle_due(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of a due: settle it and distribute it over the lenders, or send the money back.

    The same payment again changes nothing, nor does one that was charged back meanwhile; a second payment of one due
    goes back to the borrower.
    """
    loan_id, n = due_of(str(body["reference"]))
    payment_id, on = str(body["payment_id"]), date.fromisoformat(str(body["paid_on"]))
    book = lock_loan(uow, loan_id)
    settled = next((move for move in book.instalment_history[n - 1] if move.event == SETTLED), None)
    known = settled is not None and settled.facts["payment_id"] == payment_id
    if known or is_undone(uow.connection, uow.book_id, payment_id):
        return
    held = body["account"] == str(postings.collected(loan_id))
    if not held or book.instalment_state(n) is not InstalmentState.CALLED:
        send_back(uow, book, payment_id, on, amount_cents=int(str(body["amount_cents"])), held=held)
        return
    entry = postings.due_settled(book.loan, book.instalments[n - 1], on=on, actor=uow.actor)
    uow.post(entry)
    object_id, facts = instalment_id(loan_id, n), {"payment_id": payment_id}
    moves.record_move(uow, INSTALMENT, object_id, SETTLED, on=on, fact_key=entry.key, facts=facts)
    _distribute(uow, q.loan_book(uow.connection, uow.book_id, loan_id), n, first=1, on=on)


def continue_distribution(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of an instalment's distribution."""
    book = lock_loan(uow, str(body["loan_id"]))
    n, first, on = int(str(body["n"])), int(str(body["first"])), date.fromisoformat(str(body["on"]))
    _distribute(uow, book, n, first=first, on=on)


def remind_late_borrowers(book: Book, on: date) -> int:
    """Dated job: remind the borrower on the third and tenth day past due; tell the lenders when it is over thirty."""
    with book.read() as connection:
        c = t.loan.c
        running = moves.in_state(book.book_id, LOAN, c.loan_id, LoanState.RUNNING)
        found = connection.execute(sa.select(c.loan_id).where(c.book_id == book.book_id, running)).scalars().all()
        late = [i for i in found if q.loan_book(connection, book.book_id, i).position.days_past_due(on)]
    return sum(in_unit(book, partial(remind, loan_id=loan_id, on=on)) for loan_id in sorted(late))


def remind(uow: UnitOfWork, loan_id: str, *, on: date) -> bool:
    """What the lateness of one loan asks for on that date and was not done yet; False where that is nothing."""
    book = lock_loan(uow, loan_id)
    days = book.position.days_past_due(on)
    oldest = next(iter(book.position.overdue(on)), None)
    if book.state is not LoanState.RUNNING or oldest is None:
        return False
    if book.instalment_state(oldest.n) is not InstalmentState.CALLED:
        return False
    done = {move.event for move in book.instalment_history[oldest.n - 1]}
    steps = steps_due(days) - done
    if SECOND_REMINDER in steps | done:
        steps -= {FIRST_REMINDER}  # one reminder a day is enough
    for event in sorted(steps):
        facts: dict[str, JSON] = {"days_past_due": days}
        moves.record_move(uow, INSTALMENT, instalment_id(loan_id, oldest.n), event, on=on, facts=facts)
        _mail_lateness(uow, book, event, oldest.n, days, on)
    return bool(steps)


def _distribute(uow: UnitOfWork, book: q.LoanBook, n: int, *, first: int, on: date) -> None:
    """Post the shares of up to a chunk of lenders from number `first`; with the last of all, the loan is repaid."""
    loan = book.loan
    if first == 1 and park_if_short(uow, loan, n, book.instalments[n - 1].total_cents):
        return
    for claim in chunk(book, first):
        share = book.plan[n - 1][claim.number - 1]
        withheld = q.withheld_cents(uow.connection, uow, share, on)
        if share.interest_cents + share.principal_cents == 0:
            continue
        uow.post(postings.instalment_distributed(loan, n, share, withheld_cents=withheld, on=on, actor=uow.actor))
        facts = {
            "n": n,
            "principal_cents": share.principal_cents,
            "interest_cents": share.interest_cents,
            "withholding_cents": withheld,
            "net_cents": share.principal_cents + share.interest_cents - withheld,
        }
        key = f"{loan.loan_id}:{n}:{claim.pledge_id}"
        tell(uow, "instalment-distributed", loan, key, claim.lender, **facts)
    is_last = emit_rest(uow, LOAN_DISTRIBUTE, book, first, key=f"{loan.loan_id}:{n}", n=n, on=on.isoformat())
    if is_last and is_shared_out(uow.connection, uow.book_id, book, besides=n):
        moves.record_move(uow, LOAN, loan.loan_id, REPAID, on=on)
        for to in [loan.borrower, *book.lenders]:
            tell(uow, "loan-repaid", loan, f"{loan.loan_id}:{to}", to, amount_cents=loan.principal_cents)


def _mail_lateness(uow: UnitOfWork, book: q.LoanBook, event: str, n: int, days: int, on: date) -> None:
    loan, debt = book.loan, book.position
    stated: dict[str, str | int] = {"n": n, "days": days, "due_on": book.instalments[n - 1].due_on.isoformat()}
    key = f"{loan.loan_id}:{n}:{event}"
    if event != LENDERS_INFORMED:
        tell(uow, "loan-late", loan, key, loan.borrower, amount_cents=debt.overdue_cents(on), **stated)
        return
    for claim in book.claims:
        overdue = book.position_of(claim).overdue_cents(on)
        tell(uow, "loan-late-lender", loan, f"{key}:{claim.pledge_id}", claim.lender, amount_cents=overdue, **stated)
