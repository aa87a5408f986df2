"""The invariants I1 to I14 of money movement, asked after each step of a story.

Most are read from rows (`api.reconcile.invariants`); the others are tried: I3 by a replay of everything the provider
has, I11 by a second sweep, I14 by an attempt to change the record.
"""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from api.reconcile.invariants import broken
from ledger import balances
from ledger.payments.inbox import receive
from ledger.payments.movements import import_books
from ledger.storage import tables
from tests.oracle import check_everything


def hold(book) -> None:
    """What can be read: I1, I2, I4 to I10, I12, I13, and that no fact stands twice."""
    assert broken(book) == []


def hold_at_rest(shop, provider_books, since) -> None:
    """Also what is tried when everything has come to rest: I3, I11 and I14."""
    hold(shop.book)
    before = trial(shop.book)
    for provider_id in known_ids(shop.book):
        for _ in range(2):
            with shop.book.unit_of_work(actor="test") as unit:
                receive(unit, provider_id)
    assert shop.process() == 0
    assert shop.sweep() == 0
    assert import_books(shop.book, provider_books, since=since) == 0
    assert trial(shop.book) == before
    record_is_append_only(shop.book)


def trial(book):
    """The trial balance."""
    with book.read() as connection:
        return balances.trial_balance(connection, book.book_id)


def known_ids(book):
    """The provider's id of every payment, newest first."""
    from ledger.payments import tables as t

    c = t.payment.c
    query = sa.select(c.provider_id).where(c.book_id == book.book_id, c.provider_id.is_not(None))
    with book.read() as connection:
        return connection.execute(query.order_by(c.requested_at.desc())).scalars().all()


def record_is_append_only(book) -> None:
    """I14: the database refuses to change a posting, and the chain of blocks is as derived."""
    with pytest.raises(DBAPIError), book.engine.begin() as connection:
        connection.execute(tables.posting.update().values(debit=1))
    check_everything(book)
