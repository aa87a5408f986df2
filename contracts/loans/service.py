"""Use cases of a loan: agree, pay out, call and settle its dues, pay its lenders, and state what is lost.

Whoever changes a loan holds its row. A run over many lenders goes on in chunks: each is one unit of work, and what is
left is a row of the outbox. Handlers and dated jobs may run again without changing anything.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial

import sqlalchemy as sa

from contracts import moves
from contracts.events import LOAN_DISTRIBUTE, LOAN_ISSUE, LOAN_WRITE_OFF, OFFER_NOT_CLOSED, emit_mail
from contracts.loans import postings
from contracts.loans import queries as q
from contracts.loans import tables as t
from contracts.loans.cash import is_shared_out, park_if_short, refuse_not_banked
from contracts.loans.lifecycle import (
    BANKRUPTCY,
    CALLED,
    CANCELLED,
    DISBURSED,
    DISBURSEMENT_ORDERED,
    FIRST_REMINDER,
    INSTALMENT,
    LENDERS_INFORMED,
    LOAN,
    REPAID,
    SECOND_REMINDER,
    SETTLED,
    WRITTEN_OFF,
    steps_due,
)
from contracts.loans.model import InstalmentState, LenderClaim, Loan, LoanState, OfferClosed, due_of
from contracts.offers import service as offers
from contracts.offers.model import OfferState
from contracts.offers.queries import OfferRecord, gauge, offer_ids
from contracts.parties.queries import party, payout_iban
from contracts.pledges import service as pledges
from contracts.pledges.model import Pledge, PledgeState
from contracts.pledges.queries import pledge, pledges_of_offer, state_of
from contracts.schemes import conditions
from contracts.terms.schedule import Schedule, schedule
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.payments import transfers
from ledger.payments.methods import PaymentKind
from ledger.payments.model import TransferDraft, TransferKind
from ledger.payments.queries import is_undone, paid, standing_payments, still_to_pay, transfer_order
from ledger.payments.receiving import request_transfer
from ledger.payments.service import request_payment, request_refund
from ledger.storage.base import JSON

CHUNK, JOB = pledges.CHUNK, "system:loans"


def close_offer(uow: UnitOfWork, offer_id: str, *, on: date) -> OfferClosed:
    """End an offer by the money that is firm: agree its loan, or give every pledge back.

    Refuses `offer-still-open`, `offer-has-open-pledges`, `move-not-allowed`, and what the scheme refuses on this date.
    """
    record = offers.end_offer(uow, offer_id, on=on)
    if record.state is OfferState.FUNDED:
        return OfferClosed(state=record.state, loan_id=_agree_loan(uow, record, on=on))
    pledges.return_pledges(uow, offer_id, on=on)
    return OfferClosed(state=record.state, loan_id=None)


def close_due_offers(book: Book, on: date) -> int:
    """Dated job: every offer that has ended, by its date or its maximum, and whose pledges are settled is closed."""
    with book.read() as connection:
        found = offer_ids(connection, book.book_id, OfferState.OPEN)
    return sum(_close_if_due(book, offer_id, on) for offer_id in found)


def continue_issue(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of a loan's issue."""
    loan_id = str(body["loan_id"])
    lock_loan(uow, loan_id)
    _issue(uow, q.loan_book(uow.connection, uow.book_id, loan_id), first=int(str(body["first"])))


def disbursement_draft(uow: UnitOfWork, loan_id: str, *, on: date) -> TransferDraft:
    """The transfer that pays the loan out; refuses `iban-missing` and `iban-not-verified`."""
    loan = q.loan_book(uow.connection, uow.book_id, loan_id).loan
    return TransferDraft(
        reference=f"loan:{loan_id}",
        payee=loan.borrower,
        amount_cents=loan.principal_cents,
        debit=postings.proceeds(loan.borrower),
        kind=TransferKind.DISBURSEMENT,
        iban_last4=payout_iban(uow.connection, uow, loan.borrower, on)[-4:],
    )


def request_disbursement(uow: UnitOfWork, loan_id: str, *, on: date, reason: str) -> str:
    """Ask a second person to approve that the loan is paid out; gives the approval's id.

    Refuses `move-not-allowed` for a loan that is paid out or on its way.
    """
    LOAN.after(q.loan_book(uow.connection, uow.book_id, loan_id).state, DISBURSEMENT_ORDERED)
    body = transfers.approval_body([disbursement_draft(uow, loan_id, on=on)])
    return approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason=reason)


def order_disbursement(uow: UnitOfWork, loan_id: str, *, approval_id: str, on: date) -> str:
    """Release the transfer that pays the loan out, under four eyes and the cash rule; gives the order's id.

    Refuses what `ledger.payments.transfers` refuses, `move-not-allowed`, `loan-not-fully-issued`, and
    `campaign-cash-short` while a pledge of the loan is still with the provider.
    """
    book = lock_loan(uow, loan_id)
    LOAN.after(book.state, DISBURSEMENT_ORDERED)
    if state_of(uow.connection, uow.book_id, book.claims[-1].pledge_id) is not PledgeState.CONVERTED:
        raise Refusal("loan-not-fully-issued", loan_id=loan_id)
    draft = disbursement_draft(uow, loan_id, on=on)
    [order_id] = transfers.order_transfers(uow, [draft], approval_id=approval_id, on=on)
    refuse_not_banked(uow, book)
    key = f"sct:{order_id}:sent"
    moves.record_move(uow, LOAN, loan_id, DISBURSEMENT_ORDERED, on=on, fact_key=key, facts={"order_id": order_id})
    return order_id


def confirm_transfer(uow: UnitOfWork, order_id: str, *, statement_reference: str, evidence: str, on: date) -> None:
    """The bank statement shows a transfer: a loan's own pays it out. Confirmed twice, it happens once."""
    order = transfer_order(uow.connection, uow.book_id, order_id)
    book = None
    if order is not None and order.kind is TransferKind.DISBURSEMENT:
        book = lock_loan(uow, order.reference.removeprefix("loan:"))
    transfers.confirm_booked(uow, order_id, statement_reference=statement_reference, evidence=evidence, on=on)
    if book is None or not LOAN.allows(book.state, DISBURSED):
        return
    loan, key = book.loan, f"sct:{order_id}:booked"
    moves.record_move(uow, LOAN, loan.loan_id, DISBURSED, on=on, fact_key=key, evidence=evidence)
    facts: dict[str, str | int] = {"amount_cents": loan.principal_cents, "on_on": on.isoformat()}
    for to in [loan.borrower, *book.lenders]:
        _tell(uow, "loan-disbursed", loan, f"{loan.loan_id}:{to}", to, **facts)


def call_due_instalments(book: Book, on: date) -> int:
    """Dated job: every instalment of a running loan is called on its due date; gives how many were."""
    i = t.instalment.c
    scheduled = moves.in_state(book.book_id, INSTALMENT, i.instalment_id, InstalmentState.SCHEDULED)
    running = moves.in_state(book.book_id, LOAN, i.loan_id, LoanState.RUNNING)
    query = sa.select(i.loan_id, i.n).where(i.book_id == book.book_id, i.due_on <= on, scheduled, running)
    with book.read() as connection:
        found = connection.execute(query.order_by(i.due_on, i.loan_id)).all()
    return sum(_in_unit(book, partial(call_due, loan_id=row.loan_id, n=row.n, on=on)) for row in found)


def call_due(uow: UnitOfWork, loan_id: str, n: int, *, on: date) -> bool:
    """Call one instalment that has fallen due and ask its borrower for the payment; False if there is none to call."""
    book = lock_loan(uow, loan_id)
    due = book.instalments[n - 1]
    is_scheduled = book.instalment_state(n) is InstalmentState.SCHEDULED
    if book.state is not LoanState.RUNNING or not is_scheduled or due.due_on > on:
        return False
    entry = postings.due_called(book.loan, due, actor=uow.actor)
    uow.post(entry)
    moves.record_move(uow, INSTALMENT, _instalment_id(loan_id, n), CALLED, on=due.due_on, fact_key=entry.key)
    request_due_payment(uow, loan_id, n)
    return True


def request_due_payment(uow: UnitOfWork, loan_id: str, n: int) -> str:
    """Ask the borrower for the payment of a called instalment, again if the last can't be paid any more; its id.

    Refuses `due-not-payable`.
    """
    book = lock_loan(uow, loan_id)
    if not 1 <= n <= len(book.instalments) or book.instalment_state(n) is not InstalmentState.CALLED:
        raise Refusal("due-not-payable", loan_id=loan_id, n=n)
    reference, due = f"due:{loan_id}:{n}", book.instalments[n - 1]
    payments = standing_payments(uow.connection, uow.book_id, reference)
    known = paid(payments) or still_to_pay(payments, by_transfer=False)
    if known is not None:
        return known.payment_id
    language = party(uow.connection, uow, book.loan.borrower).language
    payment_id = request_payment(
        uow,
        reference=reference,
        payer=book.loan.borrower,
        amount_cents=due.total_cents,
        description=f"{book.loan.title} ({loan_id}, {n})",
        credit=postings.collected(loan_id),
        kind=PaymentKind.DUE,
        return_path=f"/{language}/enterprise?back=1",
        language=language,
    )
    payer, credit = book.loan.borrower, postings.collected(loan_id)
    request_transfer(uow, reference=reference, payer=payer, amount_cents=due.total_cents, credit=credit)
    facts: dict[str, str | int] = {"n": n, "due_on": due.due_on.isoformat(), "amount_cents": due.total_cents}
    _tell(uow, "due-called", book.loan, payment_id, book.loan.borrower, **facts)
    return payment_id


def credit_account_for(connection: sa.Connection, book_id: str, reference: str, *, payer: str) -> AccountRef:
    """Where money that arrives for `due:<loan>:<n>` belongs now: to the due while it is called, else to its payer."""
    loan_id, n = due_of(reference)
    state = q.loan_book(connection, book_id, loan_id).instalment_state(n)
    return postings.collected(loan_id) if state is InstalmentState.CALLED else _to_refund(payer)


def settle_due(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `payment.paid` of a due: settle it and distribute it over the lenders, or send the money back.

    The same payment again changes nothing, nor does one that was charged back meanwhile; a second payment of one due
    goes back to the borrower.
    """
    loan_id, n = due_of(str(body["reference"]))
    payment_id, on = str(body["payment_id"]), date.fromisoformat(str(body["paid_on"]))
    book = lock_loan(uow, loan_id)
    settled = next((move for move in book.instalment_history[n - 1] if move.event == SETTLED), None)
    known = settled is not None and settled.facts["payment_id"] == payment_id
    if known or is_undone(uow.connection, uow.book_id, payment_id):
        return
    held = body["account"] == str(postings.collected(loan_id))
    if not held or book.instalment_state(n) is not InstalmentState.CALLED:
        send_back(uow, book, payment_id, on, amount_cents=int(str(body["amount_cents"])), held=held)
        return
    entry = postings.due_settled(book.loan, book.instalments[n - 1], on=on, actor=uow.actor)
    uow.post(entry)
    object_id, facts = _instalment_id(loan_id, n), {"payment_id": payment_id}
    moves.record_move(uow, INSTALMENT, object_id, SETTLED, on=on, fact_key=entry.key, facts=facts)
    _distribute(uow, q.loan_book(uow.connection, uow.book_id, loan_id), n, first=1, on=on)


def continue_distribution(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of an instalment's distribution."""
    book = lock_loan(uow, str(body["loan_id"]))
    n, first, on = int(str(body["n"])), int(str(body["first"])), date.fromisoformat(str(body["on"]))
    _distribute(uow, book, n, first=first, on=on)


def remind_late_borrowers(book: Book, on: date) -> int:
    """Dated job: remind the borrower on the third and tenth day past due; tell the lenders when it is over thirty."""
    with book.read() as connection:
        c = t.loan.c
        running = moves.in_state(book.book_id, LOAN, c.loan_id, LoanState.RUNNING)
        found = connection.execute(sa.select(c.loan_id).where(c.book_id == book.book_id, running)).scalars().all()
        late = [i for i in found if q.loan_book(connection, book.book_id, i).position.days_past_due(on)]
    return sum(_in_unit(book, partial(remind, loan_id=loan_id, on=on)) for loan_id in sorted(late))


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
        moves.record_move(uow, INSTALMENT, _instalment_id(loan_id, oldest.n), event, on=on, facts=facts)
        _mail_lateness(uow, book, event, oldest.n, days, on)
    return bool(steps)


def record_bankruptcy(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """The borrower is bankrupt, by the paper whose SHA-256 is `evidence`: nothing more is called, lenders are told.

    Refuses `evidence-malformed`, `move-not-allowed`, and a day after today or before the agreement.
    """
    book = lock_loan(uow, loan_id)
    check_happened(on, today=uow.today(), since=[book.loan.agreed_on])
    moves.record_move(uow, LOAN, loan_id, BANKRUPTCY, on=on, evidence=evidence)
    for claim in book.claims:
        outstanding, day = book.position_of(claim).outstanding_cents(on), on.isoformat()
        _tell(uow, "loan-bankrupt", book.loan, claim.pledge_id, claim.lender, amount_cents=outstanding, on_on=day)


def write_off(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """What is outstanding is definitively lost, by the proof whose SHA-256 is `evidence`: each lender's loss is stated.

    Refuses `evidence-malformed`, `move-not-allowed`, and a day after today, before the bankruptcy or before a payment.
    """
    book = lock_loan(uow, loan_id)
    paid = [book.instalment_on(each.n, SETTLED) for each in book.instalments]
    check_happened(on, today=uow.today(), since=[book.happened_on(BANKRUPTCY), *paid])
    moves.record_move(uow, LOAN, loan_id, WRITTEN_OFF, on=on, evidence=evidence)
    for instalment in book.instalments:
        state = book.instalment_state(instalment.n)
        if not INSTALMENT.allows(state, CANCELLED):
            continue
        key = None
        if state is InstalmentState.CALLED:
            entry = postings.due_cancelled(book.loan, instalment, on=on, actor=uow.actor)
            uow.post(entry)
            key = entry.key
        moves.record_move(uow, INSTALMENT, _instalment_id(loan_id, instalment.n), CANCELLED, on=on, fact_key=key)
    _write_off_claims(uow, q.loan_book(uow.connection, uow.book_id, loan_id), first=1, on=on, evidence=evidence)


def continue_write_off(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of a write-off."""
    book, on = lock_loan(uow, str(body["loan_id"])), date.fromisoformat(str(body["on"]))
    _write_off_claims(uow, book, first=int(str(body["first"])), on=on, evidence=str(body["evidence"]))


def _close_if_due(book: Book, offer_id: str, on: date) -> int:
    """Close it, or leave it open: a refusal for another reason than its time is left on record for the operator."""
    try:
        with book.unit_of_work(actor=JOB) as uow:
            close_offer(uow, offer_id, on=on)
    except Refusal as refusal:
        if refusal.code not in {"offer-still-open", "offer-has-open-pledges"}:
            with book.unit_of_work(actor=JOB) as uow:
                body: dict[str, JSON] = {"offer_id": offer_id, "code": refusal.code, "facts": dict(refusal.facts)}
                uow.emit(OFFER_NOT_CLOSED, f"{offer_id}:{refusal.code}", body)
        return 0
    return 1


def _agree_loan(uow: UnitOfWork, record: OfferRecord, *, on: date) -> str:
    """The loan of a funded offer: its claims in order of pledge, its schedule in rows, the first chunk of its issue."""
    draft = record.draft
    firm = [each for each, _ in pledges_of_offer(uow.connection, uow.book_id, record.offer_id, PledgeState.FIRM)]
    principal = sum(each.amount_cents for each in firm)
    assert principal == gauge(uow.connection, uow.book_id, record.offer_id).firm, "the gauge differs from the pledges"
    terms = draft.terms(principal, on)
    form, rate = conditions.repayment_form(draft.kind, draft.every), draft.rate_annual
    conditions.check_conditions(
        draft.scheme, concluded_on=on, rate_annual=rate, term_years=draft.term_years, repayment=form
    )
    outstanding = offers.borrower_outstanding_cents(uow, draft.borrower)
    conditions.check_borrower_cap(draft.scheme, on=on, amount_cents=principal, outstanding_cents=outstanding)
    loan_id = uow.new_id("l")
    named = {"book_id": uow.book_id, "loan_id": loan_id}
    row = {"offer_id": record.offer_id, "borrower": draft.borrower, "principal_cents": principal, "agreed_on": on}
    uow.connection.execute(t.loan.insert().values(**named, **row))
    _write_claims(uow, loan_id, firm)
    _write_schedule(uow, loan_id, schedule(terms))
    book = q.loan_book(uow.connection, uow.book_id, loan_id)
    uow.open_asset(book.loan.asset)
    _tell(uow, "offer-funded", book.loan, loan_id, draft.borrower, amount_cents=principal)
    _issue(uow, book, first=1)
    return loan_id


def _write_claims(uow: UnitOfWork, loan_id: str, firm: Sequence[Pledge]) -> None:
    rows = [
        {
            "book_id": uow.book_id,
            "loan_id": loan_id,
            "number": number,
            "pledge_id": each.pledge_id,
            "lender": each.lender,
            "principal_cents": each.amount_cents,
        }
        for number, each in enumerate(firm, 1)
    ]
    uow.connection.execute(t.loan_claim.insert(), rows)


def _write_schedule(uow: UnitOfWork, loan_id: str, frozen: Schedule) -> None:
    rows = [
        {
            "book_id": uow.book_id,
            "loan_id": loan_id,
            "n": each.n,
            "instalment_id": _instalment_id(loan_id, each.n),
            "due_on": each.due_on,
            "days": each.days,
            "interest_cents": each.interest_cents,
            "principal_cents": each.principal_cents,
            "outstanding_cents": each.outstanding_cents,
        }
        for each in frozen.instalments
    ]
    uow.connection.execute(t.instalment.insert(), rows)


def _issue(uow: UnitOfWork, book: q.LoanBook, *, first: int) -> None:
    """Post the issue of up to a chunk of claims from number `first`; their agreements are written afterwards."""
    loan = book.loan
    offers.lock_offer(uow, loan.offer_id)
    for claim in _chunk(book, first):
        lent = pledge(uow.connection, uow.book_id, claim.pledge_id)
        if state_of(uow.connection, uow.book_id, claim.pledge_id) is not PledgeState.FIRM:
            continue
        entry = postings.loan_issued(loan, claim, actor=uow.actor)
        uow.post(entry)
        pledges.convert_pledge(uow, lent, on=loan.agreed_on, fact_key=entry.key)
    _emit_rest(uow, LOAN_ISSUE, book, first, key=loan.loan_id)


def _distribute(uow: UnitOfWork, book: q.LoanBook, n: int, *, first: int, on: date) -> None:
    """Post the shares of up to a chunk of lenders from number `first`; with the last of all, the loan is repaid."""
    loan = book.loan
    if first == 1 and park_if_short(uow, loan, n, book.instalments[n - 1].total_cents):
        return
    for claim in _chunk(book, first):
        share = book.plan[n - 1][claim.number - 1]
        withheld = q.withheld_cents(uow.connection, uow, share, on)
        if share.interest_cents + share.principal_cents == 0:
            continue
        uow.post(postings.instalment_distributed(loan, n, share, withheld_cents=withheld, on=on, actor=uow.actor))
        facts = {
            "n": n,
            "principal_cents": share.principal_cents,
            "interest_cents": share.interest_cents,
            "withholding_cents": withheld,
            "net_cents": share.principal_cents + share.interest_cents - withheld,
        }
        key = f"{loan.loan_id}:{n}:{claim.pledge_id}"
        _tell(uow, "instalment-distributed", loan, key, claim.lender, **facts)
    is_last = _emit_rest(uow, LOAN_DISTRIBUTE, book, first, key=f"{loan.loan_id}:{n}", n=n, on=on.isoformat())
    if is_last and is_shared_out(uow.connection, uow.book_id, book, besides=n):
        moves.record_move(uow, LOAN, loan.loan_id, REPAID, on=on)
        for to in [loan.borrower, *book.lenders]:
            _tell(uow, "loan-repaid", loan, f"{loan.loan_id}:{to}", to, amount_cents=loan.principal_cents)


def _write_off_claims(uow: UnitOfWork, book: q.LoanBook, *, first: int, on: date, evidence: str) -> None:
    loan = book.loan
    for claim in _chunk(book, first):
        lost = book.position_of(claim).lost_cents(on)
        if lost == 0:
            continue
        uow.post(postings.claim_written_off(loan, claim, lost_cents=lost, on=on, evidence=evidence, actor=uow.actor))
        _tell(uow, "loan-written-off", loan, claim.pledge_id, claim.lender, amount_cents=lost, on_on=on.isoformat())
    _emit_rest(uow, LOAN_WRITE_OFF, book, first, key=loan.loan_id, on=on.isoformat(), evidence=evidence)


def _chunk(book: q.LoanBook, first: int) -> Sequence[LenderClaim]:
    return book.claims[first - 1 : first - 1 + CHUNK]


def _emit_rest(uow: UnitOfWork, topic: str, book: q.LoanBook, first: int, *, key: str, **facts: JSON) -> bool:
    """Leave what is after this chunk to the outbox; True if this chunk was the last."""
    rest = first + CHUNK
    if rest > len(book.claims):
        return True
    uow.emit(topic, f"{key}:{rest}", {"loan_id": book.loan.loan_id, "first": rest, **facts})
    return False


def send_back(uow: UnitOfWork, book: q.LoanBook, payment_id: str, on: date, *, amount_cents: int, held: bool) -> None:
    """Money of the borrower that no due can take goes back to her."""
    if held:
        uow.post(
            postings.payment_unusable(
                book.loan, payment_id=payment_id, amount_cents=amount_cents, on=on, actor=uow.actor
            )
        )
    reference, debit = f"excess:{payment_id}", _to_refund(book.loan.borrower)
    request_refund(uow, payment_id=payment_id, amount_cents=amount_cents, reference=reference, debit=debit)
    _tell(uow, "payment-sent-back", book.loan, payment_id, book.loan.borrower, amount_cents=amount_cents)


def _mail_lateness(uow: UnitOfWork, book: q.LoanBook, event: str, n: int, days: int, on: date) -> None:
    loan, debt = book.loan, book.position
    stated: dict[str, str | int] = {"n": n, "days": days, "due_on": book.instalments[n - 1].due_on.isoformat()}
    key = f"{loan.loan_id}:{n}:{event}"
    if event != LENDERS_INFORMED:
        _tell(uow, "loan-late", loan, key, loan.borrower, amount_cents=debt.overdue_cents(on), **stated)
        return
    for claim in book.claims:
        overdue = book.position_of(claim).overdue_cents(on)
        _tell(uow, "loan-late-lender", loan, f"{key}:{claim.pledge_id}", claim.lender, amount_cents=overdue, **stated)


def _tell(uow: UnitOfWork, template: str, loan: Loan, key: str, to: str, /, **facts: str | int) -> None:
    """A mail about the loan to one of its lenders, or to its borrower."""
    path = "/enterprise" if to == loan.borrower else f"/loans/{loan.loan_id}"
    emit_mail(uow, template, key=key, to=to, facts={"title": loan.title, **facts}, path=path)


def lock_loan(uow: UnitOfWork, loan_id: str) -> q.LoanBook:
    """Hold the loan until the unit of work ends, and give it as it stands; refuses `loan-not-known`."""
    c = t.loan.c
    held = sa.select(c.loan_id).where(c.book_id == uow.book_id, c.loan_id == loan_id).with_for_update()
    if uow.connection.execute(held).first() is None:
        raise Refusal("loan-not-known", loan_id=loan_id[:40])
    return q.loan_book(uow.connection, uow.book_id, loan_id)


def _in_unit(book: Book, act: Callable[[UnitOfWork], bool]) -> int:
    with book.unit_of_work(actor=JOB) as uow:
        return int(act(uow))


def _instalment_id(loan_id: str, n: int) -> str:
    return f"{loan_id}:{n}"


def _to_refund(borrower: str) -> AccountRef:
    return AccountRef("489400", borrower)
