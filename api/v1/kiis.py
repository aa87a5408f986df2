"""`/v1/offers/{id}/kiis`: an offer's key investment information sheet, drawn up by the operator, read by everybody."""

from fastapi import APIRouter, Response

from api.bootstrap import document_desk
from api.deps import BookDep, Operator, Staff, WiringDep
from api.v1.answers import answer_once
from api.v1.schemas import LanguageCode
from api.v1.schemas.kiis import IssuedSheet, NewSheet, SheetChange, SheetItem, SheetPaper, SheetVersion
from api.writes import IdempotencyKey
from contracts import kiis
from contracts.offers import sheets
from contracts.offers.kiis import Sheet, changes, missing_items
from contracts.offers.queries import published_page
from ledger.book import UnitOfWork
from ledger.storage.base import JSON

router = APIRouter(prefix="/offers/{offer_id}/kiis", tags=["offers"])


@router.get("")
def list_versions(book: BookDep, _staff: Staff, offer_id: str) -> list[SheetVersion]:
    """Every version, oldest first, with its answers, what is missing, and what it changed."""
    with book.read() as connection:
        versions = sheets.sheet_versions(connection, book.book_id, offer_id)
    before: list[Sheet] = [{}, *(version.sheet for version in versions)]
    return [_version(version, earlier) for version, earlier in zip(versions, before, strict=False)]


@router.get("/{language}.pdf", response_class=Response, responses={200: {"content": {"application/pdf": {}}}})
def get_paper(book: BookDep, offer_id: str, language: LanguageCode) -> Response:
    """The sheet in force of a published offer."""
    with book.read() as connection:
        published_page(connection, book, offer_id, book.today_in(connection))
        pdf = kiis.open_sheet(book, connection, offer_id, language)
    headers = {"Content-Disposition": f'attachment; filename="bxl-kiis-{offer_id}-{language}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)


@router.post("", status_code=201)
def write_sheet(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, offer_id: str, body: NewSheet
) -> dict[str, int]:
    """Keep the answers as the next version of a draft's sheet; items may still be open."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"version": kiis.write_sheet(uow, offer_id, body.answers, on=uow.today())}

    made = answer_once(book, operator, response, key=key, path=f"/v1/offers/{offer_id}/kiis", body=body, do=do)
    return {"version": int(str(made["version"]))}


@router.post("/issue", status_code=201)
def issue_sheet(wiring: WiringDep, operator: Operator, _key: IdempotencyKey, offer_id: str) -> IssuedSheet:
    """Draw the newest version in three languages; it is refused with missing items, or beyond six pages."""
    issued = kiis.issue_sheet(wiring.book, document_desk(wiring), offer_id, actor=operator.party_id)
    return IssuedSheet.model_validate(issued)


def _version(version: sheets.SheetVersion, before: Sheet) -> SheetVersion:
    return SheetVersion(
        version=version.version,
        written_on=version.written_on,
        actor=version.actor,
        issued_on=version.issued_on,
        identifier=version.identifier,
        papers={code: SheetPaper.model_validate(paper) for code, paper in version.papers.items()},
        answers=dict(version.sheet),
        missing=[SheetItem.model_validate(each) for each in missing_items(version.sheet)],
        changes=[SheetChange.model_validate(each) for each in changes(before, version.sheet)],
    )
