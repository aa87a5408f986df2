"""Use cases of a loan: agree it, pay it out, and state what is lost. Its dues are in `contracts.loans.dues`.

Whoever changes a loan holds its row. A run over many lenders goes on in chunks: each is one unit of work, and what is
left is a row of the outbox. Handlers and dated jobs may run again without changing anything.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from contracts import moves
from contracts.events import LOAN_ISSUE, LOAN_WRITE_OFF, OFFER_NOT_CLOSED
from contracts.loans import books, postings
from contracts.loans import tables as t
from contracts.loans.cash import refuse_not_banked
from contracts.loans.lifecycle import (
    ACCELERATED,
    BANKRUPTCY,
    CANCELLED,
    DISBURSED,
    DISBURSEMENT_ORDERED,
    INSTALMENT,
    LOAN,
    SETTLED,
    WRITTEN_OFF,
)
from contracts.loans.model import LOAN_REFERENCE, InstalmentState, OfferClosed
from contracts.loans.payee import check_payee
from contracts.loans.steps import JOB, chunk, emit_rest, instalment_id, lock_loan, tell, write_instalments
from contracts.offers import service as offers
from contracts.offers.model import NOT_DUE, OfferState
from contracts.offers.queries import OfferRecord, gauge, open_offer_ids
from contracts.parties.queries import payout_iban
from contracts.pledges import service as pledges
from contracts.pledges.model import Pledge, PledgeState
from contracts.pledges.queries import pledge, pledges_of_offer, state_of
from contracts.schemes import conditions
from contracts.terms.schedule import schedule
from ledger import approvals
from ledger.book import Book, UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.payments import transfers
from ledger.payments.model import TransferDraft, TransferKind
from ledger.payments.queries import transfer_order
from ledger.storage.base import JSON


def close_offer(uow: UnitOfWork, offer_id: str, *, on: date) -> OfferClosed:
    """End an offer by the money that is firm: agree its loan, or give every pledge back.

    Refuses `offer-is-of-a-series`, `offer-still-open`, `offer-has-open-pledges`, `move-not-allowed`, and what the
    scheme refuses on this date.
    """
    if offers.lock_offer(uow, offer_id).draft.units is not None:
        raise Refusal("offer-is-of-a-series", offer_id=offer_id)
    record = offers.end_offer(uow, offer_id, on=on)
    if record.state is OfferState.FUNDED:
        return OfferClosed(state=record.state, loan_id=_agree_loan(uow, record, on=on))
    pledges.return_pledges(uow, offer_id, on=on)
    return OfferClosed(state=record.state, loan_id=None)


def close_due_offers(book: Book, on: date) -> int:
    """Dated job: every offer of a loan that has ended, by date or maximum, and whose pledges are settled is closed."""
    with book.read() as connection:
        found = open_offer_ids(connection, book.book_id, of_series=False)
    return sum(_close_if_due(book, offer_id, on) for offer_id in found)


def continue_issue(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of a loan's issue."""
    loan_id = str(body["loan_id"])
    lock_loan(uow, loan_id)
    _issue(uow, books.loan_book(uow.connection, uow.book_id, loan_id), first=int(str(body["first"])))


def disbursement_draft(uow: UnitOfWork, loan_id: str, *, on: date) -> TransferDraft:
    """The transfer that pays the loan out.

    Refuses `iban-missing`, `iban-not-verified`, and `old-debt-from-new-loan` as `check_payee` does.
    """
    loan = books.loan_book(uow.connection, uow.book_id, loan_id).loan
    iban = payout_iban(uow.connection, uow, loan.borrower, on)
    check_payee(uow, loan, iban)
    return TransferDraft(
        reference=f"{LOAN_REFERENCE}{loan_id}",
        payee=loan.borrower,
        amount_cents=loan.principal_cents,
        debit=postings.proceeds(loan.borrower),
        kind=TransferKind.DISBURSEMENT,
        iban_last4=iban[-4:],
    )


def request_disbursement(uow: UnitOfWork, loan_id: str, *, on: date, reason: str) -> str:
    """Ask a second person to approve that the loan is paid out; gives the approval's id.

    Refuses `move-not-allowed` for a loan that is paid out or on its way.
    """
    LOAN.after(books.loan_book(uow.connection, uow.book_id, loan_id).state, DISBURSEMENT_ORDERED)
    body = transfers.approval_body([disbursement_draft(uow, loan_id, on=on)])
    return approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason=reason)


def order_disbursement(uow: UnitOfWork, loan_id: str, *, approval_id: str, on: date) -> str:
    """Release the transfer that pays the loan out, under four eyes and the cash rule; gives the order's id.

    Refuses what `ledger.payments.transfers` refuses, `move-not-allowed`, `loan-not-fully-issued`, and
    `campaign-cash-short` while a pledge of the loan is still with the provider.
    """
    book = lock_loan(uow, loan_id)
    LOAN.after(book.state, DISBURSEMENT_ORDERED)
    if state_of(uow.connection, uow.book_id, book.agreed_claims[-1].pledge_id) is not PledgeState.CONVERTED:
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
    if order is not None and order.reference.startswith(LOAN_REFERENCE):
        book = lock_loan(uow, order.reference.removeprefix(LOAN_REFERENCE))
    transfers.confirm_booked(uow, order_id, statement_reference=statement_reference, evidence=evidence, on=on)
    if book is None or not LOAN.allows(book.state, DISBURSED):
        return
    loan, key = book.loan, f"sct:{order_id}:booked"
    moves.record_move(uow, LOAN, loan.loan_id, DISBURSED, on=on, fact_key=key, evidence=evidence)
    facts: dict[str, str | int] = {"amount_cents": loan.principal_cents, "on_on": on.isoformat()}
    for to in [loan.borrower, *book.lenders]:
        tell(uow, "loan-disbursed", loan, f"{loan.loan_id}:{to}", to, **facts)


def record_bankruptcy(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """The borrower is bankrupt, by the paper whose SHA-256 is `evidence`: nothing more is called, lenders are told.

    Refuses `evidence-malformed`, `move-not-allowed`, and a day after today or before the agreement.
    """
    book = lock_loan(uow, loan_id)
    check_happened(on, today=uow.today(), since=[book.loan.agreed_on])
    moves.record_move(uow, LOAN, loan_id, BANKRUPTCY, on=on, evidence=evidence)
    for claim in book.held_claims:
        outstanding, day = book.position_of(claim).outstanding_cents(on), on.isoformat()
        tell(uow, "loan-bankrupt", book.loan, claim.pledge_id, claim.lender, amount_cents=outstanding, on_on=day)


def write_off(uow: UnitOfWork, loan_id: str, *, on: date, evidence: str) -> None:
    """What is outstanding is definitively lost, by the proof whose SHA-256 is `evidence`: each lender's loss is stated.

    Refuses `evidence-malformed`, `move-not-allowed`, and a day after today, before the bankruptcy, the acceleration or
    a payment.
    """
    book = lock_loan(uow, loan_id)
    paid = [book.instalment_on(each.n, SETTLED) for each in book.instalments]
    check_happened(on, today=uow.today(), since=[book.happened_on(BANKRUPTCY), book.happened_on(ACCELERATED), *paid])
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
        moves.record_move(uow, INSTALMENT, instalment_id(loan_id, instalment.n), CANCELLED, on=on, fact_key=key)
    _write_off_claims(uow, books.loan_book(uow.connection, uow.book_id, loan_id), first=1, on=on, evidence=evidence)


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
        if refusal.code not in NOT_DUE:
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
    write_instalments(uow, loan_id, schedule(terms).instalments, first=1)
    book = books.loan_book(uow.connection, uow.book_id, loan_id)
    uow.open_asset(book.loan.asset)
    tell(uow, "offer-funded", book.loan, loan_id, draft.borrower, amount_cents=principal)
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


def _issue(uow: UnitOfWork, book: books.LoanBook, *, first: int) -> None:
    """Post the issue of up to a chunk of claims from number `first`; their agreements are written afterwards."""
    loan = book.loan
    offers.lock_offer(uow, loan.offer_id)
    for claim in chunk(book, first):
        lent = pledge(uow.connection, uow.book_id, claim.pledge_id)
        if state_of(uow.connection, uow.book_id, claim.pledge_id) is not PledgeState.FIRM:
            continue
        entry = postings.loan_issued(loan, claim, actor=uow.actor)
        uow.post(entry)
        pledges.convert_pledge(uow, lent, on=loan.agreed_on, fact_key=entry.key)
    emit_rest(uow, LOAN_ISSUE, book, first, key=loan.loan_id)


def _write_off_claims(uow: UnitOfWork, book: books.LoanBook, *, first: int, on: date, evidence: str) -> None:
    loan = book.loan
    for claim in chunk(book, first):
        lost = book.position_of(claim).lost_cents(on)
        if lost == 0:
            continue
        uow.post(postings.claim_written_off(loan, claim, lost_cents=lost, on=on, evidence=evidence, actor=uow.actor))
        tell(uow, "loan-written-off", loan, claim.pledge_id, claim.lender, amount_cents=lost, on_on=on.isoformat())
    emit_rest(uow, LOAN_WRITE_OFF, book, first, key=loan.loan_id, on=on.isoformat(), evidence=evidence)
