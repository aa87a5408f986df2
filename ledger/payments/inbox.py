"""The inbox: an id in a webhook is only a wake-up call; the worker fetches the whole truth and records its facts.

A webhook stores the id and answers; nothing is fetched there. `process_inbox` fetches each marked id outside any
database transaction, then records what is new in one unit of work. An id is fetched only if it can be ours: a payment
here has it, the provider's own list named it, or a create call of ours is still without an answer.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger.book import Book, UnitOfWork
from ledger.crash import reach
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.model import OWN_CHARGEBACKS, CallKind, CallState, ChargebackHooks, ResolveCredit, own_credit
from ledger.payments.rail import (
    NotAtProviderError,
    PaymentRail,
    ProviderPayment,
    RailBusyError,
    RailError,
    is_payment_id,
)
from ledger.payments.rows import open_case, upsert
from ledger.payments.truth import record_truth

ACTOR = "system:payments"
TURN = timedelta(seconds=60)
"""After so long a turn ends and the rest waits for the next one: no provider holds up the worker's other steps."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(hours=1)
_MISSES_OF_A_STRANGER = 12
_IN_FLIGHT = (CallState.PLANNED, CallState.SENT, CallState.UNKNOWN)


def receive(uow: UnitOfWork, provider_id: str, *, listed: bool = False) -> None:
    """Mark a payment's id as to be fetched; refuses `provider-id-malformed`."""
    if not is_payment_id(provider_id):
        raise Refusal("provider-id-malformed", provider_id=provider_id[:40])
    now = uow.now()
    inbox = t.payment_inbox
    uow.connection.execute(
        upsert(uow.connection, inbox)
        .values(
            book_id=uow.book_id,
            provider_id=provider_id,
            seen=1,
            dirty=True,
            listed=listed,
            misses=0,
            first_seen_at=now,
            last_seen_at=now,
            next_at=now,
        )
        .on_conflict_do_update(
            index_elements=["book_id", "provider_id"],
            set_={
                "seen": inbox.c.seen + 1,
                "dirty": True,
                "listed": inbox.c.listed if not listed else True,
                "last_seen_at": now,
                "next_at": now,
            },
        )
    )


def process_inbox(
    book: Book,
    rail: PaymentRail,
    *,
    resolve_credit: ResolveCredit = own_credit,
    chargebacks: ChargebackHooks = OWN_CHARGEBACKS,
    limit: int = 100,
) -> int:
    """Fetch every marked id that is due and record its facts; gives the number of facts recorded.

    A turn ends early once it has taken `TURN`, and where the provider asks for a pause.
    """
    until = book.clock.now() + TURN
    with book.read() as connection:
        c = t.payment_inbox.c
        rows = connection.execute(
            sa.select(t.payment_inbox)
            .where(c.book_id == book.book_id, c.dirty.is_(True), c.next_at <= book.clock.now())
            .order_by(c.next_at, c.provider_id)
            .limit(limit)
        ).all()
        chosen = [(row, _can_be_ours(connection, book.book_id, row)) for row in rows]
    recorded = 0
    for row, ours in chosen:
        try:
            recorded += _process(book, rail, row, resolve_credit, chargebacks) if ours else _drop(book, row)
        except RailBusyError:
            break  # nothing happened to this id, nor to those after it
        if book.clock.now() >= until:
            break
    return recorded


def _process(
    book: Book, rail: PaymentRail, row: sa.Row[Any], resolve_credit: ResolveCredit, chargebacks: ChargebackHooks
) -> int:
    try:
        truth = rail.payment(row.provider_id)
    except RailBusyError as busy:
        if busy.retry_after is not None:
            raise
        return _postpone(book, row, give_up=False)
    except NotAtProviderError:
        return _postpone(book, row, give_up=row.misses >= _MISSES_OF_A_STRANGER)
    except RailError:
        return _postpone(book, row, give_up=False)
    reach("inbox.after-fetch")
    try:
        with book.unit_of_work(actor=ACTOR) as uow:
            recorded = record_truth(uow, truth, resolve_credit, chargebacks)
            _mark_read(uow, row)
    except Refusal as refusal:
        return _keep_as_case(book, row, truth, refusal)
    return recorded


def _mark_read(uow: UnitOfWork, row: sa.Row[Any]) -> None:
    """Clear the mark, unless another wake-up call came in since the row was read."""
    c = t.payment_inbox.c
    uow.connection.execute(
        t.payment_inbox.update()
        .where(c.book_id == uow.book_id, c.provider_id == row.provider_id, c.seen == row.seen)
        .values(dirty=False, misses=0)
    )


def _postpone(book: Book, row: sa.Row[Any], *, give_up: bool) -> int:
    c = t.payment_inbox.c
    with book.unit_of_work(actor=ACTOR) as uow:
        known = uow.connection.execute(_payment_with(uow.book_id, row.provider_id)).first() is not None
        uow.connection.execute(
            t.payment_inbox.update()
            .where(c.book_id == uow.book_id, c.provider_id == row.provider_id, c.seen == row.seen)
            .values(dirty=known or not give_up, misses=row.misses + 1, next_at=_next_try(uow.now(), row.misses))
        )
    return 0


def _keep_as_case(book: Book, row: sa.Row[Any], truth: ProviderPayment, refusal: Refusal) -> int:
    """The books refused the fact: show why, and try again later, since a refusal does not use up the fact key."""
    with book.unit_of_work(actor=ACTOR) as uow:
        open_case(uow, truth.provider_id, refusal, payment_id=truth.metadata.get("op"))
    return _postpone(book, row, give_up=False)


def _drop(book: Book, row: sa.Row[Any]) -> int:
    with book.unit_of_work(actor=ACTOR) as uow:
        _mark_read(uow, row)
    return 0


def _can_be_ours(connection: sa.Connection, book_id: str, row: sa.Row[Any]) -> bool:
    if row.listed or connection.execute(_payment_with(book_id, row.provider_id)).first() is not None:
        return True
    c = t.provider_call.c
    in_flight = sa.select(c.call_id).where(
        c.book_id == book_id,
        c.kind != CallKind.CREATE_REFUND.value,
        c.next_at.is_not(None),
        c.first_sent_at.is_not(None),
        c.state.in_([s.value for s in _IN_FLIGHT]),
    )
    return connection.execute(in_flight.limit(1)).first() is not None


def _payment_with(book_id: str, provider_id: str) -> sa.Select[tuple[str]]:
    c = t.payment.c
    return sa.select(c.payment_id).where(c.book_id == book_id, c.provider_id == provider_id)


def _next_try(now: datetime, misses: int) -> datetime:
    return now + min(_FIRST_PAUSE * (1 << min(misses, 12)), _LONGEST_PAUSE)
