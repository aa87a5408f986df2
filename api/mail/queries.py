"""The mailbox as the demo's page shows it. It exists in a sandbox only; nobody reads people's mail elsewhere."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api.mail.tables import mail
from contracts.parties import queries as parties
from ledger.book import Book


@dataclass(frozen=True, slots=True)
class MailView:
    """A mail in clear."""

    key: str
    party_id: str
    name: str
    address: str
    subject: str
    body: str
    language: str
    state: str
    written_at: datetime


def mailbox(book: Book, *, party_id: str | None = None, limit: int = 100) -> list[MailView]:
    """The newest mails first, of one recipient if given; mail of an erased person is left out."""
    query = (
        sa.select(mail)
        .where(mail.c.book_id == book.book_id)
        .order_by(mail.c.written_at.desc(), mail.c.key)
        .limit(limit)
    )
    if party_id is not None:
        query = query.where(mail.c.party_id == party_id)
    with book.read() as connection:
        return [view for row in connection.execute(query) if (view := _view(book, connection, row)) is not None]


def waiting(connection: sa.Connection, book_id: str) -> int:
    """How many mails have not left yet."""
    rows = mail.c
    query = sa.select(sa.func.count()).where(rows.book_id == book_id, rows.state == "written")
    return connection.execute(query).scalar_one()


def _view(book: Book, connection: sa.Connection, row: sa.Row[Any]) -> MailView | None:
    if book.keys.existing_key(connection, row.party_id) is None:
        return None
    words = json.loads(book.keys.open_personal(connection, row.party_id, row.body))
    recipient = parties.party(connection, book, row.party_id)
    return MailView(
        key=row.key,
        party_id=row.party_id,
        name=recipient.name,
        address=recipient.email,
        subject=words["subject"],
        body=words["body"],
        language=row.language,
        state=row.state,
        written_at=row.written_at,
    )
