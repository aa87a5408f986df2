"""The close of a day: provider, bank and ledger side by side, to the cent, in a report that is stored and signed.

| account | is compared with |
|---|---|
| 580100 | the sum of the provider's movements; on the day itself, also with the balance that the provider states |
| 580200 | settlements that left the provider and were not booked by the bank |
| 580300 | covers of fees that the bank did not book |
| 580400 | transfer orders that the bank did not book |
| 550100 | the closing balance of the newest bank statement |

What differs has names: movements that wait for their fact, and what is left as unexplained. Every account that differs
opens a case. The report is JSON, kept among the book's evidence, which nothing changes, and signed by the receipt key,
whose certificate the log's policy pins: a stranger verifies the file with nothing else.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from api.bootstrap import Wiring
from api.reconcile.invariants import broken
from api.settings import Settings
from contracts.documents.authority import SigningIdentity, make_receipt_identity
from contracts.documents.cms import CertificateUnknownError, NotCanonicalError, checked_digest, sign_digest
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.clock import brussels_date
from ledger.errors import Refusal
from ledger.payments import queries, statement_tables
from ledger.payments import tables as t
from ledger.payments.model import (
    CLIENT_BANK,
    FEE_COVER,
    PROVIDER_BALANCE,
    SETTLEMENTS_DUE,
    TRANSFERS_OUT,
    MovementState,
    TransferState,
)
from ledger.payments.movements import import_books
from ledger.payments.rail import RailError
from ledger.payments.rows import close_cases, keep_evidence, open_case
from ledger.signing import policy_in_force
from ledger.storage.base import JSON, json_text

FORMAT = "bxl-close/1"
CASE = "close-differs"
_WINDOW = timedelta(days=3)
_MOST_NAMED = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """One account against one source, in cents as the ledger signs them; `named` is what the difference is made of."""

    account: str
    source: str
    ledger_cents: int
    stated_cents: int | None
    named: tuple[tuple[str, str, int], ...] = ()

    @property
    def difference_cents(self) -> int:
        """Ledger less source; nothing where the source states nothing."""
        return 0 if self.stated_cents is None else self.ledger_cents - self.stated_cents

    def body(self) -> dict[str, JSON]:
        """The row of the report: named differences first, what they leave as `unexplained`."""
        named: list[JSON] = [{"code": code, "subject": subject, "cents": cents} for code, subject, cents in self.named]
        if rest := self.difference_cents - sum(cents for _, _, cents in self.named):
            named.append({"code": "unexplained", "subject": self.account, "cents": rest})
        return {
            "account": self.account,
            "source": self.source,
            "ledger_cents": self.ledger_cents,
            "stated_cents": self.stated_cents,
            "difference_cents": self.difference_cents,
            "named": named,
        }


@dataclass(frozen=True, slots=True)
class DayClose:
    """A stored close: its day, which of that day it is, the report, and the file with its signature."""

    on: date
    number: int
    report: Mapping[str, Any]
    file: bytes

    @property
    def key(self) -> str:
        """Under which it is kept among the book's evidence."""
        return f"{_stem(self.on)}{self.number}"

    @property
    def agrees(self) -> bool:
        """Whether every account agreed with every source, and every invariant held."""
        return not self.report["invariants"] and not any(row["difference_cents"] for row in self.report["accounts"])


@dataclass(frozen=True, slots=True)
class DrawnClose:
    """A close that was compared and is not kept yet: its report still lacks its number."""

    on: date
    report: Mapping[str, JSON]
    compared: Sequence[Compared]
    identity: SigningIdentity


def close_day(wiring: Wiring, *, on: date, actor: str) -> DayClose:
    """Draw the close of a day and keep it; the same day may be closed again, each close is kept.

    Refuses `date-not-reached`.
    """
    drawn = draw_close(wiring, on=on, actor=actor)
    with wiring.book.unit_of_work(actor=actor) as uow:
        return keep_close(uow, drawn)


def draw_close(wiring: Wiring, *, on: date, actor: str, request: str | None = None) -> DrawnClose:
    """Read the provider's books and compare; nothing is kept but what was read, so no unit of work waits for a network.

    `request` is the key under which a program asked. A provider that can't be read is compared by what was read before,
    and the report says so. Refuses `date-not-reached`.
    """
    book = wiring.book
    today = book.today()
    if on > today:
        raise Refusal("date-not-reached", stated_on=on.isoformat(), today_on=today.isoformat())
    balance_cents, is_read = _read_provider(wiring, on)
    with book.read() as connection:
        compared = compare(connection, book.book_id, on, balance_cents=balance_cents if on == today else None)
        cases = queries.open_cases(connection, book.book_id)
        entries = balances.entry_count(connection, book.book_id)
    report: dict[str, JSON] = {
        "format": FORMAT,
        "book": book.book_id,
        "on": on.isoformat(),
        "closed_at": book.clock.now().isoformat(),
        "closed_by": actor,
        "request": request,
        "entries": entries,
        "provider_read": is_read,
        "accounts": [each.body() for each in compared],
        "open_cases": sorted({f"{case.code}:{case.subject}" for case in cases}),
        "invariants": broken(book),
    }
    settings = wiring.settings
    now, passphrase = book.clock.now(), settings.key_passphrase
    identity = make_receipt_identity(settings.keys_folder, now=now, passphrase=passphrase)
    return DrawnClose(on, report, compared, identity)


def keep_close(uow: UnitOfWork, drawn: DrawnClose) -> DayClose:
    """Number the close among those of its day, sign it, keep it, and open and close the cases of what differs."""
    on = drawn.on
    c = t.payment_evidence.c
    count = sa.select(sa.func.count()).where(c.book_id == uow.book_id, c.fact_key.startswith(_stem(on)))
    number = int(uow.connection.execute(count).scalar_one()) + 1
    report = {**drawn.report, "number": number}
    signature = sign_digest(hashlib.sha256(json_text(report).encode()).digest(), drawn.identity)
    file: dict[str, JSON] = {"report": report, "signature": base64.b64encode(signature).decode()}
    keep_evidence(uow, f"{_stem(on)}{number}", file, owner="")
    for each in drawn.compared:
        subject = f"close:{each.account}:{each.source}"
        if each.difference_cents:
            differs = Refusal(
                CASE,
                account=each.account,
                closed_on=on.isoformat(),
                ledger_cents=each.ledger_cents,
                stated_cents=each.stated_cents or 0,
            )
            open_case(uow, subject, differs, payment_id=None, recurs=True)
        else:
            close_cases(uow, subject, CASE, reason=f"agrees on {on.isoformat()}")
    return DayClose(on, number, report, json_text(file).encode())


def closes(book: Book, *, limit: int = 50) -> list[DayClose]:
    """Every close that is stored, the newest first."""
    c = t.payment_evidence.c
    query = sa.select(c.fact_key, c.body).where(c.book_id == book.book_id, c.fact_key.startswith("close:"))
    return _opened(book, query.order_by(c.kept_at.desc(), c.fact_key.desc()).limit(limit))


def latest_close(book: Book, on: date) -> DayClose:
    """The newest close of a day; refuses `close-unknown`."""
    c = t.payment_evidence.c
    # The third close of a day stands before the tenth: numbers have no leading zeros.
    by_number = (sa.func.length(c.fact_key).desc(), c.fact_key.desc())
    query = sa.select(c.fact_key, c.body).where(c.book_id == book.book_id, c.fact_key.startswith(_stem(on)))
    for each in _opened(book, query.order_by(*by_number).limit(1)):
        return each
    raise Refusal("close-unknown", on=on.isoformat())


def kept_close(book: Book, key: str) -> DayClose:
    """The close that is kept under a key, as `DayClose.key` gives it."""
    c = t.payment_evidence.c
    query = sa.select(c.fact_key, c.body).where(c.book_id == book.book_id, c.fact_key == key)
    [found] = _opened(book, query)
    return found


def verify_close(file: bytes, *, certificate_sha256: str) -> Mapping[str, Any]:
    """The report in a file whose signature is that of the certificate; refuses `close-malformed`, `close-forged`."""
    try:
        stated = json.loads(file)
        report, signature = stated["report"], base64.b64decode(stated["signature"], validate=True)
        signed = json_text(report).encode()
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise Refusal("close-malformed") from error
    try:
        digest = checked_digest(signature, certificate_sha256=certificate_sha256)
    except CertificateUnknownError as error:
        raise Refusal("close-forged", reason="certificate") from error
    except NotCanonicalError as error:
        raise Refusal("close-forged", reason="signature") from error
    if digest != hashlib.sha256(signed).digest():
        raise Refusal("close-forged", reason="report")
    if not isinstance(report, Mapping) or report.get("format") != FORMAT:
        raise Refusal("close-malformed")
    return report


def pinned_certificate(settings: Settings) -> str:
    """The SHA-256 of the certificate that the log's policy pins for receipts and closes; refuses `close-unpinned`."""
    pinned = policy_in_force(settings.log_folder).receipt_certificate_sha256
    if pinned is None:
        raise Refusal("close-unpinned")
    return pinned


def compare(connection: sa.Connection, book_id: str, on: date, *, balance_cents: int | None = None) -> list[Compared]:
    """Every account against its source at the end of a day; `balance_cents` is what the provider says it holds now."""

    def ledger(account: AccountRef) -> int:
        return balances.balance(connection, book_id, account, on=on)

    moved, named = _moved(connection, book_id, on)
    found = [Compared("580100", "movements", ledger(PROVIDER_BALANCE), moved, named)]
    if balance_cents is not None:
        found.append(Compared("580100", "provider", ledger(PROVIDER_BALANCE), balance_cents))
    sent, covers = _settlements(connection, book_id, on)
    found.append(Compared("580200", "settlements", ledger(SETTLEMENTS_DUE), sent))
    found.append(Compared("580300", "fee-covers", ledger(FEE_COVER), covers))
    found.append(Compared("580400", "orders", ledger(TRANSFERS_OUT), -_ordered(connection, book_id, on)))
    found.append(Compared("550100", "bank", ledger(CLIENT_BANK), _at_bank(connection, book_id, on)))
    return found


def _read_provider(wiring: Wiring, on: date) -> tuple[int | None, bool]:
    """What the provider holds now, and whether its books could be read."""
    if wiring.provider_books is None:
        return None, False
    try:
        import_books(wiring.book, wiring.provider_books, since=on - _WINDOW)
        return wiring.provider_books.balance_cents(), True
    except RailError:
        return None, False


def _stem(on: date) -> str:
    return f"close:{on.isoformat()}:"


def _opened(book: Book, query: sa.Select[tuple[str, bytes]]) -> list[DayClose]:
    with book.read() as connection:
        rows = connection.execute(query).all()
        bodies = [book.keys.open_personal(connection, "", row.body) for row in rows]
    return [_day_close(row.fact_key, body) for row, body in zip(rows, bodies, strict=True)]


def _day_close(key: str, body: bytes) -> DayClose:
    _, day, number = key.split(":")
    return DayClose(date.fromisoformat(day), int(number), json.loads(body)["report"], body)


def _moved(connection: sa.Connection, book_id: str, on: date) -> tuple[int | None, tuple[tuple[str, str, int], ...]]:
    """The sum of the provider's movements up to a day, and those that no fact explains; None without any."""
    m = t.provider_movement.c
    rows = connection.execute(
        sa.select(m.provider_id, m.moved_at, m.result_cents, m.fee_cents, m.state).where(m.book_id == book_id)
    ).all()
    until = [row for row in rows if brussels_date(row.moved_at) <= on]
    waiting = [row for row in until if row.state == MovementState.WAITING]
    named = tuple(
        ("movement-waits", str(row.provider_id), -int(row.result_cents + row.fee_cents))
        for row in waiting[:_MOST_NAMED]
    )
    return (sum(int(row.result_cents) for row in until) if rows else None), named


def _settlements(connection: sa.Connection, book_id: str, on: date) -> tuple[int, int]:
    """What had left the provider and was not booked, and the covers of fees that were due, at the end of a day."""
    c = t.provider_settlement.c
    rows = connection.execute(sa.select(t.provider_settlement).where(c.book_id == book_id, c.out_on <= on)).all()
    under_way = [row for row in rows if row.state != "returned" and (row.booked_on is None or row.booked_on > on)]
    due = [row for row in rows if row.cover_booked_on is None or row.cover_booked_on > on]
    return sum(int(row.amount_cents) for row in under_way), sum(int(row.fee_cents) for row in due)


def _ordered(connection: sa.Connection, book_id: str, on: date) -> int:
    """What was ordered and not booked at the end of a day."""
    c = t.transfer_order.c
    rows = connection.execute(
        sa.select(c.amount_cents, c.state, c.booked_on).where(c.book_id == book_id, c.ordered_on <= on)
    ).all()
    open_orders = [row for row in rows if row.state == TransferState.ORDERED or (row.booked_on and row.booked_on > on)]
    return sum(int(row.amount_cents) for row in open_orders)


def _at_bank(connection: sa.Connection, book_id: str, on: date) -> int | None:
    """The closing balance of the client account's newest statement up to a day; None without one."""
    s, b = statement_tables.bank_statement.c, t.bank_account.c
    query = (
        sa.select(s.closing_cents)
        .join_from(statement_tables.bank_statement, t.bank_account, (s.book_id == b.book_id) & (s.iban == b.iban))
        .where(s.book_id == book_id, s.closed_on <= on)
        .order_by(s.closed_on.desc(), s.sequence.desc())
        .limit(1)
    )
    cents = connection.execute(query).scalar_one_or_none()
    return None if cents is None else int(cents)
