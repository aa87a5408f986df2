"""What the books know of a statement's lines, looked up for all at once: one question a table, not one a line."""

from collections.abc import Sequence

import sqlalchemy as sa

from ledger import balances
from ledger.book import UnitOfWork
from ledger.payments import tables as t
from ledger.payments.bookings import BankHooks
from ledger.payments.iso20022.model import StatementLine
from ledger.payments.matching import ExpectedTransfer, Known, OwnOrder, settlement_references
from ledger.payments.model import PROVIDER_BALANCE, SMALL_DIFFERENCE_CENTS, PaymentState, TransferState
from ledger.payments.settlements import sent_cents
from ledger.storage import bulk

PAYER_ONLY = "489100:"
"""A payment to be credited to a pledge comes from its payer's own account."""


def look_up(uow: UnitOfWork, lines: Sequence[StatementLine], hooks: BankHooks) -> Known:
    """What `lines` may be about. Every open transfer is there, since a payer is also known by her account.

    Of an erased payer nothing is known any more: her money is in suspense like a stranger's.
    """
    expected = _expected(uow, lines)
    payers = sorted({each.payer for each in expected.values() if each.is_open})
    return Known(
        expected=expected,
        payer_ibans=hooks.ibans_of(uow.connection, uow, payers),
        settlements=_settlements(uow, lines),
        orders=_orders(uow, lines, TransferState.ORDERED),
        returnable=_orders(uow, lines, TransferState.ORDERED, TransferState.BOOKED),
        debits=hooks.debits_of(uow.connection, uow.book_id, _named(lines)),
        own_iban=hooks.own_iban,
    )


def _expected(uow: UnitOfWork, lines: Sequence[StatementLine]) -> dict[str, ExpectedTransfer]:
    c = t.payment.c
    stated = sorted({line.structured_reference for line in lines if line.structured_reference})
    query = sa.select(c.structured_reference, c.payment_id, c.payer, c.amount_cents, c.state, c.credit).where(
        c.book_id == uow.book_id,
        c.structured_reference.is_not(None),
        sa.or_(c.state == PaymentState.OPEN.value, bulk.among(uow.connection, c.structured_reference, stated)),
    )
    rows = uow.connection.execute(query.order_by(c.requested_at, c.payment_id)).all()
    erased = uow.keys.destroyed(uow.connection, {row.payer for row in rows})
    return {
        row.structured_reference: ExpectedTransfer(
            payment_id=row.payment_id,
            payer=row.payer,
            amount_cents=row.amount_cents,
            is_open=row.state == PaymentState.OPEN,
            own_account_only=row.credit.startswith(PAYER_ONLY),
        )
        for row in rows
        if row.payer not in erased
    }


def _orders(uow: UnitOfWork, lines: Sequence[StatementLine], *states: TransferState) -> dict[str, OwnOrder]:
    """Transfers of ours by their end-to-end id, which is the order's own; none comes back to the erased."""
    c = t.transfer_order.c
    query = sa.select(c.order_id, c.amount_cents, c.payee).where(
        c.book_id == uow.book_id,
        bulk.among(uow.connection, c.order_id, _named(lines)),
        c.state.in_([state.value for state in states]),
    )
    rows = uow.connection.execute(query).all()
    erased = (
        uow.keys.destroyed(uow.connection, {row.payee for row in rows}) if TransferState.BOOKED in states else set()
    )
    return {
        row.order_id: OwnOrder(order_id=row.order_id, amount_cents=row.amount_cents)
        for row in rows
        if row.payee not in erased
    }


def _named(lines: Sequence[StatementLine]) -> list[str]:
    return sorted({line.end_to_end_id for line in lines if line.end_to_end_id})


def _settlements(uow: UnitOfWork, lines: Sequence[StatementLine]) -> dict[str, int]:
    """Settlements that have left the provider, give or take a few cents; of one it told nothing of, what it may be."""
    standing = balances.balance(uow.connection, uow.book_id, PROVIDER_BALANCE)
    named = {reference: line.amount_cents for line in lines for reference in settlement_references(line)}
    sent = sent_cents(uow.connection, uow.book_id, named)
    return {
        reference: cents
        for reference, cents in named.items()
        if (abs(cents - sent[reference]) <= SMALL_DIFFERENCE_CENTS if reference in sent else 0 < cents <= standing)
    }
