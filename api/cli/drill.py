"""`bxl drill tamper`: how much of what can be altered in the rows the audit finds, measured on a copy."""

import json
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from api.bootstrap import open_book
from api.cli.main import EXIT_REFUSED
from api.cli.options import book_options, settings_for
from api.migrations import load_metadata
from ledger.audit.drill import NOT_COVERED, Alteration, DrillReport, operational, targets
from ledger.audit.drill import drill as run_drill

_SHOWN = 20


@click.group("drill")
def drill() -> None:
    """Exercises that show whether a safeguard works."""


@drill.command("tamper")
@click.option("--pairs", type=click.IntRange(0), default=200, show_default=True, help="Pairs of columns across tables.")
@click.option("--seed", type=int, help="Of the sample of pairs (default: another one each time).")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@book_options
def tamper(pairs: int, seed: int | None, database: str | None, book: str | None, *, as_json: bool) -> int:
    """Alter every column of every record table in a copy of the book, one at a time and in pairs, and audit each."""
    load_metadata()
    opened = open_book(settings_for(database, book))
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="bxl-drill-") as folder:
        note = _note if sys.stderr.isatty() else lambda _: None
        report = run_drill(opened, Path(folder) / "copy.sqlite3", pairs=pairs, seed=seed, note=note)
    click.echo(json.dumps(_as_json(report)) if as_json else _as_text(report))
    return 0 if report.is_complete else EXIT_REFUSED


def _note(table: str) -> None:
    click.echo(f"\r\033[K{table}", nl=False, err=True)


def _as_text(report: DrillReport) -> str:
    tables = [*(table.name for table in targets()), "pairs across tables"]
    width = max(map(len, tables))
    lines = [f"{'table':<{width}} {'columns':>8} {'altered':>8} {'detected':>9}"]
    tried, found = _by_table(report.tried), _by_table(report.detected)
    for table in tables:
        columns = len(report.columns.get(table, ()))
        lines.append(f"{table:<{width}} {columns:>8} {tried[table]:>8} {found[table]:>9}")
    lines += ["", f"detected: {report.share()} of {sum(report.tried.values())} alterations (seed {report.seed})"]
    lines += [f"MISSED: {_told(a)}" for a in report.undeclared[:_SHOWN]]
    lines += [f"not covered: {table}.{column}: {why}" for (table, column), why in NOT_COVERED.items()]
    if report.not_tried:
        untried = Counter(name.partition(".")[0] for name in report.not_tried)
        listed = ", ".join(f"{table} ({count} columns)" for table, count in untried.items())
        lines.append(f"not tried, for want of a row: {listed}")
    lines.append(f"outside the record, free to change: {', '.join(operational())}")
    return "\n".join(lines)


def _as_json(report: DrillReport) -> dict[str, object]:
    return {
        "seed": report.seed,
        "altered": sum(report.tried.values()),
        "detected": sum(report.detected.values()),
        "share": report.share(),
        "columns": {table: sorted(names) for table, names in sorted(report.columns.items())},
        "missed": [_told(a) for a in report.undeclared],
        "not_covered": {f"{table}.{column}": why for (table, column), why in NOT_COVERED.items()},
        "not_tried": report.not_tried,
        "outside": operational(),
    }


def _by_table(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found = Counter[str]()
    for (table, kind), count in counts.items():
        found["pairs across tables" if kind == "pair across tables" else table] += count
    return found


def _told(alteration: Alteration) -> str:
    return f"{alteration.table}: {alteration.kind} {', '.join(alteration.columns)}".rstrip()
