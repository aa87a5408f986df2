"""`/v1/calls`: calls to the payment provider whose outcome nobody knows, made anew when two people say so.

A call's identifier is that of its payment or refund; the desk shows those that wait among the open payment cases.
"""

from fastapi import APIRouter, Response

from api.deps import BookDep, Operator
from api.v1.answers import answer_once
from api.v1.schemas.control import Asked
from api.v1.schemas.loans import Reason, Release
from api.writes import IdempotencyKey
from ledger.book import UnitOfWork
from ledger.payments import repeats
from ledger.storage.base import JSON

router = APIRouter(prefix="/calls", tags=["payments"])


@router.post("/{call_id}/repetition/request", status_code=201)
def request_repetition(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, call_id: str, body: Reason
) -> Asked:
    """Ask a colleague to agree that a refund or a debit which cannot be found is made anew."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": repeats.request_repeat(uow, call_id, reason=body.reason)}

    path = f"/v1/calls/{call_id}/repetition/request"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return Asked(approval_id=str(done["approval_id"]))


@router.post("/{call_id}/repetition", status_code=201)
def repeat(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, call_id: str, body: Release
) -> dict[str, str]:
    """Make it anew, as a colleague has agreed; gives the identifier of the new payment or refund."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"call_id": repeats.repeat_call(uow, call_id, approval_id=body.approval_id)}

    path = f"/v1/calls/{call_id}/repetition"
    done = answer_once(book, operator, response, key=key, path=path, body=body, do=do)
    return {"call_id": str(done["call_id"])}
