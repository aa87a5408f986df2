"""The provider's own books: every movement of its balance is one of our facts, a fee, or a case.

| kind | what it is of | posted |
|---|---|---|
| payment, capture | a payment that is paid | by the payment's own fact |
| refund, returned-refund | a refund that left, or came back | by the refund's own fact |
| chargeback, chargeback-reversal | a chargeback | by its own fact |
| outgoing-transfer | a settlement | stl:REF:out, top:REF |
| returned-transfer, canceled-outgoing-transfer | a settlement that came back | stl-back:ID |
| invoice-compensation, invoice-rounding-compensation | cents | adj:ID |
| any other | nobody knows | baltr:ID against 499200, and a case |

With each goes the fee that was deducted from it (fee:ID). A movement whose fact is not recorded yet wakes up the inbox
and waits; where its payment is none of ours, it goes to 499200. A few cents between a movement and its fact are booked
as a difference; more is a case and stands on 499200, so that 580100 is always what the provider says it holds.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger import balances
from ledger.book import Book, UnitOfWork
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.payments import postings, settlements
from ledger.payments import tables as t
from ledger.payments.inbox import ACTOR, receive
from ledger.payments.model import (
    PROVIDER_BALANCE,
    SMALL_DIFFERENCE_CENTS,
    MovementState,
    RefundState,
)
from ledger.payments.rail import ProviderBooks, ProviderMovement, is_payment_id
from ledger.payments.rows import keep_evidence, open_case, upsert
from ledger.storage import bulk
from ledger.storage.base import JSON

CHUNK = 200
"""Movements of one unit of work."""
_OUT = frozenset({"outgoing-transfer"})
_BACK = frozenset({"returned-transfer", "canceled-outgoing-transfer"})
_ROUNDING = frozenset({"invoice-compensation", "invoice-rounding-compensation"})
_FACTS: dict[str, tuple[Callable[[str], str], str]] = {
    "payment": (postings.paid_key, "payment_provider_id"),
    "capture": (postings.paid_key, "payment_provider_id"),
    "refund": (postings.refund_out_key, "refund_provider_id"),
    "returned-refund": (postings.refund_back_key, "refund_provider_id"),
    "chargeback": (postings.charged_back_key, "chargeback_provider_id"),
    "chargeback-reversal": (postings.chargeback_reversed_key, "chargeback_provider_id"),
}
"""Which fact explains a movement, and where the movement names what it is of."""
_REFUND_MAY_LEAVE = tuple(
    state.value for state in (RefundState.REQUESTED, RefundState.QUEUED, RefundState.SENT, RefundState.REFUNDED)
)
_NEVER_OURS = frozenset({
    "payment-not-ours",
    "payment-created-twice",
    "payment-amount-differs",
    "payment-currency-differs",
    "payment-mode-differs",
    "payment-metadata-differs",
})  # fmt: skip
"""Cases of payments that no truth will ever post."""


def import_books(book: Book, provider: ProviderBooks, *, since: date) -> int:
    """Record what is new in the provider's settlements and movements on or after `since`; gives the facts posted.

    Read twice, or read late, the same books post nothing again. Raises `RailError` where they can't be read.
    """
    stated = provider.newest_settlements(since=since)
    movements = list(reversed(provider.newest_movements(since=since)))
    with book.unit_of_work(actor=ACTOR) as uow:
        for each in stated:
            if each.reference:
                settlements.announce(uow, each)
    movements = _unposted(book, sorted(movements, key=lambda each: each.created_at))
    chunks = (movements[i : i + CHUNK] for i in range(0, len(movements), CHUNK))
    return sum(_import_chunk(book, chunk) for chunk in chunks)


def _unposted(book: Book, movements: Sequence[ProviderMovement]) -> list[ProviderMovement]:
    c = t.provider_movement.c
    query = sa.select(c.provider_id).where(c.book_id == book.book_id, c.state == MovementState.POSTED.value)
    with book.read() as connection:
        ids = {each.provider_id for each in movements}
        known = set(connection.execute(query.where(bulk.among(connection, c.provider_id, ids))).scalars())
    return [each for each in movements if each.provider_id not in known]


def _import_chunk(book: Book, movements: Sequence[ProviderMovement]) -> int:
    """All of them at once, or, where the books refuse something, each by itself, so that only that one waits."""
    try:
        with book.unit_of_work(actor=ACTOR) as uow:
            return sum(_record(uow, each) for each in movements)
    except Refusal as refusal:
        if len(movements) == 1:
            with book.unit_of_work(actor=ACTOR) as uow:
                open_case(uow, movements[0].provider_id, refusal, payment_id=None)
            return 0
    return sum(_import_chunk(book, [each]) for each in movements)


def _record(uow: UnitOfWork, movement: ProviderMovement) -> int:
    """Record one movement, or what has become of one that waited; gives the number of facts posted."""
    is_new, facts = _insert(uow, movement), 0
    if not is_new and _is_posted(uow, movement):  # somebody else has read the same page meanwhile
        return 0
    known_kind = movement.kind in _FACTS or movement.kind in _OUT | _BACK
    if is_new and known_kind and movement.deduction_cents:
        _post(uow, f"fee:{movement.provider_id}", movement, postings.provider_fee, movement.deduction_cents)
        facts += 1
    posted = _explain(uow, movement)
    if posted is None:
        if is_payment_id(movement.payment_provider_id or ""):
            receive(uow, str(movement.payment_provider_id), listed=True)
        return facts
    this = _row_of(uow, movement)
    uow.connection.execute(t.provider_movement.update().where(*this).values(state=MovementState.POSTED.value))
    return facts + posted


def _explain(uow: UnitOfWork, movement: ProviderMovement) -> int | None:
    """Post what the movement is of, apart from its fee; gives the number of facts, None while it has to wait."""
    gross_cents = movement.result_cents + movement.deduction_cents
    if movement.kind in _ROUNDING and abs(movement.result_cents) <= SMALL_DIFFERENCE_CENTS:
        return _post_difference(uow, movement, movement.result_cents)
    if movement.kind in _OUT and movement.settlement_provider_id:
        sent = settlements.send(uow, movement, _statement(movement))
        return None if sent is None else sent[0] + _post_difference(uow, movement, gross_cents + sent[1])
    if movement.kind in _BACK and movement.settlement_provider_id:
        return settlements.give_back(uow, movement, _statement(movement))
    if movement.kind not in _FACTS:
        return _post_unknown(uow, movement, movement.result_cents, "movement-unknown")
    recorded_cents = _recorded_cents(uow, movement)
    if recorded_cents is not None:
        return _post_difference(uow, movement, gross_cents - recorded_cents)
    if not _waits(uow, movement):
        return _post_unknown(uow, movement, gross_cents, "movement-of-a-stranger")
    return None


def _post_difference(uow: UnitOfWork, movement: ProviderMovement, cents: int) -> int:
    """What a movement has more or less than its fact."""
    if abs(cents) > SMALL_DIFFERENCE_CENTS:
        return _post_unknown(uow, movement, cents, "movement-differs")
    if not cents:
        return 0
    on = brussels_date(movement.created_at)
    evidence = keep_evidence(uow, f"adj:{movement.provider_id}", _statement(movement), owner="")
    uow.post(
        postings.small_difference(
            movement.provider_id,
            PROVIDER_BALANCE,
            gained_cents=cents,
            on=on,
            actor=postings.RAIL_ACTOR,
            evidence=evidence,
        )
    )
    return 1


def _post_unknown(uow: UnitOfWork, movement: ProviderMovement, cents: int, code: str) -> int:
    case = Refusal(code, kind=movement.kind[:40], amount_cents=cents)
    open_case(uow, movement.provider_id, case, payment_id=None)
    if not cents:
        return 0
    _post(uow, f"baltr:{movement.provider_id}", movement, postings.unknown_movement, cents)
    return 1


def _post(uow: UnitOfWork, key: str, movement: ProviderMovement, make: Callable[..., Any], cents: int) -> None:
    evidence = keep_evidence(uow, key, _statement(movement), owner="")
    uow.post(make(movement.provider_id, cents, on=brussels_date(movement.created_at), evidence=evidence))


def _fact_key(movement: ProviderMovement) -> str | None:
    """The fact that a movement of a known kind is of."""
    key, name = _FACTS.get(movement.kind, (None, ""))
    subject = getattr(movement, name, None)
    return key(subject) if key and subject else None


def _recorded_cents(uow: UnitOfWork, movement: ProviderMovement) -> int | None:
    """What the movement's fact has posted on 580100, signed; None where it is not recorded."""
    key = _fact_key(movement)
    entry = balances.entry_by_key(uow.connection, uow.book_id, key) if key else None
    if entry is not None:
        return sum(line.debit - line.credit for line in entry.lines if line.account == PROVIDER_BALANCE)
    ends_another = movement.kind == "returned-refund" and _end_unseen(uow, movement.refund_provider_id)
    return movement.initial_cents if ends_another else None


def _end_unseen(uow: UnitOfWork, refund_provider_id: str | None) -> bool:
    """A refund that failed before it was seen to leave has posted nothing: its two movements end each other."""
    r, m = t.refund.c, t.provider_movement.c
    over = sa.select(r.refund_id).where(
        r.book_id == uow.book_id, r.provider_id == refund_provider_id, r.state.not_in(_REFUND_MAY_LEAVE)
    )
    if uow.connection.execute(over).first() is None:
        return False
    left = (m.kind == "refund", m.subject == refund_provider_id, m.state == MovementState.WAITING.value)
    ended = t.provider_movement.update().where(m.book_id == uow.book_id, *left)
    return uow.connection.execute(ended.values(state=MovementState.POSTED.value)).rowcount == 1


def _waits(uow: UnitOfWork, movement: ProviderMovement) -> bool:
    """Whether the fact can still come: the payment is known, or was not looked at yet."""
    if not is_payment_id(movement.payment_provider_id or ""):
        return False
    c = t.payment_case.c
    cases = sa.select(c.code).where(c.book_id == uow.book_id, c.subject == movement.payment_provider_id)
    return _NEVER_OURS.isdisjoint(uow.connection.execute(cases).scalars())


def _insert(uow: UnitOfWork, movement: ProviderMovement) -> bool:
    subjects = _subjects(movement)
    made = uow.connection.execute(
        upsert(uow.connection, t.provider_movement)
        .values(
            book_id=uow.book_id,
            provider_id=movement.provider_id,
            kind=movement.kind,
            initial_cents=movement.initial_cents,
            fee_cents=movement.deduction_cents if movement.kind in _FACTS or movement.kind in _OUT | _BACK else 0,
            result_cents=movement.result_cents,
            moved_at=movement.created_at,
            subject=next(subjects, None),
            state=MovementState.WAITING.value,
        )
        .on_conflict_do_nothing()
        .returning(t.provider_movement.c.provider_id)
    )
    return made.first() is not None


def _is_posted(uow: UnitOfWork, movement: ProviderMovement) -> bool:
    state = sa.select(t.provider_movement.c.state).where(*_row_of(uow, movement))
    return MovementState(uow.connection.execute(state).scalar_one()) is MovementState.POSTED


def _row_of(uow: UnitOfWork, movement: ProviderMovement) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    c = t.provider_movement.c
    return c.book_id == uow.book_id, c.provider_id == movement.provider_id


def _subjects(movement: ProviderMovement) -> Iterator[str]:
    for subject in (
        movement.refund_provider_id,
        movement.chargeback_provider_id,
        movement.payment_provider_id,
        movement.settlement_provider_id,
    ):
        if subject:
            yield subject


def _statement(movement: ProviderMovement) -> dict[str, JSON]:
    return {
        "id": movement.provider_id,
        "kind": movement.kind,
        "initial_cents": movement.initial_cents,
        "deduction_cents": movement.deduction_cents,
        "result_cents": movement.result_cents,
        "created_at": movement.created_at.isoformat(),
        "payment": movement.payment_provider_id,
        "refund": movement.refund_provider_id,
        "chargeback": movement.chargeback_provider_id,
        "settlement": movement.settlement_provider_id,
    }
