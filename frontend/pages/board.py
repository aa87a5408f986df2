"""The bulletin board: interests to sell or buy units, with the key information of the series. Nothing is matched."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Citizen, Language, MaybeSession, WiringDep
from api.identity.model import Role, Session
from api.refusals import status
from contracts.bonds import board
from contracts.bonds.board import Notice, NoticeSide
from contracts.bonds.model import SeriesState
from contracts.bonds.overview import SeriesCard, series_cards
from contracts.parties.queries import contacts
from frontend.forms import Form, cents_of, count_of, refused
from frontend.i18n import tongue
from frontend.rendering import page_language, render, see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal

USUAL_DAYS = "30"
Text = Annotated[str, Field()]
Act = Callable[[UnitOfWork], object]
router = APIRouter(prefix="/board")
_FIELD_OF = {
    "units-not-held": "units",
    "units-not-positive": "units",
    "notice-days-unusable": "days",
    "reference-price-unusable": "price",
}


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A notice with its series, whether it is the reader's, and who replied where it is."""

    notice: Notice
    card: SeriesCard
    is_own: bool
    repliers: list[tuple[str, str]]
    has_replied: bool


@router.get("")
def notices(request: Request, wiring: WiringDep, session: MaybeSession) -> Response:
    """What stands on the board today, the reader's own notices first, and the form of a new one."""
    return _page(request, wiring, session, Form({"days": USUAL_DAYS}))


@router.post("")
def post(  # noqa: PLR0913, PLR0917 -- one argument a field of the form
    request: Request,
    wiring: WiringDep,
    citizen: Citizen,
    language: Language,
    series: Text = "",
    side: Text = "",
    units: Text = "",
    price: Text = "",
    days: Text = "",
) -> Response:
    """Put one's own interest on the board."""
    form = Form({"series": series, "side": side, "units": units, "price": price, "days": days})
    words, count, length = tongue(language), count_of(units), count_of(days)
    percent = None if not price.strip() else cents_of(price.rstrip("% "))
    if count is None:
        form.errors["units"] = words.text("bond.error-units")
    if length is None:
        form.errors["days"] = words.text("bond-desk.error-count")
    if price.strip() and percent is None:
        form.errors["price"] = words.text("bond-desk.error-percent-text")
    if side not in set(NoticeSide):
        form.errors["side"] = words.text("board.error-side")
    if form.has_errors or count is None or length is None:
        return _page(request, wiring, citizen, form, code=422)

    def do(uow: UnitOfWork) -> None:
        board.post_notice(
            uow,
            series,
            writer=citizen.party_id,
            side=NoticeSide(side),
            units=count,
            reference_percent=None if percent is None else Decimal(percent) / 100,
            days=length,
            on=uow.today(),
        )

    return _answer(request, wiring, citizen, form, do)


@router.post("/{notice_id}/withdrawal")
def withdraw(request: Request, wiring: WiringDep, citizen: Citizen, notice_id: str) -> Response:
    """Take one's own notice back."""

    def do(uow: UnitOfWork) -> None:
        board.withdraw_notice(uow, notice_id, writer=citizen.party_id, on=uow.today())

    return _answer(request, wiring, citizen, Form({"days": USUAL_DAYS}), do)


@router.post("/{notice_id}/reply")
def reply(request: Request, wiring: WiringDep, citizen: Citizen, notice_id: str) -> Response:
    """Show one's name and address to who wrote a notice."""

    def do(uow: UnitOfWork) -> None:
        board.reply_to_notice(uow, notice_id, by=citizen.party_id, on=uow.today())

    return _answer(request, wiring, citizen, Form({"days": USUAL_DAYS}), do)


def _answer(request: Request, wiring: Wiring, citizen: Session, form: Form, act: Act) -> Response:
    language = page_language(request)
    try:
        with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        form = refused(refusal, language, form, _FIELD_OF)
        return _page(request, wiring, citizen, form, code=status(refusal))
    return see_other(f"/{language}/board")


def _page(request: Request, wiring: Wiring, session: Session | None, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    reader = session.party_id if session is not None and session.role is Role.CITIZEN else None
    with book.read() as connection:
        today = book.today_in(connection)
        cards = {card.series_id: card for card in series_cards(connection, book, today, SeriesState.RUNNING)}
        shown = [
            ShownNotice(
                notice=each,
                card=cards[each.series_id],
                is_own=each.writer == reader,
                repliers=contacts(connection, book, each.replies) if each.writer == reader else [],
                has_replied=reader in each.replies,
            )
            for each in board.standing_notices(connection, book.book_id, today)
        ]
    return render(
        request,
        "board.html",
        status=code,
        here="board",
        form=form,
        own=[each for each in shown if each.is_own],
        others=[each for each in shown if not each.is_own],
        may_write=reader is not None,
        series=[(card.series_id, card.terms.title) for card in cards.values()],
    )
