"""To whose account a loan is never paid out: a new loan serves the activity and repays no old debt.

The ordinance of 17 March 2023, article 8, asks what the money is used for. The books know part of that: the account
that is paid. What the borrower does with the money afterwards they can't know.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from contracts.loans.model import Loan
from contracts.loans.tables import loan as loan_table
from contracts.loans.tables import loan_claim
from contracts.parties.queries import told_ibans
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments.bank import client_account, has_client_account


def check_payee(uow: UnitOfWork, loan: Loan, iban: str) -> None:
    """Refuses `old-debt-from-new-loan` where `iban` pays an old debt.

    That is the client account, through which dues are paid, or the account that a lender of the borrower's other loans
    gave last, verified or not.
    """
    if has_client_account(uow.connection, uow.book_id) and iban == client_account(uow.connection, uow.book_id).iban:
        raise Refusal("old-debt-from-new-loan")
    if iban in told_ibans(uow.connection, uow, _other_lenders(uow, loan)).values():
        raise Refusal("old-debt-from-new-loan")


def _other_lenders(uow: UnitOfWork, loan: Loan) -> Sequence[str]:
    """Everybody who has or had a claim in another loan of the borrower."""
    c, one = loan_claim.c, loan_table.c
    query = (
        sa.select(c.lender)
        .join(loan_table, sa.and_(one.book_id == c.book_id, one.loan_id == c.loan_id))
        .where(c.book_id == uow.book_id, one.borrower == loan.borrower, one.loan_id != loan.loan_id)
    )
    return uow.connection.execute(query.distinct().order_by(c.lender)).scalars().all()
