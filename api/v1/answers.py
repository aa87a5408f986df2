"""What resources share: one write under its key, and the header that tells a repetition."""

from collections.abc import Callable, Mapping

from fastapi import Response
from pydantic import BaseModel

from api.identity.model import Session
from api.writes import write_once
from ledger.book import Book, UnitOfWork
from ledger.storage.base import JSON

REPLAYED = "Idempotency-Replayed"


def answer_once(
    book: Book,
    session: Session,
    response: Response,
    *,
    key: str,
    path: str,
    body: BaseModel | None,
    do: Callable[[UnitOfWork], Mapping[str, JSON]],
) -> Mapping[str, JSON]:
    """Run the write, or repeat its answer and say so in a header; gives the identifiers it made."""
    request: dict[str, JSON] = {"path": path, "body": body.model_dump(mode="json") if body else None}
    answer = write_once(book, actor=session.party_id, key=key, request=request, do=do)
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return answer.outcome
