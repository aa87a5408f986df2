"""A citizen's pledge: making it, paying it, thinking it over, taking it back."""

import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.deps import Citizen, Language, WiringDep
from api.identity.model import Session
from api.refusals import status
from api.writes import is_idempotency_key, write_once
from contracts.arrivals import being_matched
from contracts.offers.model import UnitsOffered
from contracts.offers.queries import offer_record, published_page
from contracts.parties.model import LenderDeclaration
from contracts.pledges.model import PledgeState
from contracts.pledges.queries import PledgeLine, pledge, pledge_line
from contracts.pledges.safeguards import Consent, needs_pool, standing
from contracts.pledges.service import make_pledge, request_new_payment, withdraw_pledge
from frontend.figures import transfer_request
from frontend.forms import Form, cents_of, count_of, refused, share_of
from frontend.i18n import tongue
from frontend.pages.bonds import published_series, subscription_page
from frontend.rendering import refresh_to, render, see_other
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments.bank import client_account
from ledger.payments.methods import PaymentKind, offered
from ledger.payments.model import PaymentState
from ledger.payments.queries import missing_methods
from ledger.storage.base import JSON

_OF_AMOUNT = (
    "pledge-below-minimum",
    "offer-cap-exceeded",
    "offer-person-limit-exceeded",
    "lender-cap-exceeded",
    "borrower-cap-exceeded",
)
"""Refusals that are said at the field of the amount, or of the units."""
_UNDER_WAY = frozenset({PaymentState.REQUESTED, PaymentState.OPEN})
Typed = Annotated[str, Field()]
router = APIRouter()


@dataclass(frozen=True, slots=True)
class ClockDay:
    """One day of the reflection period; `state` is past, today or empty."""

    on: date
    state: str


@dataclass(frozen=True, slots=True)
class ReflectionClock:
    """The day of the pledge and the days after it on which it may be withdrawn; `left` are the days after today.

    It is not `is_running` once they are over, or where the pledge has become firm.
    """

    days: list[ClockDay]
    left: int
    is_running: bool


@router.get("/offers/{offer_id}/pledge")
def pledge_form(request: Request, wiring: WiringDep, citizen: Citizen, language: Language, offer_id: str) -> Response:
    """The form of a new pledge; whoever has a test, a simulation or a consent to give first is sent there."""
    book = wiring.book
    units = _units_of(book, offer_id)
    if units is not None:
        published_series(book, units.series_id)
    with book.read() as connection:
        today = book.today_in(connection)
        if units is None:
            published_page(connection, book, offer_id, today)
        now = standing(connection, book, citizen.party_id, today)
        borrower = offer_record(connection, book.book_id, offer_id).draft.borrower
        is_outside = needs_pool(connection, book, citizen.party_id, borrower=borrower, on=today)
    if not now.is_ready or is_outside:
        part = "#second-chances" if now.is_ready else ""
        return see_other(f"/{language}/safeguards?then=/{language}/offers/{offer_id}/pledge{part}")
    return _form_page(request, wiring.book, offer_id, Form({"shareholding": "0"}))


@router.post("/offers/{offer_id}/pledge")
def pledge_now(  # noqa: PLR0913, PLR0917 -- one argument a field of the form
    request: Request,
    wiring: WiringDep,
    citizen: Citizen,
    language: Language,
    offer_id: str,
    once: Typed = "",
    amount: Typed = "",
    units: Typed = "",
    shareholding: Typed = "0",
    risk: Typed = "",
    locked: Typed = "",
    is_employee: Typed = "",
    is_director: Typed = "",
    is_spouse_or_cohabitant: Typed = "",
    acts_in_trade: Typed = "",
    warned: Typed = "",
    consents: Typed = "",
) -> Response:
    """Make the pledge, ask the provider for its payment link, and go to the pledge's page."""
    ties = {
        "is_employee": is_employee,
        "is_director": is_director,
        "is_spouse_or_cohabitant": is_spouse_or_cohabitant,
        "acts_in_trade": acts_in_trade,
    }
    consent = {"warned": warned, "consents": consents}
    offered_units = _units_of(wiring.book, offer_id)
    typed = {"amount": amount, "shareholding": shareholding} | ties if offered_units is None else {"units": units}
    form = Form(typed | {"risk": risk, "locked": locked} | consent)
    cents, share = _cents(form, offered_units), share_of(shareholding)
    _check(form, language, cents=cents, share=share)
    if form.has_errors or cents is None or share is None:
        return _form_page(request, wiring.book, offer_id, form, code=422)
    declared = {name: value == "yes" for name, value in ties.items()}
    # a bond series is of no scheme that her ties to its issuer could rule out
    declaration = LenderDeclaration(**declared, shareholding=share) if offered_units is None else None

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        made = make_pledge(
            uow,
            offer_id=offer_id,
            lender=citizen.party_id,
            amount_cents=cents,
            on=uow.today(),
            language=language,
            risk_acknowledged=True,
            declaration=declaration,
            consent=Consent(**{name: value == "yes" for name, value in consent.items()}),
        )
        return {"pledge_id": made.pledge_id, "payment_id": made.payment_id}

    asked: dict[str, JSON] = {"form": "pledge", "offer_id": offer_id, **form.values}
    try:
        answer = write_once(wiring.book, actor=citizen.party_id, key=_key(once), request=asked, do=do)
    except Refusal as refusal:
        field = "amount" if offered_units is None else "units"
        form = refused(refusal, language, form, dict.fromkeys(_OF_AMOUNT, field))
        warning = refusal if refusal.code == "pledge-warning-needed" else None
        return _form_page(request, wiring.book, offer_id, form, code=status(refusal), warning=warning)
    wiring.send_call_now(str(answer.outcome["payment_id"]))
    return see_other(f"/{language}/pledges/{answer.outcome['pledge_id']}")


@router.get("/pledges/{pledge_id}")
def pledge_page(
    request: Request, wiring: WiringDep, citizen: Citizen, language: Language, pledge_id: str, back: int = 0
) -> Response:
    """The pledge: its payment link, its reflection clock, and the button that takes it back.

    The page asks for itself again while its link is being made, and some times after the payer came `back`, so that
    nobody needs JavaScript to see the money arrive.
    """
    book = wiring.book
    with book.read() as connection:
        _require_own(pledge(connection, book.book_id, pledge_id).lender, citizen, pledge_id)
        line = pledge_line(connection, book.book_id, pledge_id, book.today_in(connection))
        today = book.today_in(connection)
        missing = missing_methods(connection, book.book_id)
        asked = line.transfer if line.can_pay else None
        transfer = None if asked is None else transfer_request(client_account(connection, book.book_id), asked)
        arrivals = being_matched(connection, book, citizen.party_id, today) if line.can_pay else []
    payment = line.payment if line.can_pay else None
    is_payable = payment is not None and payment.state in _UNDER_WAY
    checkout_url = payment.checkout_url if payment is not None and is_payable else None
    is_returning = line.state in {PledgeState.WITHDRAWN, PledgeState.RETURNED}
    here = f"/{language}/pledges/{pledge_id}"
    return render(
        request,
        "pledge.html",
        line=line,
        lead=_lead(line),
        clock=_clock(line, today),
        checkout_url=checkout_url,
        transfer=transfer,
        arrivals=arrivals,
        methods=offered(
            PaymentKind.PLEDGE, line.amount_cents, today, without=missing, by_transfer=transfer is not None
        ),
        must_ask_again=line.can_pay and not is_payable,
        came_back=back > 0,
        refresh=refresh_to(here, back, is_making=is_payable and checkout_url is None, waits=is_payable or is_returning),
    )


@router.post("/pledges/{pledge_id}/payment")
def pay_again(wiring: WiringDep, citizen: Citizen, language: Language, pledge_id: str) -> Response:
    """Ask for a new payment link where the last one failed or ran out."""
    book = wiring.book
    with book.unit_of_work(actor=citizen.party_id) as uow:
        _require_own(pledge(uow.connection, uow.book_id, pledge_id).lender, citizen, pledge_id)
        payment_id = request_new_payment(uow, pledge_id, on=uow.today())
    wiring.send_call_now(payment_id)
    return see_other(f"/{language}/pledges/{pledge_id}")


@router.post("/pledges/{pledge_id}/withdraw")
def withdraw(wiring: WiringDep, citizen: Citizen, language: Language, pledge_id: str) -> Response:
    """Take the pledge back; doing it twice does it once."""
    with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
        _require_own(pledge(uow.connection, uow.book_id, pledge_id).lender, citizen, pledge_id)
        withdraw_pledge(uow, pledge_id, on=uow.today())
    return see_other(f"/{language}/pledges/{pledge_id}?back=1")


def _form_page(
    request: Request, book: Book, offer_id: str, form: Form, *, code: int = 200, warning: Refusal | None = None
) -> Response:
    asks_consent = warning is not None or form.value("warned") == "yes"
    units = _units_of(book, offer_id)
    if units is not None:
        return subscription_page(request, book, units.series_id, form, code=code, asks_consent=asks_consent)
    with book.read() as connection:
        page = published_page(connection, book, offer_id, book.today_in(connection))
    once = secrets.token_urlsafe(16)
    return render(
        request,
        "pledge_new.html",
        status=code,
        page=page,
        card=page.card,
        form=form,
        once=once,
        asks_consent=asks_consent,
    )


def _units_of(book: Book, offer_id: str) -> UnitsOffered | None:
    """What the offer adds where it is of a bond series; refuses `offer-not-known`."""
    with book.read() as connection:
        return offer_record(connection, book.book_id, offer_id).draft.units


def _cents(form: Form, units: UnitsOffered | None) -> int | None:
    """What the form asks for in cents: an amount, or so many units; None where it can't be read."""
    if units is None:
        return cents_of(form.value("amount"))
    count = count_of(form.value("units"))
    return count * units.unit_cents if count else None


def _check(form: Form, language: str, *, cents: int | None, share: Decimal | None) -> None:
    words = tongue(language)
    if cents is None and "units" in form.values:
        form.errors["units"] = words.text("bond.error-units")
    elif cents is None:
        form.errors["amount"] = words.text("pledge.error-amount")
    if share is None:
        form.errors["shareholding"] = words.text("pledge.error-share")
    for name in ("risk", "locked"):
        if form.value(name) != "yes":
            form.errors[name] = words.text("pledge.error-tick")


def _lead(line: PledgeLine) -> PledgeState:
    """What the page says first: money that came after the reflection period can't be taken back any more."""
    return PledgeState.FIRM if line.state is PledgeState.PAID and not line.can_withdraw else line.state


def _clock(line: PledgeLine, today: date) -> ReflectionClock | None:
    if line.state not in {PledgeState.PLEDGED, PledgeState.PAID, PledgeState.FIRM}:
        return None
    length = (line.reflection_ends_on - line.pledged_on).days
    days = [line.pledged_on + timedelta(days=n) for n in range(length + 1)]
    states = ["today" if day == today else "past" if day < today else "" for day in days]
    return ReflectionClock(
        days=[ClockDay(day, state) for day, state in zip(days, states, strict=True)],
        left=max(0, (line.reflection_ends_on - today).days),
        is_running=line.state is not PledgeState.FIRM and today <= line.reflection_ends_on,
    )


def _require_own(owner: str, citizen: Session, pledge_id: str) -> None:
    """Somebody else's pledge answers as one that does not exist."""
    if owner != citizen.party_id:
        raise Refusal("pledge-not-known", pledge_id=pledge_id)


def _key(once: str) -> str:
    """The form's own token, so that a button pressed twice pledges once."""
    return once if is_idempotency_key(once) else secrets.token_urlsafe(16)
