"""`/v1/closes`, `/v1/chargebacks`, `/v1/settlements`, `/v1/payment-cases`: what the provider does with our money.

A close compares provider, bank and ledger for a day; its file is signed and verified by `bxl reconcile verify`.
"""

from datetime import date

from fastapi import APIRouter, Response

from api.deps import BookDep, Operator, Staff, WiringDep
from api.reconcile.closing import DayClose, DrawnClose, closes, draw_close, keep_close, kept_close, latest_close
from api.v1.answers import REPLAYED, answer_once
from api.v1.schemas.provider import Chargeback, Close, Cover, PaymentCase, ProviderSettlement, ToClose
from api.writes import IdempotencyKey, draw_and_write_once
from ledger.book import UnitOfWork
from ledger.payments import queries
from ledger.payments.settlements import book_fee_cover
from ledger.storage.base import JSON

router = APIRouter(tags=["provider"])


@router.get("/closes")
def list_closes(book: BookDep, _staff: Staff) -> list[Close]:
    """The newest closes of days."""
    return [_shown(each) for each in closes(book)]


@router.post("/closes", status_code=201)
def make_close(wiring: WiringDep, operator: Operator, key: IdempotencyKey, response: Response, body: ToClose) -> Close:
    """Compare provider, bank and ledger for a day and keep the signed report; under another key another one is made."""
    actor, book = operator.party_id, wiring.book

    def draw() -> DrawnClose:
        return draw_close(wiring, on=body.on or book.today(), actor=actor, request=key)

    def do(uow: UnitOfWork, drawn: DrawnClose) -> dict[str, JSON]:
        return {"close": keep_close(uow, drawn).key}

    request: dict[str, JSON] = {"path": "/v1/closes", "body": body.model_dump(mode="json")}
    answer = draw_and_write_once(book, actor=actor, key=key, request=request, draw=draw, do=do)
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return _shown(kept_close(book, str(answer.outcome["close"])))


@router.get("/closes/{on}")
def get_close(book: BookDep, _staff: Staff, on: date) -> Response:
    """The signed file of the newest close of a day, byte for byte."""
    return Response(latest_close(book, on).file, media_type="application/json")


@router.get("/chargebacks")
def list_chargebacks(book: BookDep, _staff: Staff) -> list[Chargeback]:
    """Payments that payers' banks took back, newest first."""
    with book.read() as connection:
        found = queries.chargebacks(connection, book.book_id)
    return [Chargeback.model_validate(each) for each in found]


@router.get("/settlements")
def list_settlements(book: BookDep, _staff: Staff) -> list[ProviderSettlement]:
    """The provider's payouts and the fees that the platform covers, newest first."""
    with book.read() as connection:
        found = queries.settlements(connection, book.book_id)
    return [ProviderSettlement.model_validate(each) for each in found]


@router.post("/settlements/{reference}/cover", status_code=201)
def cover_fees(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, reference: str, body: Cover
) -> dict[str, str]:
    """The bank's statement shows the platform's own money that covers the fees of a settlement."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        on = body.on or uow.today()
        book_fee_cover(uow, reference=reference, amount_cents=body.amount_cents, evidence=body.evidence, on=on)
        return {"reference": reference}

    answer_once(book, operator, response, key=key, path=f"/v1/settlements/{reference}/cover", body=body, do=do)
    return {"reference": reference}


@router.get("/payment-cases")
def list_cases(book: BookDep, _staff: Staff) -> list[PaymentCase]:
    """What a person must look at, oldest first: unknown movements, chargebacks, refunds that wait, differences."""
    with book.read() as connection:
        found = queries.open_cases(connection, book.book_id)
    return [PaymentCase.model_validate(each) for each in found]


def _shown(closed: DayClose) -> Close:
    report = closed.report
    compared = {"accounts": report["accounts"], "invariants": report["invariants"]}
    return Close.model_validate(
        {
            "on": closed.on,
            "number": closed.number,
            "agrees": closed.agrees,
            "closed_by": report["closed_by"],
            **compared,
        }
    )
