"""What a borrower is told before an instalment falls due: two weeks and three days before it.

On the day itself the call asks her for it (`contracts.loans.dues`). Nothing is announced that is asked for already, as
by a direct debit, which has an announcement of its own (`contracts.loans.debits`). Each notice is written once: the key
of its mail names the instalment and the days.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import sqlalchemy as sa

from contracts import moves
from contracts.events import emit_mails
from contracts.loans import tables as t
from contracts.loans.books import loan_books
from contracts.loans.dues import AT_ONCE
from contracts.loans.lifecycle import INSTALMENT, LOAN
from contracts.loans.model import InstalmentState, LoanState
from contracts.loans.steps import in_unit, mail
from contracts.servicing.model import NOTICE_DAYS
from ledger.book import Book, UnitOfWork
from ledger.payments.queries import asked_before


def announce_dues(book: Book, on: date) -> int:
    """Dated job: announce every instalment of a running loan that is due in 14 days or in 3; gives how many."""
    i = t.instalment.c
    scheduled = moves.in_state(book.book_id, INSTALMENT, i.instalment_id, InstalmentState.SCHEDULED)
    running = moves.in_state(book.book_id, LOAN, i.loan_id, LoanState.RUNNING)
    days = i.due_on.in_([on + timedelta(days=days) for days in NOTICE_DAYS])
    query = sa.select(i.loan_id, i.n).where(i.book_id == book.book_id, days, scheduled, running)
    with book.read() as connection:
        found = [(row.loan_id, row.n) for row in connection.execute(query.order_by(i.due_on, i.loan_id, i.n))]
    parts = [found[first : first + AT_ONCE] for first in range(0, len(found), AT_ONCE)]
    return sum(in_unit(book, partial(_announce, wanted=part, on=on)) for part in parts)


def _announce(uow: UnitOfWork, wanted: Sequence[tuple[str, int]], *, on: date) -> int:
    books = loan_books(uow.connection, uow.book_id, {loan_id for loan_id, _ in wanted})
    due = [(books[loan_id], n) for loan_id, n in wanted]
    asked = asked_before(uow.connection, uow.book_id, [book.due_reference(n) for book, n in due])
    mails = []
    for book, n in due:
        if book.due_reference(n) in asked:
            continue
        loan, instalment = book.loan, book.instalments[n - 1]
        days, day = (instalment.due_on - on).days, instalment.due_on.isoformat()
        key, cents = f"{loan.loan_id}:{n}:{days}", instalment.total_cents
        mails.append(mail(loan, key, loan.borrower, n=n, days=days, due_on=day, amount_cents=cents))
    emit_mails(uow, "due-announced", mails)
    return len(mails)
