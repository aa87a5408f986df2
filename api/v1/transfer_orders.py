"""`/v1/transfer-orders`, `/v1/payouts`, `/v1/settlements`: money out by transfers, and in from the provider.

Staff executes an order in the bank's own application and confirms it from the statement; an order is released under
four eyes and against booked cash only.
"""

from fastapi import APIRouter, Response

from api.deps import BookDep, Operator, Staff
from api.v1.answers import answer_once
from api.v1.schemas.control import Asked, Confirmation, Settlement, TransferOrder
from api.v1.schemas.loans import Reason, Release
from api.writes import IdempotencyKey
from contracts import payouts
from contracts.loans import queries, service
from ledger.book import UnitOfWork
from ledger.payments import transfers
from ledger.storage.base import JSON

router = APIRouter(tags=["transfers"])


@router.get("/transfer-orders")
def list_transfer_orders(book: BookDep, _staff: Staff) -> list[TransferOrder]:
    """Every transfer order, newest first."""
    with book.read() as connection:
        orders = queries.transfer_orders(connection, book.book_id)
    return [TransferOrder.model_validate(order) for order in orders]


@router.post("/transfer-orders/{order_id}/confirmation")
def confirm_transfer(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, order_id: str, body: Confirmation
) -> dict[str, str]:
    """The bank's statement shows the transfer."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        service.confirm_transfer(
            uow,
            order_id,
            statement_reference=body.statement_reference,
            evidence=body.evidence,
            on=body.on or uow.today(),
        )
        return {"order_id": order_id}

    path = f"/v1/transfer-orders/{order_id}/confirmation"
    answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return {"order_id": order_id, "state": "booked"}


@router.post("/payouts/request", status_code=201)
def request_payouts(book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Reason) -> Asked:
    """Ask a colleague to approve paying lenders what stands to their credit."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": payouts.request_payouts(uow, on=uow.today(), reason=body.reason)}

    done = answer_once(book, operator, response, key=key, path="/v1/payouts/request", body=body, do=do)
    return Asked(approval_id=str(done["approval_id"]))


@router.post("/payouts", status_code=201)
def order_payouts(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Release
) -> dict[str, list[str]]:
    """Release the payouts that a colleague has approved."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"order_ids": payouts.order_payouts(uow, approval_id=body.approval_id, on=uow.today())}

    done = answer_once(book, operator, response, key=key, path="/v1/payouts", body=body, do=do)
    order_ids = done["order_ids"]
    assert isinstance(order_ids, list)
    return {"order_ids": [str(order_id) for order_id in order_ids]}


@router.post("/settlements", status_code=201)
def record_settlement(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: Settlement
) -> dict[str, str]:
    """The bank's statement shows money that the provider paid out."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        transfers.record_settlement(
            uow,
            reference=body.reference,
            amount_cents=body.amount_cents,
            evidence=body.evidence,
            on=body.on or uow.today(),
        )
        return {"reference": body.reference}

    answer_once(book, operator, response, key=key, path="/v1/settlements", body=body, do=do)
    return {"reference": body.reference}
