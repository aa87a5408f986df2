"""The key investment information sheet of an offer: its paper for everybody, and the form in which it is drawn up."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring, document_desk
from api.deps import STAFF, AnySession, BookDep, Language, MaybeSession, WiringDep
from api.identity.model import Role, Session
from api.refusals import status
from contracts import kiis
from contracts.documents.text import wording
from contracts.mandates import LANGUAGES
from contracts.offers import sheets
from contracts.offers.kiis import BY_KEY, ITEMS, MOST_YEARS, YEAR_FIGURES, ItemKind, Sheet, changes, missing_items
from contracts.offers.model import STANDING, OfferState
from contracts.offers.queries import OfferRecord, offer_record
from contracts.offers.sheet_words import in_words
from contracts.schemes.ecspr import suspension_ends_on
from frontend.forms import Form, cents_of, refused
from frontend.i18n import tongue
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.errors import Refusal
from ledger.storage.base import JSON

router = APIRouter()


@router.get("/offers/{offer_id}/kiis.pdf")
def sheet_paper(
    book: BookDep, session: MaybeSession, language: Language, offer_id: str, version: int | None = None
) -> Response:
    """The sheet in force, or a version of it, in the language of the address.

    What was not published, a draft's sheet or an amended one, is there for its maker and staff only.
    """
    with book.read() as connection:
        record = offer_record(connection, book.book_id, offer_id)
        is_insider = _may_see(record, session)
        if record.state is OfferState.DRAFT and not is_insider:
            raise Refusal("offer-not-known", offer_id=offer_id)
        pdf = kiis.open_sheet(book, connection, offer_id, language, version=version, is_insider=is_insider)
    headers = {"Content-Disposition": f'attachment; filename="bxl-kiis-{offer_id}-{language}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)


@router.get("/offers/{offer_id}/kiis")
def sheet_form(request: Request, wiring: WiringDep, session: AnySession, offer_id: str) -> Response:
    """The sheet as it stands: its answers, what is missing, and what its last version changed."""
    return _page(request, wiring, session, offer_id, None)


@router.post("/offers/{offer_id}/kiis")
def write_sheet(
    request: Request, wiring: WiringDep, session: AnySession, language: Language, offer_id: str, typed: Typed
) -> Response:
    """Keep the answers as a new version; items may still be open."""
    form = Form(dict(typed))
    _require_writer(wiring, session, offer_id)
    values = _answers(form, language)
    if form.has_errors:
        return _page(request, wiring, session, offer_id, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=session.party_id) as uow:
            kiis.write_sheet(uow, offer_id, values, on=uow.today())
    except Refusal as refusal:
        return _refused(request, wiring, session, offer_id, refusal, form)
    return see_other(f"/{language}/offers/{offer_id}/kiis")


@router.post("/offers/{offer_id}/kiis/issue")
def issue_sheet(
    request: Request, wiring: WiringDep, session: AnySession, language: Language, offer_id: str
) -> Response:
    """Draw the papers of the newest version in the three languages."""
    _require_writer(wiring, session, offer_id)
    try:
        kiis.issue_sheet(wiring.book, document_desk(wiring), offer_id, actor=session.party_id)
    except Refusal as refusal:
        return _refused(request, wiring, session, offer_id, refusal, None)
    return see_other(f"/{language}/offers/{offer_id}/kiis")


def _refused(
    request: Request, wiring: Wiring, session: Session, offer_id: str, refusal: Refusal, form: Form | None
) -> Response:
    """The page with the refusal's sentence, at its item where it names one."""
    language = request.url.path.strip("/").partition("/")[0]
    fields = {refusal.code: str(refusal.facts.get("item", ""))}
    return _page(
        request, wiring, session, offer_id, refused(refusal, language, form or Form(), fields), code=status(refusal)
    )


def _page(
    request: Request, wiring: Wiring, session: Session, offer_id: str, form: Form | None, *, code: int = 200
) -> Response:
    book = wiring.book
    language = request.url.path.strip("/").partition("/")[0]
    say = wording(LANGUAGES[language]).say
    with book.read() as connection:
        record = offer_record(connection, book.book_id, offer_id)
        if not _may_see(record, session):
            raise Refusal("offer-not-known", offer_id=offer_id)
        versions = sheets.sheet_versions(connection, book.book_id, offer_id)
        published = sheets.published_sheets(connection, book.book_id, offer_id)
    newest = versions[-1].sheet if versions else {}
    before = versions[-2].sheet if len(versions) > 1 else {}
    shown = form if form is not None and form.values else Form(_fields(newest), general=form.general if form else [])
    return render(
        request,
        "kiis.html",
        status=code,
        here=f"offers/{offer_id}/kiis",
        record=record,
        versions=versions,
        newest=versions[-1] if versions else None,
        items=ITEMS,
        most_years=MOST_YEARS,
        year_figures=YEAR_FIGURES,
        missing=missing_items(newest),
        changes=[in_words(each, LANGUAGES[language]) for each in (changes(before, newest) if before else ())],
        published={each.version.version: each.published_on for each in published},
        suspended_until=None if record.suspended_on is None else suspension_ends_on(record.suspended_on),
        form=shown,
        say=lambda key: say(f"kiis.{key}"),
        may_write=(record.state is OfferState.DRAFT or (record.state in STANDING and bool(published)))
        and _may_write(record, session),
    )


def _answers(form: Form, language: str) -> dict[str, JSON]:
    """What was typed, as answers; amounts that cannot be read are said at their field."""
    answers: dict[str, JSON] = {}
    for item in ITEMS:
        match item.kind:
            case ItemKind.TEXT:
                answers[item.key] = {code: form.value(f"{item.key}-{code}") for code in LANGUAGES}
            case ItemKind.LINE | ItemKind.LINK:
                answers[item.key] = form.value(item.key).strip() or None
            case ItemKind.CENTS | ItemKind.COUNT:
                answers[item.key] = _amount(form, item.key, language, is_count=item.kind is ItemKind.COUNT)
            case ItemKind.YEARS:
                answers[item.key] = _years(form, language)
    return answers


def _years(form: Form, language: str) -> JSON:
    """The rows that were filled in; none of them and the tick say that no year has been closed yet."""
    rows: list[JSON] = []
    for n in range(1, MOST_YEARS + 1):
        if form.value(f"year-{n}").strip():
            year = form.value(f"year-{n}").strip()
            if not (year.isascii() and year.isdigit()):
                form.errors[f"year-{n}"] = tongue(language).text("kiis.error-amount")
                continue
            figures = {name: _amount(form, f"{name}-{n}", language) for name in YEAR_FIGURES}
            rows.append({"year": int(year[:4]), **{name: cents or 0 for name, cents in figures.items()}})
    return rows if rows or form.value("no_figures") == "yes" else None


def _amount(form: Form, name: str, language: str, *, is_count: bool = False) -> int | None:
    """An amount in cents, or a count; a loss is written with its sign before it."""
    text = form.value(name).strip()
    if not text:
        return None
    is_loss = text[0] in "-\u2212"
    cents = cents_of(text[1:] if is_loss else text)
    if cents is None or (is_count and (is_loss or cents % 100)):
        form.errors[name] = tongue(language).text("kiis.error-amount")
        return None
    return cents // 100 if is_count else -cents if is_loss else cents


def _fields(sheet: Sheet) -> dict[str, str]:
    """The answers as they stand in the fields of the form."""
    fields: dict[str, str] = {}
    for key, answer in sheet.items():
        match BY_KEY[key].kind:
            case ItemKind.TEXT:
                assert isinstance(answer, Mapping)
                fields |= {f"{key}-{code}": str(text) for code, text in answer.items()}
            case ItemKind.CENTS:
                fields[key] = _typed(answer)
            case ItemKind.YEARS:
                assert isinstance(answer, list)
                fields |= _year_fields(answer)
            case _:
                fields[key] = str(answer)
    return fields


def _year_fields(rows: list[JSON]) -> dict[str, str]:
    fields = {} if rows else {"no_figures": "yes"}
    for n, row in enumerate(rows, start=1):
        assert isinstance(row, Mapping)
        fields[f"year-{n}"] = str(row["year"])
        fields |= {f"{name}-{n}": _typed(row[name]) for name in YEAR_FIGURES}
    return fields


def _typed(cents: JSON) -> str:
    """Cents as somebody types them: 1234,50."""
    assert isinstance(cents, int)
    sign, whole, rest = "-" if cents < 0 else "", *divmod(abs(cents), 100)
    return f"{sign}{whole},{rest:02d}" if rest else f"{sign}{whole}"


def _require_writer(wiring: Wiring, session: Session, offer_id: str) -> None:
    """Only the project owner and the operator draw up a sheet; to others the offer does not exist."""
    with wiring.book.read() as connection:
        record = offer_record(connection, wiring.book.book_id, offer_id)
    if not _may_write(record, session):
        raise Refusal("offer-not-known", offer_id=offer_id)


def _may_see(record: OfferRecord, session: Session | None) -> bool:
    return session is not None and (session.role in STAFF or session.party_id == record.draft.borrower)


def _may_write(record: OfferRecord, session: Session) -> bool:
    return session.role is Role.OPERATOR or session.party_id == record.draft.borrower
