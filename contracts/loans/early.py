"""Early repayment: once, in full, where the deed allows it (ordinance of 17 March 2023, art. 6); never a part.

    quoted to a day ──asked for──> payable until that day ──paid──> shared out like an instalment ──> repaid

The quote is the principal outstanding with interest to the day, by the loan's day count. The one payment takes the
place of the next instalment and of all that follow; what comes after its day, or was paid otherwise, goes back.
"""

from collections.abc import Mapping
from datetime import date

from contracts import moves
from contracts.loans import postings
from contracts.loans.books import ALL_DUE, LoanBook, loan_book
from contracts.loans.dues import distribute
from contracts.loans.lifecycle import CANCELLED, EARLY_ASKED, INSTALMENT, LOAN, REPAID_EARLY, SETTLED
from contracts.loans.model import EARLY, InstalmentState, due_of
from contracts.loans.quotes import quote, reference_of
from contracts.loans.steps import ask_payment, instalment_id, lock_loan, send_back, tell
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments.queries import is_undone, paid, payments_for, standing_payments, still_to_pay
from ledger.storage.base import JSON


def ask_early_repayment(uow: UnitOfWork, loan_id: str, *, on: date, amount_cents: int) -> str:
    """Ask for everything that is owed on that day, payable until it; gives the payment's id, the same if asked again.

    `amount_cents` is what the borrower has been quoted. Refuses what `quotes.quote` refuses,
    `early-repayment-not-in-full` for any other amount, and `early-repayment-dues-open` while a debit of the next
    instalment is under way.
    """
    book = lock_loan(uow, loan_id)
    quoted = quote(book, on, today=uow.today())
    if amount_cents != quoted.total_cents:
        raise Refusal(
            "early-repayment-not-in-full",
            loan_id=loan_id,
            amount_cents=amount_cents,
            total_cents=quoted.total_cents,
            until_on=on.isoformat(),
        )
    standing = standing_payments(uow.connection, uow.book_id, book.due_reference(quoted.n))
    if paid(standing) or still_to_pay(standing, by_transfer=False):
        raise Refusal("early-repayment-dues-open", loan_id=loan_id, n=quoted.n)
    asked = book.events(EARLY_ASKED)
    if asked and asked[-1].facts["until_on"] == on.isoformat():
        payments = payments_for(uow.connection, uow.book_id, reference_of(book, asked[-1]))
        known = still_to_pay(payments, by_transfer=False)
        if known is not None:
            return known.payment_id
    facts: dict[str, JSON] = {
        "n": quoted.n,
        "k": 1 + len(asked),
        "until_on": on.isoformat(),
        "days": quoted.days,
        "interest_cents": quoted.interest_cents,
        "principal_cents": quoted.principal_cents,
    }
    moves.record_move(uow, LOAN, loan_id, EARLY_ASKED, on=uow.today(), facts=facts)
    reference = f"{EARLY}{loan_id}:{quoted.n}:{facts['k']}"
    payment_id = ask_payment(uow, book.loan, reference, quoted.total_cents, what=loan_id)
    for to in [book.loan.borrower, *book.lenders]:
        key, cents = f"{reference}:{to}", quoted.total_cents
        tell(uow, "early-repayment-asked", book.loan, key, to, amount_cents=cents, until_on=on.isoformat())
    return payment_id


def settle_early(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of an early repayment: share it out and cancel the rest, or send it back.

    The same payment again changes nothing.
    """
    reference, payment_id = str(body["reference"]), str(body["payment_id"])
    (loan_id, n), on = due_of(reference), date.fromisoformat(str(body["paid_on"]))
    book = lock_loan(uow, loan_id)
    if payment_id == book.settled_by(n) or is_undone(uow.connection, uow.book_id, payment_id):
        return
    [asked] = [move for move in book.events(EARLY_ASKED) if reference_of(book, move) == reference]
    held = body["account"] == str(postings.collected(loan_id))
    if not held or not _in_time(book, asked, on):
        send_back(uow, book, payment_id, on, amount_cents=int(str(body["amount_cents"])), held=held)
        return
    _settle(uow, book, n, payment_id, on)
    facts = {name: asked.facts[name] for name in ALL_DUE} | {"payment_id": payment_id}
    moves.record_move(uow, LOAN, loan_id, REPAID_EARLY, on=on, facts=facts)
    distribute(uow, loan_book(uow.connection, uow.book_id, loan_id), n, on=on)


def _in_time(book: LoanBook, asked: moves.Move, on: date) -> bool:
    """Whether it came by its day, on the terms on which it was asked, and nothing else has paid the instalment."""
    n = int(str(asked.facts["n"]))
    changed = bool(book.rebases) and n < book.rebases[-1].first_n
    if changed or not LOAN.allows(book.state, REPAID_EARLY) or on > date.fromisoformat(str(asked.facts["until_on"])):
        return False
    return n <= len(book.instalments) and INSTALMENT.allows(book.instalment_state(n), SETTLED)


def _settle(uow: UnitOfWork, book: LoanBook, n: int, payment_id: str, on: date) -> None:
    """The instalment is settled by the payment of everything; its own call, if the day has passed, and the rest end."""
    key = None
    if book.instalment_state(n) is InstalmentState.CALLED:
        entry = postings.due_cancelled(book.loan, book.instalments[n - 1], on=on, actor=uow.actor)
        uow.post(entry)
        key = entry.key
    object_id, facts = instalment_id(book.loan.loan_id, n), {"payment_id": payment_id}
    settled = moves.NewMove(object_id=object_id, event=SETTLED, on=on, fact_key=key, facts=facts)
    rest = [instalment_id(book.loan.loan_id, each.n) for each in book.instalments[n:]]
    moves.record_moves(
        uow, INSTALMENT, [settled, *(moves.NewMove(object_id=each, event=CANCELLED, on=on) for each in rest)]
    )
