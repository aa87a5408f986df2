"""Suspense: money that came and that nobody could place, with its age, and what two people decide about it.

    open ──assigned──▶ assigned      to the payments it is for
      ├────divided───▶ divided       into parts, or joined with others, each of which is open again
      └────returned──▶ returned      to the account it came from

Every deed is asked for by one person and done when another has approved exactly it. An item is answered within two
days and goes back within ten unless it has found its place.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.approvals import Approval
from ledger.book import UnitOfWork
from ledger.errors import InvariantError, Refusal
from ledger.payments import statement_postings as postings
from ledger.payments import statement_tables as t
from ledger.payments import tables, transfers
from ledger.payments.iso20022.model import Account, StatementLine
from ledger.payments.lifecycle import SUSPENSE_ITEM
from ledger.payments.matching import Decision, Reason
from ledger.payments.model import (
    REFUNDS_DUE,
    PaymentState,
    ResolveCredits,
    SuspenseState,
    TransferDraft,
    TransferKind,
)
from ledger.payments.moves import insert_moves, move
from ledger.payments.payees import Keeper
from ledger.payments.receiving import Arrival, credits_of, payments_for_update, settle_payments
from ledger.payments.rows import open_case
from ledger.storage import bulk
from ledger.storage.base import JSON

ANSWERED_WITHIN, RETURNED_WITHIN = timedelta(days=2), timedelta(days=10)
REFERENCE = "suspense:"
"""A transfer that gives an item back has this, then the item's token, as its reference."""
ASSIGN, SPLIT, JOIN = "assign-suspense", "split-suspense", "join-suspense"
MOST_PARTS = 50
_PREFIX, _TOKEN_CHARACTERS = "u", 9


@dataclass(frozen=True, slots=True)
class Payer:
    """Who sent the money, as the bank states it; nothing where her key was destroyed."""

    name: str | None
    iban: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A payment that an item is probably for."""

    payment_id: str
    reference: str
    payer: str
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspenseItem:
    """Money in suspense as a person sees it, with the days by which it must be answered and returned."""

    item_id: str
    amount_cents: int
    received_on: date
    reason: Reason
    payers: tuple[Payer, ...]
    proposal: tuple[Proposed, ...]

    @property
    def fits(self) -> bool:
        """Whether what is proposed adds up to the whole of it."""
        return sum(each.amount_cents for each in self.proposal) == self.amount_cents

    @property
    def answer_by(self) -> date:
        """The last day to tell the payer what happens."""
        return self.received_on + ANSWERED_WITHIN

    @property
    def return_by(self) -> date:
        """The last day to keep it."""
        return self.received_on + RETURNED_WITHIN


def item_id_of(line_key: str) -> str:
    """The token of the item that a line of a statement is: the same whenever the line is imported."""
    digest = hashlib.sha256(line_key.encode()).digest()
    return _PREFIX + base64.b32encode(digest).decode().lower()[:_TOKEN_CHARACTERS]


def is_item(token: str) -> bool:
    """Whether a payee's token is that of an item in suspense, whose payer nobody knows by another."""
    return token.startswith(_PREFIX)


def note_return_failed(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `transfer.failed` of an item that went back: its money stands in 489400, for a person to see."""
    item_id = str(body["payee"])
    case = Refusal("suspense-return-failed", item_id=item_id, amount_cents=int(str(body["amount_cents"])))
    open_case(uow, f"{REFERENCE}{item_id}", case, payment_id=None)


def new_items(uow: UnitOfWork, found: Sequence[tuple[StatementLine, Decision]]) -> None:
    """Rows of the lines that are in suspense from now on; their entries are posted by whoever imports them."""
    rows = []
    for line, decision in found:
        assert decision.reason is not None, "what is in suspense has a reason"
        rows.append(
            (item_id_of(line.key), line.amount_cents, line.booked_on, decision.reason, decision.proposal, [line.key])
        )
    _insert(uow, rows)


def open_items(book: Keeper, connection: sa.Connection) -> list[SuspenseItem]:
    """Everything in suspense, oldest first, with who paid it and what it is probably for."""
    c = t.suspense_item.c
    rows = connection.execute(
        sa.select(t.suspense_item)
        .where(c.book_id == book.book_id, c.state == SuspenseState.OPEN.value)
        .order_by(c.received_on, c.item_id)
    ).all()
    proposed = _proposed(connection, book.book_id, [p for row in rows for p in row.proposal])
    return [
        SuspenseItem(
            item_id=row.item_id,
            amount_cents=row.amount_cents,
            received_on=row.received_on,
            reason=Reason(row.reason),
            payers=tuple(_payer(book, connection, key) for key in row.sources),
            proposal=tuple(proposed[p] for p in row.proposal if p in proposed),
        )
        for row in rows
    ]


def open_count(connection: sa.Connection, book_id: str) -> int:
    """How many items are in suspense."""
    c = t.suspense_item.c
    query = sa.select(sa.func.count()).where(c.book_id == book_id, c.state == SuspenseState.OPEN.value)
    return int(connection.execute(query).scalar_one())


def request_assignment(uow: UnitOfWork, item_id: str, payment_ids: Sequence[str], *, reason: str) -> str:
    """Ask that an item be what these payments were asked for; gives the approval's id.

    Refuses `suspense-item-not-open`, `payment-not-open`, and `suspense-amount-differs` where they add up to another.
    """
    body = _assignment(uow, item_id, payment_ids)
    return approvals.request(uow, action=ASSIGN, body=body, reason=reason)


def request_split(uow: UnitOfWork, item_id: str, parts_cents: Sequence[int], *, reason: str) -> str:
    """Ask that an item become several; refuses `suspense-item-not-open`, `suspense-parts-unfit`."""
    row = _lock(uow, item_id)
    is_fit = 1 < len(parts_cents) <= MOST_PARTS and min(parts_cents) > 0
    if not is_fit or sum(parts_cents) != row.amount_cents:
        raise Refusal("suspense-parts-unfit", amount_cents=row.amount_cents, parts_cents=sum(parts_cents))
    body: dict[str, JSON] = {"item_id": item_id, "parts_cents": list(parts_cents), "amount_cents": row.amount_cents}
    return approvals.request(uow, action=SPLIT, body=body, reason=reason)


def request_join(uow: UnitOfWork, item_ids: Sequence[str], *, reason: str) -> str:
    """Ask that several items become one; refuses `suspense-item-not-open`, `suspense-items-too-few`."""
    chosen = sorted(set(item_ids))
    if not 1 < len(chosen) <= MOST_PARTS:
        raise Refusal("suspense-items-too-few", items=len(chosen), limit=MOST_PARTS)
    total = sum(_lock(uow, item_id).amount_cents for item_id in chosen)
    body: dict[str, JSON] = {"item_ids": chosen, "amount_cents": total}
    return approvals.request(uow, action=JOIN, body=body, reason=reason)


def request_return(uow: UnitOfWork, item_id: str, *, reason: str) -> str:
    """Ask that the money go back to the account it came from; gives the approval's id.

    Refuses `suspense-item-not-open`, and `suspense-payer-unknown` where the bank did not say which account that is.
    """
    _lock(uow, item_id)
    body = transfers.approval_body([_return_draft(uow, item_id)])
    return approvals.request(uow, action=transfers.APPROVAL_ACTION, body=body, reason=reason)


def send_back(uow: UnitOfWork, item_id: str, *, approval_id: str) -> str:
    """Order the transfer that gives an item back, as it was approved; gives the order's id.

    Refuses `suspense-item-not-open`, `suspense-payer-unknown` and what `transfers.order_transfers` refuses.
    """
    row, draft = _lock(uow, item_id), _return_draft(uow, item_id)
    entry = postings.suspense_to_return(
        item_id, amount_cents=row.amount_cents, on=uow.today(), actor=uow.actor, approval_id=approval_id
    )
    uow.post(entry)
    move(uow, SUSPENSE_ITEM, item_id, state=row.state, event="returned", fact_key=entry.key, approval_id=approval_id)
    [order_id] = transfers.order_transfers(uow, [draft], approval_id=approval_id)
    return order_id


def payer_account(connection: sa.Connection, keeper: Keeper, item_id: str) -> Account:
    """Whom an item came from, and from which account; refuses `suspense-payer-unknown`."""
    c = t.suspense_item.c
    sources = connection.execute(
        sa.select(c.sources).where(c.book_id == keeper.book_id, c.item_id == item_id)
    ).scalar_one_or_none()
    accounts = {(p.name, p.iban) for p in (_payer(keeper, connection, key) for key in sources or ())}
    if len(accounts) != 1:
        raise Refusal("suspense-payer-unknown", item_id=item_id)
    [(name, iban)] = accounts
    if name is None or iban is None:
        raise Refusal("suspense-payer-unknown", item_id=item_id)
    return Account(name, iban)


def do_approved(uow: UnitOfWork, approval_id: str, *, resolve_credits: ResolveCredits) -> None:
    """Do what was asked for and approved; refuses what `approvals.require` and the requests refuse."""
    approval = approvals.find(uow.connection, uow.book_id, approval_id)
    if approval is None:
        raise Refusal("approval-unknown", approval=approval_id)
    approvals.require(uow, approval_id, approval.action, approval.body)
    match approval.action:
        case "assign-suspense":
            _assign(uow, approval, resolve_credits)
        case "split-suspense":
            _divide(uow, approval, [str(approval.body["item_id"])], _numbers(approval.body["parts_cents"]))
        case "join-suspense":
            item_ids = _texts(approval.body["item_ids"])
            _divide(uow, approval, item_ids, None)
        case transfers.APPROVAL_ACTION:
            send_back(uow, _returned_item(approval), approval_id=approval_id)
        case other:
            raise InvariantError(f"{other} is no deed on items")


def _returned_item(approval: Approval) -> str:
    """The item whose return was approved; refuses `suspense-item-not-open` where the transfers are others'."""
    listed = approval.body.get("transfers")
    first = listed[0] if isinstance(listed, list) and listed else None
    reference = str(first["reference"]) if isinstance(first, Mapping) else ""
    if not reference.startswith(REFERENCE):
        raise Refusal("suspense-item-not-open", item_id=reference[:40])
    return reference.removeprefix(REFERENCE)


def _assign(uow: UnitOfWork, approval: Approval, resolve_credits: ResolveCredits) -> None:
    item_id = str(approval.body["item_id"])
    row = _lock(uow, item_id)
    payment_ids = _texts(approval.body["payment_ids"])
    _assignment(uow, item_id, payment_ids)
    payments = payments_for_update(uow, payment_ids)
    keys = {each: postings.assigned_key(item_id, each) for each in payment_ids}
    arrivals = [Arrival(each, row.received_on, keys[each]) for each in payment_ids]
    accounts = credits_of(uow, arrivals, payments, resolve_credits)
    for each, account in zip(payment_ids, accounts, strict=True):
        uow.post(
            postings.suspense_assigned(
                item_id,
                payment_id=each,
                amount_cents=payments[each].amount_cents,
                credit=account,
                on=row.received_on,
                actor=uow.actor,
                approval_id=approval.approval_id,
            )
        )
    settle_payments(uow, arrivals, payments, accounts)
    move(
        uow,
        SUSPENSE_ITEM,
        item_id,
        state=row.state,
        event="assigned",
        fact_key=keys[payment_ids[0]],
        approval_id=approval.approval_id,
    )


def _divide(uow: UnitOfWork, approval: Approval, item_ids: Sequence[str], parts_cents: Sequence[int] | None) -> None:
    """The items are gone, and what stands in their place is open: the parts, or one of the whole amount."""
    rows = [_lock(uow, item_id) for item_id in item_ids]
    total = sum(row.amount_cents for row in rows)
    reason = Reason.JOINED if parts_cents is None else Reason.DIVIDED
    parts = [total] if parts_cents is None else parts_cents
    tokens = [uow.new_id(_PREFIX) for _ in parts]
    received_on = min(row.received_on for row in rows)
    sources = [key for row in rows for key in row.sources]
    entry = postings.suspense_divided(
        [(row.item_id, row.amount_cents) for row in rows],
        list(zip(tokens, parts, strict=True)),
        on=max(row.received_on for row in rows),
        actor=uow.actor,
        approval_id=approval.approval_id,
    )
    uow.post(entry)
    for row in rows:
        move(
            uow,
            SUSPENSE_ITEM,
            row.item_id,
            state=row.state,
            event="divided",
            fact_key=entry.key,
            approval_id=approval.approval_id,
        )
    _insert(uow, [(token, cents, received_on, reason, (), sources) for token, cents in zip(tokens, parts, strict=True)])


def _assignment(uow: UnitOfWork, item_id: str, payment_ids: Sequence[str]) -> dict[str, JSON]:
    """The body of an assignment, if it can be made."""
    row = _lock(uow, item_id)
    chosen = sorted(set(payment_ids))
    payments = payments_for_update(uow, chosen)
    for payment_id in chosen:
        payment = payments.get(payment_id)
        if payment is None or payment.state != PaymentState.OPEN or payment.structured_reference is None:
            raise Refusal("payment-not-open", payment_id=payment_id[:40])
    total = sum(payments[each].amount_cents for each in chosen)
    if total != row.amount_cents:
        raise Refusal("suspense-amount-differs", amount_cents=row.amount_cents, asked_cents=total)
    return {"item_id": item_id, "payment_ids": chosen, "amount_cents": total}


def _return_draft(uow: UnitOfWork, item_id: str) -> TransferDraft:
    account = payer_account(uow.connection, uow, item_id)
    cents = _lock(uow, item_id).amount_cents
    debit = AccountRef(REFUNDS_DUE, item_id)
    return TransferDraft(f"{REFERENCE}{item_id}", item_id, cents, debit, TransferKind.REFUND, account.iban[-4:])


def _lock(uow: UnitOfWork, item_id: str) -> sa.Row[Any]:
    c = t.suspense_item.c
    row = uow.connection.execute(
        sa.select(t.suspense_item).where(c.book_id == uow.book_id, c.item_id == item_id).with_for_update()
    ).one_or_none()
    if row is None or row.state != SuspenseState.OPEN:
        raise Refusal("suspense-item-not-open", item_id=item_id[:40])
    return row


def _insert(uow: UnitOfWork, rows: Sequence[tuple[str, int, date, Reason, Sequence[str], Sequence[str]]]) -> None:
    columns = ("item_id", "amount_cents", "received_on", "reason", "proposal", "sources", "state")
    state = SUSPENSE_ITEM.initial.value
    values = [
        (token, cents, on, reason.value, list(proposal), list(sources), state)
        for token, cents, on, reason, proposal, sources in rows
    ]
    bulk.insert_rows(uow.connection, t.suspense_item, uow.book_id, columns, values)
    insert_moves(uow, SUSPENSE_ITEM, [(token, 0, None, state, "received", None) for token, *_ in rows])


def _proposed(connection: sa.Connection, book_id: str, payment_ids: Sequence[str]) -> dict[str, Proposed]:
    """Those of the payments that are still open."""
    c = tables.payment.c
    rows = connection.execute(
        sa.select(c.payment_id, c.reference, c.payer, c.amount_cents).where(
            c.book_id == book_id,
            bulk.among(connection, c.payment_id, sorted(set(payment_ids))),
            c.state == PaymentState.OPEN.value,
        )
    )
    return {
        row.payment_id: Proposed(
            payment_id=row.payment_id, reference=row.reference, payer=row.payer, amount_cents=row.amount_cents
        )
        for row in rows
    }


def _payer(book: Keeper, connection: sa.Connection, line_key: str) -> Payer:
    c = tables.payment_evidence.c
    sealed = connection.execute(
        sa.select(c.body).where(c.book_id == book.book_id, c.fact_key == postings.line_key(line_key))
    ).scalar_one()
    try:
        said: Mapping[str, Any] = json.loads(book.keys.open_personal(connection, item_id_of(line_key), sealed))
    except Refusal as refusal:
        if refusal.code != "subject-key-destroyed":
            raise
        return Payer(None, None, "")
    return Payer(said["counterparty_name"], said["counterparty_iban"], said["remittance"])


def _numbers(value: JSON) -> list[int]:
    assert isinstance(value, list), "an approved body is as it was asked for"
    return [int(each) for each in value]


def _texts(value: JSON) -> list[str]:
    assert isinstance(value, list), "an approved body is as it was asked for"
    return [str(each) for each in value]
