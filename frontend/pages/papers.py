"""Downloads: one's own documents, the receipts of one's own lines, one's own part in the totals of a period."""

from datetime import date

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.deps import AnySession, BookDep, Citizen, Language, Number, WiringDep
from api.receipts import acknowledgement, own_lines, receipt_pdf
from api.statements import statement_pdf
from api.totals import own_totals
from contracts.documents.queries import documents_for
from contracts.documents.service import open_document
from frontend.rendering import render
from ledger import balances
from ledger.errors import Refusal

LINES_A_PAGE = 50
router = APIRouter()


@router.get("/documents/{document_id}")
def document(book: BookDep, session: AnySession, document_id: str) -> Response:
    """One of one's own papers; somebody else's answers as one that does not exist."""
    with book.read() as connection:
        mine = documents_for(connection, book.book_id, session.party_id)
        if all(each.document_id != document_id for each in mine):
            raise Refusal("document-not-known", document_id=document_id)
        pdf = open_document(book, connection, document_id)
    return _pdf(pdf, f"{document_id}.pdf")


@router.get("/statements/{year}")
def statement(wiring: WiringDep, citizen: Citizen, language: Language, year: Number) -> Response:
    """One's own statement of a calendar year, made from the books as they stand."""
    return _pdf(statement_pdf(wiring, citizen.party_id, year, language=language), f"bxl-statement-{year}.pdf")


@router.get("/receipts")
def receipts(request: Request, wiring: WiringDep, session: AnySession, before: Number | None = None) -> Response:
    """Every line of the journal that is one's own, newest first, each with its receipt."""
    lines = own_lines(wiring, session.party_id, before_n=before, limit=LINES_A_PAGE)
    with wiring.book.read() as connection:
        scales = balances.asset_scales(connection, wiring.book.book_id)
    older = lines[-1].line.n if len(lines) == LINES_A_PAGE else None
    return render(request, "receipts.html", lines=lines, scales=scales, older=older)


@router.get("/receipts/{n}/{line}.ack")
def receipt_acknowledgement(wiring: WiringDep, session: AnySession, n: Number, line: Number) -> Response:
    """What stands where the receipt will be: the signed promise that the log will hold the entry within a day."""
    headers = {"Content-Disposition": f'attachment; filename="bxl-receipt-{n}-{line}.ack"'}
    content = acknowledgement(wiring, session.party_id, n, line)
    return Response(content, media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/receipts/{n}/{line}")
def receipt(wiring: WiringDep, session: AnySession, language: Language, n: Number, line: Number) -> Response:
    """The receipt of one's own line, as a signed paper with its proof attached."""
    return _pdf(receipt_pdf(wiring, session.party_id, n, line, language=language), f"bxl-receipt-{n}-{line}.pdf")


@router.get("/totals")
def totals(request: Request, wiring: WiringDep, session: AnySession) -> Response:
    """One's own balances at the last close, and whether the public totals hold them: checked each time it is opened."""
    found = own_totals(wiring, session.party_id)
    with wiring.book.read() as connection:
        scales = balances.asset_scales(connection, wiring.book.book_id)
    return render(request, "totals.html", totals=found, scales=scales)


@router.get("/totals/{until_on}")
def totals_file(wiring: WiringDep, session: AnySession, until_on: date) -> Response:
    """The paths of one's own balances in the totals of a period, as a file for `bxl verify state --mine`."""
    found = own_totals(wiring, session.party_id, until_on)
    if found is None:
        raise Refusal("account-not-in-totals", account=session.party_id, until_on=until_on.isoformat())
    headers = {"Content-Disposition": f'attachment; filename="bxl-totals-{until_on}.jsonl"'}
    return Response(found.paths, media_type="application/jsonl", headers=headers)


def _pdf(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)
