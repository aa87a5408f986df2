"""The desk of bonds: series drafted from a template, what keeps one from opening, and its opening by two people.

An evidence file is hashed here and not kept; its SHA-256 goes into the record.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, UploadFile
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import BookDep, Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.bonds import queries, service
from contracts.bonds.lifecycle import REGION_CLEARED
from contracts.bonds.model import IssuerKind, SeriesState
from contracts.bonds.overview import gate, series_card, series_cards
from contracts.bonds.sharing import preview
from contracts.bonds.standing import collected_cents, register_total, run_standings
from contracts.bonds.terms import from_template, templates
from contracts.offers import service as offers
from contracts.offers.model import LANGUAGES
from contracts.parties.queries import display_name, enterprises
from frontend.forms import Form, refused
from frontend.i18n import Tongue, tongue
from frontend.pages import series_form
from frontend.pages.desk_fields import day_in, sha256_in
from frontend.pages.typed import Typed
from frontend.rendering import page_language, render, see_other
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal

Text = Annotated[str, Field()]
Act = Callable[[UnitOfWork], object]
SHOWN = 200
"""So many holders are listed; the sums count all of them."""
_ISSUED = frozenset({SeriesState.RUNNING, SeriesState.REDEEMED})
router = APIRouter(prefix="/operations/bonds")


@router.get("")
def desk(request: Request, book: BookDep, operator: Operator) -> Response:
    """Every series, newest last, and the templates from which a new one is drafted."""
    del operator
    with book.read() as connection:
        cards = series_cards(connection, book, book.today_in(connection))
    return render(request, "bond_desk.html", cards=cards, templates=list(templates()))


@router.get("/new/{template}")
def new_series(request: Request, wiring: WiringDep, operator: Operator, template: str) -> Response:
    """The form of a new series, with what its template fills in."""
    del operator
    return _form_page(request, wiring, template, series_form.blank(_template(template)))


@router.post("/new/{template}")
def draft_series(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, template: str, typed: Typed
) -> Response:
    """Draft the series and its offer; what is wrong is said at its field, and nothing is kept."""
    _template(template)
    form = Form(dict(typed))
    body = series_form.stated(form, tongue(language))
    if form.has_errors:
        return _form_page(request, wiring, template, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            series_id = service.draft_series(uow, from_template(template, **body), on=uow.today())
    except Refusal as refusal:
        at = {refusal.code: series_form.field_of(str(refusal.facts.get("field", "")))}
        return _form_page(request, wiring, template, refused(refusal, language, form, at), code=status(refusal))
    return see_other(f"/{language}/operations/bonds/{series_id}")


@router.get("/{series_id}")
def series(request: Request, wiring: WiringDep, operator: Operator, series_id: str) -> Response:
    """One series: where it stands and what waits for a person."""
    del operator
    return _page(request, wiring, series_id, Form())


@router.post("/{series_id}/clearance")
def clear(
    request: Request,
    wiring: WiringDep,
    operator: Operator,
    language: Language,
    series_id: str,
    reference: Text = "",
    on: Text = "",
    evidence: UploadFile | None = None,
) -> Response:
    """Record what article 49 of the special finance act asks of a Region, with its paper."""
    form = Form({"reference": reference, "on": on, "evidence": ""}, target="clearance")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)

    def do(uow: UnitOfWork) -> None:
        service.clear_regional_issue(uow, series_id, reference=reference.strip(), on=day, evidence=proof)

    return answer(request, wiring, operator, series_id, form, do, {"approval-reference-missing": "reference"})


@router.post("/{series_id}/opening")
def ask_opening(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, series_id: str
) -> Response:
    """Ask a second person to approve that the subscription opens."""
    reason = tongue(language).text("bond-desk.open-ask")
    ask: Act = lambda uow: service.request_opening(uow, series_id, reason=reason)  # noqa: E731 -- read as one line
    return answer(request, wiring, operator, series_id, Form(), ask)


def answer(
    request: Request,
    wiring: Wiring,
    operator: Session,
    series_id: str,
    form: Form,
    act: Act,
    fields: dict[str, str] | None = None,
) -> Response:
    """Do it and show the series; or show it with the form and what is wrong."""
    language = request.url.path.strip("/").partition("/")[0]
    if form.has_errors:
        return _page(request, wiring, series_id, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        return _page(request, wiring, series_id, refused(refusal, language, form, fields or {}), code=status(refusal))
    return see_other(f"/{language}/operations/bonds/{series_id}")


def _page(request: Request, wiring: Wiring, series_id: str, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    with book.read() as connection:
        record = queries.series_record(connection, book.book_id, series_id)
        card = series_card(connection, book, series_id, book.today_in(connection))
        missing = gate(connection, book.book_id, record) if record.state is SeriesState.DRAFT else []
        waiting = approvals.pending(connection, book.book_id, now=book.clock.now())
        found, shares_refusal = preview(connection, book.book_id, record)
        register = queries.register(connection, book.book_id, record.series) if record.state in _ISSUED else {}
        shown = {each.holder for each in found[:SHOWN]} | set(list(register)[:SHOWN])
        names = {holder: display_name(connection, book, holder) for holder in shown}
        total = register_total(connection, book.book_id, record) if record.state in _ISSUED else None
        runs = list(run_standings(connection, book.book_id, record)) if record.state in _ISSUED else []
        collected = collected_cents(connection, book.book_id, series_id)
    asked = {str(each.body.get("offer_id")) for each in waiting if each.action == offers.PUBLISH}
    return render(
        request,
        "bond_desk_series.html",
        status=code,
        here=f"operations/bonds/{series_id}",
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        card=card,
        terms=card.terms,
        missing=missing,
        needs_sheet=any(each.code.startswith("kiis-") for each in missing),
        cleared=record.moved(REGION_CLEARED),
        is_regional=card.terms.issuer_kind is IssuerKind.REGION,
        is_asked=card.offer.offer_id in asked,
        shares=found[:SHOWN],
        shares_more=max(0, len(found) - SHOWN),
        shares_refusal=shares_refusal,
        asked_units=sum(each.wanted_units for each in found),
        register=list(register.items())[:SHOWN],
        names=names,
        total=total,
        runs=runs,
        collected=collected,
    )


def _form_page(request: Request, wiring: Wiring, template: str, form: Form, *, code: int = 200) -> Response:
    with wiring.book.read() as connection:
        issuers = enterprises(connection, wiring.book)
    tongue_here = tongue(page_language(request))
    return render(
        request,
        "bond_desk_new.html",
        status=code,
        kind=template,
        form=form,
        issuers=list(issuers.items()),
        groups=series_form.GROUPS,
        most_steps=series_form.MOST_STEPS,
        texts=series_form.TEXTS,
        value_words=lambda name, values: [(each, _value_words(tongue_here, name, each)) for each in values],
        text_languages=LANGUAGES,
    )


def _value_words(words: Tongue, name: str, value: str) -> str:
    """A value of a choice in words; the names of day counts are the market's own."""
    return value if name == "day_count" else words.text(f"bond-desk.value-{name.replace('.', '-')}-{value}")


def _template(name: str) -> series_form.PLAIN:
    """A template's defaults; one that does not exist is a page that does not exist."""
    if name not in templates():
        raise Refusal("series-template-unknown", template=name[:40], known=sorted(templates()))
    return templates()[name]
