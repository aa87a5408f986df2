"""A statement imported, and a file of credit transfers written to disk and its totals read back from the bytes.

The statement is a camt.053.001.08 with a payment an entry, each under the structured communication of a payment that
waits for it. Read: schema checked, lines found, balances proved. Matched: read, and every line posted in one commit.
Writing is a process of its own, for a tenth of the payments and for all of them: its memory is the
most that it held, and what all of them need beyond the tenth is a set of their identifiers.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

from ledger.accounts import AccountRef
from ledger.book import Book, create_book
from ledger.clock import SystemClock
from ledger.payments.bank import configure_bank
from ledger.payments.bookings import BankHooks
from ledger.payments.iso20022.model import Account, Address, CreditTransfer
from ledger.payments.iso20022.orders import write_credit_transfers
from ledger.payments.iso20022.statements import read_statements
from ledger.payments.iso20022.totals import read_totals
from ledger.payments.queries import payment
from ledger.payments.receiving import request_transfer
from ledger.payments.references import structured_communication
from ledger.payments.statements import import_statement_file
from ledger.storage.engine import open_engine
from tests.bankfiles_kit import HOLDER, THEIRS, camt, paid
from tests.bench.bars import number
from tests.bench.databases import KINDS, NAMES, Databases
from tests.bench.proof import most_memory
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.conftest import make_keys

BATCH = 500
Work = Callable[[Path, int], None]


class Transfers:
    """A coupon for each of `count` holders, made anew each time it is gone through."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[CreditTransfer]:
        address = Address("Ixelles", "BE", "Chaussée de Wavre", "12", "1050")
        for i in range(self.count):
            holder = Account(f"Zoé Müller-Peeters {i}", THEIRS, address=address)
            reference = structured_communication(i + 1)
            yield CreditTransfer(f"CPN-2026-11-{i:06d}", 1_000 + i, holder, structured_reference=reference)


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Read, write, read back."""
    findings.table("what", "figure")
    for kind in KINDS:
        reading, matching = _matched(databases, kind, scale.statement_lines)
        findings.measured[f"bankfiles.matched.{kind}"] = matching
        figures = f"{reading:.2f} s to read, {matching:.2f} s to read and match"
        findings.row(f"camt.053 of {scale.statement_lines:,} lines, {NAMES[kind]}", figures)
    file = databases.folder / "transfers.xml"
    _, least = _alone(_write, file, scale.transfers // 10)
    spent, most = _alone(_write, file, scale.transfers)
    findings.measured["bankfiles.write"] = spent
    findings.measured["bankfiles.memory"] = round(most - least)
    size = f"{file.stat().st_size / 1e6:.1f} MB"
    findings.row(f"pain.001 of {scale.transfers:,} payments written, {size}", f"{spent:.2f} s, {most:.0f} MB of memory")
    spent, most = _alone(_total, file, scale.transfers)
    findings.row("its totals read back from the bytes", f"{spent:.2f} s, {number(round(most))} MB of memory")


def _matched(databases: Databases, kind: str, count: int) -> tuple[float, float]:
    """Seconds to read a statement that pays `count` payments, and to read it and book it."""
    name = "bankfiles"
    engine = open_engine(databases.make(kind, name))
    described = {"name": "Benchmark", "origin": "log.example/main", "policy_hash": bytes(32)}
    book = create_book(engine, "main", **described, clock=SystemClock(), keys=make_keys())
    file = camt(*(paid(1_000 + n, f"REF-{n}", reference=asked) for n, asked in enumerate(_asked(book, count))))
    started = time.perf_counter()
    read_statements(file)
    reading = time.perf_counter() - started
    started = time.perf_counter()
    imported = import_statement_file(book, file, hooks=BankHooks())
    matching = time.perf_counter() - started
    if (imported.lines, imported.suspended) != (count, 0):
        raise AssertionError("what is measured must hold")
    engine.dispose()
    databases.drop(kind, name)
    return round(reading, 2), round(matching, 2)


def _asked(book: Book, count: int) -> list[str]:
    """The structured communications of `count` payments that wait for a transfer."""
    with book.unit_of_work(actor="bench") as uow:
        configure_bank(uow, HOLDER)
    asked = []
    for first in range(0, count, BATCH):
        with book.unit_of_work(actor="bench") as uow:
            for n in range(first, min(first + BATCH, count)):
                credit = AccountRef("489100", f"c{n}")
                payment_id = request_transfer(
                    uow, reference=f"pledge:{n}", payer=f"c{n}", amount_cents=1_000 + n, credit=credit
                )
                view = payment(uow.connection, uow.book_id, payment_id or "")
                asked.append(view.structured_reference or "" if view is not None else "")
    return asked


def _alone(work: Work, file: Path, count: int) -> tuple[float, float]:
    """The seconds of the work in a process of its own, and the most memory that process held, in megabytes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, work, file, count).result()


def _timed(work: Work, file: Path, count: int) -> tuple[float, float]:
    started = time.perf_counter()
    work(file, count)
    return round(time.perf_counter() - started, 2), most_memory()


def _write(file: Path, count: int) -> None:
    made_at = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
    with file.open("wb") as out:
        write_credit_transfers(
            out,
            message_id="BENCH",
            created_at=made_at,
            execute_on=date(2026, 11, 27),
            debtor=HOLDER,
            transfers=Transfers(count),
        )


def _total(file: Path, count: int) -> None:
    totals = read_totals(file.read_bytes())
    if (totals.count, totals.total_cents) != (count, sum(range(1_000, 1_000 + count))):
        raise AssertionError("what is measured must hold")


SECTION = Section("Bank files", 3, __doc__ or "", run)
