"""One account with a long history: four years closed month by month, with late entries, and the last month open.

Every entry is on the one account, against one of 1,000 others; one in 200 is dated up to a year before the month in
which it is booked, and restates a closed period. Filled past the triggers (`tests.bench.loader`).

- *back-dated entry*: one commit through the writer, dated in a closed month, with many lines of the account after it
- *balance on D as known at K*: any day of the four years and any entry; every answer is compared with a sum over the
  lines as they were loaded
- *page*: 50 lines of the statement from anywhere
- *audit*: the rows of this book without the commitments, which proves the load as well
"""

import multiprocessing
import random
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

from ledger.accounts import AccountRef
from ledger.balances import balance, statement
from ledger.book import Book, open_book
from ledger.clock import SystemClock
from ledger.facts import PeriodClose
from ledger.journal import JournalEntry, Posting
from ledger.state import Request
from ledger.storage.engine import open_engine
from ledger.writer import GroupWriter
from tests.bench.audit import audited
from tests.bench.bars import number
from tests.bench.databases import KINDS, NAMES, Databases
from tests.bench.grown import make_clocked_book
from tests.bench.loader import loading
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section
from tests.conftest import make_keys

HOT = AccountRef("580100")
OTHERS, BATCH, PAGE = 1_000, 500, 50
READINGS = 4  # times as many readings as postings
LATE_IN = 200
MONTHS = [date(2022 + m // 12, m % 12 + 1, 1) for m in range(49)]
_TODAY = date(2026, 3, 2)


@dataclass(slots=True)
class Lines:
    """The lines of the account as they were loaded: number of the entry, day (ordinal), signed amount in cents."""

    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    days: "array[int]" = field(default_factory=lambda: array("q"))
    cents: "array[int]" = field(default_factory=lambda: array("q"))

    def balance(self, on: date, known_at: int) -> int:
        """The sum over every line, one by one."""
        known, day = bisect_right(self.numbers, known_at), on.toordinal()
        return sum(cents for each, cents in zip(self.days[:known], self.cents[:known], strict=True) if each <= day)

    def day_before(self, later: int) -> date:
        """The last day after which at least `later` lines are dated."""
        return date.fromordinal(sorted(self.days)[-later] - 1)


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Fill both at once, then measure one after the other."""
    urls = {kind: databases.make(kind, "history") for kind in KINDS}
    context = multiprocessing.get_context("spawn")
    with databases.hurried(), context.Pool(len(KINDS)) as pool:
        waiting = {kind: pool.apply_async(fill, (url, scale)) for kind, url in urls.items()}
        loaded = {kind: answer.get() for kind, answer in waiting.items()}
    if len({(lines.numbers.tobytes(), lines.cents.tobytes()) for lines in loaded.values()}) != 1:
        raise AssertionError("both databases were to get the same load")
    questions = _questions(loaded["sqlite"], scale)
    rates: dict[str, str] = {}
    findings.table("database", "entries", "what", "median, ms", "95 of 100, ms")
    for kind, url in urls.items():
        book = _open(url)
        spent = {
            "backdated": _back_dated(book, loaded[kind], scale),
            "known": _known(book, questions),
            "page": _pages(book, len(loaded[kind].days), scale),
        }
        for name, seconds in spent.items():
            _tell(findings, kind, name, len(loaded[kind].days), [1000 * each for each in seconds])
        cpu, _, audited_entries = audited(book, None, commitments=False)
        rates[kind] = f"{number(audited_entries / cpu)} entries/s of a core on {NAMES[kind]}"
        book.engine.dispose()
        databases.drop(kind, "history")
    findings.lines += ["", f"Audit: {', '.join(rates.values())}."]


def _tell(findings: Findings, kind: str, name: str, entries: int, spent: list[float]) -> None:
    middle, late = median(spent), sorted(spent)[int(len(spent) * 0.95) - 1]
    what = {"backdated": "back-dated entry", "known": "balance on D as known at K", "page": "page of 50 lines"}[name]
    figures = {"known50": middle, "known95": late} if name == "known" else {name: middle}
    findings.measured |= {f"{figure}.{kind}": round(value, 3) for figure, value in figures.items()}
    findings.row(NAMES[kind], f"{entries:,}", what, f"{middle:.2f}", f"{late:.2f}")


def _open(url: str) -> Book:
    return open_book(open_engine(url), "main", clock=SystemClock(), keys=make_keys())


def fill(url: str, scale: Scale) -> Lines:
    """Load four years; the lines of the account as they were given."""
    book, lines = make_clocked_book(url), Lines()
    with book.unit_of_work(actor="bench") as unit:  # accounts are opened in earnest
        for i in range(OTHERS):
            unit.post(_payment(f"open/{i}", i, 100, MONTHS[0]))
    for result in unit.results:
        _note(lines, result.n, MONTHS[0], 100)
    with loading(book, today=_TODAY) as loader:
        for month, batches in _months(scale):
            for batch in batches:
                first = loader.enter(batch)
                for i, entry in enumerate(batch):
                    _note(lines, first + i, entry.effective_on, entry.postings[0].debit)
            if month < len(MONTHS) - 2:
                loader.enter([PeriodClose(f"close/{month}", MONTHS[month + 1] - timedelta(days=1), "bench")])
    book.engine.dispose()
    return lines


def _note(lines: Lines, n: int, on: date, cents: int) -> None:
    lines.numbers.append(n)
    lines.days.append(on.toordinal())
    lines.cents.append(cents)


def _months(scale: Scale) -> Iterator[tuple[int, Iterator[list[JournalEntry]]]]:
    chance = random.Random(4)
    count = scale.history // (len(MONTHS) - 1)
    for month in range(len(MONTHS) - 1):
        yield month, (_batch(chance, month, count, first) for first in range(0, count, BATCH))


def _batch(chance: random.Random, month: int, count: int, first: int) -> list[JournalEntry]:
    days = (MONTHS[month + 1] - MONTHS[month]).days
    batch = []
    for i in range(first, min(first + BATCH, count)):
        on = MONTHS[month] + timedelta(days=i * days // count)
        if month and chance.randrange(LATE_IN) == 0:
            on = max(MONTHS[0], on - timedelta(days=chance.randrange(31, 365)))
        key = f"{chance.getrandbits(128):032x}"
        batch.append(_payment(key, chance.randrange(OTHERS), chance.randrange(1, 10**6), on))
    return batch


def _payment(key: str, owner: int, cents: int, on: date) -> JournalEntry:
    lines = (Posting(HOT, debit=cents), Posting(AccountRef("489100", f"c{owner}"), credit=cents))
    return JournalEntry(key, on, "payment-received", lines, "bench")


def _questions(lines: Lines, scale: Scale) -> list[tuple[date, int, int]]:
    """Days, entries, and the right answers."""
    chance, asked = random.Random(5), []
    days = (MONTHS[-1] - MONTHS[0]).days
    for _ in range(READINGS * scale.samples):
        on, known_at = MONTHS[0] + timedelta(days=chance.randrange(days)), chance.randrange(1, lines.numbers[-1])
        asked.append((on, known_at, lines.balance(on, known_at)))
    return asked


def _back_dated(book: Book, lines: Lines, scale: Scale) -> list[float]:
    """Seconds of each posting, from asking to the answer after the commit."""
    writer, on = GroupWriter(book), lines.day_before(scale.later)

    def post(i: int) -> None:
        result = writer.post(Request([_payment(f"back/{i}", i, 100, on)], actor="bench"))
        if not isinstance(result, list):
            raise AssertionError(f"what is measured must hold: {result}")  # noqa: TRY004 -- a defect of the load

    spent = [_seconds(lambda i=i: post(i)) for i in range(scale.samples)]
    writer.close()
    return spent


def _known(book: Book, questions: list[tuple[date, int, int]]) -> list[float]:
    spent = []
    with book.read() as connection:
        for on, known_at, right in questions:
            started = time.perf_counter()
            found = balance(connection, book.book_id, HOT, on=on, known_at=known_at)
            spent.append(time.perf_counter() - started)
            if found != right:
                raise AssertionError(f"the balance on {on} as known at {known_at} is {right}, not {found}")
    return spent


def _pages(book: Book, count: int, scale: Scale) -> list[float]:
    chance = random.Random(6)
    with book.read() as connection:

        def page(after: int) -> None:
            found = statement(connection, book.book_id, HOT, after_seq=after, limit=PAGE)
            if [line.seq for line in found] != list(range(after + 1, after + PAGE + 1)):
                raise AssertionError("a page of other lines")

        starts = [chance.randrange(count - PAGE) for _ in range(READINGS * scale.samples)]
        return [_seconds(lambda after=after: page(after)) for after in starts]


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


SECTION = Section("A long history", 6, __doc__ or "", run)
