"""`/v1/approvals`: what waits for a second pair of eyes, and giving it."""

from fastapi import APIRouter, Response

from api.deps import BookDep, Operator, Staff
from api.v1.answers import answer_once
from api.v1.schemas.control import Approval
from api.writes import IdempotencyKey
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

router = APIRouter(prefix="/approvals", tags=["approvals"])


@router.get("")
def list_approvals(book: BookDep, _staff: Staff) -> list[Approval]:
    """Requests nobody has answered and that have not expired, oldest first."""
    with book.read() as connection:
        waiting = approvals.pending(connection, book.book_id, now=book.clock.now())
    return [Approval.model_validate(each) for each in waiting]


@router.get("/{approval_id}")
def get_approval(book: BookDep, _staff: Staff, approval_id: str) -> Approval:
    """One request with its frozen body."""
    with book.read() as connection:
        found = approvals.find(connection, book.book_id, approval_id)
    if found is None:
        raise Refusal("approval-unknown", approval=approval_id)
    return Approval.model_validate(found)


@router.post("/{approval_id}/approval")
def approve(book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, approval_id: str) -> Approval:
    """Approve what a colleague asked for; one's own request is refused."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        approvals.approve(uow, approval_id)
        return {"approval_id": approval_id}

    answer_once(book, operator, response, key=key, path=f"/v1/approvals/{approval_id}/approval", body=None, do=do)
    return get_approval(book, operator, approval_id)
