"""What the worker does at the bank: order files out, answers and statements in, payees asked.

Everything is asked for again and again, and what was taken once is taken once: a crash anywhere loses and doubles
nothing. No call is made inside a database transaction.
"""

import hashlib
from datetime import date, timedelta

import sqlalchemy as sa

from api.bootstrap import Wiring
from contracts.servicing.accounts import accounts_of
from ledger.book import Book
from ledger.errors import Refusal
from ledger.payments import statement_tables
from ledger.payments.batches import apply_answers, mark_submitted, released_batches
from ledger.payments.bookings import BankHooks
from ledger.payments.iso20022.answers import read_answers
from ledger.payments.payees import check_payees
from ledger.payments.rail import BankRail, CallRefusedError
from ledger.payments.rows import open_case
from ledger.payments.statements import receive_statement_files

ACTOR = "system:bank"
LOOK_BACK = timedelta(days=14)
"""So long before the newest statement another is still looked for; one that comes later is imported by hand."""
_EVER = date(2000, 1, 1)
_WEEKEND = timedelta(days=5)
"""Between a day on which the bank answers and the next on which somebody looks there may be Easter."""


def deal_with_bank(wiring: Wiring, *, look_back: timedelta = LOOK_BACK) -> int:
    """One turn: payees, files, answers, statements; gives how much was new, which without a bank is nothing."""
    book, bank = wiring.book, wiring.bank
    if bank is None:
        return 0
    done = check_payees(book, bank, accounts_of) + hand_in_files(book, bank)
    done += take_answers(book, bank, wiring.answers_read, since=book.today() - look_back - _WEEKEND)
    return done + take_statements(book, bank, wiring.bank_hooks, look_back=look_back)


def hand_in_files(book: Book, bank: BankRail) -> int:
    """Hand in every released file; one that the bank does not take is a case, and is handed in again."""
    with book.read() as connection:
        released = released_batches(connection, book)
    taken = 0
    for batch, file in released:
        try:
            bank.submit(file, batch.batch_id)
        except CallRefusedError as error:
            refusal = Refusal("order-file-not-taken", batch_id=batch.batch_id, detail=str(error)[:160])
            with book.unit_of_work(actor=ACTOR) as uow:
                open_case(uow, batch.batch_id, refusal, payment_id=None)
            continue
        with book.unit_of_work(actor=ACTOR) as uow:
            mark_submitted(uow, batch.batch_id)
        taken += 1
    return taken


def take_answers(book: Book, bank: BankRail, read: set[str], *, since: date) -> int:
    """Apply the answers that are not among `read`, the SHA-256 of those that were."""
    done = 0
    for file in bank.answers(since=since):
        sha256 = hashlib.sha256(file).hexdigest()
        if sha256 in read:
            continue
        try:
            answers = read_answers(file)
        except Refusal as refusal:
            with book.unit_of_work(actor=ACTOR) as uow:
                open_case(uow, f"file:{sha256[:16]}", refusal, payment_id=None)
        else:
            with book.unit_of_work(actor=ACTOR) as uow:
                done += apply_answers(uow, answers, evidence=sha256)
        read.add(sha256)
    return done


def take_statements(book: Book, bank: BankRail, hooks: BankHooks, *, look_back: timedelta) -> int:
    """Import the statements from the newest on and `look_back` before, the first time all; gives how many were new."""
    with book.read() as connection:
        newest = _newest(connection, book.book_id)
    since = newest - look_back if newest else _EVER
    files = {hashlib.sha256(file).hexdigest(): file for file in bank.statements(since=since)}
    with book.read() as connection:
        known = _kept(connection, book.book_id, files)
    new = [file for sha256, file in files.items() if sha256 not in known]
    return receive_statement_files(book, new, hooks=hooks)


def _newest(connection: sa.Connection, book_id: str) -> date | None:
    c = statement_tables.bank_statement.c
    newest: date | None = connection.execute(sa.select(sa.func.max(c.closed_on)).where(c.book_id == book_id)).scalar()
    return newest


def _kept(connection: sa.Connection, book_id: str, hashes: dict[str, bytes]) -> set[str]:
    """Which of these files something was imported from."""
    c = statement_tables.bank_file.c
    return set(connection.execute(sa.select(c.sha256).where(c.book_id == book_id, c.sha256.in_(hashes))).scalars())
