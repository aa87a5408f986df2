"""A coupon of many holders on PostgreSQL: from its record date to the last holder's credit.

*Planned* reads the register as of the record date and freezes a line for each holder; *funded* reads the bank's
statement with the issuer's transfer; *paid* posts an entry for each holder, five hundred in a unit of work, with the
tax of each. *Again* finds that all is done. Transfer orders and the file for the bank are not in these figures. Memory
is what the process held at most beyond what it held before.
"""

import time
from collections.abc import Callable
from pathlib import Path

from contracts.bonds import runs
from ledger import balances
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.proof import most_memory
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.coupons_kit import PAID_ON, coupon_town, fund_coupon, plan_coupon, serve_coupon

_PEAK_FROM_HERE = "5"


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Fill, pay the coupon, ask for it again."""
    engine = open_engine(databases.make("postgresql", "coupons"))
    with databases.hurried():
        town = coupon_town(engine, scale.holders)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    Path("/proc/self/clear_refs").write_text(_PEAK_FROM_HERE, encoding="ascii")
    before = most_memory()
    book, series_id = town.book, town.series_id
    findings.table(f"{scale.holders:,} holders", "seconds")
    parts: dict[str, Callable[[], object]] = {
        "planned": lambda: plan_coupon(book, series_id),
        "funded": lambda: fund_coupon(book, series_id),
        "paid": lambda: runs.pay_run(book, series_id, "c1", on=PAID_ON),
        "again": lambda: serve_coupon(book, series_id),
    }
    spent = {name: _seconds(part) for name, part in parts.items()}
    with book.read() as connection:
        left = balances.balances(connection, book.book_id, code_prefix="489600")
        paid = balances.balances(connection, book.book_id, code_prefix="489300")
    if sum(row.signed for row in left) or len(paid) != scale.holders:
        raise AssertionError("every holder must have her coupon")
    for name, seconds in spent.items():
        findings.row(name, f"{seconds:.1f}")
    findings.measured["coupons.run"] = round(sum(spent.values()) - spent["again"], 1)
    findings.measured["coupons.memory"] = round(most_memory() - before)
    findings.row("the coupon", f"{findings.measured['coupons.run']:.1f}")
    findings.row("memory", f"{number(findings.measured['coupons.memory'])} MB")
    engine.dispose()
    databases.drop("postgresql", "coupons")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


SECTION = Section("Coupons", 15, __doc__ or "", run)
