"""`/v1/receipts`: receipts of the caller's own lines, as files that anyone can verify offline."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import AnySession, Language, Number, WiringDep
from api.receipts import acknowledgement, own_lines, receipt_files, receipt_pdf
from api.v1.schemas.control import Receipt

router = APIRouter(prefix="/receipts", tags=["receipts"])
_PDF, _PROOF, _OPENING = "application/pdf", "text/plain; charset=utf-8", "application/json"


@router.get("")
def list_receipts(
    wiring: WiringDep,
    session: AnySession,
    before_n: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[Receipt]:
    """The caller's lines, newest first; the next page begins before the last `n`."""
    found = own_lines(wiring, session.party_id, before_n=before_n, limit=limit)
    return [
        Receipt(
            n=each.line.n,
            line=each.line.line,
            account=str(each.line.account),
            asset=each.line.account.asset,
            debit=each.line.debit,
            credit=each.line.credit,
            effective_on=each.line.effective_on,
            purpose=each.line.purpose,
            key=each.line.key,
            final=each.final,
        )
        for each in found
    ]


@router.get("/{n}/{line}.pdf", response_class=Response, responses={200: {"content": {_PDF: {}}}})
def get_receipt_pdf(wiring: WiringDep, session: AnySession, language: Language, n: Number, line: Number) -> Response:
    """The receipt as a signed paper with both proof files attached."""
    pdf = receipt_pdf(wiring, session.party_id, n, line, language=language)
    return _file(pdf, _PDF, f"receipt-{n}-{line}.pdf")


@router.get("/{n}/{line}.tlog-proof", response_class=Response, responses={200: {"content": {_PROOF: {}}}})
def get_receipt_proof(wiring: WiringDep, session: AnySession, n: Number, line: Number) -> Response:
    """The proof that the entry stands in the public log (C2SP tlog-proof)."""
    files = receipt_files(wiring, session.party_id, n, line)
    return _file(files.proof, _PROOF, f"receipt-{n}-{line}.tlog-proof")


@router.get("/{n}/{line}/opening.json", response_class=Response, responses={200: {"content": {_OPENING: {}}}})
def get_receipt_opening(wiring: WiringDep, session: AnySession, n: Number, line: Number) -> Response:
    """The caller's line with the number that hides it from everybody else."""
    files = receipt_files(wiring, session.party_id, n, line)
    return _file(files.opening, _OPENING, f"opening-{n}-{line}.json")


@router.get("/{n}/{line}.ack", response_class=Response, responses={200: {"content": {_PROOF: {}}}})
def get_acknowledgement(wiring: WiringDep, session: AnySession, n: Number, line: Number) -> Response:
    """Before the receipt: the signed promise that the public log will hold the entry within a day of its booking."""
    return _file(acknowledgement(wiring, session.party_id, n, line), _PROOF, f"receipt-{n}-{line}.ack")


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
