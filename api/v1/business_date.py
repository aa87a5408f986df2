"""`/v1/business-date`: the book's date, and moving it forward in a sandbox."""

from fastapi import APIRouter, Response

from api.deps import BookDep, Operator
from api.v1.answers import answer_once
from api.v1.schemas.control import BusinessDate, MoveDate
from api.worker.dates import latest_move, request_move
from api.writes import IdempotencyKey
from ledger.book import UnitOfWork
from ledger.storage.base import JSON

router = APIRouter(prefix="/business-date", tags=["business date"])


@router.get("")
def get_business_date(book: BookDep) -> BusinessDate:
    """Today, and how far a move has yet to go."""
    move = latest_move(book)
    is_moving = move is not None and move.finished_at is None
    return BusinessDate(
        today=book.today(), target_on=move.target_on if move and is_moving else None, is_moving=is_moving
    )


@router.post("", status_code=202)
def move_business_date(
    book: BookDep, operator: Operator, key: IdempotencyKey, response: Response, body: MoveDate
) -> BusinessDate:
    """Ask for the date to move; the worker lives through every day between."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        request_move(uow, body.to_on)
        return {"to_on": body.to_on.isoformat()}

    answer_once(book, operator, response, key=key, path="/v1/business-date", body=body, do=do)
    return get_business_date(book)
