"""Log-in by a one-time link: a token is mailed, used once within a quarter of an hour, and becomes a session.

Asking for a link says the same whether or not the address is known, and costs the same number of requests. Only hashes
of tokens are kept: whoever reads the database can open nothing.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from api.identity.links import login_link
from api.identity.model import OpenedSession, Session
from api.identity.tables import login_link as link_table
from api.identity.tables import login_request
from api.identity.tables import session as session_table
from api.mail.service import write_mail
from contracts.parties import queries as parties
from contracts.parties.model import checked_email
from ledger.book import Book, UnitOfWork
from ledger.errors import Fact, Refusal

LINK_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(hours=12)
REQUESTS_PER_LIFETIME = 5


def request_login_link(uow: UnitOfWork, *, email: str, language: str, origin: str) -> None:
    """Mail a one-time link if `email` is known; otherwise do nothing that anybody could see.

    Refuses `too-many-log-in-links` after five requests for one address within a quarter of an hour, known or not.
    """
    _count_request(uow, email)
    party = parties.find_by_email(uow.connection, uow, email)
    if party is None:
        return
    link = make_login_link(uow, party.party_id, language=language, origin=origin)
    facts: dict[str, Fact] = {"link": link, "minutes": int(LINK_LIFETIME.total_seconds()) // 60}
    write_mail(
        uow, template="log-in", to=party.party_id, key=f"log-in:{token_hash(link)}", facts=facts, language=language
    )


def make_login_link(uow: UnitOfWork, party_id: str, *, language: str, origin: str) -> str:
    """A fresh one-time link for a party; whoever holds it can log in as that party for a quarter of an hour."""
    token = secrets.token_urlsafe(32)
    uow.connection.execute(
        link_table.insert().values(
            book_id=uow.book_id,
            token_hash=token_hash(token),
            party_id=party_id,
            language=language,
            expires_at=uow.now() + LINK_LIFETIME,
        )
    )
    return login_link(origin, language, token)


def link_is_open(book: Book, token: str) -> bool:
    """Whether the link could still be used, without using it: what the page behind the mailed address shows."""
    with book.read() as connection:
        return connection.execute(_open_link(book.book_id, token, book.clock.now())).first() is not None


def open_session(uow: UnitOfWork, token: str) -> OpenedSession:
    """Use up a log-in link and open a session; refuses `log-in-link-not-valid` (unknown, used, expired)."""
    row = uow.connection.execute(_open_link(uow.book_id, token, uow.now())).first()
    if row is None:
        raise Refusal("log-in-link-not-valid")
    mine = (link_table.c.book_id == uow.book_id) & (link_table.c.token_hash == token_hash(token))
    used = uow.connection.execute(
        link_table.update().where(mine, link_table.c.used_at.is_(None)).values(used_at=uow.now())
    )
    if used.rowcount != 1:
        raise Refusal("log-in-link-not-valid")
    return open_session_for(uow, row.party_id, row.language)


def open_session_for(uow: UnitOfWork, party_id: str, language: str) -> OpenedSession:
    """Open a session for a party whose identity the caller has established."""
    token = secrets.token_urlsafe(32)
    expires_at = uow.now() + SESSION_LIFETIME
    uow.connection.execute(
        session_table.insert().values(
            book_id=uow.book_id,
            token_hash=token_hash(token),
            party_id=party_id,
            language=language,
            opened_at=uow.now(),
            expires_at=expires_at,
        )
    )
    return OpenedSession(token, _session(uow.connection, uow, party_id, language, expires_at))


def close_session(uow: UnitOfWork, token: str) -> None:
    """Log out: the token opens nothing any more. Closing twice is one closing."""
    mine = (session_table.c.book_id == uow.book_id) & (session_table.c.token_hash == token_hash(token))
    uow.connection.execute(
        session_table.update().where(mine, session_table.c.closed_at.is_(None)).values(closed_at=uow.now())
    )


def session_of(book: Book, token: str) -> Session | None:
    """The open session that `token` proves, with the role its party has now."""
    query = sa.select(session_table).where(
        session_table.c.book_id == book.book_id,
        session_table.c.token_hash == token_hash(token),
        session_table.c.closed_at.is_(None),
        session_table.c.expires_at > book.clock.now(),
    )
    with book.read() as connection:
        row = connection.execute(query).first()
        return _session(connection, book, row.party_id, row.language, row.expires_at) if row else None


def token_hash(token: str) -> str:
    """What is kept of a token: tokens are 256 random bits, so a plain SHA-256 can't be reversed."""
    return hashlib.sha256(token.encode()).hexdigest()


def _session(
    connection: sa.Connection, keeper: parties.Keeper, party_id: str, language: str, expires_at: datetime
) -> Session:
    party = parties.party(connection, keeper, party_id)
    return Session(party_id, party.role, party.name, language, expires_at)


def _open_link(book_id: str, token: str, now: datetime) -> sa.Select[Any]:
    return sa.select(link_table).where(
        link_table.c.book_id == book_id,
        link_table.c.token_hash == token_hash(token),
        link_table.c.used_at.is_(None),
        link_table.c.expires_at > now,
    )


def _count_request(uow: UnitOfWork, email: str) -> None:
    """One more request for this address; which address it is can't be read from the row."""
    digest = parties.lookup_digest(uow.connection, uow, "log-in request", checked_email(email)).hex()
    since = uow.now() - LINK_LIFETIME
    rows = login_request.c
    recent = sa.select(sa.func.count()).where(
        rows.book_id == uow.book_id, rows.address_hash == digest, rows.requested_at > since
    )
    if uow.connection.execute(recent).scalar_one() >= REQUESTS_PER_LIFETIME:
        raise Refusal("too-many-log-in-links", minutes=int(LINK_LIFETIME.total_seconds()) // 60)
    forgotten = (rows.book_id == uow.book_id) & (rows.requested_at <= since)
    uow.connection.execute(login_request.delete().where(forgotten))
    counted = {"book_id": uow.book_id, "address_hash": digest, "requested_at": uow.now()}
    uow.connection.execute(login_request.insert().values(counted))
