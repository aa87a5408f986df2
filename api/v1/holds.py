"""`/v1/books/{book}/holds`: amounts reserved, and what becomes of them: posted in parts or whole, or voided.

A hold is named by its fact key, which may hold slashes.
"""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response

from api.deps import Number, Operator, Staff
from api.posting import Connection
from api.v1 import examples
from api.v1.recording import NamedBook, RecordRoute, answer_one, asked_by, entry_of
from api.v1.schemas.books import Entered, Hold, HoldPosting, HoldStep, Line, Name, NewHold, Voiding
from api.writes import IdempotencyKey
from ledger import balances, facts, held
from ledger.errors import Refusal
from ledger.facts import Item, Release, ReleaseKind
from ledger.journal import Posting

router = APIRouter(prefix="/books/{book}/holds", tags=["holds"], route_class=RecordRoute)
HoldKey = Annotated[Name, Path(examples=["example:hold:1"])]
OtherHoldKey = Annotated[Name, Path(examples=["example:hold:2"])]


@router.post("", status_code=201, responses=examples.answers("reserve"))
def reserve(
    request: Request,
    operator: Operator,
    book: NamedBook,  # noqa: ARG001 -- refuses another book
    key: IdempotencyKey,
    response: Response,
    body: Annotated[NewHold, Body(openapi_examples=examples.requests("reserve"))],
) -> Entered:
    """Reserve amounts: they count against floors and ceilings at once."""
    hold = facts.Hold(entry_of(body, body.postings, operator.party_id), body.expires_at)
    return answer_one(request, response, asked_by(operator, key, request, body), lambda _: hold)


@router.get("", responses=examples.answers("list_holds"))
def list_holds(
    _staff: Staff, book: NamedBook, after_n: Number = 0, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> list[Hold]:
    """Open holds in the order of their entries; the next page begins after the last `n`."""
    with book.read() as connection:
        found = held.open_holds(connection, book.book_id, after_n=after_n, limit=limit)
    return [_shown(hold) for hold in found]


@router.post("/{hold:path}/post", status_code=201, responses=examples.answers("post_hold"))
def post_hold(
    request: Request,
    operator: Operator,
    book: NamedBook,
    hold: HoldKey,
    key: IdempotencyKey,
    response: Response,
    body: Annotated[HoldPosting, Body(openapi_examples=examples.requests("post_hold"))],
) -> Entered:
    """Post what a hold reserves: the lines stated, or all that is left."""
    if body.postings is not None:
        entry = entry_of(body, body.postings, operator.party_id, settles=hold, releases_rest=body.releases_rest)
        return answer_one(request, response, asked_by(operator, key, request, body), lambda _: entry)

    def build(connection: Connection) -> Item:
        rest = _rest_of(connection, book.book_id, hold, body.key)
        return entry_of(body, rest, operator.party_id, settles=hold, releases_rest=body.releases_rest)

    return answer_one(request, response, asked_by(operator, key, request, body), build)


@router.post("/{hold:path}/void", status_code=201, responses=examples.answers("void_hold"))
def void_hold(
    request: Request,
    operator: Operator,
    book: NamedBook,  # noqa: ARG001 -- refuses another book
    hold: OtherHoldKey,
    key: IdempotencyKey,
    response: Response,
    body: Annotated[Voiding, Body(openapi_examples=examples.requests("void_hold"))],
) -> Entered:
    """End a hold without posting it: what it still reserves is free again."""
    release = Release(body.key, hold, ReleaseKind.VOID, operator.party_id, body.evidence)
    return answer_one(request, response, asked_by(operator, key, request, body), lambda _: release)


@router.get("/{hold:path}", responses=examples.answers("get_hold"))
def get_hold(_staff: Staff, book: NamedBook, hold: HoldKey) -> Hold:
    """One hold, with what is left of it and what became of it."""
    with book.read() as connection:
        return _shown(held.find_hold(connection, book.book_id, hold))


def _rest_of(connection: Connection, book_id: str, hold: str, key: str) -> tuple[Posting, ...]:
    """What is left of the hold; for a fact key that stands, what was posted under it, which makes it a duplicate."""
    standing = balances.entries_by_key(connection, book_id, [key]).get(key) if key.isprintable() else None
    if standing is not None:
        return tuple(Posting(line.account, line.debit, line.credit) for line in standing.lines)
    found = held.find_hold(connection, book_id, hold)
    if not found.remaining:
        raise Refusal("hold-ended", key=key, hold=hold)
    return found.remaining


def _shown(hold: held.HoldInFull) -> Hold:
    return Hold.model_validate(
        {
            "n": hold.n,
            "key": hold.key,
            "state": hold.state,
            "actor": hold.actor,
            "effective_on": hold.effective_on,
            "booked_at": hold.booked_at,
            "purpose": hold.purpose,
            "expires_at": hold.expires_at,
            "reserved": [_line(posting) for posting in hold.reserved],
            "remaining": [_line(posting) for posting in hold.remaining],
            "steps": [HoldStep.model_validate(step) for step in hold.steps],
        }
    )


def _line(posting: Posting) -> Line:
    account, asset = str(posting.account), posting.account.asset
    return Line(account=account, asset=asset, debit=posting.debit, credit=posting.credit)
