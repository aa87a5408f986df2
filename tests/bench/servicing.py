"""One business day of many running loans on PostgreSQL: every fifth is due, is paid by transfer, and is shared out.

*Called* posts the dues and asks the borrowers; *booked* reads the bank's statement that pays them; *shared* settles
each due and posts a share for each of fourteen lenders, with a mail to each left in the outbox; *late* looks for
borrowers to remind. *Again* is the whole day once more, which changes nothing. Memory is what the process held at most
in the day beyond what it held before it.
"""

import time
from collections.abc import Callable
from pathlib import Path

from contracts.loans.dues import call_due_instalments, remind_late_borrowers
from ledger import balances
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.proof import most_memory
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.servicing_kit import CLAIMS_A_LOAN, DAY, DAYS, Size, pay_by_bank, serve_day, served_town, share_out

_PEAK_FROM_HERE = "5"


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Fill, serve the day, serve it again."""
    loans = scale.serviced
    engine = open_engine(databases.make("postgresql", "servicing"))
    with databases.hurried():
        book = served_town(engine, Size(loans, loans * CLAIMS_A_LOAN // 10, max(1, loans // 10))).book
    dues = loans // DAYS
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    Path("/proc/self/clear_refs").write_text(_PEAK_FROM_HERE, encoding="ascii")
    before = most_memory()
    findings.table(f"{loans:,} loans, {loans * CLAIMS_A_LOAN:,} claims, {dues:,} dues", "seconds")
    parts: dict[str, Callable[[], object]] = {
        "called": lambda: call_due_instalments(book, DAY),
        "booked": lambda: pay_by_bank(book),
        "shared": lambda: share_out(book),
        "late": lambda: remind_late_borrowers(book, DAY),
    }
    spent = {name: _seconds(part) for name, part in parts.items()}
    with book.read() as connection:
        entries = balances.entry_count(connection, book.book_id)
    again = _seconds(lambda: serve_day(book))
    with book.read() as connection:
        if balances.entry_count(connection, book.book_id) != entries:
            raise AssertionError("a day that is served again changes nothing")
        shared = balances.trial_balance(connection, book.book_id)
    if sum(row.signed for row in shared if row.account.code == "489600"):
        raise AssertionError("every due must be shared out")
    for name, seconds in {**spent, "again": again}.items():
        findings.row(name, f"{seconds:.1f}")
    findings.measured["servicing.day"] = round(sum(spent.values()), 1)
    findings.measured["servicing.memory"] = round(most_memory() - before)
    findings.row("the day", f"{sum(spent.values()):.1f}")
    findings.row("memory", f"{number(findings.measured['servicing.memory'])} MB")
    engine.dispose()
    databases.drop("postgresql", "servicing")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


SECTION = Section("Servicing", 15, __doc__ or "", run)
