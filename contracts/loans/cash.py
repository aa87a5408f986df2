"""The cash rule of one borrower: nothing more is distributed while the client account lacks money for her.

It lacks what her bank took back after her lenders were paid (416300). What waits is a case, named by the due.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from contracts.loans.model import InstalmentState, Loan
from contracts.loans.postings import OWED_BY_BORROWER
from contracts.loans.queries import LoanBook
from contracts.loans.tables import loan as loan_table
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments.queries import open_cases
from ledger.payments.rows import open_case

CASH_RULE = "cash-rule-not-met"


@dataclass(frozen=True, slots=True)
class ParkedDue:
    """An instalment that was paid and is not distributed; `subject` is its case's."""

    subject: str
    loan_id: str
    n: int
    borrower: str


def owed_cents(connection: sa.Connection, book_id: str, borrower: str) -> int:
    """What the borrower's bank took back after her lenders had it."""
    return balances.balance(connection, book_id, AccountRef(OWED_BY_BORROWER, borrower))


def park_if_short(uow: UnitOfWork, loan: Loan, n: int, amount_cents: int) -> bool:
    """Whether an instalment that was paid has to wait; it is a case then."""
    missing_cents = owed_cents(uow.connection, uow.book_id, loan.borrower)
    if missing_cents <= 0:
        return False
    short = Refusal(CASH_RULE, amount_cents=amount_cents, missing_cents=missing_cents)
    open_case(uow, f"due:{loan.loan_id}:{n}", short, payment_id=None, recurs=True)
    return True


def is_shared_out(connection: sa.Connection, book_id: str, book: LoanBook, *, besides: int) -> bool:
    """Whether every due was paid and its lenders have their shares, `besides` the one that is shared out now.

    A due that was paid may wait: for this rule, or for its next chunk of lenders. The last share that it has tells.
    """
    if any(book.instalment_state(each.n) is not InstalmentState.SETTLED for each in book.instalments):
        return False
    shares = {
        n: [share for share in row if share.interest_cents + share.principal_cents]
        for n, row in enumerate(book.plan, 1)
        if n != besides
    }
    last = {f"due:{book.loan.loan_id}:{n}:{row[-1].pledge_id}" for n, row in shares.items() if row}
    return balances.entries_by_key(connection, book_id, last).keys() == last


def parked_dues(connection: sa.Connection, book_id: str) -> list[ParkedDue]:
    """Every instalment that waits."""
    c = loan_table.c
    borrowers = {
        row.loan_id: row.borrower
        for row in connection.execute(sa.select(c.loan_id, c.borrower).where(c.book_id == book_id))
    }
    found: list[ParkedDue] = []
    for case in open_cases(connection, book_id):
        if case.code == CASH_RULE and case.subject.startswith("due:"):
            _, loan_id, n = case.subject.split(":")
            found.append(ParkedDue(case.subject, loan_id, int(n), borrowers[loan_id]))
    return found
