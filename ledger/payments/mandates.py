"""Mandates for direct debits: what a debtor has signed for us, and for how long it can be used.

    active ── revoked by its debtor, lapsed, or blocked by a reason code of her bank

A mandate lapses 36 months after it was last used, or after it was signed if it never was (EPC016-06 and EPC222-07, the
direct debit rulebooks). Its unique mandate reference is its id. Name and account number are kept under the debtor's
key; the signed paper is a document of its own.
"""

import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.payments import tables as t
from ledger.payments.iso20022.model import Account
from ledger.payments.lifecycle import MANDATE
from ledger.payments.model import MandateState
from ledger.payments.moves import move, record_birth
from ledger.payments.payees import Keeper

JOB = "job:mandates"
LAPSES_AFTER_YEARS = 3


class DebitScheme(StrEnum):
    """CORE lets the debtor have eight weeks of debits back; B2B is for enterprises and does not."""

    CORE = "CORE"
    B2B = "B2B"


@dataclass(frozen=True, slots=True)
class Mandate:
    """A mandate; `mandate_id` is the unique mandate reference, `document_id` the signed paper."""

    mandate_id: str
    debtor: str
    scheme: DebitScheme
    iban_last4: str
    signed_on: date
    last_used_on: date | None
    state: MandateState
    document_id: str | None
    reason: str | None

    @property
    def lapses_on(self) -> date:
        """The first day on which it can't be used any more, unless it is used before."""
        since = self.last_used_on or self.signed_on
        is_leap_day = (since.month, since.day) == (2, 29)
        year = since.year + LAPSES_AFTER_YEARS
        return date(year, 3, 1) if is_leap_day else since.replace(year=year)


def record_mandate(
    uow: UnitOfWork,
    *,
    debtor: str,
    account: Account,
    scheme: DebitScheme,
    signed_on: date,
    document_id: str | None = None,
    mandate_id: str | None = None,
) -> str:
    """Keep a signed mandate; gives its reference. Refuses `mandate-active` while the debtor has another."""
    if active_mandate(uow.connection, uow.book_id, debtor) is not None:
        raise Refusal("mandate-active", debtor=debtor)
    mandate_id = mandate_id or uow.new_id("m")
    stated = json.dumps({"name": account.name, "iban": account.iban}).encode()
    uow.connection.execute(
        t.mandate.insert().values(
            book_id=uow.book_id,
            mandate_id=mandate_id,
            debtor=debtor,
            scheme=scheme.value,
            sealed=uow.keys.seal_personal(uow, debtor, stated),
            iban_last4=account.iban[-4:],
            signed_on=signed_on,
            state=MandateState.ACTIVE.value,
            document_id=document_id,
        )
    )
    record_birth(uow, MANDATE, mandate_id)
    return mandate_id


def revoke_mandate(uow: UnitOfWork, debtor: str) -> None:
    """The debtor takes her mandate back; debits that are in no file yet go no more. Refuses `mandate-missing`."""
    known = active_mandate(uow.connection, uow.book_id, debtor)
    if known is None:
        raise Refusal("mandate-missing", debtor=debtor)
    end_mandate(uow, known, "revoked", reason=None)


def end_mandate(uow: UnitOfWork, known: Mandate, event: str, *, reason: str | None) -> None:
    """A mandate is used no more: `event` is `revoked`, `lapsed` or `blocked`."""
    move(uow, MANDATE, known.mandate_id, state=known.state.value, event=event, reason=reason)


def lapse_mandates(book: Book, on: date) -> int:
    """Dated job: mandates that nobody used for 36 months are over."""
    with book.read() as connection:
        c = t.mandate.c
        rows = connection.execute(
            sa.select(t.mandate).where(c.book_id == book.book_id, c.state == MandateState.ACTIVE.value)
        )
        over = [known for row in rows if (known := _mandate(row)).lapses_on <= on]
    for known in over:
        with book.unit_of_work(actor=JOB) as uow:
            fresh = mandate(uow.connection, uow.book_id, known.mandate_id)
            if fresh.state is MandateState.ACTIVE and fresh.lapses_on <= on:
                end_mandate(uow, fresh, "lapsed", reason=None)
    return len(over)


def active_mandate(connection: sa.Connection, book_id: str, debtor: str) -> Mandate | None:
    """The mandate that a debtor's debits rest on, if she has given one."""
    c = t.mandate.c
    row = connection.execute(
        sa.select(t.mandate).where(c.book_id == book_id, c.debtor == debtor, c.state == MandateState.ACTIVE.value)
    ).one_or_none()
    return None if row is None else _mandate(row)


def mandate(connection: sa.Connection, book_id: str, mandate_id: str) -> Mandate:
    """One mandate, whatever its state; the caller knows that it is there."""
    c = t.mandate.c
    return _mandate(
        connection.execute(sa.select(t.mandate).where(c.book_id == book_id, c.mandate_id == mandate_id)).one()
    )


def mandates(connection: sa.Connection, book_id: str, debtor: str | None = None) -> list[Mandate]:
    """Every mandate, or every one of a debtor, the newest first."""
    c = t.mandate.c
    wanted = [c.book_id == book_id] + ([] if debtor is None else [c.debtor == debtor])
    rows = connection.execute(sa.select(t.mandate).where(*wanted).order_by(c.signed_on.desc(), c.mandate_id))
    return [_mandate(row) for row in rows]


def debtor_account(connection: sa.Connection, keeper: Keeper, mandate_id: str) -> Account:
    """Name and account number that a mandate was signed for; refuses `subject-key-destroyed` after an erasure."""
    c = t.mandate.c
    row = connection.execute(
        sa.select(c.debtor, c.sealed).where(c.book_id == keeper.book_id, c.mandate_id == mandate_id)
    ).one()
    stated: dict[str, str] = json.loads(keeper.keys.open_personal(connection, row.debtor, row.sealed))
    return Account(stated["name"], stated["iban"])


def _mandate(row: sa.Row[Any]) -> Mandate:
    values = {name: getattr(row, name) for name in Mandate.__slots__}
    return Mandate(**{**values, "scheme": DebitScheme(row.scheme), "state": MandateState(row.state)})
