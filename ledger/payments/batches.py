"""Order files for the bank, whose bytes are made once and stored, from their making to the bank's answer.

    made ── two people ──> released ──> submitted ──> accepted or rejected
     └─> discarded: its orders wait for the next file

Before its release a file is read again: its SHA-256, message id, count and sum must be those of the orders as they
stand, the booked client account must cover every open transfer, and whoever approves has not made it. Then the worker
hands it in under its message id, as often as it takes, and looks for answers.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import debits, run_tables
from ledger.payments import tables as t
from ledger.payments.iso20022.model import FileTotals, OrderAnswer
from ledger.payments.iso20022.totals import read_totals
from ledger.payments.lifecycle import BATCH
from ledger.payments.model import Batch, BatchKind, BatchState, TransferState
from ledger.payments.moves import move, record_birth
from ledger.payments.payees import Keeper
from ledger.payments.rows import open_case
from ledger.payments.transfers import pass_gate, record_rejected, refuse_uncovered
from ledger.storage.base import JSON
from ledger.storage.keys import BOOK_OWNER

RELEASE = "release-order-file"
"""The action that an approval of a release must name; its body is `release_body(batch)`."""
_ID_CHARACTERS = 24
_DEBITS = (t.debit_order, t.debit_order.c.debit_id)
_ORDERS = {
    BatchKind.TRANSFERS: (t.transfer_order, t.transfer_order.c.order_id),
    BatchKind.CORE_DEBITS: _DEBITS,
    BatchKind.B2B_DEBITS: _DEBITS,
}
_REJECTED = "RJCT"
_AT_THE_BANK = {BatchState.RELEASED, BatchState.SUBMITTED, BatchState.ACCEPTED, BatchState.REJECTED}


def batch_id_of(uow: UnitOfWork, order_ids: Iterable[str]) -> str:
    """The id of the next file with these orders: whoever makes it again after a crash gives it the same one."""
    c = t.order_batch.c
    made = uow.connection.execute(sa.select(sa.func.count()).where(c.book_id == uow.book_id)).scalar_one()
    digest = hashlib.sha256("\n".join([uow.book_id, str(made), *order_ids]).encode()).digest()
    return "b" + base64.b32encode(digest).decode().lower()[:_ID_CHARACTERS]


def store_batch(uow: UnitOfWork, batch_id: str, kind: BatchKind, file: bytes, *, execute_on: date) -> Batch:
    """Keep the bytes of a file that was just made."""
    totals = read_totals(file)
    uow.connection.execute(
        t.order_batch.insert().values(
            book_id=uow.book_id,
            batch_id=batch_id,
            kind=kind.value,
            file=uow.keys.seal_personal(uow, BOOK_OWNER, file),
            sha256=totals.sha256,
            count=totals.count,
            total_cents=totals.total_cents,
            execute_on=execute_on,
            state=BatchState.MADE.value,
            made_by=uow.actor,
            made_at=uow.now(),
        )
    )
    record_birth(uow, BATCH, batch_id)
    return batch(uow.connection, uow.book_id, batch_id)


def batch(connection: sa.Connection, book_id: str, batch_id: str) -> Batch:
    """One file; refuses `batch-not-known`."""
    c = t.order_batch.c
    row = connection.execute(_listed().where(c.book_id == book_id, c.batch_id == batch_id)).one_or_none()
    if row is None:
        raise Refusal("batch-not-known", batch_id=batch_id[:40])
    return _batch(row)


def batches(
    connection: sa.Connection,
    book_id: str,
    *,
    kind: BatchKind | None = None,
    state: BatchState | None = None,
    limit: int | None = None,
) -> list[Batch]:
    """Files, newest first, at most `limit`; of one `kind` and one `state` if given."""
    c = t.order_batch.c
    wanted = [c.book_id == book_id]
    wanted += [] if kind is None else [c.kind == kind.value]
    wanted += [] if state is None else [c.state == state.value]
    rows = connection.execute(_listed().where(*wanted).order_by(c.made_at.desc(), c.batch_id).limit(limit))
    return [_batch(row) for row in rows]


def file_of(connection: sa.Connection, keeper: Keeper, batch_id: str) -> bytes:
    """The stored bytes, the same at every call; refuses `batch-not-known`, and `batch-altered` for other bytes."""
    known = batch(connection, keeper.book_id, batch_id)
    c = t.order_batch.c
    sealed = connection.execute(
        sa.select(c.file).where(c.book_id == keeper.book_id, c.batch_id == batch_id)
    ).scalar_one()
    file = keeper.keys.open_personal(connection, BOOK_OWNER, sealed)
    if hashlib.sha256(file).hexdigest() != known.sha256:
        raise Refusal("batch-altered", batch_id=batch_id)
    return file


def release_body(known: Batch) -> Mapping[str, JSON]:
    """What two people approve: this file, with these bytes and these totals."""
    return {
        "batch_id": known.batch_id,
        "sha256": known.sha256,
        "count": known.count,
        "total_cents": known.total_cents,
    }


def request_release(uow: UnitOfWork, batch_id: str, *, reason: str) -> str:
    """Ask a second person to release a file; gives the approval's id.

    Refuses `order-file-of-run` for a file whose run was approved as a whole, and `move-not-allowed` for a later state.
    """
    known = _lock(uow, batch_id)
    _refuse_of_run(uow, batch_id)
    BATCH.after(known.state, "released")
    return approvals.request(uow, action=RELEASE, body=release_body(known), reason=reason)


def release_batch(uow: UnitOfWork, batch_id: str, *, approval_id: str) -> None:
    """Let a file go to the bank.

    Refuses what `ledger.approvals` refuses, `order-file-of-run`, `releaser-made-the-file`, `batch-altered`,
    `batch-totals-differ` and `cash-rule-not-met`.
    """
    pass_gate(uow)
    known = _lock(uow, batch_id)
    _refuse_of_run(uow, batch_id)
    approvals.require(uow, approval_id, RELEASE, release_body(known))
    approval = approvals.find(uow.connection, uow.book_id, approval_id)
    if approval is not None and approval.approver == known.made_by:
        raise Refusal("releaser-made-the-file", batch_id=batch_id, actor=known.made_by)
    check_totals(uow, known, read_totals(file_of(uow.connection, uow, batch_id)))
    if known.kind is BatchKind.TRANSFERS:
        refuse_uncovered(uow, 0)
    mark_released(uow, known, approval_id=approval_id)


def mark_released(uow: UnitOfWork, known: Batch, *, approval_id: str) -> None:
    """Record that a file may go to the bank; whoever calls holds the gate, and has checked file, approval and cash."""
    at = uow.now()
    move(uow, BATCH, known.batch_id, state=known.state, event="released", approval_id=approval_id, released_at=at)


def discard_batch(uow: UnitOfWork, batch_id: str) -> None:
    """Give a file up before its release: its orders wait for the next one. Refuses `move-not-allowed` afterwards."""
    pass_gate(uow)
    known = _lock(uow, batch_id)
    table, _ = _ORDERS[known.kind]
    move(uow, BATCH, batch_id, state=known.state, event="discarded")
    mine = (table.c.book_id == uow.book_id, table.c.batch_id == batch_id)
    uow.connection.execute(table.update().where(*mine).values(batch_id=None))


def released_batches(connection: sa.Connection, keeper: Keeper) -> list[tuple[Batch, bytes]]:
    """What is to be handed in, the oldest first."""
    found = batches(connection, keeper.book_id, state=BatchState.RELEASED)
    return [(each, file_of(connection, keeper, each.batch_id)) for each in reversed(found)]


def mark_submitted(uow: UnitOfWork, batch_id: str) -> None:
    """The bank has taken the file; saying so twice changes nothing."""
    known = _lock(uow, batch_id)
    if known.state is BatchState.RELEASED:
        move(uow, BATCH, batch_id, state=known.state, event="submitted", submitted_at=uow.now())


def apply_answers(uow: UnitOfWork, answers: Sequence[OrderAnswer], *, evidence: str) -> int:
    """Record what is new in the bank's answers, read from a file whose SHA-256 is `evidence`; gives how many facts.

    The money of a rejected order goes back to where it stood. Any repetition of answers ends in the same books. An
    answer about a file that did not go out, or rejecting an order that was executed, is a case.
    """
    done = 0
    for answer in answers:
        known = _answered(uow, answer)
        if known is None:
            continue
        if answer.end_to_end_id is None:
            done += _apply_to_file(uow, known, answer, evidence)
        elif answer.status == _REJECTED:
            done += _reject(uow, known, answer.end_to_end_id, answer, evidence)
    return done


def _answered(uow: UnitOfWork, answer: OrderAnswer) -> Batch | None:
    """The file that the answer is about, submitted if only the word of it was lost; or nothing, and a case."""
    c = t.order_batch.c
    row = uow.connection.execute(
        _listed().where(c.book_id == uow.book_id, c.batch_id == answer.message_id).with_for_update()
    ).one_or_none()
    if row is None or BatchState(row.state) not in _AT_THE_BANK:
        unexpected = Refusal("bank-answer-unexpected", message_id=answer.message_id[:40], stated=answer.status)
        open_case(uow, answer.message_id[:40], unexpected, payment_id=None)
        return None
    mark_submitted(uow, answer.message_id)
    return batch(uow.connection, uow.book_id, answer.message_id)


def _apply_to_file(uow: UnitOfWork, known: Batch, answer: OrderAnswer, evidence: str) -> int:
    if known.state is not BatchState.SUBMITTED:
        return 0
    if answer.status != _REJECTED:
        move(uow, BATCH, known.batch_id, state=known.state, event="accepted")
        return 1
    move(uow, BATCH, known.batch_id, state=known.state, event="rejected")
    return 1 + sum(_reject(uow, known, order_id, answer, evidence) for order_id in _order_ids(uow, known))


def _reject(uow: UnitOfWork, known: Batch, order_id: str, answer: OrderAnswer, evidence: str) -> int:
    reason = answer.reason or answer.status
    state = _state_in(uow, known, order_id)
    if state == TransferState.REJECTED:
        return 0
    if state != TransferState.ORDERED:
        unexpected = Refusal("bank-answer-unexpected", message_id=known.batch_id, stated=f"{answer.status} {reason}")
        open_case(uow, order_id[:40], unexpected, payment_id=None)
        return 0
    if known.kind is BatchKind.TRANSFERS:
        return int(record_rejected(uow, order_id, reason=reason, evidence=evidence, on=uow.today()))
    return int(debits.record_rejected(uow, order_id, reason=reason, on=uow.today()))


def check_totals(uow: UnitOfWork, known: Batch, stated: FileTotals) -> None:
    """Refuse `batch-totals-differ` unless what a file's bytes state is what its orders are as they stand now."""
    table, key = _ORDERS[known.kind]
    count, total = uow.connection.execute(
        sa.select(sa.func.count(key), sa.func.coalesce(sa.func.sum(table.c.amount_cents), 0)).where(
            table.c.book_id == uow.book_id,
            table.c.batch_id == known.batch_id,
            table.c.state == TransferState.ORDERED.value,
        )
    ).one()
    if stated != FileTotals(known.batch_id, int(count), int(total), known.sha256):
        raise Refusal(
            "batch-totals-differ",
            batch_id=known.batch_id,
            file_cents=stated.total_cents,
            orders_cents=int(total),
            file_count=stated.count,
            orders_count=int(count),
        )


def _refuse_of_run(uow: UnitOfWork, batch_id: str) -> None:
    """The files of a run go together, under the approval of the run."""
    c = run_tables.transfer_run_file.c
    query = sa.select(c.run_id).where(c.book_id == uow.book_id, c.batch_id == batch_id)
    run_id: str | None = uow.connection.execute(query).scalar_one_or_none()
    if run_id is not None:
        raise Refusal("order-file-of-run", batch_id=batch_id, run_id=run_id)


def _order_ids(uow: UnitOfWork, known: Batch) -> list[str]:
    table, key = _ORDERS[known.kind]
    mine = (table.c.book_id == uow.book_id, table.c.batch_id == known.batch_id)
    return list(uow.connection.execute(sa.select(key).where(*mine).order_by(key)).scalars())


def _state_in(uow: UnitOfWork, known: Batch, order_id: str) -> str | None:
    table, key = _ORDERS[known.kind]
    mine = (table.c.book_id == uow.book_id, table.c.batch_id == known.batch_id, key == order_id)
    state: str | None = uow.connection.execute(sa.select(table.c.state).where(*mine)).scalar_one_or_none()
    return state


def _lock(uow: UnitOfWork, batch_id: str) -> Batch:
    c = t.order_batch.c
    chosen = _listed().where(c.book_id == uow.book_id, c.batch_id == batch_id)
    row = uow.connection.execute(chosen.with_for_update()).one_or_none()
    if row is None:
        raise Refusal("batch-not-known", batch_id=batch_id[:40])
    return _batch(row)


def _listed() -> sa.Select[Any]:
    """Everything but the bytes."""
    return sa.select(*(t.order_batch.c[name] for name in Batch.__slots__))


def _batch(row: sa.Row[Any]) -> Batch:
    values = row._asdict()
    return Batch(**{**values, "kind": BatchKind(row.kind), "state": BatchState(row.state)})
