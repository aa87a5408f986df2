"""Rows that several modules write: upserts in the dialect at hand, cases, and the evidence of a fact."""

import hashlib
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.storage.base import JSON, json_text


def upsert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def open_case(uow: UnitOfWork, subject: str, refusal: Refusal, *, payment_id: str | None, recurs: bool = False) -> None:
    """Show `refusal` to the operators once per `subject` (a provider's id); the same case again changes nothing.

    A case that `recurs` is a state, not a fact: once it was closed, the same again opens it anew.
    """
    c = t.payment_case.c
    stated = {"payment_id": payment_id, "facts": dict(refusal.facts), "opened_at": uow.now()}
    insert = upsert(uow.connection, t.payment_case).values(
        book_id=uow.book_id, subject=subject, code=refusal.code, **stated
    )
    if not recurs:
        uow.connection.execute(insert.on_conflict_do_nothing())
        return
    uow.connection.execute(
        insert.on_conflict_do_update(
            index_elements=["book_id", "subject", "code"],
            set_={**stated, "closed_at": None, "closed_by": None, "closing_reason": None},
            where=c.closed_at.is_not(None),
        )
    )


def close_cases(uow: UnitOfWork, subject: str, code: str | None, *, reason: str) -> None:
    """A case whose cause is gone closes by itself, without a code every one of the subject; none changes nothing."""
    c = t.payment_case.c
    same = sa.true() if code is None else c.code == code
    uow.connection.execute(
        t.payment_case.update()
        .where(c.book_id == uow.book_id, c.subject == subject, same, c.closed_at.is_(None))
        .values(closed_at=uow.now(), closed_by=uow.actor, closing_reason=reason)
    )


def keep_evidence(uow: UnitOfWork, fact_key: str, statement: Mapping[str, JSON], *, owner: str) -> str:
    """Keep what the provider stated beside the fact, encrypted for whom it is about (`""`: the book).

    Gives the SHA-256 of what was stated, which the entry's header holds.
    """
    body = json_text(statement).encode()
    sha256 = hashlib.sha256(body).hexdigest()
    uow.connection.execute(
        t.payment_evidence.insert().values(
            book_id=uow.book_id,
            fact_key=fact_key,
            body=uow.keys.seal_personal(uow, owner, body),
            sha256=sha256,
            kept_at=uow.now(),
        )
    )
    return sha256
