"""What borrowers owe since their bank took it back after the lenders had it (416300): asked for, and repaid.

    taken back (sdd:<debit>:back, chb:<id>:in) ──> asked for ──> repaid (owed:<payment>)
                                                     └──> won back (chb:<id>:rev)

Each taking is asked for under a reference of its own, since only the first payment of a reference counts:
`owed:<loan>:<n>`, and `owed:<loan>:<n>:<k>` for the k-th taking of one instalment.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from contracts.events import emit_mail
from contracts.loans import postings
from contracts.loans.books import loan_book
from contracts.loans.model import Loan, due_of
from contracts.loans.steps import ask_payment, lock_loan, send_back
from contracts.pledges.queries import payment_to_show
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import queries as payments
from ledger.payments.debits import debit
from ledger.payments.model import PaymentView
from ledger.storage.base import JSON

OWED = "owed:"
"""What the reference of a payment begins with that repays what a bank took back."""
_REPAID = "owed:"
"""What the fact key of the entry begins with by which such a payment repays it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedDue:
    """An instalment's money that the borrower's bank took back after the lenders had it.

    `reason` is the bank's code. `payment` and `transfer` are the ways to pay it, once it was asked for; `taken_from`
    is the payment that was taken back.
    """

    loan_id: str
    n: int
    title: str
    borrower: str
    reference: str
    owed_cents: int
    since_on: date
    reason: str | None
    taken_from: str
    payment: PaymentView | None
    transfer: PaymentView | None

    @property
    def is_asked(self) -> bool:
        """Whether a payment at the provider waits for the borrower."""
        return self.payment is not None and self.payment.state in payments.STILL_TO_PAY


def owed_dues(
    connection: sa.Connection, book_id: str, borrower: str | None = None, due: tuple[str, int] | None = None
) -> list[OwedDue]:
    """What is owed now, by everybody, by one borrower, or of one instalment of hers; the longest owed first."""
    accounts = balances.balances(connection, book_id, code_prefix=postings.OWED_BY_BORROWER, owner=borrower)
    found = [each for row in accounts for each in _takings(connection, book_id, row.account)]
    owed = [each for each in found if each.owed_cents > 0 and due in {None, (each.loan_id, each.n)}]
    return sorted(owed, key=lambda each: (each.since_on, each.reference))


def owed_of_payment(connection: sa.Connection, book_id: str, borrower: str, payment_id: str) -> int:
    """What is still owed, in cents, since this payment of the borrower's was taken back."""
    takings = _takings(connection, book_id, AccountRef(postings.OWED_BY_BORROWER, borrower))
    return sum(each.owed_cents for each in takings if each.taken_from == payment_id)


def ask_again(uow: UnitOfWork, loan_id: str, n: int) -> list[str]:
    """`ask_for_owed` by a person; refuses `due-not-payable` where nothing is owed of the instalment."""
    asked = ask_for_owed(uow, loan_id, n)
    if not asked:
        raise Refusal("due-not-payable", loan_id=loan_id, n=n)
    return asked


def ask_for_owed(uow: UnitOfWork, loan_id: str, n: int) -> list[str]:
    """Ask the borrower for what was taken back of an instalment, again if she can't pay the last; the payments' ids."""
    loan = lock_loan(uow, loan_id).loan
    return [_ask(uow, loan, each) for each in owed_dues(uow.connection, uow.book_id, loan.borrower, (loan_id, n))]


def tell_and_ask(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `loan.owed`: a chargeback took what the lenders have; nothing is asked if it was won back meanwhile."""
    loan_id, n = str(body["loan_id"]), int(str(body["n"]))
    loan = lock_loan(uow, loan_id).loan
    for each in owed_dues(uow.connection, uow.book_id, loan.borrower, (loan_id, n)):
        facts: dict[str, JSON] = {"title": loan.title, "n": n, "amount_cents": each.owed_cents}
        emit_mail(uow, "due-taken-back", key=each.reference, to=loan.borrower, facts=facts, path="/enterprise")
        _ask(uow, loan, each)


def settle_owed(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of what was owed: the client account is whole again, and what was parked goes on.

    The same payment again changes nothing, nor does one that was charged back meanwhile; what is owed no more, since
    it was paid before or won back, goes back to the borrower.
    """
    loan_id, _ = due_of(str(body["reference"]))
    payment_id, on = str(body["payment_id"]), date.fromisoformat(str(body["paid_on"]))
    book = lock_loan(uow, loan_id)
    if is_repaid_by(uow, payment_id) or payments.is_undone(uow.connection, uow.book_id, payment_id):
        return
    amount_cents, held = int(str(body["amount_cents"])), body["account"] == str(postings.collected(loan_id))
    owed = owed_dues(uow.connection, uow.book_id, book.loan.borrower)
    if not held or not any((each.reference, each.owed_cents) == (body["reference"], amount_cents) for each in owed):
        send_back(uow, book, payment_id, on, amount_cents=amount_cents, held=held)
        return
    uow.post(postings.owed_repaid(book.loan, payment_id=payment_id, amount_cents=amount_cents, on=on, actor=uow.actor))


def is_repaid_by(uow: UnitOfWork, payment_id: str) -> bool:
    """Whether the payment has repaid what was owed."""
    return balances.entry_by_key(uow.connection, uow.book_id, f"{_REPAID}{payment_id}") is not None


def _ask(uow: UnitOfWork, loan: Loan, owed: OwedDue) -> str:
    if owed.payment is not None and owed.is_asked:
        return owed.payment.payment_id
    return ask_payment(uow, loan, owed.reference, owed.owed_cents, what=f"{loan.loan_id}, {owed.n}")


def _takings(connection: sa.Connection, book_id: str, account: AccountRef) -> list[OwedDue]:
    """Every taking of one borrower, in order of booking, with what is still owed of it.

    What an entry of another kind moved on the account is about no instalment.
    """
    found: dict[str, OwedDue] = {}
    causes: dict[str, str] = {}  # reference of a taking by the key of its entry, without its last part
    charged = {each.provider_id: each for each in payments.chargebacks(connection, book_id)}
    for line in balances.statement(connection, book_id, account):
        kind, _, name = line.key.partition(":")
        cause = name.rpartition(":")[0]
        if line.debit and kind == "sdd":
            taken = debit(connection, book_id, cause)
            stated = (taken.reference, taken.payment_id, taken.reason)
        elif line.debit and kind == "chb":
            stated = (charged[cause].reference, charged[cause].payment_id, charged[cause].reason_code)
        else:
            reference = causes.get(cause, "") if kind == "chb" else _reference_of(connection, book_id, name)
            if line.credit and reference in found:
                left = found[reference].owed_cents - line.credit
                found[reference] = replace(found[reference], owed_cents=left)
            continue
        each = _taking(connection, book_id, account.owner, stated, line, found.values())
        found[each.reference] = each
        causes[cause] = each.reference
    return list(found.values())


def _reference_of(connection: sa.Connection, book_id: str, payment_id: str) -> str:
    repaid = payments.payment(connection, book_id, payment_id)
    return "" if repaid is None else repaid.reference


def _taking(
    connection: sa.Connection,
    book_id: str,
    borrower: str,
    stated: tuple[str, str, str | None],
    line: balances.StatementLine,
    before: Collection[OwedDue],
) -> OwedDue:
    of, taken_from, reason = stated
    loan_id, n = due_of(of)
    k = 1 + sum((each.loan_id, each.n) == (loan_id, n) for each in before)
    reference = f"{OWED}{loan_id}:{n}" + (f":{k}" if k > 1 else "")
    asked = payments.payments_for(connection, book_id, reference)
    return OwedDue(
        loan_id=loan_id,
        n=n,
        title=loan_book(connection, book_id, loan_id).loan.title,
        borrower=borrower,
        reference=reference,
        owed_cents=line.debit,
        since_on=line.effective_on,
        reason=reason,
        taken_from=taken_from,
        payment=payment_to_show(asked),
        transfer=payments.still_to_pay(asked, by_transfer=True),
    )
