"""Writes that may be repeated: the answer to an `Idempotency-Key` is kept with its effect and given again.

A request runs in one unit of work together with the row that keeps its answer. A refusal rolls that unit of work back
and is kept in one of its own, so that a repetition gets the same refusal even where the cause has gone meanwhile.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header

from ledger import requests
from ledger.book import Book, UnitOfWork
from ledger.errors import Fact, Refusal
from ledger.requests import AnsweredMeanwhile
from ledger.storage.base import JSON, json_text
from ledger.storage.keys import BOOK_OWNER

Drawn = TypeVar("Drawn")
_KEY = re.compile(r"[A-Za-z0-9_-]{8,100}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write did; `replayed` where the same request had been answered before."""

    outcome: Mapping[str, JSON]
    replayed: bool


def idempotency_key(
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="8 to 100 letters, digits or hyphens; the same for a repetition"),
    ] = None,
) -> str:
    """The key of a write; refuses `idempotency-key-missing` and `idempotency-key-malformed`."""
    if not key:
        raise Refusal("idempotency-key-missing")
    if not is_idempotency_key(key):
        raise Refusal("idempotency-key-malformed")
    return key


def is_idempotency_key(text: str) -> bool:
    """Whether `text` can be the key of a write."""
    return _KEY.fullmatch(text) is not None


IdempotencyKey = Annotated[str, Depends(idempotency_key)]


def key_of(actor: str, key: str) -> str:
    """Under which the answer to this actor's request is kept: another person's key is another key."""
    return f"{actor}:{key}"


def write_once(
    book: Book,
    *,
    actor: str,
    key: str,
    request: Mapping[str, JSON],
    do: Callable[[UnitOfWork], Mapping[str, JSON]],
) -> Answer:
    """Do it and keep the answer, or give the kept answer; refuses `idempotency-key-reused` for another request."""
    own_key, body_hash = key_of(actor, key), digest_of(book, request)
    try:
        with book.unit_of_work(actor=actor) as uow:
            if kept := requests.recall(uow.connection, uow.book_id, own_key, actor=actor, body_hash=body_hash):
                return _again(kept)
            outcome = do(uow)
            uow.remember(own_key, body_hash=body_hash, outcome={"done": outcome})
    except Refusal as refusal:
        keep_refusal(book, actor, own_key, body_hash, refusal)
        raise
    except AnsweredMeanwhile:
        # Two requests with one key at one time: the one that came second gives the answer of the first.
        kept = _kept_answer(book, actor, own_key, body_hash)
        if kept is None:
            raise
        return _again(kept)
    return Answer(outcome, replayed=False)


def draw_and_write_once(
    book: Book,
    *,
    actor: str,
    key: str,
    request: Mapping[str, JSON],
    draw: Callable[[], Drawn],
    do: Callable[[UnitOfWork, Drawn], Mapping[str, JSON]],
) -> Answer:
    """`write_once` of what is drawn beforehand, outside the unit of work; an answered request draws nothing again."""
    own_key, body_hash = key_of(actor, key), digest_of(book, request)
    if kept := _kept_answer(book, actor, own_key, body_hash):
        return _again(kept)
    try:
        drawn = draw()
    except Refusal as refusal:
        keep_refusal(book, actor, own_key, body_hash, refusal)
        raise
    return write_once(book, actor=actor, key=key, request=request, do=lambda uow: do(uow, drawn))


def digest_of(book: Book, request: Mapping[str, JSON]) -> bytes:
    """A request's fingerprint under the book's key: what a person wrote can't be guessed from it."""
    with book.read() as connection:
        key = book.keys.key_for(connection, BOOK_OWNER)
    return hmac.digest(key, json_text(request).encode(), "sha256")


def _again(kept: Mapping[str, JSON]) -> Answer:
    if isinstance(done := kept.get("done"), Mapping):
        return Answer(done, replayed=True)
    raise KeptRefusal(kept)


class KeptRefusal(Refusal):
    """The refusal that an earlier request with this key got."""

    def __init__(self, kept: Mapping[str, object]) -> None:
        facts = kept["facts"]
        assert isinstance(facts, Mapping)
        super().__init__(str(kept["refused"]), **cast("dict[str, Fact]", dict(facts)))


def keep_refusal(book: Book, actor: str, own_key: str, body_hash: bytes, refusal: Refusal) -> None:
    """Keep it, unless it is the kept one or says that the key belongs to another request."""
    if isinstance(refusal, KeptRefusal) or refusal.code == "idempotency-key-reused":
        return
    with suppress(AnsweredMeanwhile), book.unit_of_work(actor=actor) as uow:
        if requests.recall(uow.connection, uow.book_id, own_key, actor=actor, body_hash=body_hash) is None:
            outcome: dict[str, JSON] = {"refused": refusal.code, "facts": dict(refusal.facts)}
            uow.remember(own_key, body_hash=body_hash, outcome=outcome)


def _kept_answer(book: Book, actor: str, own_key: str, body_hash: bytes) -> Mapping[str, JSON] | None:
    with book.read() as connection:
        return requests.recall(connection, book.book_id, own_key, actor=actor, body_hash=body_hash)
