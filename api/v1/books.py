"""`/v1/books/{book}`: balances, statements and the trial balance for auditors and operators; limits under four eyes."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request, Response

from api.deps import Number, Operator, Staff
from api.posting import Connection
from api.v1 import examples
from api.v1.answers import answer_once
from api.v1.recording import NamedBook, RecordRoute
from api.v1.schemas.books import (
    AccountBalance,
    Day,
    Entered,
    LimitsApproved,
    LimitsAsked,
    Name,
    NewLimits,
    StatementLine,
    is_in_range,
)
from api.v1.schemas.control import Asked
from api.writes import IdempotencyKey
from ledger import balances, limits
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.facts import normal_limits
from ledger.storage.base import JSON

router = APIRouter(prefix="/books/{book}", tags=["books"], route_class=RecordRoute)
_MAX_NUMBER = 2**53
AccountName = Annotated[Name, Path(examples=["489100:c17"], description="such as 550100 or 489100:c17")]
On = Annotated[Day | None, Query(description="by date of effect up to this day", examples=["2026-03-31"])]
KnownAt = Annotated[
    str | None,
    Query(
        max_length=40,
        description="as known then: the number of the last entry that counts, or an instant with its zone",
        examples=["2"],
    ),
]


@router.get("/balances/{account}", response_model_exclude_unset=True, responses=examples.answers("get_balance"))
def get_balance(
    _staff: Staff, book: NamedBook, account: AccountName, asset: Name = "EUR", on: On = None, known_at: KnownAt = None
) -> AccountBalance:
    """The balance of an account now, or on a date as known at an entry; 0 where the account is not open."""
    ref = AccountRef.parse(account, asset)
    with book.read() as connection:
        number = _number_known(connection, book, known_at)
        if on is None and number is None:
            return _standing(connection, book, ref)
        signed = balances.balance(connection, book.book_id, ref, on=on, known_at=number)
    return _balance(ref, signed, on, number)


@router.get("/statement", responses=examples.answers("get_statement"))
def get_statement(
    _staff: Staff,
    book: NamedBook,
    account: Annotated[Name, Query(examples=["550100"])],
    asset: Name = "EUR",
    after_seq: Number = 0,
    before_seq: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[StatementLine]:
    """An account's postings in booking order; the next page begins after the last `seq`.

    With `before_seq` the newest come first, and the next page is before the last `seq`.
    """
    with book.read() as connection:
        lines = balances.statement(
            connection,
            book.book_id,
            AccountRef.parse(account, asset),
            after_seq=after_seq,
            before_seq=before_seq,
            limit=limit,
        )
    return [StatementLine.model_validate(line) for line in lines]


@router.get("/trial-balance", response_model_exclude_unset=True, responses=examples.answers("get_trial_balance"))
def get_trial_balance(_staff: Staff, book: NamedBook, on: On = None, known_at: KnownAt = None) -> list[AccountBalance]:
    """Every account with postings, by date of effect if `on` is given, as known at `known_at`."""
    with book.read() as connection:
        number = _number_known(connection, book, known_at)
        rows = balances.trial_balance(connection, book.book_id, on=on, known_at=number)
    return [_balance(row.account, row.signed, on, number) for row in rows]


@router.post("/accounts/{account}/limits-request", status_code=201, responses=examples.answers("request_limits"))
def request_limits(
    operator: Operator,
    book: NamedBook,
    account: AccountName,
    key: IdempotencyKey,
    response: Response,
    request: Request,
    body: Annotated[LimitsAsked, Body(openapi_examples=examples.requests("request_limits"))],
) -> Asked:
    """Ask a colleague to approve new limits of an account; closed, nothing can be posted to it."""
    asked = _limits(account, body)

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"approval_id": limits.request_limits(uow, asked, reason=body.reason)}

    done = answer_once(book, operator, response, key=key, path=request.url.path, body=body, do=do)
    return Asked(approval_id=str(done["approval_id"]))


@router.post("/accounts/{account}/limits", status_code=201, responses=examples.answers("change_limits"))
def change_limits(
    operator: Operator,
    book: NamedBook,
    account: AccountName,
    key: IdempotencyKey,
    response: Response,
    request: Request,
    body: Annotated[LimitsApproved, Body(openapi_examples=examples.requests("change_limits"))],
) -> Entered:
    """Enter the limits that a colleague has approved."""
    approved = _limits(account, body)

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"key": limits.change_limits(uow, approved, approval_id=body.approval_id)}

    done = answer_once(book, operator, response, key=key, path=request.url.path, body=body, do=do)
    entered = str(done["key"])
    with book.read() as connection:
        n = balances.entries_by_key(connection, book.book_id, [entered])[entered].n
    return Entered(key=entered, n=n, result="posted")


def _limits(account: str, body: NewLimits) -> limits.Limits:
    return limits.Limits(AccountRef.parse(account, body.asset), body.floor, body.ceiling, body.closed)


def _number_known(connection: Connection, book: Book, known_at: str | None) -> int | None:
    """The last entry that counts; refuses `known-at-malformed`."""
    if known_at is None:
        return None
    if known_at.isdecimal() and known_at.isascii() and int(known_at) < _MAX_NUMBER:
        return int(known_at)
    try:
        instant = datetime.fromisoformat(known_at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not is_in_range(instant):
        raise Refusal("known-at-malformed", known_at=known_at)
    return balances.known_at_instant(connection, book.book_id, instant)


def _balance(ref: AccountRef, signed: int, on: date | None, known_at: int | None) -> AccountBalance:
    return AccountBalance(
        account=str(ref),
        asset=ref.asset,
        on=on,
        known_at=known_at,
        debit=max(signed, 0),
        credit=max(-signed, 0),
        balance=signed,
    )


def _standing(connection: Connection, book: Book, ref: AccountRef) -> AccountBalance:
    """The account as it stands now, with what holds reserve and its limits."""
    found = balances.standings(connection, book.book_id, ref)
    if not found:
        return _balance(ref, 0, None, None)
    [standing] = found
    floor, ceiling = normal_limits(ref.code, standing.minimum, standing.maximum)
    held = {"held_debit": standing.held_debit, "held_credit": standing.held_credit}
    more = {**held, "floor": floor, "ceiling": ceiling, "closed": standing.closed}
    shown = _balance(ref, standing.posted, None, None).model_dump(exclude_unset=True)
    return AccountBalance.model_validate(shown | more)
