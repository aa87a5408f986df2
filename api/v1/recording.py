"""What the resources of the record share: their book, their route, and journal entries from what was stated.

An entry whose values no book could hold (an amount of 2^60, a date in 1850, a key with a control character) refuses
the request as a whole and posts nothing. One that this book refuses (too little on an account, a closed period) is
refused alone.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import BaseModel
from typing_extensions import override

from api.deps import get_book, require_role
from api.identity.model import Role, Session
from api.posting import Asked, Build, post_one
from api.strict_json import is_json, read_json
from api.v1.answers import REPLAYED
from api.v1.schemas.books import Entered, StatedMove, StatedPosting
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.errors import Refusal
from ledger.journal import MAX_POSTINGS, MAX_TEXT, JournalEntry, Posting

_OF_VALUES = frozenset(
    {
        "amount-negative",
        "amount-not-an-integer",
        "amount-too-large",
        "date-out-of-range",
        "entry-has-too-many-postings",
        "instant-without-zone",
        "metadata-too-large",
    }
)


def named_book(request: Request, book: Annotated[str, Path(examples=["main"])]) -> Book:
    """The book in the address; refuses `book-unknown` for any but the one that this installation serves."""
    served = get_book(request)
    if book != served.book_id:
        raise Refusal("book-unknown", book=book)
    return served


NamedBook = Annotated[Book, Depends(named_book)]


class _StrictRequest(Request):
    """A request whose body has been read already, in its one meaning."""

    parsed: object = None

    @override
    async def json(self) -> object:
        return self.parsed


class RecordRoute(APIRoute):
    """A route of the record: who may not write is refused before the body is looked at, which is then read strictly."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        at_the_door = require_role(Role.OPERATOR)

        async def read_and_handle(request: Request) -> Response:
            await run_in_threadpool(at_the_door, request)
            content_type = request.headers.get("content-type", "")
            if not is_json(content_type):
                raise Refusal("media-type-not-supported", media_type=content_type[:100])
            strict = _StrictRequest(request.scope, request.receive)
            strict.parsed = await run_in_threadpool(read_json, await strict.body())
            return await handle(strict)

        return read_and_handle


def asked_by(session: Session, key: str, request: Request, body: BaseModel) -> Asked:
    """The write as it is kept under its key: the address and all of the body."""
    return Asked(session.party_id, key, {"path": request.url.path, "body": body.model_dump(mode="json")})


def answer_one(request: Request, response: Response, asked: Asked, build: Build) -> Entered:
    """Enter one fact through the group writer, and say in a header where it was answered before."""
    result, replayed = post_one(request.app.state.wiring, asked, build)
    if replayed:
        response.headers[REPLAYED] = "true"
    return Entered(key=result.key, n=result.n, result="duplicate" if result.duplicate else "posted")


def entry_of(
    stated: StatedMove,
    postings: Sequence[StatedPosting] | tuple[Posting, ...],
    actor: str,
    *,
    reverses: str | None = None,
    settles: str | None = None,
    releases_rest: bool = False,
) -> JournalEntry:
    """The journal entry that was stated; a refusal names its key."""
    if (count := len(postings)) > MAX_POSTINGS:  # before a posting is made of each
        raise Refusal("entry-has-too-many-postings", key=stated.key[:MAX_TEXT], postings=count, limit=MAX_POSTINGS)
    try:
        return JournalEntry(
            key=stated.key,
            effective_on=stated.effective_on,
            purpose=stated.purpose,
            postings=tuple(each if isinstance(each, Posting) else _posting_of(each) for each in postings),
            actor=actor,
            evidence=stated.evidence,
            reverses=reverses,
            approvals=tuple(stated.approvals),
            settles=settles,
            releases_rest=releases_rest,
            metadata=stated.metadata,
        )
    except Refusal as refusal:
        raise with_key(refusal, stated.key) from refusal


def with_key(refusal: Refusal, key: str) -> Refusal:
    """The refusal with the key of the fact that met it."""
    return refusal if "key" in refusal.facts else Refusal(refusal.code, key=key[:MAX_TEXT], **refusal.facts)


def is_of_values(refusal: Refusal) -> bool:
    """Whether it is about a value that no book could hold, and no matter of this book's."""
    return refusal.code.endswith("-malformed") or refusal.code in _OF_VALUES


def _posting_of(stated: StatedPosting) -> Posting:
    return Posting(AccountRef.parse(stated.account, stated.asset), stated.debit, stated.credit)
