"""The journal entries of a simulated loan: those of the real one, with one lender whose part is the whole loan.

Fact keys carry no meaning here, since a due can be paid in parts; nothing is posted. Amounts are before tax.
"""

from dataclasses import replace
from datetime import date

from contracts.loans import postings
from contracts.loans.model import ClaimShare, LenderClaim, Loan
from contracts.terms.agreed import Terms
from contracts.terms.amortisation import Instalment
from ledger.accounts import AccountRef
from ledger.journal import JournalEntry
from ledger.payments import postings as rails
from ledger.payments.model import TransferKind

_NAME, _ACTOR, _NO_EVIDENCE = "simulated", "simulation", "0" * 64


class Journal:
    """Collects entries in the order of their events."""

    def __init__(self, terms: Terms, scheme: str) -> None:
        self.entries: list[JournalEntry] = []
        self._loan = Loan(
            loan_id=_NAME,
            offer_id=_NAME,
            borrower="borrower",
            title=_NAME,
            principal_cents=terms.principal_cents,
            rate_annual=terms.rate_annual,
            term_years=0,
            every=terms.every,
            kind=terms.kind,
            day_count=terms.day_count,
            scheme=scheme,
            agreed_on=terms.starts_on,
            first_due_on=terms.first_due_on,
        )

    def paid_out(self, cents: int, on: date) -> None:
        """A part of the loan: the lender's money becomes the borrower's, her claim arises, and the bank pays."""
        proceeds, kind = postings.proceeds(self._loan.borrower), TransferKind.DISBURSEMENT
        self.entries += [
            postings.loan_issued(replace(self._loan, agreed_on=on), self._lent(cents), actor=_ACTOR),
            rails.transfer_ordered(
                _NAME, kind=kind, amount_cents=cents, debit=proceeds, on=on, actor=_ACTOR, approval_id=_NAME
            ),
            rails.transfer_booked(_NAME, kind=kind, amount_cents=cents, on=on, actor=_ACTOR, evidence=_NO_EVIDENCE),
        ]

    def called(self, due: Instalment) -> None:
        """A due is called."""
        self.entries.append(postings.due_called(self._loan, due, actor=_ACTOR))

    def cancelled(self, due: Instalment, on: date) -> None:
        """Amounts that were called will not be paid as called."""
        self.entries.append(postings.due_cancelled(self._loan, due, on=on, actor=_ACTOR))

    def received(self, cents: int, on: date) -> None:
        """Money of the borrower has come."""
        account = postings.collected(_NAME)
        self.entries.append(
            rails.payment_received(
                _NAME, amount_cents=cents, credit=account, expected=True, on=on, evidence=_NO_EVIDENCE
            )
        )

    def settled(self, due: Instalment, on: date) -> None:
        """Amounts that were called are paid, and are the lender's."""
        self.entries.append(postings.due_settled(self._loan, due, on=on, actor=_ACTOR))
        self.distributed(due.n, due.interest_cents, due.principal_cents, on)

    def distributed(self, n: int, interest_cents: int, principal_cents: int, on: date) -> None:
        """Money that has come is the lender's, and her claim is that much smaller."""
        share = ClaimShare(
            pledge_id=_NAME,
            lender="lender",
            interest_cents=interest_cents,
            principal_cents=principal_cents,
            outstanding_cents=0,
        )
        entry = postings.instalment_distributed(self._loan, n, share, withheld_cents=0, on=on, actor=_ACTOR)
        self.entries.append(entry)

    def to_return(self, cents: int, on: date) -> None:
        """Money that nothing is owed for is the borrower's."""
        entry = postings.payment_unusable(self._loan, payment_id=_NAME, amount_cents=cents, on=on, actor=_ACTOR)
        self.entries.append(entry)

    def written_off(self, cents: int, on: date) -> None:
        """Principal is lost."""
        lent = self._lent(cents)
        self.entries.append(
            postings.claim_written_off(self._loan, lent, lost_cents=cents, on=on, evidence=_NO_EVIDENCE, actor=_ACTOR)
        )

    def recovered(self, cents: int, on: date) -> None:
        """Principal that was written off is paid after all."""
        self.entries.append(
            postings.recovery_distributed(
                self._loan, self._lent(cents), recovery_id=_NAME, recovered_cents=cents, on=on, actor=_ACTOR
            )
        )

    def balances(self) -> dict[AccountRef, int]:
        """Debit less credit of every account with an entry, in order of account."""
        found: dict[AccountRef, int] = {}
        for entry in self.entries:
            for line in entry.postings:
                found[line.account] = found.get(line.account, 0) + line.debit - line.credit
        return dict(sorted(found.items()))

    def _lent(self, cents: int) -> LenderClaim:
        return LenderClaim(number=1, pledge_id=_NAME, lender="lender", principal_cents=cents)
