"""Where money goes to a party, and what follows when it comes back.

A transfer that failed puts its money back where it stood. If the bank's reason says that the account is at fault,
nothing more goes to that account until two people decide otherwise or there is another one, and the payee is asked for
one.
"""

from collections.abc import Collection, Mapping
from datetime import date

import sqlalchemy as sa

from contracts.events import emit_mail
from contracts.parties.model import PartyKind
from contracts.parties.queries import names, party, payout_iban, payout_ibans
from ledger.book import UnitOfWork
from ledger.payments import suspense
from ledger.payments.iso20022.model import Account
from ledger.payments.payees import Keeper, block_account
from ledger.payments.queries import transfer_order
from ledger.payments.reasons import Action, OrderKind, action_for
from ledger.storage.base import JSON

_AT_FAULT = frozenset({Action.ASK_ACCOUNT, Action.BLOCK})


def account_of(connection: sa.Connection, keeper: Keeper, party_id: str, on: date) -> Account:
    """Name and verified account number of a party on a date; refuses `iban-missing` and `iban-not-verified`.

    Money in suspense goes back to the account that it came from, whoever's that is.
    """
    if suspense.is_item(party_id):
        return suspense.payer_account(connection, keeper, party_id)
    return Account(party(connection, keeper, party_id).name, payout_iban(connection, keeper, party_id, on))


def accounts_of(connection: sa.Connection, keeper: Keeper, payees: Collection[str], on: date) -> dict[str, Account]:
    """`account_of` those of many payees who have a verified account and are not erased."""
    ibans = payout_ibans(connection, keeper, [payee for payee in payees if not suspense.is_item(payee)], on)
    called = names(connection, keeper, ibans)
    found = {payee: Account(name, ibans[payee]) for payee, name in called.items()}
    items = [payee for payee in payees if suspense.is_item(payee)]
    return found | {item: suspense.payer_account(connection, keeper, item) for item in items}


def note_failed_transfer(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle `transfer.failed`: block the account where it is at fault, and ask its holder for another."""
    payee, on = str(body["payee"]), date.fromisoformat(str(body["on"]))
    if action_for(OrderKind.TRANSFER, str(body["reason"]), on) not in _AT_FAULT:
        return
    if suspense.is_item(payee):
        return
    order = transfer_order(uow.connection, uow.book_id, str(body["order_id"]))
    account = accounts_of(uow.connection, uow, [payee], uow.today()).get(payee)
    assert order is not None, "a transfer that failed is there"
    if account is None or order.iban_last4 not in {None, account.iban[-4:]}:
        return
    block_account(uow, payee, account, reason=str(body["reason"]))
    is_enterprise = party(uow.connection, uow, payee).kind is PartyKind.LEGAL
    path = "/enterprise" if is_enterprise else "/portfolio"
    facts: dict[str, JSON] = {"amount_cents": order.amount_cents, "account": account.iban[-4:]}
    emit_mail(uow, "transfer-failed", key=order.order_id, to=payee, facts=facts, path=path)
