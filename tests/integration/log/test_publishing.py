"""Integrator and signer: from committed rows to a signed checkpoint, and all that must stop the signature."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from ledger.book import open_book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import _append, copy_checkpoint, integrate, read_checkpoint
from ledger.log.checkpoint import open_checkpoint, sign_checkpoint
from ledger.log.encoding import b64
from ledger.log.keys import create_log, load_keys
from ledger.log.leaf import canonical_json
from ledger.log.merkle import leaf_hash, root
from ledger.log.tiles import Edge, LogFolder, encode_bundle
from ledger.signer import sign_until
from ledger.storage import tables
from ledger.verify.log import verify_log
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine, make_keys
from tests.oracle import check_everything
from tests.proof import ORIGIN, PublishedBook, new_signer, published_book


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(engine, tmp_path / "data", clock)


@pytest.fixture
def on_sqlite(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(make_engine("sqlite"), tmp_path / "data", clock)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(published: PublishedBook, code: str) -> Refusal:
    """The signer, in memory and started anew, refuses with `code` and neither signs nor forgets."""
    state = published.folder / "signer" / "state.json"
    before = ((published.log_dir / "checkpoint").read_bytes(), state.read_bytes() if state.exists() else None)
    with pytest.raises(Refusal) as found:
        new_signer(published.folder, published.policy).run_round()
    assert found.value.code == code
    after = ((published.log_dir / "checkpoint").read_bytes(), state.read_bytes() if state.exists() else None)
    assert after == before
    return found.value


def test_every_committed_entry_is_published_in_order_and_signed(published: PublishedBook) -> None:
    sizes = []
    for count in (1, 253, 1, 1, 300, 1):
        published.post(count)
        sizes.append(published.publish().size)
    with published.book.read() as connection:
        leaves = list(connection.scalars(sa.select(tables.entry.c.leaf).order_by(tables.entry.c.n)))
    assert sizes[-1] == len(leaves)
    checkpoint, _ = read_checkpoint(published.log_dir)
    assert checkpoint.root == root(leaves)
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
    for size in sizes:  # a partial tile stands for every size that was published
        assert LogFolder(published.log_dir).subtree(0, size, size) == root(leaves[:size])
    check_everything(published.book)


def test_nothing_is_signed_before_there_is_an_entry_and_nothing_twice(on_sqlite: PublishedBook) -> None:
    assert on_sqlite.signer.run_round() is None
    assert read_checkpoint(on_sqlite.log_dir) is None
    assert on_sqlite.publish().size == 1
    note = (on_sqlite.log_dir / "checkpoint").read_bytes()
    assert on_sqlite.signer.run_round() is None
    assert (on_sqlite.log_dir / "checkpoint").read_bytes() == note


def test_integrating_again_or_twice_at_once_changes_nothing(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(700)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    expected = files_of(on_sqlite.log_dir)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    assert files_of(on_sqlite.log_dir) == expected
    shutil.rmtree(on_sqlite.log_dir / "tile")
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(integrate, on_sqlite.book, on_sqlite.log_dir) for _ in range(4)]
    assert [run.result() for run in runs] == [702] * 4
    assert files_of(on_sqlite.log_dir) == expected


def test_a_database_restored_to_the_past_never_continues_the_log(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    on_sqlite.post(3)
    database = Path(on_sqlite.book.engine.url.database)
    on_sqlite.book.engine.dispose()
    shutil.copy(database, tmp_path / "backup.sqlite3")
    on_sqlite.post(3)
    on_sqlite.publish()
    on_sqlite.book.engine.dispose()
    shutil.copy(tmp_path / "backup.sqlite3", database)
    for side_file in ("-wal", "-shm"):
        database.with_name(database.name + side_file).unlink(missing_ok=True)
    before = files_of(on_sqlite.log_dir)
    with pytest.raises(Refusal, match="log-ahead-of-database"):
        integrate(on_sqlite.book, on_sqlite.log_dir)
    on_sqlite.posted += 10
    on_sqlite.post(3)  # as many entries as the log has, but others
    with pytest.raises(Refusal, match="log-differs-from-database"):
        integrate(on_sqlite.book, on_sqlite.log_dir)
    assert files_of(on_sqlite.log_dir) == before


def test_a_log_of_a_restored_database_is_not_signed(on_sqlite: PublishedBook) -> None:
    """Even when somebody removes the files and lets the integrator write them again from the restored rows."""
    on_sqlite.post(3)
    on_sqlite.publish()
    shutil.rmtree(on_sqlite.log_dir / "tile")
    log = on_sqlite.log_dir
    entries = [canonical_json({"l": {"n": 1, "root": b64(bytes(32))}, "n": n, "t": "posting/1",
                               "ts": "2026-03-02T11:00:00Z"}) for n in range(1, 6)]  # fmt: skip
    with on_sqlite.book.read() as connection:
        genesis = connection.scalar(sa.select(tables.entry.c.bytes).where(tables.entry.c.n == 0))
    _append(LogFolder(log), Edge(), [genesis, *entries])
    assert refused(on_sqlite, "log-root-differs").facts["size"] == 5
    with pytest.raises(Refusal, match="log-bundle-altered"):
        on_sqlite.signer.run_round()


def test_a_book_that_does_not_exist_is_refused(on_sqlite: PublishedBook) -> None:
    stranger = SimpleNamespace(engine=on_sqlite.book.engine, book_id="other")
    with pytest.raises(Refusal, match="book-unknown"):
        integrate(stranger, on_sqlite.folder / "other")


def test_a_log_with_fewer_entries_than_were_signed_is_not_signed(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(300)
    on_sqlite.publish()
    (on_sqlite.log_dir / "tile/0/001.p/46").unlink()
    assert refused(on_sqlite, "log-shrank") == Refusal("log-shrank", size=256, signed=302)
    with pytest.raises(Refusal, match="log-shrank"):
        on_sqlite.signer.run_round()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tile/entries/000", "entry-not-canonical"),
        ("tile/entries/001.p/48", "entry-not-canonical"),
        ("tile/0/000", "log-tile-differs"),
        ("tile/0/001.p/48", "log-tile-differs"),
        ("tile/1/000.p/1", "log-tile-differs"),
    ],
)
def test_a_flipped_bit_anywhere_is_found_before_the_next_signature(
    on_sqlite: PublishedBook, path: str, code: str
) -> None:
    on_sqlite.post(300)
    on_sqlite.publish()
    on_sqlite.post(2)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    file = on_sqlite.log_dir / path
    content = bytearray(file.read_bytes())
    content[5] ^= 0x01
    file.write_bytes(content)
    refused(on_sqlite, code)


def test_an_entry_that_was_signed_may_not_read_differently(on_sqlite: PublishedBook) -> None:
    """The changed entry is canonical and its tile fits it: only what was signed tells."""
    on_sqlite.post(3)
    on_sqlite.publish()
    on_sqlite.post(1)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    entries = LogFolder(on_sqlite.log_dir).bundle(0, 6)
    entries[3] = entries[3].replace(b"11:00", b"11:01")
    (on_sqlite.log_dir / "tile/entries/000.p/6").write_bytes(encode_bundle(entries))
    (on_sqlite.log_dir / "tile/0/000.p/6").write_bytes(b"".join(map(leaf_hash, entries)))
    assert refused(on_sqlite, "log-root-differs").facts["size"] == 5
    with pytest.raises(Refusal) as found:
        on_sqlite.signer.run_round()
    assert found.value == Refusal("log-bundle-altered", n=3, file="tile/entries/000.p/6")


def test_a_missing_file_is_named(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(3)
    on_sqlite.publish()
    on_sqlite.post(1)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    (on_sqlite.log_dir / "tile/entries/000.p/6").unlink()
    assert refused(on_sqlite, "log-file-missing").facts["file"] == "tile/entries/000"


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{}",
        b'{"origin":"log.example/other","root":"AAAA","size":1}',
        b'{"origin":"' + ORIGIN.encode() + b'","root":"?","size":1}',
    ],
)
def test_a_signer_whose_state_is_damaged_signs_nothing(on_sqlite: PublishedBook, state: bytes) -> None:
    on_sqlite.publish()
    (on_sqlite.folder / "signer/state.json").write_bytes(state)
    refused(on_sqlite, "signer-state-malformed")


def test_a_state_that_contradicts_the_published_checkpoint_signs_nothing(on_sqlite: PublishedBook) -> None:
    size = on_sqlite.publish().size
    state = canonical_json({"origin": ORIGIN, "root": b64(bytes(32)), "size": size})
    (on_sqlite.folder / "signer/state.json").write_bytes(state)
    refused(on_sqlite, "log-root-differs")


def test_a_signer_that_lost_its_state_takes_the_published_checkpoint_for_it(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(4)
    on_sqlite.publish()
    (on_sqlite.folder / "signer/state.json").unlink()
    entries = LogFolder(on_sqlite.log_dir).bundle(0, 6)
    entries[2] = entries[2].replace(b"11:00", b"11:01")
    honest = files_of(on_sqlite.log_dir)
    (on_sqlite.log_dir / "tile/entries/000.p/6").write_bytes(encode_bundle(entries))
    (on_sqlite.log_dir / "tile/0/000.p/6").write_bytes(b"".join(map(leaf_hash, entries)))
    refused(on_sqlite, "log-root-differs")
    for path, content in honest.items():
        (on_sqlite.log_dir / path).write_bytes(content)
    on_sqlite.post(1)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    assert new_signer(on_sqlite.folder, on_sqlite.policy).run_round().size == 7
    assert json.loads((on_sqlite.folder / "signer/state.json").read_bytes())["size"] == 7


def test_a_checkpoint_signed_by_others_stops_the_signer(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    checkpoint = on_sqlite.publish()
    stranger = create_log(
        tmp_path / "k", tmp_path / "l", origin=ORIGIN, receipt_certificate_sha256=None, passphrase=None
    )
    keys = load_keys(tmp_path / "k", stranger, passphrase=None)
    (on_sqlite.log_dir / "checkpoint").write_bytes(sign_checkpoint(checkpoint, keys, posix_time=0))
    refused(on_sqlite, "signature-missing")


def test_a_signer_started_again_signs_what_it_signed_and_goes_on(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(2)
    first = on_sqlite.publish()
    on_sqlite.signer = new_signer(on_sqlite.folder, on_sqlite.policy)
    assert on_sqlite.signer.run_round() == first
    on_sqlite.post(2)
    assert on_sqlite.publish().size == first.size + 2


def test_the_published_checkpoint_is_kept_as_a_row_once(published: PublishedBook, clock: FixedClock) -> None:
    assert copy_checkpoint(published.book, published.log_dir, now=clock.now()) is None
    published.post(2)
    published.publish()
    for _ in range(2):
        checkpoint = copy_checkpoint(published.book, published.log_dir, now=clock.now())
    published.post(2)
    published.publish()
    clock.instant += timedelta(minutes=1)
    copy_checkpoint(published.book, published.log_dir, now=clock.now())
    with published.book.read() as connection:
        rows = connection.execute(sa.select(tables.checkpoint).order_by(tables.checkpoint.c.size)).all()
    assert [row.size for row in rows] == [4, 6]
    assert (rows[0].root, rows[0].size) == (checkpoint.root, checkpoint.size)
    assert open_checkpoint(rows[0].note.encode(), published.policy.log_keys)[0] == checkpoint


def test_a_false_checkpoint_is_not_kept(on_sqlite: PublishedBook, clock: FixedClock) -> None:
    on_sqlite.publish()
    file = on_sqlite.log_dir / "checkpoint"
    file.write_bytes(file.read_bytes().replace(b"\n1\n", b"\n2\n"))
    with pytest.raises(Refusal, match="signature-invalid"):
        copy_checkpoint(on_sqlite.book, on_sqlite.log_dir, now=clock.now())
    with on_sqlite.book.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.checkpoint)) == 0


def test_the_loop_tells_every_checkpoint_and_each_refusal_once(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(1)
    integrate(on_sqlite.book, on_sqlite.log_dir)
    bundle = on_sqlite.log_dir / "tile/entries/000.p/3"
    hidden = bundle.with_name("hidden")
    bundle.rename(hidden)
    told: list[str] = []
    rounds = 0

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal rounds
            assert timeout == 1
            rounds += 1
            if rounds == 4:
                hidden.rename(bundle)
            return rounds == 6

    def say(news: object) -> None:
        told.append(f"{rounds} {news.code if isinstance(news, Refusal) else news.size}")

    sign_until(Stop(), on_sqlite.signer, interval_seconds=1, say=say)
    assert told == ["1 log-file-missing", "4 3"]  # a file missing once may be one that is being written


def test_the_book_opened_again_publishes_the_same_log(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(2)
    on_sqlite.publish()
    again = open_book(on_sqlite.book.engine, "main", clock=on_sqlite.book.clock, keys=make_keys())
    before = files_of(on_sqlite.log_dir)
    integrate(again, on_sqlite.log_dir)
    assert files_of(on_sqlite.log_dir) == before
