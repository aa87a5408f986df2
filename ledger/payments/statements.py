"""Bank statements come in: a file is kept once, and is imported whole or not at all.

    file ── read (ISO 20022) ── statements ── known? continues the one before? ── lines matched ── one commit

A statement that was imported before adds nothing, in whatever file it comes again; one that says something else than it
said before is refused, and so is one that contradicts its neighbour. Where a statement is missing between two others a
case is opened, which closes by itself when the missing one comes. All its lines are looked up together.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from ledger.book import Book, UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.payments import overdrafts
from ledger.payments import statement_tables as t
from ledger.payments.bank import client_account
from ledger.payments.bookings import BankHooks, Booking, book_lines
from ledger.payments.iso20022.model import Statement, StatementLine
from ledger.payments.iso20022.statements import read_statements
from ledger.payments.known import look_up
from ledger.payments.matching import Handling, match_lines
from ledger.payments.rows import close_cases, open_case
from ledger.payments.transfers import pass_gate
from ledger.storage import bulk
from ledger.storage.base import JSON, json_text
from ledger.storage.keys import BOOK_OWNER

ACTOR = "system:bank"
MISSING = "statement-missing"
"""The case of a statement that should stand between two others."""
_SAID = (
    "key", "amount_cents", "booked_on", "value_on", "end_to_end_id", "mandate_reference", "structured_reference",
    "remittance", "counterparty_iban", "return_reason", "is_reversal",
)  # fmt: skip
_NO_REFERENCE = frozenset({"", "NOTPROVIDED", "NONREF"})
_PLACE = "#"
"""What a line without a reference of the bank is called by begins so: it says nothing beyond its statement."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file brought: its SHA-256, how many of its statements and lines were new, and what went to suspense."""

    sha256: str
    statements: int = 0
    known_statements: int = 0
    lines: int = 0
    suspended: int = 0


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement as a person sees it."""

    statement_id: str
    closed_on: date
    lines: int
    opening_cents: int
    closing_cents: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """What continuity asks of a statement that stands already."""

    statement_id: str
    sequence: int | None
    closed_on: date
    opening_cents: int
    closing_cents: int


def import_statement_file(book: Book, file: bytes, *, hooks: BankHooks, actor: str = ACTOR) -> Imported:
    """Import every statement of a camt.053 file in one unit of work; the same file again adds nothing.

    An account that the bank shows below zero is booked so, see `ledger.payments.overdrafts`. Refuses what
    `read_statements` refuses, `statement-of-another-account`, `statement-altered`, `statement-overlaps`,
    `statement-contradicts`, `date-not-reached`; then nothing of the file is imported.
    """
    statements = sorted(read_statements(file), key=lambda s: (s.closed_on, s.sequence or 0))
    try:
        done = _import_all(book, file, statements, hooks=hooks, actor=actor)
    except Refusal as refusal:
        if not overdrafts.goes_below(book, refusal):
            raise
        done = _import_all(book, file, statements, hooks=hooks, actor=actor, overdrawn=True)
    overdrafts.restore_floor(book, actor=actor)
    return done


def _import_all(
    book: Book, file: bytes, statements: Sequence[Statement], *, hooks: BankHooks, actor: str, overdrawn: bool = False
) -> Imported:
    done = Imported(hashlib.sha256(file).hexdigest())
    with book.unit_of_work(actor=actor) as uow:
        pass_gate(uow)
        _keep_file(uow, file, done.sha256)
        if overdrawn:
            overdrafts.lift_floor(uow, statements[-1], sha256=done.sha256)
        for statement in statements:
            done = _counted(done, import_statement(uow, statement, sha256=done.sha256, hooks=hooks))
    return done


def _counted(done: Imported, bookings: Sequence[Booking] | None) -> Imported:
    if bookings is None:
        return replace(done, known_statements=done.known_statements + 1)
    suspended = sum(each.decision.handling is Handling.SUSPENSE for each in bookings)
    return replace(
        done,
        statements=done.statements + 1,
        lines=done.lines + len(bookings),
        suspended=done.suspended + suspended,
    )


def receive_statement_files(book: Book, files: Iterable[bytes], *, hooks: BankHooks) -> int:
    """Import what the bank has ready; a file that is refused becomes a case. Gives how many statements were new."""
    imported = 0
    for file in files:
        try:
            imported += import_statement_file(book, file, hooks=hooks).statements
        except Refusal as refusal:
            with book.unit_of_work(actor=ACTOR) as uow:
                open_case(uow, _subject(hashlib.sha256(file).hexdigest()), refusal, payment_id=None)
    return imported


def recent_statements(connection: sa.Connection, book_id: str, *, limit: int = 10) -> list[StatementView]:
    """The newest statements that were imported."""
    c = t.bank_statement.c
    rows = connection.execute(
        sa.select(c.statement_id, c.closed_on, c.lines, c.opening_cents, c.closing_cents, c.sha256)
        .where(c.book_id == book_id)
        .order_by(c.closed_on.desc(), c.sequence.desc())
        .limit(limit)
    )
    return [StatementView(*row) for row in rows]


def import_statement(uow: UnitOfWork, statement: Statement, *, sha256: str, hooks: BankHooks) -> list[Booking] | None:
    """Import one statement of a file, under the gate; None where it is known. See `import_statement_file`."""
    if statement.iban != client_account(uow.connection, uow.book_id).iban:
        raise Refusal("statement-of-another-account", iban_last4=statement.iban[-4:])
    digest = _digest(statement)
    known = _known_digest(uow, statement)
    if known == digest:
        return None
    if known is not None:
        raise Refusal("statement-altered", statement=statement.statement_id)
    _refuse_overlap(uow, statement)
    last_booked = max((line.booked_on for line in statement.lines), default=statement.opened_on)
    check_happened(last_booked, today=uow.today())
    _check_chain(uow, statement)
    _keep(uow, statement, digest, sha256)
    lines = sorted(statement.lines, key=_turn)
    decisions = match_lines(lines, look_up(uow, lines, hooks))
    bookings = [Booking(line, decision) for line, decision in zip(lines, decisions, strict=True)]
    _keep_lines(uow, statement, bookings)
    book_lines(uow, bookings, hooks)
    return bookings


def _turn(line: StatementLine) -> int:
    """Money in before money out, since the account's floor holds within a day too; what comes back after it left."""
    if line.amount_cents < 0:
        return 1
    return 2 if line.return_reason is not None else 0


def _digest(statement: Statement) -> str:
    """A hash over what makes the statement what it is, whatever the version and the message it comes in."""
    said: list[JSON] = [statement.iban, statement.statement_id, statement.opening_cents, statement.closing_cents]
    said += [[str(getattr(line, name)) for name in _SAID] for line in statement.lines]
    return hashlib.sha256(json_text([*said, statement.sequence]).encode()).hexdigest()


def _known_digest(uow: UnitOfWork, statement: Statement) -> str | None:
    c = t.bank_statement.c
    digest: str | None = uow.connection.execute(
        sa.select(c.digest).where(
            c.book_id == uow.book_id, c.iban == statement.iban, c.statement_id == statement.statement_id
        )
    ).scalar()
    return digest


def _refuse_overlap(uow: UnitOfWork, statement: Statement) -> None:
    """A movement that another statement has shown would be booked a second time under this one's name."""
    references = {line.servicer_reference for line in statement.lines} - _NO_REFERENCE
    references = {reference for reference in references if not reference.startswith(_PLACE)}
    c = t.bank_line.c
    shown = uow.connection.execute(
        sa.select(c.servicer_reference, c.amount_cents, c.booked_on, c.statement_id).where(
            c.book_id == uow.book_id,
            c.iban == statement.iban,
            bulk.among(uow.connection, c.servicer_reference, sorted(references)),
        )
    )
    mine = {(line.servicer_reference, line.amount_cents, line.booked_on) for line in statement.lines}
    for row in shown:
        if (row.servicer_reference, row.amount_cents, row.booked_on) in mine:
            raise Refusal("statement-overlaps", statement=statement.statement_id, other=row.statement_id)


def _check_chain(uow: UnitOfWork, statement: Statement) -> None:
    """The statement before and the one after: opening is the closing before it, and none is missing between."""
    mine = _Neighbour(
        statement.statement_id,
        statement.sequence,
        statement.closed_on,
        statement.opening_cents,
        statement.closing_cents,
    )
    others = _statements(uow, statement.iban)
    before = max((each for each in others if _place(each) < _place(mine)), key=_place, default=None)
    after = min((each for each in others if _place(each) > _place(mine)), key=_place, default=None)
    if before is not None:
        close_cases(uow, f"{statement.iban}:{before.statement_id}", MISSING, reason="the missing statement has come")
    for first, second in ((before, mine), (mine, after)):
        if first is None or second is None:
            continue
        is_linked = first.closing_cents == second.opening_cents
        if _follows(first, second) and not is_linked:
            raise Refusal(
                "statement-contradicts",
                statement=second.statement_id,
                opening_cents=second.opening_cents,
                other=first.statement_id,
                closing_cents=first.closing_cents,
            )
        if _is_missing(first, second) or not is_linked:
            case = Refusal(MISSING, after=first.statement_id, before=second.statement_id)
            open_case(uow, f"{statement.iban}:{first.statement_id}", case, payment_id=None)


def _place(statement: _Neighbour) -> tuple[date, int, str]:
    return statement.closed_on, statement.sequence or 0, statement.statement_id


def _follows(first: _Neighbour, second: _Neighbour) -> bool:
    """Whether the bank's own numbers say that nothing lies between; they begin again each year."""
    if first.sequence is None or second.sequence is None:
        return False
    begins_again = second.sequence == 1 and second.closed_on.year > first.closed_on.year
    return second.sequence == first.sequence + 1 or begins_again


def _is_missing(first: _Neighbour, second: _Neighbour) -> bool:
    numbered = first.sequence is not None and second.sequence is not None
    return numbered and not _follows(first, second)


def _statements(uow: UnitOfWork, iban: str) -> list[_Neighbour]:
    c = t.bank_statement.c
    rows = uow.connection.execute(
        sa.select(c.statement_id, c.sequence, c.closed_on, c.opening_cents, c.closing_cents).where(
            c.book_id == uow.book_id, c.iban == iban
        )
    )
    return [_Neighbour(*row) for row in rows]


def _keep_file(uow: UnitOfWork, file: bytes, sha256: str) -> None:
    """The bytes, once; that the file was refused before is over."""
    where = (t.bank_file.c.book_id == uow.book_id, t.bank_file.c.sha256 == sha256)
    if uow.connection.execute(sa.select(t.bank_file.c.sha256).where(*where)).first() is not None:
        return
    body = uow.keys.seal_personal(uow, BOOK_OWNER, file)
    uow.connection.execute(
        t.bank_file.insert().values(book_id=uow.book_id, sha256=sha256, body=body, received_at=uow.now())
    )
    close_cases(uow, _subject(sha256), None, reason="the file was taken")


def _subject(sha256: str) -> str:
    return f"file:{sha256[:16]}"


def _keep(uow: UnitOfWork, statement: Statement, digest: str, sha256: str) -> None:
    uow.connection.execute(
        t.bank_statement.insert().values(
            book_id=uow.book_id,
            iban=statement.iban,
            statement_id=statement.statement_id,
            sequence=statement.sequence,
            opened_on=statement.opened_on,
            closed_on=statement.closed_on,
            opening_cents=statement.opening_cents,
            closing_cents=statement.closing_cents,
            message=statement.message,
            lines=len(statement.lines),
            digest=digest,
            sha256=sha256,
            imported_at=uow.now(),
        )
    )


def _keep_lines(uow: UnitOfWork, statement: Statement, bookings: Sequence[Booking]) -> None:
    columns = (
        "line_key", "iban", "statement_id", "amount_cents", "booked_on", "value_on", "bank_code",
        "servicer_reference", "handling", "target",
    )  # fmt: skip
    rows = [
        (
            each.line.key, statement.iban, statement.statement_id, each.line.amount_cents, each.line.booked_on,
            each.line.value_on, each.line.bank_code, each.line.servicer_reference, each.decision.handling.value,
            each.decision.target or None,
        )
        for each in bookings
    ]  # fmt: skip
    bulk.insert_rows(uow.connection, t.bank_line, uow.book_id, columns, rows)
