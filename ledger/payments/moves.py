"""Moves: the history of every payment, refund, call, transfer, run and order file, with the state it leads to."""

from collections.abc import Sequence

import sqlalchemy as sa

from ledger.book import UnitOfWork
from ledger.payments import run_tables, statement_tables
from ledger.payments import tables as t
from ledger.payments.lifecycle import (
    BATCH,
    CHARGEBACK,
    DEBIT,
    MANDATE,
    PAYMENT,
    REFUND,
    SUSPENSE_ITEM,
    TRANSFER,
    TRANSFER_RUN,
)
from ledger.payments.model import (
    BatchState,
    CallState,
    ChargebackState,
    DebitState,
    MandateState,
    PaymentState,
    RefundState,
    RunState,
    SuspenseState,
    TransferState,
)
from ledger.statemachine import Machine
from ledger.storage import bulk

AnyMachine = (
    Machine[PaymentState]
    | Machine[RefundState]
    | Machine[CallState]
    | Machine[TransferState]
    | Machine[RunState]
    | Machine[BatchState]
    | Machine[SuspenseState]
    | Machine[ChargebackState]
    | Machine[MandateState]
    | Machine[DebitState]
)

_COLUMNS: dict[str, tuple[sa.Table, sa.Column[str]]] = {
    PAYMENT.name: (t.payment, t.payment.c.payment_id),
    REFUND.name: (t.refund, t.refund.c.refund_id),
    SUSPENSE_ITEM.name: (statement_tables.suspense_item, statement_tables.suspense_item.c.item_id),
    CHARGEBACK.name: (t.chargeback, t.chargeback.c.provider_id),
    TRANSFER.name: (t.transfer_order, t.transfer_order.c.order_id),
    TRANSFER_RUN.name: (run_tables.transfer_run_state, run_tables.transfer_run_state.c.run_id),
    BATCH.name: (t.order_batch, t.order_batch.c.batch_id),
    MANDATE.name: (t.mandate, t.mandate.c.mandate_id),
    DEBIT.name: (t.debit_order, t.debit_order.c.debit_id),
}


def record_birth(uow: UnitOfWork, machine: AnyMachine, object_id: str, *, fact_key: str | None = None) -> None:
    """The first move: the object stands in its machine's first state."""
    _insert(uow, machine.name, object_id, 0, None, machine.initial.value, "requested", fact_key)


def move(
    uow: UnitOfWork,
    machine: AnyMachine,
    object_id: str,
    *,
    state: str,
    event: str,
    fact_key: str | None = None,
    **columns: object,
) -> None:
    """Move an object that stands in `state`; `columns` are further values of its row. Refuses `move-not-allowed`."""
    target = machine.after(machine.states(state), event)  # type: ignore[arg-type]  # the union's members agree pairwise
    table, key = _COLUMNS[machine.name]
    latest = uow.connection.execute(
        sa.select(sa.func.max(t.payment_move.c.sequence)).where(
            t.payment_move.c.book_id == uow.book_id, t.payment_move.c.object_id == object_id
        )
    ).scalar_one()
    _insert(uow, machine.name, object_id, latest + 1, state, target.value, event, fact_key)
    moved = uow.connection.execute(
        table.update()
        .where(table.c.book_id == uow.book_id, key == object_id, table.c.state == state)
        .values(state=target.value, **columns)
    )
    assert moved.rowcount == 1, f"{machine.name} {object_id} was moved by somebody else"


def insert_moves(
    uow: UnitOfWork, machine: AnyMachine, moves: Sequence[tuple[str, int, str | None, str, str, str | None]]
) -> None:
    """Write many moves of one machine: object, sequence, from, to, event, fact key; the caller moves the objects."""
    now = uow.now()
    columns = ("object_id", "sequence", "from_state", "to_state", "event", "fact_key", "machine", "actor", "moved_at")
    rows = [(*each, machine.name, uow.actor, now) for each in moves]
    bulk.insert_rows(uow.connection, t.payment_move, uow.book_id, columns, rows)


def _insert(
    uow: UnitOfWork,
    machine: str,
    object_id: str,
    sequence: int,
    source: str | None,
    target: str,
    event: str,
    fact_key: str | None,
) -> None:
    uow.connection.execute(
        t.payment_move.insert().values(
            book_id=uow.book_id,
            object_id=object_id,
            sequence=sequence,
            machine=machine,
            from_state=source,
            to_state=target,
            event=event,
            actor=uow.actor,
            moved_at=uow.now(),
            fact_key=fact_key,
        )
    )
