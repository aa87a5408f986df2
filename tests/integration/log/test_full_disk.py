"""A full disk: integrator and signer stop with a refusal, nothing is half written, and with space they go on."""

import errno
import itertools
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.audit.rows import audit_rows
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.files import write_atomically, write_new
from ledger.verify.log import verify_log
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, new_signer, published_book

ROOT = Path(__file__).parents[3]
LIMITED = """
import resource
import sys
from pathlib import Path
from ledger.book import open_book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import integrate
from ledger.storage.engine import open_engine
from tests.conftest import NOON, make_keys

book = open_book(open_engine(sys.argv[1]), "main", clock=FixedClock(NOON), keys=make_keys())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    print(integrate(book, Path(sys.argv[2])))
except Refusal as refusal:
    print(refusal.code, refusal.facts["file"])
"""


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(200)
    published.publish()
    return published


def leftovers(published: PublishedBook) -> list[Path]:
    return list(published.folder.rglob(".*"))


def fill_up(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """So many files can still be written; to any more the disk says no."""
    whole, written = os.fsync, itertools.count(1)

    def fsync(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode) and next(written) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_disk_that_is_full_at_any_file_stops_the_log_and_leaves_what_stands_whole(
    published: PublishedBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.post(600)
    before, stopped_at = read_checkpoint(published.log_dir)[0], []
    shutil.copytree(published.folder, tmp_path / "before")
    for after in itertools.count():
        shutil.rmtree(published.folder)
        shutil.copytree(tmp_path / "before", published.folder)
        published.signer = new_signer(published.folder, published.policy)
        with monkeypatch.context() as patched:
            fill_up(patched, after=after)
            stopped_by = refusal_of(published)
        if stopped_by is None:
            break
        assert stopped_by.code == "disk-full"
        stopped_at.append(str(Path(stopped_by.facts["file"]).relative_to(published.folder)))
        assert leftovers(published) == []
        assert read_checkpoint(published.log_dir)[0] == before
        assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
        assert published.publish().size == 802
        assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED
    assert len(stopped_at) == len(set(stopped_at)) > 8
    assert stopped_at[0].startswith("log/tile/entries/")
    assert stopped_at[-2:] == ["signer/state.json", "log/checkpoint"]
    assert audit_rows(published.book, published.log_dir).verdict is Verdict.VERIFIED
    assert replay(published.log_dir, published.bundle(), published.policy).verdict is Verdict.VERIFIED


def refusal_of(published: PublishedBook) -> Refusal | None:
    """What stops the next publication, if anything does."""
    try:
        published.publish()
    except Refusal as refusal:
        return refusal
    return None


def test_where_the_kernel_says_no_in_the_middle_of_a_bundle_it_is_not_there_at_all(published: PublishedBook) -> None:
    """A limit on the size of files: the write itself breaks off, as on a disk that fills up under it."""
    published.post(56)

    def integrate(limit: int) -> list[str]:
        command = [sys.executable, "-c", LIMITED, str(published.book.engine.url), str(published.log_dir), str(limit)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        ran = subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True, text=True)
        return ran.stdout.split()

    bundle = published.log_dir / "tile/entries/000"
    assert integrate(20_000) == ["disk-full", str(bundle)]
    assert not bundle.exists()
    assert leftovers(published) == []
    assert integrate(1 << 30) == ["258"]
    assert bundle.stat().st_size > 20_000
    published.signer.run_round()
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("write", [write_atomically, write_new])
def test_what_is_wrong_with_the_disk_otherwise_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write
) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        write(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_of_two_files_written_new_the_first_stays(tmp_path: Path) -> None:
    write_new(tmp_path / "file", b"first")
    write_new(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
