"""What lenders have received of a loan, as the journal entries tell that shared it out.

A due counts as received on the date of effect of the entry that gave it to the lender, which may be later than the
day on which its borrower paid it: a due that was paid may wait for cover (`contracts.loans.cash`).
"""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.loans.books import LoanBook
from contracts.loans.model import share_key
from ledger import balances
from ledger.balances import PostedEntry

CLAIM, GROSS, TAX = "020000", "489600", "453000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One lender's share of one due, by the entry numbered `entry`: gross interest is net plus tax less principal."""

    loan_id: str
    n: int
    lender: str
    on: date
    entry: int
    principal_cents: int
    interest_cents: int
    tax_cents: int
    pledge_id: str
    """Which of her claims."""

    @property
    def net_cents(self) -> int:
        """What was left for the lender."""
        return self.principal_cents + self.interest_cents - self.tax_cents


def received(connection: sa.Connection, book_id: str, book: LoanBook, lender: str | None = None) -> list[Received]:
    """Every share of the loan that was given to its lenders, or to one of them, in order of due and claim."""
    claims = [claim for claim in book.claims if lender in {None, claim.lender}]
    named = {
        share_key(book.loan.loan_id, instalment.n, claim.pledge_id): (instalment.n, claim.lender)
        for instalment in book.instalments
        for claim in claims
    }
    found = balances.entries_by_key(connection, book_id, named)
    return [
        share_of(found[key], loan_id=book.loan.loan_id, n=n, lender=owner)
        for key, (n, owner) in named.items()
        if key in found
    ]


def share_of(entry: PostedEntry, *, loan_id: str, n: int, lender: str) -> Received:
    """What the entry that shared out due `n` gave the lender."""
    assert entry.effective_on is not None, "an entry of postings has a date of effect"
    assert entry.key is not None, "an entry of postings has a key"
    principal = sum(line.credit for line in entry.lines if line.account.code == CLAIM)
    gross = sum(line.debit for line in entry.lines if line.account.code == GROSS)
    return Received(
        loan_id=loan_id,
        n=n,
        lender=lender,
        on=entry.effective_on,
        entry=entry.n,
        principal_cents=principal,
        interest_cents=gross - principal,
        tax_cents=sum(line.credit for line in entry.lines if line.account.code == TAX),
        pledge_id=entry.key.rpartition(":")[2],
    )
