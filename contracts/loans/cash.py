"""The cash rule of one loan: its money is what its own lenders and its own borrower have brought to the bank.

Nothing more is distributed while the client account lacks money for the borrower: what her bank took back after her
lenders were paid (416300). What waits is a case, named by the due. And nothing is paid out, to her or to her lenders,
that is still with the provider (`ledger.payments.whereabouts`), however much of others' money the bank holds.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from contracts.loans.books import LoanBook, loan_book
from contracts.loans.model import DUE, EARLY, RECOVERY, InstalmentState, due_of, share_key
from contracts.loans.postings import OWED_BY_BORROWER
from contracts.loans.tables import loan as loan_table
from contracts.loans.tables import loan_claim as claim_table
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Fact, Refusal
from ledger.payments.queries import open_cases
from ledger.payments.rows import open_case
from ledger.payments.whereabouts import not_banked
from ledger.storage import bulk

CASH_RULE, PLEDGE = "cash-rule-not-met", "pledge:"
PAYABLE = "489300"
"""Code of the account of what stands to a lender's credit."""


@dataclass(frozen=True, slots=True)
class ParkedDue:
    """An instalment or a recovery that came and is not distributed; `subject` is its case's."""

    subject: str
    loan_id: str
    n: int
    borrower: str


def refuse_not_banked(uow: UnitOfWork, book: LoanBook) -> None:
    """Refuse `campaign-cash-short` unless the bank has booked every payment that makes up the loan."""
    missing_cents = loans_not_banked(uow.connection, uow.book_id).get(book.loan.loan_id, 0)
    if missing_cents:
        facts: dict[str, Fact] = {"amount_cents": book.loan.principal_cents, "missing_cents": missing_cents}
        raise Refusal("campaign-cash-short", loan_id=book.loan.loan_id, **facts)


def loans_not_banked(connection: sa.Connection, book_id: str) -> dict[str, int]:
    """What makes up loans and is not booked by the bank yet, in cents by loan."""
    found = not_banked(connection, book_id)
    pledged = {each.reference.removeprefix(PLEDGE): each.cents for each in found if each.reference.startswith(PLEDGE)}
    c = claim_table.c
    query = sa.select(c.loan_id, c.pledge_id).where(c.book_id == book_id, bulk.among(connection, c.pledge_id, pledged))
    missing: dict[str, int] = defaultdict(int)
    for loan_id, pledge_id in connection.execute(query):
        missing[loan_id] += pledged[pledge_id]
    return missing


def shares_not_banked(connection: sa.Connection, book_id: str) -> dict[str, int]:
    """What was distributed to lenders of instalments that the bank has not booked, or not whole: cents by lender."""
    references = [each.reference for each in not_banked(connection, book_id)]
    dues = {due_of(reference) for reference in references if reference.startswith((DUE, EARLY))}
    waiting: dict[str, int] = defaultdict(int)
    for loan_id, n in sorted(dues):
        claims = loan_book(connection, book_id, loan_id).claims
        keys = [share_key(loan_id, n, claim.pledge_id) for claim in claims]
        for entry in balances.entries_by_key(connection, book_id, keys).values():
            for line in entry.lines:
                if line.account.code == PAYABLE:
                    waiting[line.account.owner] += line.credit
    return waiting


def owed_cents(connection: sa.Connection, book_id: str, borrower: str) -> int:
    """What the borrower's bank took back after her lenders had it."""
    return balances.balance(connection, book_id, AccountRef(OWED_BY_BORROWER, borrower))


def owed_by(connection: sa.Connection, book_id: str, borrowers: Iterable[str]) -> dict[str, int]:
    """The same for those of many borrowers who ever owed anything."""
    return balances.of_owners(connection, book_id, OWED_BY_BORROWER, set(borrowers))


def park_if_short(uow: UnitOfWork, subject: str, amount_cents: int, *, missing_cents: int) -> bool:
    """Whether a borrower's money that came has to wait, since her bank took back `missing_cents`; it is a case then."""
    if missing_cents <= 0:
        return False
    short = Refusal(CASH_RULE, amount_cents=amount_cents, missing_cents=missing_cents)
    open_case(uow, subject, short, payment_id=None, recurs=True)
    return True


def is_shared_out(connection: sa.Connection, book_id: str, book: LoanBook, *, besides: int) -> bool:
    """Whether every due was paid and its lenders have their shares, `besides` the paid one that is shared out now.

    A due that was paid may wait: for this rule, or for its next chunk of lenders. The last share that it has tells.
    """
    others = [each.n for each in book.instalments if each.n not in {besides, *book.dropped}]
    if any(book.instalment_state(n) is not InstalmentState.SETTLED for n in others):
        return False
    shares = {
        n: [share for share in row if share.interest_cents + share.principal_cents]
        for n, row in enumerate(book.plan, 1)
        if n in others
    }
    last = {share_key(book.loan.loan_id, n, row[-1].pledge_id) for n, row in shares.items() if row}
    return balances.entries_by_key(connection, book_id, last).keys() == last


def parked_dues(connection: sa.Connection, book_id: str) -> list[ParkedDue]:
    """Everything that waits."""
    c = loan_table.c
    borrowers = {
        row.loan_id: row.borrower
        for row in connection.execute(sa.select(c.loan_id, c.borrower).where(c.book_id == book_id))
    }
    found: list[ParkedDue] = []
    for case in open_cases(connection, book_id):
        if case.code == CASH_RULE and case.subject.startswith((DUE, RECOVERY)):
            loan_id, n = due_of(case.subject)
            found.append(ParkedDue(case.subject, loan_id, n, borrowers[loan_id]))
    return found
