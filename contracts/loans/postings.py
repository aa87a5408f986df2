"""The journal entries that a loan causes. Claims are counted in the loan's own asset, money in EUR; neither mixes.

| event | debit | credit | fact key |
|---|---|---|---|
| loan-issued, each lender | 489200 lender | 489500 borrower | issue:<loan>:<pledge> |
| | 020000 lender (claim) | 021000 borrower (claim) | |
| due-called | 030100, 030200 loan | 031100, 031200 loan | due:<loan>:<n>:called |
| due-settled | 031100, 031200 loan | 030100, 030200 loan | due:<loan>:<n>:settled |
| due-cancelled | 031100, 031200 loan | 030100, 030200 loan | due:<loan>:<n>:cancelled |
| instalment-distributed, each lender | 489600 loan | 489300 lender, 453000 borrower (tax) | due:<loan>:<n>:<pledge> |
| | 021000 borrower (claim) | 020000 lender (claim) | |
| payment-unusable | 489600 loan | 489400 borrower | excess:<payment> |
| claim-written-off, each lender | 022000 lender (claim) | 020000 lender (claim) | wo:<loan>:<pledge> |

Paying out the loan and paying out the lenders are transfer orders of `ledger.payments`.
"""

from datetime import date

from contracts.loans.model import ClaimShare, LenderClaim, Loan
from contracts.terms.schedule import Instalment
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry, Posting


def claim(lender: str, loan: Loan) -> AccountRef:
    """What the borrower owes this lender, in the loan's asset."""
    return AccountRef("020000", lender, loan.asset.code)


def proceeds(borrower: str) -> AccountRef:
    """Money of issued loans that is to be paid out to the borrower."""
    return AccountRef("489500", borrower)


def collected(loan_id: str) -> AccountRef:
    """Instalments that have arrived and are to be distributed."""
    return AccountRef("489600", loan_id)


def payable_to(lender: str) -> AccountRef:
    """Interest and principal that are to be paid out to the lender."""
    return AccountRef("489300", lender)


def loan_issued(loan: Loan, lent: LenderClaim, *, actor: str) -> JournalEntry:
    """One lender's firm money becomes the borrower's proceeds, and her claim on the borrower."""
    owed = AccountRef("021000", loan.borrower, loan.asset.code)
    return JournalEntry(
        key=f"issue:{loan.loan_id}:{lent.pledge_id}",
        effective_on=loan.agreed_on,
        purpose="loan-issued",
        postings=(
            Posting(AccountRef("489200", lent.lender), debit=lent.principal_cents),
            Posting(proceeds(loan.borrower), credit=lent.principal_cents),
            Posting(claim(lent.lender, loan), debit=lent.principal_cents),
            Posting(owed, credit=lent.principal_cents),
        ),
        actor=actor,
    )


def due_called(loan: Loan, due: Instalment, *, actor: str) -> JournalEntry:
    """An instalment falls due and is called, per component."""
    return _memo(loan, due, "called", due.due_on, actor, debit_prefix="030", credit_prefix="031")


def due_settled(loan: Loan, due: Instalment, *, on: date, actor: str) -> JournalEntry:
    """A called instalment has been paid: the mirror of its call."""
    return _memo(loan, due, "settled", on, actor, debit_prefix="031", credit_prefix="030")


def due_cancelled(loan: Loan, due: Instalment, *, on: date, actor: str) -> JournalEntry:
    """A called instalment will never be paid, because its loan is written off: the mirror of its call."""
    return _memo(loan, due, "cancelled", on, actor, debit_prefix="031", credit_prefix="030")


def instalment_distributed(
    loan: Loan, n: int, share: ClaimShare, *, withheld_cents: int, on: date, actor: str
) -> JournalEntry:
    """One lender's part of a paid instalment: net to her, the tax kept, her claim reduced by the principal."""
    gross = share.interest_cents + share.principal_cents
    owed = AccountRef("021000", loan.borrower, loan.asset.code)
    lines = [
        (collected(loan.loan_id), gross, 0),
        (payable_to(share.lender), 0, gross - withheld_cents),
        (AccountRef("453000", loan.borrower), 0, withheld_cents),
        (owed, share.principal_cents, 0),
        (claim(share.lender, loan), 0, share.principal_cents),
    ]
    return JournalEntry(
        key=f"due:{loan.loan_id}:{n}:{share.pledge_id}",
        effective_on=on,
        purpose="instalment-distributed",
        postings=_non_zero(lines),
        actor=actor,
    )


def payment_unusable(loan: Loan, *, payment_id: str, amount_cents: int, on: date, actor: str) -> JournalEntry:
    """Money booked to the loan that no due could take is to be sent back to the borrower."""
    return JournalEntry(
        key=f"excess:{payment_id}",
        effective_on=on,
        purpose="payment-unusable",
        postings=(
            Posting(collected(loan.loan_id), debit=amount_cents),
            Posting(AccountRef("489400", loan.borrower), credit=amount_cents),
        ),
        actor=actor,
    )


def claim_written_off(
    loan: Loan, lent: LenderClaim, *, lost_cents: int, on: date, evidence: str, actor: str
) -> JournalEntry:
    """What one lender has definitively lost, on the proof whose SHA-256 is `evidence`."""
    return JournalEntry(
        key=f"wo:{loan.loan_id}:{lent.pledge_id}",
        effective_on=on,
        purpose="claim-written-off",
        postings=(
            Posting(AccountRef("022000", lent.lender, loan.asset.code), debit=lost_cents),
            Posting(claim(lent.lender, loan), credit=lost_cents),
        ),
        actor=actor,
        evidence=evidence,
    )


def _memo(
    loan: Loan, due: Instalment, event: str, on: date, actor: str, *, debit_prefix: str, credit_prefix: str
) -> JournalEntry:
    lines = []
    for component, amount in (("100", due.principal_cents), ("200", due.interest_cents)):
        lines.append((AccountRef(debit_prefix + component, loan.loan_id), amount, 0))
        lines.append((AccountRef(credit_prefix + component, loan.loan_id), 0, amount))
    return JournalEntry(
        key=f"due:{loan.loan_id}:{due.n}:{event}",
        effective_on=on,
        purpose=f"due-{event}",
        postings=_non_zero(lines),
        actor=actor,
    )


def _non_zero(lines: list[tuple[AccountRef, int, int]]) -> tuple[Posting, ...]:
    return tuple(Posting(account, debit, credit) for account, debit, credit in lines if debit or credit)
