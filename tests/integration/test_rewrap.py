"""The wrapping key is replaced: killed anywhere the book stays readable, and an old backup opens nothing."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.worker.jobs import JOBS, replace_wrapping_key
from ledger.book import Book, create_book, open_book
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.errors import InvariantError, Refusal
from ledger.rewrap import VALID_FOR, rewrap, rewrap_when_due
from ledger.storage.engine import open_engine
from ledger.storage.keys import DESTROYED, KeyRing
from ledger.storage.tables import subject_key
from ledger.storage.wrapping import WrappingFile, make_wrapping_key
from tests.commands import run_module
from tests.conftest import POLICY_HASH
from tests.entries import paid, post
from tests.oracle import check_everything


@pytest.fixture
def file(tmp_path: Path) -> WrappingFile:
    return WrappingFile(tmp_path / "wrapping.key")


@pytest.fixture
def wrapped(engine: sa.Engine, clock: FixedClock, file: WrappingFile) -> Iterator[Book]:
    """A book whose wrapping key is in a file, with two citizens and a sealed word about one."""
    keys = KeyRing("main", make_wrapping_key(file.path), file=file)
    book = create_book(engine, "main", name="n", origin="l/main", policy_hash=POLICY_HASH, clock=clock, keys=keys)
    post(book, paid("k1", 5), paid("k2", 5, citizen="c18"))
    yield book
    check_everything(opened(book))


def opened(book: Book) -> Book:
    """The book as a process that starts now opens it."""
    file = book.keys.file
    keys = KeyRing("main", file.path.read_bytes(), file=file)
    return open_book(book.engine, "main", clock=book.clock, keys=keys)


def wrapped_rows(book: Book) -> dict[str, bytes]:
    with book.read() as connection:
        query = sa.select(subject_key.c.owner, subject_key.c.wrapped).where(subject_key.c.book_id == "main")
        return {owner: bytes(wrapped) for owner, wrapped in connection.execute(query)}


def keys_of(book: Book) -> dict[str, bytes]:
    with book.read() as connection:
        return dict(book.keys.existing_keys(connection, ["", "c17", "c18", "c19", "c20"]))


def test_every_live_key_is_wrapped_anew_and_the_old_key_is_gone(wrapped: Book, file: WrappingFile) -> None:
    keys, rows, old = keys_of(wrapped), wrapped_rows(wrapped), file.path.read_bytes()
    assert rewrap(wrapped) == 3
    assert keys_of(wrapped) == keys_of(opened(wrapped)) == keys
    assert not {*rows.values()} & {*wrapped_rows(wrapped).values()}
    assert (file.path.read_bytes() != old, file.next.exists(), file.path.stat().st_mode & 0o777) == (True, False, 0o600)
    with pytest.raises(Refusal, match="wrapping-key-does-not-fit"):
        keys_of(replace(wrapped, keys=KeyRing("main", old)))


def test_a_process_that_runs_on_writes_under_the_new_key(wrapped: Book, file: WrappingFile) -> None:
    running = opened(wrapped)
    rewrap(wrapped)
    post(running, paid("k3", 5, citizen="c19"))
    with running.unit_of_work(actor="s1") as unit:
        sealed = running.keys.seal_personal(unit, "c20", b"a word")
    fresh = opened(wrapped)
    assert keys_of(fresh).keys() == {"", "c17", "c18", "c19", "c20"}
    with fresh.read() as connection:
        assert fresh.keys.open_personal(connection, "c20", sealed) == b"a word"


def test_a_reader_that_began_before_still_reads(wrapped: Book) -> None:
    running = opened(wrapped)
    with running.read() as connection:
        before = running.keys.key_for(connection, "c17")
        rewrap(wrapped)
        running.keys._unwrapped.clear()
        assert running.keys.key_for(connection, "c17") == before
    running.keys._unwrapped.clear()
    assert keys_of(running)["c17"] == before


def test_a_destroyed_key_stays_destroyed(wrapped: Book) -> None:
    key = keys_of(wrapped)["c17"]
    with wrapped.unit_of_work(actor="s1") as unit:
        unit.keys.destroy(unit.connection, "c17")
    assert rewrap(wrapped) == 2
    assert wrapped_rows(wrapped)["c17"] == DESTROYED
    with wrapped.unit_of_work(actor="s1") as unit:  # for the audit after the test, which opens every key
        gone = (subject_key.c.book_id == "main", subject_key.c.owner == "c17")
        unit.keys.lock_current(unit.connection)
        unit.connection.execute(sa.update(subject_key).where(*gone).values(wrapped=unit.keys.wrap("c17", key)))


@pytest.mark.parametrize("point", [p for p in CRASH_POINTS if p.startswith("rewrap.")])
def test_killed_at_any_point_the_book_is_readable_and_the_next_round_tidies_up(
    wrapped: Book, file: WrappingFile, point: str
) -> None:
    keys, old = keys_of(wrapped), file.path.read_bytes()
    url = wrapped.engine.url.render_as_string(hide_password=False)
    killed = run_module("tests.integration.rewrapper", url, file.path, crash_at=point)
    assert killed.returncode == -signal.SIGKILL
    is_new = point == "rewrap.after-commit"
    with wrapped.unit_of_work(actor="s1") as unit:
        assert (wrapped.keys.lock_current(unit.connection) != old) is is_new
    assert keys_of(opened(wrapped)) == keys
    post(opened(wrapped), paid("k3", 5, citizen="c19"))
    rewrap_when_due(opened(wrapped))
    assert (file.next.exists(), file.path.read_bytes() != old) == (False, is_new)
    keys |= {"c19": keys_of(opened(wrapped))["c19"]}
    assert rewrap(opened(wrapped)) == 4
    assert keys_of(opened(wrapped)) == keys


def test_writers_go_on_while_the_key_is_replaced(wrapped: Book) -> None:
    """Each has written once since the last replacement, as in 30 days; then it writes while the next one goes on."""
    together = threading.Barrier(3, timeout=60)

    def write(number: int) -> None:
        book = opened(wrapped)
        for i in range(3):
            together.wait()
            post(book, paid(f"w{number}.{i}", 1, citizen=f"c{number}{i}"))
            together.wait()
            post(book, paid(f"v{number}.{i}", 1, citizen=f"d{number}{i}"))

    writers = [threading.Thread(target=write, args=(number,)) for number in (3, 4)]
    for writer in writers:
        writer.start()
    counts = []
    for _ in range(3):
        together.wait()
        together.wait()
        counts.append(rewrap(wrapped))
    for writer in writers:
        writer.join()
    assert counts == sorted(counts)
    assert len(wrapped_rows(wrapped)) == 15


def test_an_old_backup_opens_nothing_any_more(
    make_engine, clock: FixedClock, file: WrappingFile, tmp_path: Path
) -> None:
    engine = make_engine("sqlite")
    keys = KeyRing("main", make_wrapping_key(file.path), file=file)
    book = create_book(engine, "main", name="n", origin="l/main", policy_hash=POLICY_HASH, clock=clock, keys=keys)
    post(book, paid("k1", 5))
    with book.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    backup = tmp_path / "backup.sqlite3"
    shutil.copy(str(engine.url.database), backup)
    rewrap(book)
    restored = open_engine(f"sqlite:///{backup}")
    there = open_book(restored, "main", clock=clock, keys=KeyRing("main", file.path.read_bytes(), file=file))
    with there.read() as connection, pytest.raises(Refusal, match="wrapping-key-does-not-fit"):
        there.keys.key_for(connection, "c17")
    restored.dispose()


def test_the_worker_replaces_it_when_it_is_thirty_days_old(wrapped: Book, file: WrappingFile, clock) -> None:
    first = file.path.read_bytes()
    clock.instant = file.made_at() + VALID_FOR - timedelta(seconds=1)
    assert (replace_wrapping_key(wrapped, clock.today()), file.path.read_bytes()) == (0, first)
    clock.instant += timedelta(seconds=1)
    os.utime(file.path, (file.made_at().timestamp(),) * 2)
    assert replace_wrapping_key(wrapped, clock.today()) == 3
    assert file.path.read_bytes() != first
    assert "rewrap-keys" in [job.name for job in JOBS]


def test_keys_without_a_file_are_left_alone(sqlite_book: Book) -> None:
    assert replace_wrapping_key(sqlite_book, sqlite_book.today()) == 0
    with pytest.raises(InvariantError):
        rewrap(sqlite_book)


def test_a_file_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    missing = WrappingFile(tmp_path / "none.key")
    for reads in (missing.keys, missing.made_at):
        with pytest.raises(Refusal, match="wrapping-key-missing"):
            reads()
