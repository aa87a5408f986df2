"""Open transfers become one pain.001 for the bank, made once; what becomes of it is `ledger.payments.batches`.

The orders were posted when they were released (`ledger.payments.transfers`); a file moves no money in the books.
Asked again while there is nothing new, by whomever and however often, it is the same file: same bytes, same message id.
"""

from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO

import sqlalchemy as sa

from ledger.book import UnitOfWork
from ledger.calendars import next_target_day
from ledger.clock import instant_on
from ledger.errors import Refusal
from ledger.payments import run_tables
from ledger.payments import tables as t
from ledger.payments.bank import client_account
from ledger.payments.batches import batch_id_of, batches, store_batch
from ledger.payments.iso20022.charset import in_sepa_characters
from ledger.payments.iso20022.model import Account, CreditTransfer
from ledger.payments.iso20022.orders import write_credit_transfers
from ledger.payments.model import Batch, BatchKind, BatchState, TransferOrder, TransferState
from ledger.payments.payees import AccountsOf, Standing, standings
from ledger.payments.queries import transfer_order_of
from ledger.payments.transfers import pass_gate, record_rejected
from ledger.storage.bulk import among

LARGEST_FILE = 20_000
_LONGEST_TEXT = 140
ACCOUNT_CHANGED = "account-changed"
"""Why we give an order up ourselves: the account that two people approved is not the payee's any more."""


def make_transfer_file(uow: UnitOfWork, accounts_of: AccountsOf) -> Batch:
    """The file of every open order that may go; where none is new, the newest file that waits for its release.

    An order waits while its payee's account is parked or unchecked, or no bank could carry the payee's name. One whose
    payee has another account since it was approved is given up.

    Refuses `nothing-to-batch` and `bank-account-not-configured`.
    """
    pass_gate(uow)
    client_account(uow.connection, uow.book_id)
    ready = ready_orders(uow, waiting_orders(uow.connection, uow.book_id), accounts_of)[:LARGEST_FILE]
    if not ready:
        waiting = batches(uow.connection, uow.book_id, kind=BatchKind.TRANSFERS, state=BatchState.MADE)
        if not waiting:
            raise Refusal("nothing-to-batch")
        return waiting[0]
    batch_id = batch_id_of(uow, [order.order_id for order, _ in ready])
    today = uow.today()
    return write_file(uow, batch_id, ready, created_at=instant_on(today, uow.now()), execute_on=next_target_day(today))


def write_file(
    uow: UnitOfWork,
    batch_id: str,
    ready: Sequence[tuple[TransferOrder, Account]],
    *,
    created_at: datetime,
    execute_on: date,
) -> Batch:
    """Write and keep the file of these orders, each with the account that it goes to; the orders stand in it then."""
    transfers = [
        CreditTransfer(order.order_id, order.amount_cents, account, text=_text(order)) for order, account in ready
    ]
    out = BytesIO()
    write_credit_transfers(
        out,
        message_id=batch_id,
        created_at=created_at,
        execute_on=execute_on,
        debtor=client_account(uow.connection, uow.book_id),
        transfers=transfers,
    )
    made = store_batch(uow, batch_id, BatchKind.TRANSFERS, out.getvalue(), execute_on=execute_on)
    c = t.transfer_order.c
    mine = (c.book_id == uow.book_id, among(uow.connection, c.order_id, [order.order_id for order, _ in ready]))
    uow.connection.execute(t.transfer_order.update().where(*mine).values(batch_id=batch_id))
    return made


def ready_orders(
    uow: UnitOfWork, orders: Sequence[TransferOrder], accounts_of: AccountsOf
) -> list[tuple[TransferOrder, Account]]:
    """Those of open orders that may go now, with their payees' accounts; one whose account changed is given up."""
    accounts = accounts_of(uow.connection, uow, {order.payee for order in orders}, uow.today())
    standing = standings(uow.connection, uow, accounts, now=uow.now())
    found: list[tuple[TransferOrder, Account]] = []
    for order in orders:
        account = accounts.get(order.payee)
        if account is None:
            continue
        if order.iban_last4 not in {None, account.iban[-4:]}:
            record_rejected(uow, order.order_id, reason=ACCOUNT_CHANGED, evidence=None, on=uow.today())
        elif standing[order.payee] is Standing.CLEAR and in_sepa_characters(account.name) is not None:
            found.append((order, account))
    return found


def waiting_orders(connection: sa.Connection, book_id: str) -> list[TransferOrder]:
    """Open orders that are in no file, in a fixed order; those of a run go in its own files (`run_files`)."""
    c, s = t.transfer_order.c, run_tables.transfer_run_state.c
    of_runs = sa.select(s.approval_id).where(s.book_id == book_id, s.approval_id.is_not(None))
    is_open = c.state == TransferState.ORDERED.value
    mine = (c.book_id == book_id, is_open, c.batch_id.is_(None), c.approval_id.not_in(of_runs))
    # sorted here: a planner that is asked for an order reads every transfer there has been by its key
    rows = connection.execute(sa.select(t.transfer_order).where(*mine))
    return sorted((transfer_order_of(row) for row in rows), key=lambda order: order.order_id)


def _text(order: TransferOrder) -> str:
    """What the payee reads, in the characters that every bank carries."""
    return (in_sepa_characters(order.text) or order.reference)[:_LONGEST_TEXT]
