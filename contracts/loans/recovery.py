"""Money that comes after a loan was lost: two people say what is expected, the bank brings it, the lenders have it.

    asked for ──approved──> payable by transfer ──the bank books it──> recovered ──> to each lender, by what she lost

The transfer is the borrower's debt and anybody may pay it, as a liquidator does. It is recognised by its structured
communication; one that came without it is assigned from suspense. Lenders never have more than they have lost: what is
more goes back. It is principal, so nothing is withheld.
"""

from collections.abc import Mapping
from datetime import date

from contracts import moves
from contracts.events import LOAN_RECOVER, emit_mails
from contracts.loans import postings
from contracts.loans.books import LoanBook, loan_book
from contracts.loans.cash import owed_cents, park_if_short
from contracts.loans.lifecycle import LOAN, RECOVERED, RECOVERY_EXPECTED, WRITTEN_OFF
from contracts.loans.model import RECOVERY, RecoveryLine, due_of
from contracts.loans.recoveries import recoveries_of
from contracts.loans.steps import approved, chunk, emit_rest, lock_loan, mail, send_back
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments.queries import is_undone
from ledger.payments.receiving import request_transfer
from ledger.storage.base import JSON

EXPECT = "expect-recovery"
"""The action that two people agree to."""


def request_recovery(uow: UnitOfWork, loan_id: str, *, amount_cents: int, evidence: str, reason: str) -> str:
    """Ask a second person to approve that so much is expected of a lost loan; gives the approval's id.

    `evidence` is the SHA-256 of the paper that announces it. Refuses `evidence-malformed`, `move-not-allowed`, and
    `recovery-exceeds-loss` for nothing or more than what is still lost.
    """
    moves.check_evidence(evidence, key=f"{loan_id}:{RECOVERY_EXPECTED}")
    _refuse_unfit(lock_loan(uow, loan_id), amount_cents, uow.today())
    body: dict[str, JSON] = {"loan_id": loan_id, "amount_cents": amount_cents, "evidence": evidence}
    return approvals.request(uow, action=EXPECT, body=body, reason=reason)


def expect_recovery(uow: UnitOfWork, loan_id: str, *, approval_id: str) -> RecoveryLine:
    """Ask for the transfer that was approved; the same approval again gives the same one.

    Refuses what the request and `ledger.approvals` refuse, and `bank-account-not-configured`.
    """
    body = approved(uow, approval_id, EXPECT, loan_id)
    book = lock_loan(uow, loan_id)
    known = [move for move in book.events(RECOVERY_EXPECTED) if move.facts["approval_id"] == approval_id]
    if known:
        return next(each for each in recoveries_of(uow.connection, uow.book_id, book) if each.n == known[0].facts["n"])
    amount_cents, today = int(str(body["amount_cents"])), uow.today()
    _refuse_unfit(book, amount_cents, today)
    n = 1 + len(book.events(RECOVERY_EXPECTED))
    asked = request_transfer(
        uow,
        reference=f"{RECOVERY}{loan_id}:{n}",
        payer=book.loan.borrower,
        amount_cents=amount_cents,
        credit=postings.collected(loan_id),
    )
    if asked is None:
        raise Refusal("bank-account-not-configured")
    facts: dict[str, JSON] = {"n": n, "amount_cents": amount_cents, "approval_id": approval_id}
    evidence = str(body["evidence"])
    moves.record_move(uow, LOAN, loan_id, RECOVERY_EXPECTED, on=today, evidence=evidence, facts=facts)
    return recoveries_of(uow.connection, uow.book_id, loan_book(uow.connection, uow.book_id, loan_id))[-1]


def settle_recovery(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of what was expected: share it out up to the loss, and send back what is more.

    The same payment again changes nothing.
    """
    loan_id, n = due_of(str(body["reference"]))
    payment_id, amount_cents = str(body["payment_id"]), int(str(body["amount_cents"]))
    book = lock_loan(uow, loan_id)
    known = payment_id in {move.facts["payment_id"] for move in book.events(RECOVERED)}
    if known or is_undone(uow.connection, uow.book_id, payment_id):
        return
    lost_on = book.happened_on(WRITTEN_OFF)
    assert lost_on is not None, "a recovery is asked for after the loss"
    on = max(date.fromisoformat(str(body["paid_on"])), lost_on)
    held = body["account"] == str(postings.collected(loan_id))
    kept_cents = min(amount_cents, book.position.lost_cents(on)) if held else 0
    if kept_cents < amount_cents:
        send_back(uow, book, payment_id, on, amount_cents=amount_cents - kept_cents, held=held)
    if kept_cents == 0:
        return
    facts: dict[str, JSON] = {"n": n, "payment_id": payment_id, "recovered_cents": kept_cents}
    moves.record_move(uow, LOAN, loan_id, RECOVERED, on=on, facts=facts)
    _share_out(uow, loan_book(uow.connection, uow.book_id, loan_id), n, first=1)


def continue_recovery(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of lenders, or the first of a recovery that had to wait."""
    book = lock_loan(uow, str(body["loan_id"]))
    _share_out(uow, book, int(str(body["n"])), first=int(str(body["first"])))


def _refuse_unfit(book: LoanBook, amount_cents: int, on: date) -> None:
    LOAN.after(book.state, RECOVERY_EXPECTED)
    lost_cents = book.position.lost_cents(on)
    if not 0 < amount_cents <= lost_cents:
        raise Refusal("recovery-exceeds-loss", id=book.loan.loan_id, amount_cents=amount_cents, limit_cents=lost_cents)


def _share_out(uow: UnitOfWork, book: LoanBook, n: int, *, first: int) -> None:
    """Post a chunk of a recovery's shares, unless it has to wait; the rest is left to the outbox."""
    loan = book.loan
    position, move = next((i, m) for i, m in enumerate(book.events(RECOVERED)) if m.facts["n"] == n)
    payment_id, on, shares = str(move.facts["payment_id"]), move.effective_on, book.recovered[position]
    missing_cents = owed_cents(uow.connection, uow.book_id, loan.borrower) if first == 1 else 0
    if park_if_short(uow, f"{RECOVERY}{loan.loan_id}:{n}", sum(shares.values()), missing_cents=missing_cents):
        return
    mails = []
    for claim in chunk(book, first):
        cents = shares[claim.pledge_id]
        if cents == 0:
            continue
        uow.post(
            postings.recovery_distributed(
                loan, claim, recovery_id=payment_id, recovered_cents=cents, on=on, actor=uow.actor
            )
        )
        left_cents = book.position_of(claim).lost_cents(on)
        key = f"{payment_id}:{claim.pledge_id}"
        mails.append(mail(loan, key, claim.lender, amount_cents=cents, lost_cents=left_cents))
    emit_mails(uow, "recovery-distributed", mails)
    emit_rest(uow, LOAN_RECOVER, book, first, key=f"{RECOVERY}{loan.loan_id}:{n}", n=n)
