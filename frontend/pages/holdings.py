"""A holder's own bond: what she has of a series, what she was paid, her entries in the register, and its extract."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.deps import Citizen, Language, WiringDep
from api.receipts import published_size
from api.register_extracts import extract_pdf
from contracts.bonds.holder import holding_of, register_lines
from frontend.rendering import render
from ledger.balances import OwnedLine

router = APIRouter(prefix="/bonds")


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """One line of the holder in the register; `is_final` once its receipt can be given."""

    line: OwnedLine
    is_final: bool


@router.get("/{series_id}")
def holding(request: Request, wiring: WiringDep, citizen: Citizen, series_id: str) -> Response:
    """One's own units of a series; one that one never had answers as one that does not exist."""
    book, size = wiring.book, published_size(wiring)
    with book.read() as connection:
        today = book.today_in(connection)
        own = holding_of(connection, book, citizen.party_id, series_id, today)
        lines = register_lines(connection, book.book_id, citizen.party_id, series_id)
    return render(
        request,
        "holding.html",
        own=own,
        terms=own.terms,
        published=size,
        lines=[RegisterLine(line, line.n < size) for line in lines],
        has_extract=lines[0].n < size,
    )


@router.get("/{series_id}/extract")
def extract(wiring: WiringDep, citizen: Citizen, language: Language, series_id: str) -> Response:
    """An extract from the register, as a signed paper with its proof attached."""
    pdf = extract_pdf(wiring, citizen.party_id, series_id, language=language)
    headers = {"Content-Disposition": f'attachment; filename="bxl-register-{series_id}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)
