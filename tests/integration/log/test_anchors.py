"""Anchors: the published checkpoint stamped by an outsider, kept beside the log, told of in the record."""

import hashlib
import shutil
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.timestamps import TimestampAuthority, check_token, read_certificates
from ledger.anchors import Anchor, anchor_checkpoint, daily_key, newest_anchor
from ledger.audit.rows import audit_rows
from ledger.clock import FixedClock, SystemClock
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.encoding import b64
from ledger.log.tiles import anchor_paths
from ledger.signer import Signer
from ledger.verify.anchors import verify_anchors
from ledger.verify.replay import replay
from ledger.verify.report import Report, Verdict
from tests.conftest import MakeEngine
from tests.oracle import check_everything
from tests.proof import HandmadeLog, PublishedBook, published_book
from tests.timestamp_authority import Authority, make_authority, openssl_accepts, serving

DAY = date(2026, 3, 2)
STAMPED_AT = datetime(2026, 3, 2, 11, 0, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tsa") / "authority")


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(engine, tmp_path / "data", clock)
    published.post(3)
    published.publish()
    return published


@pytest.fixture
def on_sqlite(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    published.post(3)
    published.publish()
    return published


class Seal:
    """Stamps without cryptography, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def stamp(self, note: bytes) -> bytes:
        self.asked += 1
        return b"stamped:" + note

    def check(self, token: bytes, note: bytes) -> datetime:
        if token != b"stamped:" + note:
            raise Refusal("timestamp-invalid", reason="another note")
        return STAMPED_AT


def anchor(published: PublishedBook, seal: Seal, on: date = DAY) -> Anchor | None:
    return anchor_checkpoint(published.book, published.log_dir, stamp=seal.stamp, check=seal.check, key=daily_key(on))


def files(published: PublishedBook, size: int) -> tuple[Path, Path]:
    note, token = anchor_paths(size)
    return published.log_dir / note, published.log_dir / token


def verified(published: PublishedBook, check=None) -> Report:
    return verify_anchors(published.log_dir, published.policy, check or Seal().check)


def test_a_stamped_checkpoint_is_verified_by_us_and_by_openssl(published: PublishedBook, authority: Authority) -> None:
    with serving(lambda query: (200, authority.reply(query))) as url:
        tsa = TimestampAuthority(url, read_certificates(authority.root))
        done = anchor_checkpoint(
            published.book, published.log_dir, stamp=tsa.stamp, check=tsa.check, key=daily_key(DAY)
        )
    note, token = files(published, 5)
    assert note.read_bytes() == (published.log_dir / "checkpoint").read_bytes()
    assert openssl_accepts(token, note, authority.root)
    with published.book.read() as connection:
        newest = newest_anchor(connection, "main")
    assert (newest.key, newest.size, newest.stamped_at) == ("anchor:2026-03-02", 5, done.stamped_at)
    assert abs(done.stamped_at - SystemClock().now()) < timedelta(minutes=10)  # the authority's clock, not the book's
    published.post(300)
    published.publish()
    report = verified(published, tsa.check)
    assert (report.verdict, report.figures["anchors"]) == (Verdict.VERIFIED, 1), report.to_text()
    report = replay(published.log_dir, published.bundle(), published.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert audit_rows(published.book, published.log_dir).verdict is Verdict.VERIFIED
    check_everything(published.book)


def test_one_day_has_one_anchor_and_the_next_day_another(on_sqlite: PublishedBook) -> None:
    seal = Seal()
    assert anchor(on_sqlite, seal) == Anchor(5, STAMPED_AT, 5)
    assert anchor(on_sqlite, seal) is None
    assert anchor(on_sqlite, seal, DAY + timedelta(days=1)) is None  # nothing new is signed
    on_sqlite.publish()
    assert anchor(on_sqlite, seal) is None
    assert anchor(on_sqlite, seal, DAY + timedelta(days=1)).size == 6
    assert seal.asked == 2
    on_sqlite.publish()
    assert verified(on_sqlite).figures["anchors"] == 2


def test_nothing_is_anchored_before_a_checkpoint_is_published(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock
) -> None:
    book = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    with pytest.raises(Refusal, match="log-not-published"):
        anchor(book, Seal())


def test_an_authority_that_refuses_leaves_nothing_behind(on_sqlite: PublishedBook) -> None:
    class Down(Seal):
        def stamp(self, _note: bytes) -> bytes:
            raise Refusal("timestamp-unavailable", reason="no answer")

    with pytest.raises(Refusal, match="timestamp-unavailable"):
        anchor(on_sqlite, Down())
    assert not (on_sqlite.log_dir / "anchors").exists()
    with on_sqlite.book.read() as connection:
        assert newest_anchor(connection, "main") is None


def test_one_that_was_killed_between_files_and_entry_is_taken_up(on_sqlite: PublishedBook) -> None:
    seal = Seal()
    note, token = files(on_sqlite, 5)
    note.parent.mkdir()
    note.write_bytes((on_sqlite.log_dir / "checkpoint").read_bytes())
    assert verified(on_sqlite).figures["anchors"] == 0  # a checkpoint without a token was never anchored
    token.write_bytes(seal.stamp(note.read_bytes()))
    assert anchor(on_sqlite, seal).size == 5
    assert seal.asked == 1


def test_of_two_that_anchor_different_signatures_at_once_one_entry_comes(on_sqlite: PublishedBook) -> None:
    """Another process keeps its note while ours is being stamped: ours is not kept, and the next turn takes theirs."""
    note, token = files(on_sqlite, 5)
    theirs = resigned(on_sqlite)
    seal = Seal()

    class Slow(Seal):
        def stamp(self, ours: bytes) -> bytes:
            note.parent.mkdir()
            note.write_bytes(theirs)
            return super().stamp(ours)

    assert anchor(on_sqlite, Slow()) is None
    assert not token.exists()
    assert anchor(on_sqlite, seal).size == 5
    assert (note.read_bytes(), token.read_bytes()) == (theirs, b"stamped:" + theirs)


def resigned(published: PublishedBook) -> bytes:
    """The published checkpoint with signatures of a second later."""
    checkpoint, before = read_checkpoint(published.log_dir)
    clock = FixedClock(published.book.clock.now() + timedelta(seconds=1))
    keys = published.signer._keys
    Signer(published.log_dir, published.folder / "signer/state.json", keys, clock)._publish(checkpoint)
    note = (published.log_dir / "checkpoint").read_bytes()
    (published.log_dir / "checkpoint").write_bytes(before)
    assert note != before
    return note


def test_a_note_of_another_log_in_its_place_is_not_entered(on_sqlite: PublishedBook) -> None:
    seal = Seal()
    on_sqlite.post(1)
    on_sqlite.publish()
    older = read_checkpoint(on_sqlite.log_dir)[1]
    on_sqlite.post(1)
    on_sqlite.publish()
    note, token = files(on_sqlite, 7)
    note.parent.mkdir()
    note.write_bytes(older)
    token.write_bytes(seal.stamp(older))
    with pytest.raises(Refusal) as refused:
        anchor(on_sqlite, seal)
    assert refused.value == Refusal("anchor-differs-from-checkpoint", file="anchors/7.checkpoint", size=7)


def test_a_log_rewritten_after_its_anchor_is_convicted(
    on_sqlite: PublishedBook, make_engine: MakeEngine, tmp_path: Path, clock: FixedClock
) -> None:
    """All keys are the operator's, the new history is signed as it should be: only the stamped root contradicts it."""
    anchor(on_sqlite, Seal())
    folder = tmp_path / "rewritten"
    shutil.copytree(on_sqlite.folder / "keys", folder / "keys")
    (folder / "log").mkdir()
    shutil.copy(on_sqlite.log_dir / "policy", folder / "log" / "policy")
    other = published_book(make_engine("sqlite"), folder, clock)
    other.posted = 10
    other.post(7)
    other.publish()
    shutil.copytree(on_sqlite.log_dir / "anchors", other.log_dir / "anchors")
    report = verified(other)
    assert (report.verdict, report.failure.code) == (Verdict.FORGED, "log-forked")


def test_an_anchor_of_a_size_that_is_not_its_name_is_refused(on_sqlite: PublishedBook) -> None:
    anchor(on_sqlite, Seal())
    on_sqlite.post(2)
    on_sqlite.publish()
    for kind in ("checkpoint", "tsr"):
        (on_sqlite.log_dir / f"anchors/5.{kind}").rename(on_sqlite.log_dir / f"anchors/6.{kind}")
    assert verified(on_sqlite).failure.code == "anchor-differs-from-checkpoint"


def test_without_certificate_policy_or_anchors_the_report_says_what_is_missing(on_sqlite: PublishedBook) -> None:
    report = verified(on_sqlite)
    assert (report.verdict, report.missing) == (Verdict.INCOMPLETE, ["anchors: the log has none"])
    anchor(on_sqlite, Seal())
    report = verify_anchors(on_sqlite.log_dir, on_sqlite.policy, None)
    assert (report.verdict, len(report.missing)) == (Verdict.INCOMPLETE, 1)
    assert "openssl ts -verify" in report.missing[0]
    assert verify_anchors(on_sqlite.log_dir, None, Seal().check).verdict is Verdict.INCOMPLETE
    (on_sqlite.log_dir / "anchors/5.checkpoint").unlink()
    assert "log file missing" in verified(on_sqlite).missing[0]


def test_a_token_that_was_exchanged_or_removed_is_seen_in_the_replay(on_sqlite: PublishedBook) -> None:
    anchor(on_sqlite, Seal())
    on_sqlite.publish()
    _, token = files(on_sqlite, 5)
    token.write_bytes(token.read_bytes() + b" ")
    report = replay(on_sqlite.log_dir, on_sqlite.bundle(), on_sqlite.policy)
    assert report.failure.code == "anchor-token-differs"
    assert verified(on_sqlite).failure.code == "timestamp-invalid"
    token.unlink()
    report = replay(on_sqlite.log_dir, on_sqlite.bundle(), on_sqlite.policy)
    assert (report.verdict, report.failure) == (Verdict.INCOMPLETE, None)
    assert report.missing == ["anchor's token: log file missing (file anchors/5.tsr)"]


def test_an_entry_that_tells_of_a_root_the_log_never_had_makes_it_false(tmp_path: Path) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100")
    line = {"kind": "rfc3161", "root": b64(bytes(32)), "sha256": hashlib.sha256(b"").hexdigest(), "size": 1}
    log.add("anchor/1", line | {"time": "2026-03-02T11:00:00.000000Z"})
    report = replay(*log.publish(), log.policy)
    assert (report.failure.code, report.failure.facts) == ("anchor-differs-from-log", {"n": 2, "line": 1, "size": 1})


def token_of(authority: Authority, stamped: bytes = b"stamped") -> bytes:
    return authority.token_over(stamped)


def refusal_of(authority: Authority, token: bytes, stamped: bytes = b"stamped") -> Refusal:
    with pytest.raises(Refusal) as refused:
        check_token(read_certificates(authority.root), token, stamped)
    assert refused.value.code == "timestamp-invalid"
    return refused.value


def test_a_token_holds_for_its_bytes_alone(authority: Authority, tmp_path: Path) -> None:
    token = token_of(authority)
    check_token(read_certificates(authority.root), token, b"stamped")
    assert refusal_of(authority, token, b"Stamped").facts["reason"] == "Mismatch between messages"
    stranger = make_authority(tmp_path / "stranger")
    refusal_of(stranger, token)
    refusal_of(authority, token[:-1])
    refusal_of(authority, token + b"\x00")
    refusal_of(authority, b"")
    refusal_of(authority, b"<html>busy</html>")


def test_a_token_of_a_certificate_that_had_expired_is_refused(tmp_path: Path) -> None:
    expired = make_authority(tmp_path / "expired", until=datetime(2021, 1, 1, tzinfo=UTC))
    refusal_of(expired, token_of(expired))


def test_no_altered_byte_of_a_token_changes_what_it_says(authority: Authority) -> None:
    """CMS leaves a few bytes unsigned (versions, names of algorithms); the entry's hash of the token binds those."""
    token = token_of(authority)
    check = partial(check_token, read_certificates(authority.root))
    said, accepted = check(token, b"stamped"), 0
    for position in range(len(token)):
        altered = bytearray(token)
        altered[position] ^= 0x01
        with suppress(Refusal):
            assert check(bytes(altered), b"stamped") == said
            accepted += 1
    assert accepted < 20 < len(token)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("garbage", "timestamp-invalid"),
        ("rejection", "timestamp-invalid"),
        ("an older answer", "timestamp-invalid"),
        ("another request's", "timestamp-invalid"),
        ("too long", "timestamp-invalid"),
        ("an error", "timestamp-unavailable"),
    ],
)
def test_an_answer_that_is_none_is_refused_and_not_kept(
    on_sqlite: PublishedBook, authority: Authority, name: str, code: str
) -> None:
    note = (on_sqlite.log_dir / "checkpoint").read_bytes()
    older, other = authority.token_over(note), authority.token_over(b"other")
    answers = {
        "garbage": (200, b"\x30\x03\x02\x01\x00"),
        "rejection": (200, b"\x30\x05\x30\x03\x02\x01\x02"),
        "an older answer": (200, older),  # it lacks this request's nonce
        "another request's": (200, other),
        "too long": (200, bytes(1 << 20) + b"x"),
        "an error": (503, b"busy"),
    }
    with serving(lambda _query: answers[name]) as url:
        refused = refusal_by(on_sqlite, TimestampAuthority(url, read_certificates(authority.root)))
    assert refused.code == code
    assert not (on_sqlite.log_dir / "anchors").exists()


def test_an_authority_that_nobody_runs_is_unavailable(on_sqlite: PublishedBook, authority: Authority) -> None:
    with serving(lambda _query: (200, b"")) as url:
        pass
    refused = refusal_by(on_sqlite, TimestampAuthority(url, read_certificates(authority.root)))
    assert refused.code == "timestamp-unavailable"


def refusal_by(published: PublishedBook, tsa: TimestampAuthority) -> Refusal:
    with pytest.raises(Refusal) as refused:
        anchor_checkpoint(published.book, published.log_dir, stamp=tsa.stamp, check=tsa.check, key=daily_key(DAY))
    return refused.value


def test_a_certificate_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("nothing")
    with pytest.raises(Refusal) as refused:
        read_certificates(tmp_path / "root.pem")
    assert refused.value == Refusal("timestamp-certificate-malformed", file=str(tmp_path / "root.pem"))
