"""What everybody may read: home, offers, one offer, how it works, the rules in force, and a receipt's verification."""

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api.deps import STAFF, BookDep, Language, MaybeSession, WiringDep
from api.identity.model import Session
from contracts.bonds.overview import subscribable
from contracts.mandates import LANGUAGES
from contracts.offers.model import STANDING, OfferState
from contracts.offers.queries import EXAMPLE_CENTS, OfferCard, OfferPage, offer_page, offer_record, open_offers
from contracts.offers.sheet_words import published_in_words
from contracts.offers.sheets import issued_sheet, published_sheets
from contracts.schemes.credit import SCHEME, TaxCredit, credit_by_year
from contracts.schemes.net_yield import NetYield, net_yield
from contracts.schemes.rules import rules_in_force, schemes
from contracts.schemes.withholding import HolderKind, net_rate_annual
from contracts.secondchance.history import beginning_again, disclosed_failures
from frontend.charts import Label, stacked
from frontend.figures import schedule_bars
from frontend.i18n import Tongue, tongue
from frontend.pages.bonds import series_offer
from frontend.rendering import render
from frontend.verifier import published_policies, script_words
from frontend.words import LABEL_KINDS
from ledger.errors import Refusal

OFFERS_ON_HOME = 3
router = APIRouter()


@router.get("/")
def home(request: Request, book: BookDep) -> Response:
    """The first page: what this is, what is open, what can go wrong."""
    with book.read() as connection:
        today = book.today_in(connection)
        cards, bonds = open_offers(connection, book, today), subscribable(connection, book, today)
        again = beginning_again(connection, book.book_id, today)
    return render(request, "home.html", cards=cards[:OFFERS_ON_HOME], bonds=bonds[:OFFERS_ON_HOME], again=again)


@router.get("/offers")
def offers(request: Request, book: BookDep) -> Response:
    """Every open offer."""
    with book.read() as connection:
        today = book.today_in(connection)
        cards, bonds = open_offers(connection, book, today), subscribable(connection, book, today)
        again = beginning_again(connection, book.book_id, today)
    return render(request, "offers.html", cards=cards, bonds=bonds, again=again)


@router.get("/offers/{offer_id}")
def offer(request: Request, offer_id: str, book: BookDep, session: MaybeSession, language: Language) -> Response:
    """One offer: the project, the money, the risk. Before it is published, it is there for its maker and staff only."""
    today = book.today()
    with book.read() as connection:
        units = offer_record(connection, book.book_id, offer_id).draft.units
    if units is not None:
        return series_offer(request, book, units.series_id, session)
    with book.read() as connection:
        page = offer_page(connection, book, offer_id, today)
        sheet = issued_sheet(connection, book.book_id, offer_id)
        published = published_sheets(connection, book.book_id, offer_id)
        failures = disclosed_failures(connection, book.book_id, page.card.borrower, today)
    if page.card.state is OfferState.DRAFT and not _may_see_draft(page.card, session):
        raise Refusal("offer-not-known", offer_id=offer_id)
    net, withholding = net_rate_annual(page.card.rate_annual, HolderKind.RESIDENT_INDIVIDUAL, today)
    return render(
        request,
        "offer.html",
        page=page,
        card=page.card,
        example_cents=EXAMPLE_CENTS,
        chart=_schedule_chart(page, tongue(language)),
        credits=_credits(page),
        yields=_yields(page),
        net_rate=net,
        withholding=withholding,
        failures=failures,
        has_sheet=sheet is not None,
        sheets=published_in_words(published, LANGUAGES[language]),
        may_draw_up=page.card.state in {OfferState.DRAFT, *STANDING} and _may_see_draft(page.card, session),
    )


@router.get("/how")
def how(request: Request) -> Response:
    """How it works, what the words mean, and how to verify a receipt."""
    return render(request, "how.html", labels=list(LABEL_KINDS.items()))


@router.get("/rules")
def rules(request: Request, book: BookDep) -> Response:
    """The rules in force on the business date, each with its source and how sure it is; a scheme may have none left."""
    today = book.today()
    return render(request, "rules.html", groups=[(scheme, rules_in_force(scheme, today)) for scheme in schemes()])


@router.get("/verify")
def verify(request: Request, wiring: WiringDep, language: Language) -> Response:
    """Where a receipt is checked: in the browser, by command, or by hand. No file is sent here."""
    policies = published_policies(wiring.settings.log_folder)
    return render(request, "verify.html", words=script_words(language), policies=policies)


def _may_see_draft(card: OfferCard, session: Session | None) -> bool:
    return session is not None and (session.role in STAFF or session.party_id == card.borrower)


def _schedule_chart(page: OfferPage, words: Tongue) -> Markup:
    rows, totals = page.schedule.instalments, page.schedule.totals
    description = words.text(
        "offer.schedule-description",
        n=len(rows),
        first=words.day(rows[0].due_on),
        last=words.day(rows[-1].due_on),
        interest=words.money(totals.interest_cents),
        principal=words.money(totals.principal_cents),
    )
    title = words.text("offer.schedule", amount=words.money_round(EXAMPLE_CENTS))
    return stacked(schedule_bars(rows), Label("schedule", title, description), write=words.money_round)


def _yields(page: OfferPage) -> NetYield | None:
    """What the example yields with its credits, where these are known."""
    try:
        return net_yield(page.schedule, HolderKind.RESIDENT_INDIVIDUAL, scheme=SCHEME)
    except Refusal:
        return None


def _credits(page: OfferPage) -> tuple[TaxCredit, ...] | None:
    """The yearly tax credit of the example, or nothing where the scheme's rules end before the loan does."""
    try:
        return credit_by_year(page.schedule)
    except Refusal:
        return None
