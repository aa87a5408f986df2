"""The operator's desk: what waits for a person, read in one snapshot, and the deed behind each kind of approval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.identity.model import Session
from api.operations import figures, standing_of
from api.worker.dates import latest_move
from contracts import payouts
from contracts.bonds import decisions, proceeds, spending
from contracts.bonds import service as bonds
from contracts.dispatch import resolve_credits
from contracts.erasure import erase_party
from contracts.loans import acceleration, estates, recovery
from contracts.loans import service as loans
from contracts.loans.cash import PAYABLE, loans_not_banked, shares_not_banked
from contracts.loans.model import Ground, LoanState
from contracts.loans.owed import owed_dues
from contracts.loans.queries import loans_overview
from contracts.loans.recoveries import awaited_recoveries
from contracts.offers import service as offers
from contracts.offers.application import ApplicationState
from contracts.offers.applications import applications
from contracts.offers.model import OfferState
from contracts.offers.queries import OfferCard, offer_record
from contracts.offers.queries import offers as offer_cards
from contracts.parties import estates as deaths
from contracts.parties.queries import display_name, ibans_to_verify
from contracts.pledges import service as pledges
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import pledges_in
from contracts.secondchance import requests as chances
from contracts.servicing.bank_refunds import order_refunds
from frontend.forms import Form
from frontend.rendering import render
from ledger import approvals, balances, erasure, limits, periods, years
from ledger.approvals import Approval
from ledger.book import Book, UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.payments import batches, payees, repeats, suspense, transfer_runs, transfers
from ledger.payments.model import BANK_REFUND, CLIENT_BANK, PROVIDER_BALANCE, TransferState
from ledger.payments.queries import open_cases, open_order_count, transfer_orders

_OF_ONE: Mapping[str, Callable[..., object]] = {
    acceleration.ACCELERATE: acceleration.accelerate,
    recovery.EXPECT: recovery.expect_recovery,
    chances.PUBLISH: chances.publish_approved,
    spending.ALLOCATE: spending.allocate,
    spending.SPEND: spending.spend,
}
"""What is done to the loan or the series that an approval names."""
_OF_PERSONS: Mapping[str, Callable[..., object]] = {
    deaths.RECORD_DEATH: estates.record_death,
    deaths.WITHDRAW_DEATH: deaths.withdraw_death,
    estates.PASS_ESTATE: estates.pass_estate,
    estates.GIVE_CLAIM: estates.give_claim,
}
"""What is done to a lender's claims, as the whole approval says."""
REFRESH_SECONDS = 2
OPEN_ORDERS, RECENT_ORDERS = 100, 12
LOAN_REFERENCE = "loan:"


@dataclass(frozen=True, slots=True)
class ApprovalLine:
    """A request that waits: what it is about, its day and amount if it has them, who asked, and whether oneself did."""

    approval: Approval
    key: str
    subject: str
    ends_on: date | None
    amount_cents: int | None
    asked_by: str
    is_own: bool


def desk_page(request: Request, wiring: Wiring, operator: Session, form: Form, *, code: int = 200) -> Response:
    """The desk as it stands, with the form that was refused, if one was."""
    book = wiring.book
    with book.read() as connection:
        today = book.today_in(connection)
        waiting = approvals.pending(connection, book.book_id, now=book.clock.now())
        cards = offer_cards(connection, book, today)
        overview = loans_overview(connection, book, today)
        applied = applications(connection, book, state=ApplicationState.SUBMITTED)
        waiting_orders = transfer_orders(connection, book.book_id, state=TransferState.ORDERED, limit=OPEN_ORDERS)
        more_orders = open_order_count(connection, book.book_id) - len(waiting_orders)
        booked = transfer_orders(connection, book.book_id, state=TransferState.BOOKED, limit=RECENT_ORDERS)
        cases = open_cases(connection, book.book_id)
        suspended = suspense.open_count(connection, book.book_id)
        failed_refunds = pledges_in(connection, book.book_id, PledgeState.REFUND_FAILED)
        accounts = ibans_to_verify(connection, book)
        shown = {order.payee for order in (*waiting_orders, *booked)} | {each.party_id for each in accounts}
        owed = owed_dues(connection, book.book_id)
        awaited = awaited_recoveries(connection, book.book_id)
        shown |= {each.lender for each in failed_refunds} | {each.borrower for each in owed}
        names = {party_id: display_name(connection, book, party_id) for party_id in shown}
        payable = balances.balances(connection, book.book_id, code_prefix=PAYABLE)
        loans_short = loans_not_banked(connection, book.book_id)
        shares_short = shares_not_banked(connection, book.book_id)
        money_at = {each: balances.balance(connection, book.book_id, each) for each in (PROVIDER_BALANCE, CLIENT_BANK)}
    names |= {a.requested_by: _actor_name(book, a.requested_by) for a in waiting}
    move = latest_move(book)
    is_moving = move is not None and move.finished_at is None
    titles = _titles(cards) | {loan.loan_id: loan.title for loan in overview}
    asked = {str(reference) for a in waiting for reference in references(a)}
    return render(
        request,
        "operations.html",
        status=code,
        here="operations",
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        move=move if is_moving else None,
        # a named address, since a page that was reached by its fragment would not be asked for again
        refresh=f"{REFRESH_SECONDS}; url={request.url.path}" if is_moving and not form.has_errors else None,
        to_publish=[card for card in cards if card.state in {OfferState.DRAFT, OfferState.SUSPENDED}],
        open_cards=[card for card in cards if card.state is OfferState.OPEN],
        approvals=[_line(each, titles, names, operator) for each in waiting],
        asked=asked,
        applications=applied,
        to_disburse=[loan for loan in overview if loan.state is LoanState.AGREED],
        loans=overview,
        owed=owed,
        grounds=list(Ground),
        awaited=[(each.loan.title, line) for each, line in awaited],
        orders=waiting_orders,
        more_orders=more_orders,
        booked=booked,
        names=names,
        titles=titles,
        payable_cents=sum(row.credit - row.debit for row in payable),
        loans_short=loans_short,
        shares_short=sum(shares_short.values()),
        payable_count=sum(1 for row in payable if row.credit),
        at_provider=money_at[PROVIDER_BALANCE],
        at_bank=money_at[CLIENT_BANK],
        cases=cases,
        suspended=suspended,
        unknown_codes=repeats.UNKNOWN_CASES,
        failed_refunds=failed_refunds,
        accounts=accounts,
        figures=figures(book),
        standing=standing_of(wiring),
        is_anchored=wiring.settings.tsa_url is not None,
    )


def _titles(cards: Sequence[OfferCard]) -> dict[str, str]:
    """The titles of offers, and of the series that some of them are of."""
    of_series = {card.series_id: card.title for card in cards if card.series_id}
    return {card.offer_id: card.title for card in cards} | of_series


def _actor_name(book: Book, actor: str) -> str:
    """A person's name; what acts by itself is called as it is."""
    try:
        with book.read() as connection:
            return display_name(connection, book, actor)
    except Refusal as refusal:
        if refusal.code != "party-unknown":
            raise
        return actor


def references(approval: Approval) -> list[str]:
    """What an approval is about: the id of its offer, loan or call, or the references of its transfers."""
    body = approval.body
    listed = body.get("transfers")
    if isinstance(listed, list):
        return [str(each["reference"]) for each in listed if isinstance(each, Mapping)]
    return [
        str(body[name])
        for name in ("offer_id", "loan_id", "series_id", "call_id", "batch_id", "payee", "run_id")
        if name in body
    ]


def last_day(approval: Approval) -> date | None:
    """The last day of the year or the period that the approval closes, if that is what it is for."""
    stated = approval.body.get("ends_on" if approval.action == years.YEAR_CLOSE else "until_on")
    return date.fromisoformat(str(stated)) if approval.action in {years.YEAR_CLOSE, periods.PERIOD_CLOSE} else None


def approve_and_do(uow: UnitOfWork, approval_id: str) -> None:
    """Give the approval and do what it approves, in one: a deed that is refused leaves the approval waiting."""
    approval = approvals.approve(uow, approval_id)
    on, about = uow.today(), references(approval)
    match approval.action:
        case offers.PUBLISH | offers.CANCEL:
            _do_to_offer(uow, approval, about[0], on)
        case suspense.ASSIGN | suspense.SPLIT | suspense.JOIN:
            suspense.do_approved(uow, approval_id, resolve_credits=resolve_credits)
        case transfers.APPROVAL_ACTION | transfer_runs.ACTION:
            _order_transfers(uow, approval, about, on)
        case batches.RELEASE | payees.OVERRIDE | repeats.REPEAT:
            _let_out(uow, approval, about[0])
        case years.YEAR_CLOSE | periods.PERIOD_CLOSE:
            _close(uow, approval)
        case action if action in _OF_ONE:
            _OF_ONE[action](uow, about[0], approval_id=approval_id)
        case decisions.ALLOT | decisions.CALL | decisions.TRANSFER:
            decisions.do_approved(uow, approval_id)
        case erasure.ERASE:
            erase_party(uow, str(approval.body["owner"]), approval_id=approval_id)
        case limits.LIMITS_CHANGE:
            limits.change_limits(uow, limits.approved_limits(approval), approval_id=approval_id)
        case other:
            _do_to_person(uow, approval, other)


def _do_to_person(uow: UnitOfWork, approval: Approval, action: str) -> None:
    """Record a death, or let what a lender has pass to others."""
    if action not in _OF_PERSONS:
        raise InvariantError(f"nobody does {action} from the desk")
    _OF_PERSONS[action](uow, approval.body, approval_id=approval.approval_id)


def _do_to_offer(uow: UnitOfWork, approval: Approval, offer_id: str, on: date) -> None:
    """Cancel an offer, or publish it; that of a bond series is opened with the series, and its sheet amended alone."""
    approval_id = approval.approval_id
    record = offer_record(uow.connection, uow.book_id, offer_id)
    units = record.draft.units
    if approval.action == offers.CANCEL:
        pledges.cancel_offer(uow, offer_id, on=on, approval_id=approval_id)
    elif units is None or record.state is OfferState.SUSPENDED:
        offers.publish_offer(uow, offer_id, on=on, approval_id=approval_id)
    else:
        bonds.open_series(uow, units.series_id, on=on, approval_id=approval_id)


def _close(uow: UnitOfWork, approval: Approval) -> None:
    """Close a year or a period."""
    day = last_day(approval)
    assert day is not None
    if approval.action == years.YEAR_CLOSE:
        years.close_year(uow, ends_on=day, approval_id=approval.approval_id)
    else:
        periods.close_period(uow, until_on=day, approval_id=approval.approval_id)


def _let_out(uow: UnitOfWork, approval: Approval, about: str) -> None:
    """Let something go that was held: a file to the bank, money to a payee's account, a call to the provider."""
    approval_id = approval.approval_id
    if approval.action == batches.RELEASE:
        payouts.release_file(uow, about, approval_id=approval_id)
    elif approval.action == payees.OVERRIDE:
        payees.override(uow, about, str(approval.body["account"]), approval_id=approval_id)
    else:
        repeats.repeat_call(uow, about, approval_id=approval_id)


def _order_transfers(uow: UnitOfWork, approval: Approval, about: Sequence[str], on: date) -> None:
    """Release transfers by what they are for: a run's payees, a loan, an issue, a refund, or money in suspense."""
    first, approval_id = about[0] if about else "", approval.approval_id
    if approval.action == transfer_runs.ACTION:
        payouts.order_payouts(uow, approval_id=approval_id, on=on)
    elif first.startswith(LOAN_REFERENCE):
        loans.order_disbursement(uow, first.removeprefix(LOAN_REFERENCE), approval_id=approval_id, on=on)
    elif first.startswith(proceeds.REFERENCE):
        proceeds.order_proceeds(uow, first.removeprefix(proceeds.REFERENCE), approval_id=approval_id, on=on)
    elif first.startswith(BANK_REFUND):
        order_refunds(uow, approval_id=approval_id)
    elif first.startswith(suspense.REFERENCE):
        suspense.send_back(uow, first.removeprefix(suspense.REFERENCE), approval_id=approval_id)
    else:
        raise InvariantError("nobody orders such transfers from the desk")


def _line(approval: Approval, titles: Mapping[str, str], names: Mapping[str, str], operator: Session) -> ApprovalLine:
    about = references(approval)
    first = about[0] if about else ""
    is_loan = first.startswith(LOAN_REFERENCE)
    key = "disburse-loan" if is_loan else "payout" if approval.action == transfer_runs.ACTION else approval.action
    if first.startswith(BANK_REFUND):
        key = "bank-refund"
    if first.startswith(proceeds.REFERENCE):
        key = "pay-proceeds"
    if first.startswith(suspense.REFERENCE):
        key = "return-suspense"
    if approval.body.get("closed") is True:
        key = "account-close"
    return ApprovalLine(
        approval=approval,
        key=f"operations.approval-{key}",
        subject=", ".join(filter(None, (titles.get(_bare(first), ""), _account(approval)))),
        ends_on=last_day(approval),
        amount_cents=_amount(approval),
        asked_by=names[approval.requested_by],
        is_own=approval.requested_by == operator.party_id,
    )


def _bare(reference: str) -> str:
    """The loan or series that a transfer's reference names, or what it is."""
    return reference.removeprefix(LOAN_REFERENCE).removeprefix(proceeds.REFERENCE)


def _account(approval: Approval) -> str:
    """The account whose limits the approval changes, with floor and ceiling; who is to be erased; what is repeated."""
    if approval.action == repeats.REPEAT:
        return f"{approval.body['reference']} ({approval.body['call_id']})"
    if approval.action == erasure.ERASE:
        return str(approval.body["owner"])
    if approval.action in _OF_PERSONS:
        return str(approval.body["party_id"])
    if "project_id" in approval.body:
        return ", ".join(str(approval.body[name]) for name in ("project_id", "title") if name in approval.body)
    if "item_id" in approval.body:
        return str(approval.body["item_id"])
    if approval.action != limits.LIMITS_CHANGE:
        return ""
    asked = limits.approved_limits(approval)
    floor, ceiling = ("-" if limit is None else limit for limit in (asked.floor, asked.ceiling))
    return f"{asked.account} {asked.account.asset}: {floor} / {ceiling}"


def _amount(approval: Approval) -> int | None:
    body = approval.body
    listed, result = body.get("transfers"), body.get("result_cents", body.get("amount_cents", body.get("total_cents")))
    if not isinstance(listed, list):
        return result if isinstance(result, int) else None
    return sum(int(str(each["amount_cents"])) for each in listed if isinstance(each, Mapping))
