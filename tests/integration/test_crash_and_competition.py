"""Killed at every named point of posting, and with many writers at once: nothing lost, nothing doubled."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.crash import CRASH_POINTS
from ledger.errors import Refusal
from ledger.storage import tables
from ledger.storage.engine import write_on
from tests.entries import BANK, back, paid, post
from tests.oracle import check_everything, digest_of

ROOT = Path(__file__).parents[2]


def poster(book: Book, first: int, count: int, *, crash_at: str = "") -> subprocess.Popen[str]:
    url = book.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.integration.poster", url, str(first), str(count)]
    environment = {**os.environ, "BXL_CRASH_AT": crash_at}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def facts(book: Book) -> tuple[set[str], set[str]]:
    """Keys of the posted entries, and of the outbox rows."""
    with book.read() as connection:
        keys = connection.scalars(sa.select(tables.entry.c.fact_key).where(tables.entry.c.fact_key.is_not(None)))
        return set(keys), set(connection.scalars(sa.select(tables.outbox.c.key)))


@pytest.mark.parametrize("point", [p for p in CRASH_POINTS if p.startswith("posting.")])
def test_killed_at_any_point_of_posting_a_unit_of_work_is_whole_or_absent(book: Book, point: str) -> None:
    post(book, paid("k1", 100))
    before = digest_of(book)
    process = poster(book, 0, 1, crash_at=point)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert output == ""
    check_everything(book)
    posted, emitted = facts(book)
    committed = point == "posting.after-commit"
    assert ("p0" in posted, "p0" in emitted) == (committed, committed)
    assert (digest_of(book) == before) == (not committed)
    again = poster(book, 0, 1)  # the caller knows nothing of the outcome and asks again
    assert again.communicate(timeout=60)[0] == "p0\n"
    posted, emitted = facts(book)
    assert (posted, emitted) == ({"k1", "p0"}, {"p0"})
    with book.read() as connection:
        assert balances.balance(connection, "main", AccountRef(BANK)) == 101


def test_killed_anywhere_between_commits_what_was_acknowledged_stands(book: Book) -> None:
    """No named point: SIGKILL at whatever moment the tenth acknowledgement happens to be read."""
    process = poster(book, 0, 10_000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(10)]
    process.kill()
    acknowledged += process.stdout.read().split()
    process.stdout.close()
    process.wait(timeout=60)
    check_everything(book)
    posted, emitted = facts(book)
    assert set(acknowledged) <= posted
    assert posted == emitted
    assert len(posted) - len(set(acknowledged)) <= 1
    post(book, paid("k1", 100))


def test_two_processes_write_one_book_without_gaps(book: Book) -> None:
    processes = [poster(book, first, 40) for first in (0, 40, 20)]  # the third repeats facts of both
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [len(output) for output in outputs] == [40, 40, 40]
    posted, emitted = facts(book)
    assert posted == emitted == {f"p{i}" for i in range(80)}


def test_threads_that_draw_on_one_account_never_take_more_than_it_has(book: Book) -> None:
    post(book, paid("k0", 10))
    accepted, refused = [], []

    def draw(worker: int) -> None:
        for number in range(4):
            try:
                post(book, back(f"d{worker}-{number}", 1))
                accepted.append((worker, number))
            except Refusal as refusal:
                refused.append(refusal.code)

    threads = [threading.Thread(target=draw, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(accepted), len(refused), set(refused)) == (10, 14, {"floor-breached"})
    with book.read() as connection:
        assert balances.balance(connection, "main", AccountRef(BANK)) == 0


def test_threads_with_the_same_fact_post_it_once(book: Book) -> None:
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(post(book, paid("k1", 10), paid("k2", 1, citizen="c9"))))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({(r.key, r.n) for r in results}) == 2
    assert sorted(r.duplicate for r in results) == [False] * 2 + [True] * 10


def test_a_statement_cut_off_by_an_error_leaves_no_old_snapshot_behind(sqlite_book: Book) -> None:
    book = sqlite_book
    held = []
    with book.engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError), write_on(connection):
            # Its cursor stays open, as one does that a traceback holds.
            held.append(connection.execute(sa.select(tables.entry.c.fact_key)))
            raise sa.exc.OperationalError("SELECT", {}, sqlite3.OperationalError("interrupted"))
        post(book, paid("k1", 100))  # somebody else writes, on another connection
        with write_on(connection):
            assert connection.scalar(sa.select(sa.func.count()).select_from(tables.entry)) > 0
