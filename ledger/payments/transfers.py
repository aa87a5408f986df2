"""Money out of the client account by transfers, and money in from the provider's settlements.

Transfers go to the bank in files (`ledger.payments.batches`), or staff executes them in the bank's own application.
Both are confirmed from the bank statement.

Cash rule: an order is released only while the booked client account covers every open order and the new one; money that
still stands at the provider never counts. Orders are released under four eyes.

Topics emitted: `transfer.booked` of a refund {order_id, reference, kind, payee, amount_cents, on}, and
`transfer.failed` of any transfer, with its `reason`: the money is whose it was before, and it may be ordered again.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger import approvals, balances
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Fact, Refusal
from ledger.journal import JournalEntry
from ledger.payments import postings, run_tables
from ledger.payments import tables as t
from ledger.payments.lifecycle import TRANSFER
from ledger.payments.model import (
    CLIENT_BANK,
    RunState,
    TransferDraft,
    TransferKind,
    TransferState,
)
from ledger.payments.moves import insert_moves, move
from ledger.payments.rows import upsert
from ledger.payments.settlements import book_settlement
from ledger.storage import bulk
from ledger.storage.base import JSON

TRANSFER_BOOKED, TRANSFER_FAILED = "transfer.booked", "transfer.failed"
_TOLD = ("order_id", "reference", "kind", "payee", "amount_cents")
APPROVAL_ACTION = "order-transfers"
"""The action that an approval of transfers must name; its body is `approval_body(drafts)`."""


def approval_body(drafts: Sequence[TransferDraft]) -> Mapping[str, JSON]:
    """What two people approve: every reference, payee, account, amount and source of the transfers."""
    return {
        "transfers": [
            {
                "reference": d.reference,
                "payee": d.payee,
                "iban_last4": d.iban_last4,
                "amount_cents": d.amount_cents,
                "debit": str(d.debit),
            }
            for d in drafts
        ]
    }


def order_transfer(  # noqa: PLR0913 -- one argument a fact of the order
    uow: UnitOfWork,
    *,
    reference: str,
    payee: str,
    amount_cents: int,
    debit: AccountRef,
    approval_id: str,
    iban_last4: str | None = None,
    kind: TransferKind = TransferKind.DISBURSEMENT,
    on: date | None = None,
) -> str:
    """Release one transfer; see `order_transfers`."""
    draft = TransferDraft(reference, payee, amount_cents, debit, kind, iban_last4)
    return order_transfers(uow, [draft], approval_id=approval_id, on=on)[0]


def order_transfers(
    uow: UnitOfWork, drafts: Sequence[TransferDraft], *, approval_id: str, on: date | None = None
) -> list[str]:
    """Release transfers under one approval of `APPROVAL_ACTION` over `approval_body(drafts)`; gives their order ids.

    Refuses what `ledger.approvals` refuses, `transfer-already-ordered`, and `cash-rule-not-met` with what is missing.
    """
    approvals.require(uow, approval_id, APPROVAL_ACTION, approval_body(drafts))
    pass_gate(uow)
    known = ordered(uow.connection, uow.book_id, [draft.reference for draft in drafts])
    for draft in drafts:
        if draft.amount_cents <= 0:
            raise Refusal("payment-amount-not-positive", amount_cents=draft.amount_cents)
        if draft.reference in known:
            raise Refusal("transfer-already-ordered", reference=draft.reference, order_id=known[draft.reference])
    refuse_uncovered(uow, sum(d.amount_cents for d in drafts))
    numbered = [(uow.new_id("t"), draft) for draft in drafts]
    write_orders(uow, numbered, approval_id=approval_id, on=on or uow.today())
    return [order_id for order_id, _ in numbered]


def ordered(connection: sa.Connection, book_id: str, references: Collection[str]) -> dict[str, str]:
    """The orders under these references that stand, booked or not: their ids by reference."""
    c = t.transfer_order.c
    wanted = bulk.listed(connection, c.reference, references)
    # an outer join is done in this order: otherwise SQLite may read every open transfer instead of these alone
    mine = (c.book_id == book_id, t.transfer_stands, c.reference == wanted.c.value)
    query = sa.select(wanted.c.value, c.order_id).join_from(wanted, t.transfer_order, sa.and_(*mine), isouter=True)
    return {reference: order_id for reference, order_id in connection.execute(query) if order_id is not None}


def write_orders(uow: UnitOfWork, drafts: Sequence[tuple[str, TransferDraft]], *, approval_id: str, on: date) -> None:
    """Write and post orders under the ids given, in two statements however many they are.

    Whoever calls holds the gate and an approval, and has the money covered.
    """
    rows, births = [], []
    ordered_state = TRANSFER.initial.value
    for order_id, draft in drafts:
        entry = postings.transfer_ordered(
            order_id,
            kind=draft.kind,
            amount_cents=draft.amount_cents,
            debit=draft.debit,
            on=on,
            actor=uow.actor,
            approval_id=approval_id,
        )
        stated = (draft.reference, draft.payee, draft.amount_cents, draft.iban_last4, str(draft.debit))
        rows.append(
            (order_id, *stated, draft.kind.value, ordered_state, approval_id, on, draft.text or draft.reference)
        )
        births.append((order_id, 0, None, ordered_state, "requested", entry.key))
        uow.post(entry)
    columns = (
        "order_id", "reference", "payee", "amount_cents", "iban_last4", "debit", "kind", "state", "approval_id",
        "ordered_on", "text",
    )  # fmt: skip
    bulk.insert_rows(uow.connection, t.transfer_order, uow.book_id, columns, rows)
    insert_moves(uow, TRANSFER, births)


def confirm_booked(uow: UnitOfWork, order_id: str, *, statement_reference: str, evidence: str, on: date) -> None:
    """The bank statement, whose SHA-256 is `evidence`, shows the transfer. Confirming twice changes nothing.

    Refuses `transfer-not-known`, `transfer-already-booked` under another statement reference, `move-not-allowed` for
    one that the bank rejected or gave back, and what `ledger.clock.check_happened` refuses: no transfer is booked
    before its order or after today.
    """
    row = _lock(uow, order_id)
    if row.state == TransferState.BOOKED:
        if row.statement_reference == statement_reference:
            return
        raise Refusal("transfer-already-booked", order_id=order_id, statement_reference=row.statement_reference)
    check_happened(on, today=uow.today(), since=[row.ordered_on])
    entry = postings.transfer_booked(
        order_id,
        kind=TransferKind(row.kind),
        amount_cents=row.amount_cents,
        on=on,
        actor=uow.actor,
        evidence=evidence,
    )
    uow.post(entry)
    move(
        uow,
        TRANSFER,
        order_id,
        state=row.state,
        event="booked",
        fact_key=entry.key,
        booked_on=on,
        statement_reference=statement_reference,
    )
    if row.kind in {TransferKind.REFUND, TransferKind.DISBURSEMENT}:
        uow.emit(TRANSFER_BOOKED, order_id, {**_told(row), "on": on.isoformat()})


def record_rejected(uow: UnitOfWork, order_id: str, *, reason: str, evidence: str | None, on: date) -> bool:
    """An order will not be executed: its money goes back to where it stood.

    The bank said so in an answer whose SHA-256 is `evidence`, or the order was given up before it left.

    False where it had been rejected before. Refuses `transfer-not-known`, and `move-not-allowed` once it is booked.
    """
    row = _lock(uow, order_id)
    if row.state == TransferState.REJECTED:
        return False
    entry = postings.transfer_rejected(
        order_id,
        amount_cents=row.amount_cents,
        credit=AccountRef.parse(row.debit),
        on=max(on, row.ordered_on),
        actor=uow.actor,
        evidence=evidence,
    )
    _fail(uow, row, "rejected", entry, reason)
    return True


def record_returned(
    uow: UnitOfWork, order_id: str, *, reason: str, statement_reference: str, evidence: str, on: date
) -> bool:
    """The bank statement shows that a transfer came back: its money goes back to where it stood.

    False where that was recorded before. A transfer that came back has been booked, so one that was not yet is booked
    first. Refuses what `confirm_booked` refuses.
    """
    row = _lock(uow, order_id)
    if row.state == TransferState.RETURNED:
        return False
    if row.state == TransferState.ORDERED:
        confirm_booked(uow, order_id, statement_reference=statement_reference, evidence=evidence, on=on)
        row = _lock(uow, order_id)
    check_happened(on, today=uow.today(), since=[row.booked_on])
    entry = postings.transfer_returned(
        order_id,
        amount_cents=row.amount_cents,
        credit=AccountRef.parse(row.debit),
        on=on,
        actor=uow.actor,
        evidence=evidence,
    )
    _fail(uow, row, "returned", entry, reason)
    return True


def pass_gate(uow: UnitOfWork) -> None:
    """Hold the book's gate row until commit, so that nobody else spends the same balance meanwhile."""
    uow.connection.execute(
        upsert(uow.connection, t.transfer_gate)
        .values(book_id=uow.book_id, passed=1)
        .on_conflict_do_update(index_elements=["book_id"], set_={"passed": t.transfer_gate.c.passed + 1})
    )


def refuse_uncovered(uow: UnitOfWork, amount_cents: int) -> None:
    """Refuse `cash-rule-not-met` unless the booked client account covers every open order and `amount_cents` more.

    What a run has begun and not ordered yet counts as open.
    """
    booked_cents = balances.balance(uow.connection, uow.book_id, CLIENT_BANK)
    c, s = t.transfer_order.c, run_tables.transfer_run_state.c
    ordered_cents = _sum(c.amount_cents).where(c.book_id == uow.book_id, c.state == TransferState.ORDERED.value)
    begun_cents = _sum(s.left_cents).where(s.book_id == uow.book_id, s.state == RunState.ORDERING.value)
    open_cents = uow.connection.execute(
        sa.select(ordered_cents.scalar_subquery() + begun_cents.scalar_subquery())
    ).scalar_one()
    missing_cents = amount_cents + int(open_cents) - booked_cents
    if missing_cents > 0:
        facts: dict[str, Fact] = {"amount_cents": amount_cents, "missing_cents": missing_cents}
        raise Refusal("cash-rule-not-met", **facts)


def record_settlement(uow: UnitOfWork, *, reference: str, amount_cents: int, evidence: str, on: date) -> None:
    """The bank statement shows money paid out by the provider under its own `reference`.

    Refuses `settlement-exceeds-provider-balance`, `settlement-amount-differs` from what left the provider by more than
    a few cents, and `date-not-reached`; recorded twice, a settlement is posted once.
    """
    if amount_cents <= 0:
        raise Refusal("payment-amount-not-positive", amount_cents=amount_cents)
    check_happened(on, today=uow.today())
    pass_gate(uow)
    book_settlement(uow, reference=reference, amount_cents=amount_cents, evidence=evidence, on=on)


def _sum(cents: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(sa.func.coalesce(sa.func.sum(cents), 0))


def _lock(uow: UnitOfWork, order_id: str) -> sa.Row[Any]:
    row = uow.connection.execute(
        sa.select(t.transfer_order)
        .where(t.transfer_order.c.book_id == uow.book_id, t.transfer_order.c.order_id == order_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise Refusal("transfer-not-known", order_id=order_id)
    return row


def _fail(uow: UnitOfWork, row: sa.Row[Any], event: str, entry: JournalEntry, reason: str) -> None:
    uow.post(entry)
    move(uow, TRANSFER, row.order_id, state=row.state, event=event, fact_key=entry.key, reason=reason)
    uow.emit(TRANSFER_FAILED, row.order_id, {**_told(row), "reason": reason, "on": entry.effective_on.isoformat()})


def _told(row: sa.Row[Any]) -> dict[str, JSON]:
    return {name: getattr(row, name) for name in _TOLD}
