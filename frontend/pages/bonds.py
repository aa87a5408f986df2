"""A bond series as everybody reads it, and the form in which a citizen subscribes for its units."""

import secrets
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response

from api.deps import STAFF
from api.identity.model import Session
from contracts.bonds import queries
from contracts.bonds.lifecycle import REGION_CLEARED
from contracts.bonds.model import PERCENT, PUBLIC_BODIES, SeriesTerms
from contracts.bonds.overview import SeriesPage, series_page
from contracts.mandates import LANGUAGES
from contracts.offers.model import OfferState
from contracts.offers.sheet_words import published_in_words
from contracts.offers.sheets import issued_sheet, published_sheets
from frontend.forms import Form
from frontend.i18n import Tongue, tongue
from frontend.rendering import page_language, render
from ledger.book import Book
from ledger.errors import Refusal

BRUSSELS = "BE-BRU"


def series_offer(request: Request, book: Book, series_id: str, session: Session | None) -> Response:
    """The offer of a series. Before it is published, it is there for its issuer and staff only."""
    with book.read() as connection:
        page = series_page(connection, book, series_id, book.today_in(connection))
        record = queries.series_record(connection, book.book_id, series_id)
        sheet = issued_sheet(connection, book.book_id, page.card.offer.offer_id)
        published = published_sheets(connection, book.book_id, page.card.offer.offer_id)
    offer, terms = page.card.offer, page.card.terms
    may_see = session is not None and (session.role in STAFF or session.party_id == terms.issuer)
    if offer.state is OfferState.DRAFT and not may_see:
        raise Refusal("offer-not-known", offer_id=offer.offer_id)
    return render(
        request,
        "bond.html",
        page=page,
        card=page.card,
        offer=offer,
        terms=terms,
        place=place_of(tongue(page_language(request)), terms),
        price_share=terms.price_percent / PERCENT,
        call_share=terms.call.price_percent / PERCENT if terms.call else Decimal(1),
        is_public=terms.issuer_kind in PUBLIC_BODIES,
        sheets=published_in_words(published, LANGUAGES[page_language(request)]),
        has_sheet=sheet is not None,
        cleared=record.moved(REGION_CLEARED),
    )


def subscription_page(
    request: Request, book: Book, series_id: str, form: Form, *, code: int = 200, asks_consent: bool = False
) -> Response:
    """The form of a subscription; a series that is not published answers as one that does not exist."""
    page = published_series(book, series_id)
    return render(
        request,
        "subscription_new.html",
        status=code,
        page=page,
        card=page.card,
        offer=page.card.offer,
        terms=page.card.terms,
        place=place_of(tongue(page_language(request)), page.card.terms),
        form=form,
        once=secrets.token_urlsafe(16),
        asks_consent=asks_consent,
    )


def published_series(book: Book, series_id: str) -> SeriesPage:
    """One series whose offer is published; refuses `offer-not-known`."""
    with book.read() as connection:
        page = series_page(connection, book, series_id, book.today_in(connection))
    if page.card.offer.state is OfferState.DRAFT:
        raise Refusal("offer-not-known", offer_id=page.card.offer.offer_id)
    return page


def place_of(words: Tongue, terms: SeriesTerms) -> str:
    """Where residents of a series live, in words."""
    return words.text("bond.region-brussels") if terms.residents == BRUSSELS else terms.residents
