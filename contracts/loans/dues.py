"""A loan's dues: called on their day, paid, shared out to the lenders; and what is done while one is late.

A run over many lenders goes on in chunks: each is one unit of work, and what is left is a row of the outbox. Handlers
and dated jobs may run again without changing anything.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Self

import sqlalchemy as sa

from contracts import moves
from contracts.events import LOAN_DISTRIBUTE, Mail, emit_mails
from contracts.loans import postings
from contracts.loans import tables as t
from contracts.loans.books import LoanBook, WithheldTax
from contracts.loans.cash import is_shared_out, owed_by, park_if_short
from contracts.loans.lifecycle import (
    CALLED,
    FIRST_REMINDER,
    INSTALMENT,
    LENDERS_INFORMED,
    LOAN,
    REPAID,
    SECOND_REMINDER,
    SETTLED,
    steps_due,
)
from contracts.loans.model import ClaimShare, InstalmentState, LenderClaim, LoanState, due_of
from contracts.loans.steps import (
    ask_payment,
    chunk,
    emit_rest,
    fits_in_one,
    in_unit,
    instalment_id,
    lock_loan,
    lock_loans,
    mail,
    send_back,
    tell,
    to_refund,
)
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments.model import PaidPayment
from ledger.payments.queries import asked_before, paid, payments_undone, standing_payments, still_to_pay
from ledger.storage.base import JSON

AT_ONCE = 100
"""Instalments that one unit of work calls."""


def call_due_instalments(book: Book, on: date) -> int:
    """Dated job: every instalment of a running loan is called on its due date; gives how many were."""
    i = t.instalment.c
    scheduled = moves.in_state(book.book_id, INSTALMENT, i.instalment_id, InstalmentState.SCHEDULED)
    running = moves.in_state(book.book_id, LOAN, i.loan_id, LoanState.RUNNING)
    query = sa.select(i.loan_id, i.n).where(i.book_id == book.book_id, i.due_on <= on, scheduled, running)
    with book.read() as connection:
        found = [(row.loan_id, row.n) for row in connection.execute(query.order_by(i.due_on, i.loan_id, i.n))]
    parts = [found[first : first + AT_ONCE] for first in range(0, len(found), AT_ONCE)]
    return sum(in_unit(book, partial(call_dues, wanted=part, on=on)) for part in parts)


def call_dues(uow: UnitOfWork, wanted: Collection[tuple[str, int]], *, on: date) -> int:
    """Call those instalments (loan, n) that have fallen due and ask their borrowers for the payment; how many."""
    books = lock_loans(uow, [loan_id for loan_id, _ in wanted])
    due = [(books[loan_id], n) for loan_id, n in wanted if _may_be_called(books[loan_id], n, on)]
    called = []
    for book, n in due:
        entry = postings.due_called(book.loan, book.instalments[n - 1], actor=uow.actor)
        uow.post(entry)
        object_id, due_on = instalment_id(book.loan.loan_id, n), book.instalments[n - 1].due_on
        called.append(moves.NewMove(object_id=object_id, event=CALLED, on=due_on, fact_key=entry.key))
    moves.record_moves(uow, INSTALMENT, called)
    announced = asked_before(uow.connection, uow.book_id, [book.due_reference(n) for book, n in due])
    for book, n in due:
        if book.due_reference(n) in announced:
            _ask_again(uow, book, n)
        else:
            ask_for(uow, book, n)
    return len(due)


def _may_be_called(book: LoanBook, n: int, on: date) -> bool:
    is_due = book.state is LoanState.RUNNING and book.instalments[n - 1].due_on <= on
    return is_due and book.instalment_state(n) is InstalmentState.SCHEDULED


def request_due_payment(uow: UnitOfWork, loan_id: str, n: int) -> str:
    """Ask the borrower for the payment of a called instalment, again if the last can't be paid any more; its id.

    Refuses `due-not-payable`.
    """
    book = lock_loan(uow, loan_id)
    if not 1 <= n <= len(book.instalments) or book.instalment_state(n) is not InstalmentState.CALLED:
        raise Refusal("due-not-payable", loan_id=loan_id, n=n)
    return _ask_again(uow, book, n)


def _ask_again(uow: UnitOfWork, book: LoanBook, n: int) -> str:
    """Ask unless a payment stands that was made or still can be, as of a debit that was announced; its id."""
    payments = standing_payments(uow.connection, uow.book_id, book.due_reference(n))
    known = paid(payments) or still_to_pay(payments, by_transfer=False)
    return ask_for(uow, book, n) if known is None else known.payment_id


def ask_for(uow: UnitOfWork, book: LoanBook, n: int) -> str:
    """Ask the borrower for a payment of a called instalment and tell her; the payment's id."""
    due, what = book.instalments[n - 1], f"{book.loan.loan_id}, {n}"
    payment_id = ask_payment(uow, book.loan, book.due_reference(n), due.total_cents, what=what)
    facts: dict[str, str | int] = {"n": n, "due_on": due.due_on.isoformat(), "amount_cents": due.total_cents}
    tell(uow, "due-called", book.loan, payment_id, book.loan.borrower, **facts)
    return payment_id


def credit_accounts_for(connection: sa.Connection, paid_now: Sequence[PaidPayment]) -> list[AccountRef]:
    """Where money that arrives for a `due:<loan>:<n>` belongs now: to the due while it is called, else to its payer."""
    if not paid_now:
        return []
    dues = [due_of(each.reference) for each in paid_now]
    ids = [instalment_id(loan_id, n) for loan_id, n in dues]
    states = moves.states(connection, paid_now[0].book_id, INSTALMENT, ids)
    return [
        postings.collected(loan_id) if states[object_id] is InstalmentState.CALLED else to_refund(each.payer)
        for each, (loan_id, _), object_id in zip(paid_now, dues, ids, strict=True)
    ]


def settle_due(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of a due; see `settle_dues`."""
    settle_dues(uow, [body])


def settle_dues(uow: UnitOfWork, bodies: Sequence[Mapping[str, JSON]]) -> None:
    """Handle `payment.paid` of dues of different loans: settle each and distribute it, or send the money back.

    The same payment again changes nothing, nor does one that was charged back meanwhile; a second payment of one due
    goes back to the borrower. What has more lenders than this unit of work takes is left to the outbox.
    """
    paid_now = [_PaidDue.of(body) for body in bodies]
    books = lock_loans(uow, [each.loan_id for each in paid_now])
    undone = payments_undone(uow.connection, uow.book_id, [each.payment_id for each in paid_now])
    settled, new_moves = [], []
    for each in paid_now:
        book = books[each.loan_id]
        if each.payment_id in undone or each.payment_id == book.settled_by(each.n):
            continue
        held = each.account == str(postings.collected(each.loan_id))
        if not held or not _pays(book, each):
            send_back(uow, book, each.payment_id, each.on, amount_cents=each.amount_cents, held=held)
            continue
        entry = postings.due_settled(book.loan, book.instalments[each.n - 1], on=each.on, actor=uow.actor)
        uow.post(entry)
        object_id, facts = instalment_id(each.loan_id, each.n), {"payment_id": each.payment_id}
        new_moves.append(moves.NewMove(object_id=object_id, event=SETTLED, on=each.on, fact_key=entry.key, facts=facts))
        settled.append(_Distribution(book, each.n, 1, each.on))
    moves.record_moves(uow, INSTALMENT, new_moves)
    _distribute(uow, settled)


@dataclass(frozen=True, slots=True)
class _PaidDue:
    """What `payment.paid` says of a due."""

    loan_id: str
    n: int
    payment_id: str
    on: date
    account: str
    amount_cents: int

    @classmethod
    def of(cls, body: Mapping[str, JSON]) -> Self:
        return cls(
            *due_of(str(body["reference"])),
            payment_id=str(body["payment_id"]),
            on=date.fromisoformat(str(body["paid_on"])),
            account=str(body["account"]),
            amount_cents=int(str(body["amount_cents"])),
        )


def _pays(book: LoanBook, paid_due: _PaidDue) -> bool:
    """Whether it is all of an instalment that is to be paid; a debit may have been ordered before it became another."""
    if paid_due.n > len(book.instalments) or book.instalment_state(paid_due.n) is not InstalmentState.CALLED:
        return False
    return paid_due.amount_cents == book.instalments[paid_due.n - 1].total_cents


def distribute(uow: UnitOfWork, book: LoanBook, n: int, *, on: date) -> None:
    """Share out an instalment that was settled on that day."""
    _distribute(uow, [_Distribution(book, n, 1, on)])


def continue_distribution(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of an instalment's distribution."""
    book = lock_loan(uow, str(body["loan_id"]))
    n, first, on = int(str(body["n"])), int(str(body["first"])), date.fromisoformat(str(body["on"]))
    _distribute(uow, [_Distribution(book, n, first, on)])


def remind_late_borrowers(book: Book, on: date) -> int:
    """Dated job: remind the borrower on the third and tenth day past due; tell the lenders when it is over thirty."""
    i = t.instalment.c
    called = moves.in_state(book.book_id, INSTALMENT, i.instalment_id, InstalmentState.CALLED)
    running = moves.in_state(book.book_id, LOAN, i.loan_id, LoanState.RUNNING)
    query = sa.select(i.loan_id).distinct().where(i.book_id == book.book_id, i.due_on < on, called, running)
    with book.read() as connection:
        late = connection.execute(query.order_by(i.loan_id)).scalars().all()
    return sum(in_unit(book, partial(remind, loan_id=loan_id, on=on)) for loan_id in late)


def remind(uow: UnitOfWork, loan_id: str, *, on: date) -> bool:
    """What the lateness of one loan asks for on that date and was not done yet; False where that is nothing."""
    book = lock_loan(uow, loan_id)
    days = book.position.days_past_due(on)
    oldest = next(iter(book.position.overdue(on)), None)
    if book.state is not LoanState.RUNNING or oldest is None:
        return False
    if book.instalment_state(oldest.n) is not InstalmentState.CALLED:
        return False
    done = {move.event for move in book.instalment_history[oldest.n - 1]}
    steps = steps_due(days) - done
    if SECOND_REMINDER in steps | done:
        steps -= {FIRST_REMINDER}  # one reminder a day is enough
    for event in sorted(steps):
        facts: dict[str, JSON] = {"days_past_due": days}
        moves.record_move(uow, INSTALMENT, instalment_id(loan_id, oldest.n), event, on=on, facts=facts)
        _mail_lateness(uow, book, event, oldest.n, days, on)
    return bool(steps)


@dataclass(frozen=True, slots=True)
class _Distribution:
    """An instalment that was paid on a date and is shared out, from the lender with number `first` on."""

    book: LoanBook
    n: int
    first: int
    on: date

    @property
    def claims(self) -> Sequence[LenderClaim]:
        return chunk(self.book, self.first)

    @property
    def shares(self) -> list[tuple[LenderClaim, ClaimShare]]:
        row = self.book.plan[self.n - 1]
        found = [(claim, row[claim.number - 1]) for claim in self.claims]
        return [(claim, share) for claim, share in found if share.interest_cents + share.principal_cents]

    def day_of(self, claim: LenderClaim) -> date:
        """The payment's day; for who came by her claim since, the day on which she did."""
        came = self.book.came_by(claim)
        return self.on if came is None else max(self.on, came.on)


def _distribute(uow: UnitOfWork, wanted: Sequence[_Distribution]) -> None:
    """Post shares of instalments of different loans, of up to a chunk of lenders in all; the rest are told of."""
    owed = owed_by(uow.connection, uow.book_id, [each.book.loan.borrower for each in wanted])
    now: list[_Distribution] = []
    for each in wanted:
        loan, total_cents = each.book.loan, each.book.instalments[each.n - 1].total_cents
        if each.first == 1 and park_if_short(
            uow, f"due:{loan.loan_id}:{each.n}", total_cents, missing_cents=owed.get(loan.borrower, 0)
        ):
            continue
        if now and not fits_in_one(sum(len(one.claims) for one in [*now, each])):
            uow.emit(LOAN_DISTRIBUTE, f"{loan.loan_id}:{each.n}:{each.first}", _continued(each))
        else:
            now.append(each)
    tax = WithheldTax(uow.connection, uow)
    given = [(share.lender, each.day_of(claim)) for each in now for claim, share in each.shares]
    for on in {day for _, day in given}:
        tax.look_up([lender for lender, day in given if day == on], on)
    emit_mails(uow, "instalment-distributed", [told for each in now for told in _post_shares(uow, each, tax)])
    for each in now:
        _end_distribution(uow, each)


def _continued(left: _Distribution) -> Mapping[str, JSON]:
    return {"loan_id": left.book.loan.loan_id, "first": left.first, "n": left.n, "on": left.on.isoformat()}


def _post_shares(uow: UnitOfWork, wanted: _Distribution, tax: WithheldTax) -> Iterator[Mail]:
    """Post a chunk of shares; the mails that tell the lenders."""
    loan, n = wanted.book.loan, wanted.n
    for claim, share in wanted.shares:
        on = wanted.day_of(claim)
        withheld = tax.on(share.lender, share.interest_cents, on)
        uow.post(postings.instalment_distributed(loan, n, share, withheld_cents=withheld, on=on, actor=uow.actor))
        yield mail(
            loan,
            f"{loan.loan_id}:{n}:{claim.pledge_id}",
            claim.lender,
            n=n,
            principal_cents=share.principal_cents,
            interest_cents=share.interest_cents,
            withholding_cents=withheld,
            net_cents=share.principal_cents + share.interest_cents - withheld,
        )


def _end_distribution(uow: UnitOfWork, done: _Distribution) -> None:
    """Leave the next chunk of lenders to the outbox; with the last of all, the loan is repaid."""
    book, loan, n, first, on = done.book, done.book.loan, done.n, done.first, done.on
    is_last = emit_rest(uow, LOAN_DISTRIBUTE, book, first, key=f"{loan.loan_id}:{n}", n=n, on=on.isoformat())
    if is_last and is_shared_out(uow.connection, uow.book_id, book, besides=n):
        moves.record_move(uow, LOAN, loan.loan_id, REPAID, on=on)
        for to in [loan.borrower, *book.lenders]:
            tell(uow, "loan-repaid", loan, f"{loan.loan_id}:{to}", to, amount_cents=loan.principal_cents)


def _mail_lateness(uow: UnitOfWork, book: LoanBook, event: str, n: int, days: int, on: date) -> None:
    loan, debt = book.loan, book.position
    stated: dict[str, str | int] = {"n": n, "days": days, "due_on": book.instalments[n - 1].due_on.isoformat()}
    key = f"{loan.loan_id}:{n}:{event}"
    if event != LENDERS_INFORMED:
        tell(uow, "loan-late", loan, key, loan.borrower, amount_cents=debt.overdue_cents(on), **stated)
        return
    shares = [(claim, book.position_of(claim).overdue_cents(on)) for claim in book.held_claims]
    mails = [mail(loan, f"{key}:{c.pledge_id}", c.lender, amount_cents=cents, **stated) for c, cents in shares]
    emit_mails(uow, "loan-late-lender", mails)
