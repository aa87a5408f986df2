"""A coupon of many holders on PostgreSQL, from its record date to the order files that are released to the bank.

*Planned* reads the register as of the record date and freezes a line for each holder; *funded* reads the bank's
statement with the issuer's transfer; *paid* posts an entry for each holder, five hundred in a unit of work, with the
tax of each and the mail that tells her. *Frozen* are then the transfers, with the account of each, and what two people
approve; *ordered* posts an entry for each, again five hundred in a unit of work; *filed* makes the files of 20,000
orders, reads each again and releases them. *Again* finds that all is done. Processor time is this process's own, the
server's is not in it; where other programs share the two cores it says more than the clock. Memory is what the process
held at most beyond what it held before.

*Raw COPY* takes the rows that the run has written, in all tables, and copies them into tables of the same columns and
keys without triggers and foreign keys, a commit for each: the rate that the run is held against.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

import sqlalchemy as sa

from contracts import payouts
from contracts.bonds import runs
from ledger import balances
from ledger.storage.base import metadata
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.proof import most_memory
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.coupons_kit import PAID_ON, CouponTown, coupon_town, fund_coupon, plan_coupon, serve_coupon
from tests.payout_kit import ask_for_payouts, order_payouts

_PEAK_FROM_HERE = "5"


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Fill, pay the coupon out, ask for it again, and copy what was written."""
    engine = open_engine(databases.make("postgresql", "coupons"))
    with databases.hurried():
        town = coupon_town(engine, scale.holders)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    before = _counts(engine)
    Path("/proc/self/clear_refs").write_text(_PEAK_FROM_HERE, encoding="ascii")
    memory = most_memory()
    findings.table(f"{scale.holders:,} holders", "seconds", "processor time")
    spent = {name: _spent(part) for name, part in _parts(town).items()}
    memory = most_memory() - memory
    with town.book.read() as connection:
        left = [row for code in ("489600", "489300") for row in balances.balances(connection, "main", code_prefix=code)]
        out = balances.balances(connection, "main", code_prefix="580400")
    if any(row.signed for row in left) or not out[0].signed:
        raise AssertionError("every holder's coupon must be on its way")
    for name, (seconds, processor) in spent.items():
        findings.row(name, f"{seconds:.1f}", f"{processor:.1f}")
    seconds, processor = (sum(part[i] for name, part in spent.items() if name != "again") for i in (0, 1))
    findings.row("the coupon", f"{seconds:.1f}", f"{processor:.1f}")
    findings.row("memory", f"{number(round(memory))} MB", "")
    written = {name: count - before[name] for name, count in _counts(engine).items() if count > before[name]}
    copied = _raw_copy(engine, written)
    findings.row(f"raw COPY of its {sum(written.values()):,} rows", f"{copied:.1f}", "")
    findings.measured["coupons.run"] = round(seconds, 1)
    findings.measured["coupons.memory"] = round(memory)
    findings.measured["coupons.copy"] = copied / seconds
    engine.dispose()
    databases.drop("postgresql", "coupons")


def _parts(town: CouponTown) -> dict[str, Callable[[], object]]:
    """What is measured, in order."""
    book, series_id, made = town.book, town.series_id, dict[str, str]()

    def freeze() -> None:
        made["approval"] = ask_for_payouts(book)

    def order() -> None:
        made["run"] = order_payouts(book, made["approval"])

    return {
        "planned": lambda: plan_coupon(book, series_id),
        "funded": lambda: fund_coupon(book, series_id),
        "paid": lambda: runs.pay_run(book, series_id, "c1", on=PAID_ON),
        "frozen": freeze,
        "ordered": order,
        "filed": lambda: payouts.file_payouts(book, made["run"], actor="maker"),
        "again": lambda: (
            serve_coupon(book, series_id),
            order(),
            payouts.file_payouts(book, made["run"], actor="maker"),
        ),
    }


def _spent(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of processor time."""
    started, used = time.perf_counter(), os.times()
    work()
    now = os.times()
    return time.perf_counter() - started, now.user - used.user + now.system - used.system


def _counts(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def _raw_copy(engine: sa.Engine, written: dict[str, int]) -> float:
    """Seconds for copying as many rows as were written of each table into tables without triggers."""
    seconds = 0.0
    for name, count in written.items():
        with engine.begin() as connection, closing(TemporaryFile()) as file:
            connection.exec_driver_sql(f"CREATE TABLE raw_copy (LIKE {name} INCLUDING DEFAULTS INCLUDING INDEXES)")
            cursor = cast("Any", connection.connection.driver_connection).cursor()
            _copy_out(cursor, f"COPY (SELECT * FROM {name} LIMIT {count}) TO STDOUT (FORMAT binary)", file)
            connection.commit()
            started = time.perf_counter()
            with cursor.copy("COPY raw_copy FROM STDIN (FORMAT binary)") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            connection.connection.driver_connection.commit()
            seconds += time.perf_counter() - started
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE raw_copy")
    return seconds


def _copy_out(cursor: Any, statement: str, file: IO[bytes]) -> None:
    with cursor.copy(statement) as copy:
        for block in copy:
            file.write(block)
    file.seek(0)


SECTION = Section("Coupons", 15, __doc__ or "", run)
