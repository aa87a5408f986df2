"""Posting what the JSON API is asked to post, through the process's group writer.

    one item, or several linked     one request under the caller's key
    several that stand alone        the first under the caller's key, and once it stands, the others under numbered ones

Each answer is kept under its key, refusals included, so that a repetition gets the same answers and posts what a crash
left out. The first request is posted before the others are sent: whoever comes second with the same key and another
body is refused before anything of theirs is posted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog
from sqlalchemy import Connection as Connection
from sqlalchemy.exc import DBAPIError

from api.bootstrap import Wiring
from api.writes import KeptRefusal, digest_of, keep_refusal, key_of
from ledger import requests
from ledger.errors import Refusal
from ledger.facts import Item
from ledger.state import ItemResult, Replayed, Request, Result
from ledger.storage.base import JSON
from ledger.writer import MAX_GROUP

logger = structlog.get_logger("bxl.posting")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what: `key` is the caller's idempotency key, `request` the path and the body it covers."""

    actor: str
    key: str
    request: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Posted:
    """One result or refusal for each item, in order; `replayed` where the same request had been answered before."""

    results: Sequence[ItemResult | Refusal]
    replayed: bool


Build = Callable[[Connection], Item]


def post_one(wiring: Wiring, asked: Asked, build: Build) -> tuple[ItemResult, bool]:
    """Enter what `build` makes of the book as it stands; gives its number, and whether it was answered before.

    Raises what `build` and the posting refuse; that answer is kept too.
    """
    book, own_key, body_hash = wiring.book, key_of(asked.actor, asked.key), digest_of(wiring.book, asked.request)
    try:
        with book.read() as connection:
            kept = requests.recall(connection, book.book_id, own_key, actor=asked.actor, body_hash=body_hash)
            item = None if kept is not None else build(connection)
    except Refusal as refusal:
        keep_refusal(book, asked.actor, own_key, body_hash, refusal)
        raise
    if item is None:
        assert kept is not None
        [result], replayed = _results(Replayed(kept), 1), True
    else:
        outcome = wiring.writer.post(Request([item], own_key, asked.actor, body_hash))
        [result], replayed = _results(outcome, 1), isinstance(outcome, Replayed)
    if isinstance(result, Refusal):
        raise result
    return result, replayed


def post_linked(wiring: Wiring, asked: Asked, items: Sequence[Item]) -> Posted:
    """Post all or none: a refusal is the answer to each; its fact `key` names the item that met it."""
    request = Request(items, key_of(asked.actor, asked.key), asked.actor, digest_of(wiring.book, asked.request))
    outcome = wiring.writer.post(request)
    return Posted(_results(outcome, len(items)), isinstance(outcome, Replayed))


def post_each(wiring: Wiring, asked: Asked, items: Sequence[Item]) -> Posted:
    """Post each item or refuse it alone, in order; refuses `posting-interrupted` where the database goes away."""
    own_key, body_hash = key_of(asked.actor, asked.key), digest_of(wiring.book, asked.request)
    if not items:  # nothing can be posted; the key is this request's all the same
        outcome = wiring.writer.post(Request([], own_key, asked.actor, body_hash, {"done": []}))
        return Posted(_results(outcome, 0), isinstance(outcome, Replayed))
    first = wiring.writer.post(Request(items[:1], own_key, asked.actor, body_hash))
    outcomes = [first]
    _results(first, 1)  # a key that was used for something else ends it here
    numbered = iter([Request([item], f"{own_key}#{i}", asked.actor, body_hash) for i, item in enumerate(items)][1:])
    while group := list(islice(numbered, MAX_GROUP)):
        outcomes += _post_group(wiring, group, answered=len(outcomes))
    return Posted([result for outcome in outcomes for result in _results(outcome, 1)], isinstance(first, Replayed))


def _post_group(wiring: Wiring, group: Sequence[Request], *, answered: int) -> list[Result]:
    """Post as many as fit one commit, and wait for it, so that no caller fills the queue."""
    try:
        waiting = [wiring.writer.submit(request) for request in group]
        return [each.result() for each in waiting]
    except DBAPIError as error:
        logger.warning("posting-interrupted", answered=answered, exc_info=error)
        raise Refusal("posting-interrupted", answered=answered, retry_after_seconds=1) from error


def _results(outcome: Result, count: int) -> list[ItemResult | Refusal]:
    """The results of a request of `count` items; raises `idempotency-key-reused`, which answers the whole call."""
    if isinstance(outcome, Replayed):
        return list(_kept_results(outcome.outcome, count))
    if isinstance(outcome, Refusal):
        if outcome.code == "idempotency-key-reused":
            raise outcome
        return [outcome] * count
    return list(outcome)


def _kept_results(outcome: Mapping[str, object], count: int) -> Iterator[ItemResult | Refusal]:
    done = outcome.get("done")
    if not isinstance(done, list):
        yield from [KeptRefusal(outcome)] * count
        return
    for each in done:
        yield ItemResult(each["key"], each["n"], each["duplicate"])
