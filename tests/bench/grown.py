"""How the rate holds as a book grows: batches of 500 in a small book and in a grown one, in turn, from one start.

Both have the same accounts, all open; entries are dated over four years in order, fact keys are random and unordered.
The small one was posted in earnest, and the grown one goes on from a copy of it, filled past the triggers
(`tests.bench.loader`) by a process of its own for each database. Before measuring, the machine reads the book once.

- *usual*: the load of the bars of posting, 1,000 of the accounts and keys that follow each other
- *scattered*: every entry of another of all accounts, of another day, under a random key, so that every index is
  written at a place of its own; no bar, but what a book pays that has no busy accounts

Growth is what the tables and indexes of the grown book take, for each of its entries (two postings each).
"""

import json
import multiprocessing
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from statistics import median

import sqlalchemy as sa

from api.bench.posting import payments, post_batch
from ledger.accounts import AccountRef
from ledger.book import Book, open_book
from ledger.clock import SystemClock
from ledger.journal import JournalEntry, Posting
from ledger.storage.base import metadata
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import KINDS, NAMES, Databases
from tests.bench.loader import loading, settle
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.conftest import make_book, make_keys

BATCH = 500
LOAD_MINUTES = 25
_SINCE, _DAYS = date(2022, 1, 1), 1_461
_TODAY = date(2026, 3, 2)
BatchesOf = Callable[[Scale, int], Sequence[Sequence[JournalEntry]]]


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Start, copy, fill, compare, weigh."""
    entries = prepare(databases, scale)
    findings.table("database", "entries", "load", "small, entries/s", "grown, entries/s", "grown / small")
    weighed = {}
    for kind in KINDS:
        small, grown = (_open(databases.url(kind, name)) for name in ("small", "grown"))
        weighed[kind] = _weigh(grown.engine, entries[kind])
        _warm(grown.engine, databases)
        findings.measured[f"entries.{kind}"] = entries[kind]
        counts = f"{scale.small:,} and {entries[kind]:,}"
        for load, (name, batches_of) in LOADS.items():
            rates = _compare(small, grown, scale, batches_of)
            findings.measured[f"{name}.{kind}"] = round(rates[1] / rates[0], 3)
            findings.row(NAMES[kind], counts, load, *(number(rate) for rate in rates), f"{rates[1] / rates[0]:.3f}")
        for book in (small, grown):
            book.engine.dispose()
    _tell_growth(findings, weighed)
    if not databases.kept:
        for kind in KINDS:
            for name in ("small", "grown"):
                databases.drop(kind, name)


def prepare(databases: Databases, scale: Scale) -> dict[str, int]:
    """Both books on either database, but for grown ones that were kept; the entries of each grown one."""
    told = databases.folder / f"grown-{scale.name}.json"
    for kind in KINDS:
        databases.drop(kind, "small")  # the last run has posted to it
        _start(databases.make(kind, "small"), scale)
        if not told.exists():
            databases.copy(kind, "small", "grown")
    if told.exists():
        return dict(json.loads(told.read_text()))
    with databases.hurried():
        entries = _fill_all(databases, scale)
    told.write_text(json.dumps(entries))
    return entries


def make_clocked_book(url: str) -> Book:
    """A new book at the machine's time on the schema at `url`."""
    return make_book(open_engine(url), SystemClock())


def _open(url: str) -> Book:
    return open_book(open_engine(url), "main", clock=SystemClock(), keys=make_keys())


def _start(url: str, scale: Scale) -> None:
    """The small book: every account is opened in earnest."""
    book = make_clocked_book(url)
    for batch in _batches(scale, scale.small, seed=0, in_turn=True):
        post_batch(book, batch)
    settle(book.engine)
    book.engine.dispose()


def _fill_all(databases: Databases, scale: Scale) -> dict[str, int]:
    """Fill both grown books at once, each in a process of its own; the number of entries that each has."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(len(KINDS)) as pool:
        waiting = {kind: pool.apply_async(fill, (databases.url(kind, "grown"), scale)) for kind in KINDS}
        return {kind: answer.get() for kind, answer in waiting.items()}


def fill(url: str, scale: Scale) -> int:
    """Load until the book has its entries or time is up; how many it has."""
    book, entries = _open(url), scale.small
    started = time.perf_counter()
    with loading(book, today=_TODAY) as loader:
        for batch in _batches(scale, scale.grown - scale.small, seed=1):
            loader.enter(batch)
            entries += len(batch)
            if time.perf_counter() - started > 60 * LOAD_MINUTES:
                break
    book.engine.dispose()
    return entries


def _compare(small: Book, grown: Book, scale: Scale, batches_of: BatchesOf) -> Sequence[float]:
    """The median rates in both, measured in turn, after one round to warm up."""
    rates: dict[str, list[float]] = {"small": [], "grown": []}
    books = {"small": small, "grown": grown}
    for round_ in range(2 * scale.rounds + 1):
        turns = list(books)
        random.shuffle(turns)
        for name in turns:
            rate = _rate(books[name], batches_of(scale, secrets.randbits(64)))
            if round_:
                rates[name].append(rate)
    return [median(rates["small"]), median(rates["grown"])]


def _rate(book: Book, stock: Sequence[Sequence[JournalEntry]]) -> float:
    started = time.perf_counter()
    for batch in stock:
        post_batch(book, batch)
    return len(stock) * BATCH / (time.perf_counter() - started)


def _usual(scale: Scale, seed: int) -> Sequence[Sequence[JournalEntry]]:
    return [payments(BATCH, seed=f"{seed}/{i:03}") for i in range(scale.batches)]


def _scattered(scale: Scale, seed: int) -> Sequence[Sequence[JournalEntry]]:
    return list(_batches(scale, scale.batches * BATCH, seed=seed))


LOADS: dict[str, tuple[str, BatchesOf]] = {"usual": ("grown", _usual), "scattered": ("scattered", _scattered)}


def _batches(scale: Scale, count: int, *, seed: int, in_turn: bool = False) -> Iterator[list[JournalEntry]]:
    """`count` payments with random keys, by random citizens or by each in turn, dated in order over four years."""
    chance, received = random.Random(seed), AccountRef("580100")
    for first in range(0, count, BATCH):
        batch = []
        for i in range(first, min(first + BATCH, count)):
            owner = i % scale.accounts if in_turn else chance.randrange(scale.accounts)
            cents, on = chance.randrange(1, 10**6), _SINCE + timedelta(days=i * _DAYS // count)
            lines = (Posting(received, debit=cents), Posting(AccountRef("489100", f"c{owner}"), credit=cents))
            batch.append(JournalEntry(f"{chance.getrandbits(128):032x}", on, "payment-received", lines, "bench"))
        yield batch


def _weigh(engine: sa.Engine, entries: int) -> dict[str, float]:
    """Bytes an entry of every table and index that takes at least half a byte of it."""
    postgresql = (
        "SELECT relname, pg_relation_size(oid) FROM pg_class"
        " WHERE relkind IN ('r', 'i', 't') AND relnamespace = 'public'::regnamespace"
    )
    sqlite = (
        "SELECT name, sum(pageno) * (SELECT page_size FROM pragma_page_size)"  # bytes beyond 2 GB overflow in `pgsize`
        " FROM dbstat WHERE aggregate = TRUE GROUP BY name"
    )
    with engine.connect() as connection:
        names = _key_names(connection) if engine.dialect.name == "sqlite" else {}
        rows = connection.exec_driver_sql(postgresql if engine.dialect.name == "postgresql" else sqlite)
        sizes = {names.get(name, name): size / entries for name, size in rows}
    return {name: size for name, size in sizes.items() if size >= 0.5}


def _warm(engine: sa.Engine, databases: Databases) -> None:
    """Have the machine read all of the book once, as it has where a book is in use; weighing did so on SQLite."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'i') ORDER BY relkind DESC"
        )
        paths = list(found.scalars())
    for path in paths:  # files of a gigabyte each: the first, then .1, .2 and so on
        first = databases.folder / "postgresql" / path
        for file in first.parent.glob(f"{first.name}*"):
            with file.open("rb") as content:
                while content.read(1 << 20):
                    pass


def _key_names(connection: sa.Connection) -> dict[str, str]:
    """SQLite numbers the indexes of keys where PostgreSQL names them: the number's name, found by its columns."""
    names = {}
    for table in metadata.tables.values():
        keys = {tuple(table.primary_key.columns.keys()): f"{table.name}_pkey"}
        for constraint in table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                keys[tuple(constraint.columns.keys())] = str(constraint.name)
        for _, index, *_ in connection.exec_driver_sql(f"PRAGMA index_list({table.name})").all():
            columns = tuple(row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({index})"))
            if index.startswith("sqlite_autoindex_"):
                names[index] = keys.get(columns, index)
    return names


def _tell_growth(findings: Findings, weighed: dict[str, dict[str, float]]) -> None:
    findings.table("table or index", *(f"{NAMES[kind]}, bytes an entry" for kind in KINDS))
    names = sorted({name for sizes in weighed.values() for name in sizes})
    for name in names:
        findings.row(f"`{name}`", *(f"{weighed[kind][name]:.0f}" if name in weighed[kind] else "-" for kind in KINDS))
    totals = [sum(weighed[kind].values()) for kind in KINDS]
    findings.measured |= {f"growth.{kind}": total for kind, total in zip(KINDS, totals, strict=True)}
    findings.row("all of them", *(f"{total:,.0f}" for total in totals))


SECTION = Section("Growth", 34, __doc__ or "", run)
