"""Our own account at the bank: what orders are paid from, and what debits are collected to."""

import sqlalchemy as sa

from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.iso20022.model import Account


def configure_bank(uow: UnitOfWork, account: Account) -> None:
    """Keep the client account as it is stated now; called at every start. Files that were made name the old one."""
    where = t.bank_account.c.book_id == uow.book_id
    values = {
        "name": account.name,
        "iban": account.iban,
        "bic": account.bic,
        "creditor_identifier": account.creditor_identifier,
    }
    if uow.connection.execute(t.bank_account.update().where(where).values(**values)).rowcount == 0:
        uow.connection.execute(t.bank_account.insert().values(book_id=uow.book_id, **values))


def client_account(connection: sa.Connection, book_id: str) -> Account:
    """The client account; refuses `bank-account-not-configured`."""
    c = t.bank_account.c
    row = connection.execute(sa.select(t.bank_account).where(c.book_id == book_id)).one_or_none()
    if row is None:
        raise Refusal("bank-account-not-configured")
    return Account(row.name, row.iban, row.bic, creditor_identifier=row.creditor_identifier)


def has_client_account(connection: sa.Connection, book_id: str) -> bool:
    """Whether there is one: without it, nobody is asked for a transfer."""
    c = t.bank_account.c
    return connection.execute(sa.select(c.iban).where(c.book_id == book_id)).first() is not None
