"""Acknowledgements: promised at once with a signature, kept by the log within a day, and evidence where it does not."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.acknowledgements import acknowledge
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.log.acknowledgement import Acknowledgement, open_acknowledgement, sign_acknowledgement
from ledger.log.checkpoint import SigningKey, signed_at
from ledger.log.keys import acknowledgement_key, load_keys
from ledger.log.merkle import leaf_hash
from ledger.log.note import VerifierKey, parse_note
from ledger.log.policy import parse_policy
from ledger.verify.acknowledgement import NO_KEY, NO_LOG, verify_acknowledgement
from ledger.verify.report import Report, Verdict
from tests.conftest import NOON, MakeEngine
from tests.proof import ORIGIN, PublishedBook, every_byte_changed, new_signer, published_book

DEADLINE = NOON + timedelta(days=1)


@pytest.fixture
def published(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(engine, tmp_path / "data", clock)


@pytest.fixture
def on_sqlite(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return published_book(make_engine("sqlite"), tmp_path / "data", clock)


def promise_of(published: PublishedBook, n: int) -> bytes:
    return acknowledge(published.book, published.log_dir, published.folder / "keys", n, passphrase=None)


def key_of(published: PublishedBook) -> SigningKey:
    return acknowledgement_key(published.folder / "keys", published.policy, passphrase=None)


def verified(published: PublishedBook, promise: bytes, at: datetime | None = None, **more: object) -> Report:
    return verify_acknowledgement(promise, published.policy, log=published.log_dir, at=at, **more)


def test_an_entry_is_promised_at_once_and_the_log_keeps_the_promise(published: PublishedBook) -> None:
    published.publish()
    published.post(2)
    promise = promise_of(published, 3)
    with published.book.read() as connection:
        public = connection.scalar(sa.text("SELECT bytes FROM entry WHERE book_id = 'main' AND n = 3"))
    assert promise.decode().split("\n")[:3] == [ORIGIN, "acknowledgement", "3"]
    found = open_acknowledgement(promise, published.policy.acknowledgement_key)
    assert found == Acknowledgement(ORIGIN, 3, leaf_hash(public), DEADLINE)
    assert promise_of(published, 3) == promise
    waiting = verified(published, promise, at=NOON)
    assert (waiting.verdict, len(waiting.missing)) == (Verdict.INCOMPLETE, 1)
    published.publish()
    report = verified(published, promise)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert report.failure is None


def test_without_a_log_the_signature_alone_is_checked(on_sqlite: PublishedBook) -> None:
    report = verify_acknowledgement(promise_of(on_sqlite, 0), on_sqlite.policy)
    assert report.verdict is Verdict.VERIFIED
    assert NO_LOG in report.not_checked
    report = verify_acknowledgement(promise_of(on_sqlite, 0), None)
    assert (report.verdict, report.missing) == (Verdict.INCOMPLETE, [NO_KEY])


def test_an_entry_that_is_left_out_after_its_promise_convicts_the_operator(
    on_sqlite: PublishedBook, clock: FixedClock
) -> None:
    """The rows are altered and the log goes on without the entry: its own later signature says that it is too late."""
    on_sqlite.post(1)
    on_sqlite.publish()
    promise = other_promise(on_sqlite, n=9)
    assert verified(on_sqlite, promise, at=DEADLINE).verdict is Verdict.INCOMPLETE
    late = verified(on_sqlite, promise, at=DEADLINE + timedelta(microseconds=1))
    assert (late.verdict, late.failure.code) == (Verdict.FORGED, "acknowledged-entry-omitted")
    clock.instant = DEADLINE + timedelta(seconds=1)
    on_sqlite.post(1)
    on_sqlite.publish()
    assert verified(on_sqlite, promise).failure.facts == {"n": 9, "size": 4, "deadline": DEADLINE.isoformat()}


def other_promise(published: PublishedBook, *, n: int) -> bytes:
    """A promise of an entry that is then not the log's."""
    return sign_acknowledgement(Acknowledgement(ORIGIN, n, bytes(32), DEADLINE), key_of(published))


def test_another_entry_in_the_place_of_the_promised_one_convicts_at_once(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(1)
    on_sqlite.publish()
    report = verified(on_sqlite, other_promise(on_sqlite, n=2), at=NOON)
    assert (report.verdict, report.failure.code) == (Verdict.FORGED, "acknowledged-entry-differs")


def test_a_damaged_tile_is_no_broken_promise(on_sqlite: PublishedBook) -> None:
    on_sqlite.post(3)
    on_sqlite.publish()
    promise = promise_of(on_sqlite, 2)
    tile = on_sqlite.log_dir / "tile/0/000.p/5"
    content = bytearray(tile.read_bytes())
    content[2 * 32] ^= 1
    tile.write_bytes(content)
    assert verified(on_sqlite, promise).failure.code == "entry-not-in-log"


def test_no_byte_of_an_acknowledgement_can_change(on_sqlite: PublishedBook) -> None:
    promise = promise_of(on_sqlite, 0)
    found = set()
    for position, changed in every_byte_changed(promise):
        report = verify_acknowledgement(changed, on_sqlite.policy)
        assert report.verdict is Verdict.FORGED, position
        found.add(report.failure.code)
    assert found == {"acknowledgement-malformed", "signature-missing", "signature-invalid"}


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\nacknowledgement\n0\n",
        f"{ORIGIN}\nreceipt\n0\n{{leaf}}\n2026-03-03T11:00:00.000000Z\n",
        f"{ORIGIN}\nacknowledgement\n00\n{{leaf}}\n2026-03-03T11:00:00.000000Z\n",
        f"{ORIGIN}\nacknowledgement\n-1\n{{leaf}}\n2026-03-03T11:00:00.000000Z\n",
        f"{ORIGIN}\nacknowledgement\n{2**53}\n{{leaf}}\n2026-03-03T11:00:00.000000Z\n",
        f"{ORIGIN}\nacknowledgement\n0\nAAAA\n2026-03-03T11:00:00.000000Z\n",
        f"{ORIGIN}\nacknowledgement\n0\n{{leaf}}\n2026-03-03\n",
    ],
)
def test_a_text_that_promises_otherwise_is_no_acknowledgement(on_sqlite: PublishedBook, text: str) -> None:
    _, _, signatures = promise_of(on_sqlite, 0).decode().rpartition("\n\n")
    note = f"{text.format(leaf='A' * 43 + '=')}\n{signatures}".encode()
    report = verify_acknowledgement(note, on_sqlite.policy)
    assert report.failure.code == "acknowledgement-malformed"


def test_the_logs_own_key_acknowledges_nothing_and_another_log_is_not_asked(
    on_sqlite: PublishedBook, tmp_path: Path, clock: FixedClock
) -> None:
    on_sqlite.publish()
    logs_key = load_keys(on_sqlite.folder / "keys", on_sqlite.policy, passphrase=None)[0]
    own = sign_acknowledgement(Acknowledgement(ORIGIN, 0, bytes(32), DEADLINE), logs_key)
    assert verified(on_sqlite, own).failure.code == "signature-missing"
    key = key_of(on_sqlite)
    foreign = sign_acknowledgement(Acknowledgement("log.example/other", 0, bytes(32), DEADLINE), key)
    assert verified(on_sqlite, foreign).failure.code == "acknowledgement-of-another-log"


def test_a_policy_older_than_acknowledgements_gets_a_key_beside_it(on_sqlite: PublishedBook) -> None:
    policy_file, keys = on_sqlite.log_dir / "policy", on_sqlite.folder / "keys"
    lines = policy_file.read_bytes().splitlines(keepends=True)
    policy_file.write_bytes(b"".join(line for line in lines if b"acknowledgement-key" not in line))
    (keys / "ack-ed25519.pem").unlink()
    policy = parse_policy(policy_file.read_bytes())
    assert policy.acknowledgement_key is None
    promise = promise_of(on_sqlite, 0)
    assert promise_of(on_sqlite, 0) == promise
    published_key = VerifierKey.parse((on_sqlite.log_dir / "acknowledgement-key").read_text().strip())
    assert published_key.name == f"{ORIGIN}/ack"
    assert verify_acknowledgement(promise, policy).missing == [NO_KEY]
    assert verify_acknowledgement(promise, policy, key=published_key).verdict is Verdict.VERIFIED


def test_a_key_that_the_policy_names_is_never_replaced(on_sqlite: PublishedBook, tmp_path: Path) -> None:
    file = on_sqlite.folder / "keys/ack-ed25519.pem"
    file.rename(tmp_path / "kept.pem")
    with pytest.raises(Refusal, match="log-keys-missing"):
        promise_of(on_sqlite, 0)
    assert not file.exists()
    shutil.copy(on_sqlite.folder / "keys/log-ed25519.pem", file)
    with pytest.raises(Refusal, match="log-keys-differ"):
        promise_of(on_sqlite, 0)
    on_sqlite.publish()  # the log itself goes on


def test_a_book_without_a_policy_here_promises_nothing(on_sqlite: PublishedBook) -> None:
    (on_sqlite.log_dir / "policy").unlink()
    with pytest.raises(Refusal, match="log-not-published"):
        promise_of(on_sqlite, 0)


@pytest.mark.parametrize("broken", ["twice", "the log's key", "the log's name"])
def test_a_policy_that_confuses_promises_with_checkpoints_is_malformed(on_sqlite: PublishedBook, broken: str) -> None:
    policy, text = on_sqlite.policy, (on_sqlite.log_dir / "policy").read_text()
    key, log_key = policy.acknowledgement_key, policy.log_keys[0]
    wrong = {
        "twice": f"# acknowledgement-key {key.vkey()}\n{text}",
        "the log's key": text.replace(key.vkey(), VerifierKey(key.name, 1, log_key.public).vkey()),
        "the log's name": text.replace(key.vkey(), VerifierKey(log_key.name, 1, key.public).vkey()),
    }
    with pytest.raises(Refusal, match="policy-malformed"):
        parse_policy(wrong[broken].encode())


def test_a_clock_that_went_backwards_moves_no_deadline_and_no_signature_into_the_past(
    on_sqlite: PublishedBook, clock: FixedClock
) -> None:
    on_sqlite.publish()
    clock.instant = NOON - timedelta(hours=5)
    on_sqlite.post(1)
    key = on_sqlite.policy.acknowledgement_key
    assert open_acknowledgement(promise_of(on_sqlite, 2), key).deadline == DEADLINE
    on_sqlite.signer = new_signer(on_sqlite.folder, on_sqlite.policy, clock)
    on_sqlite.publish()
    note = parse_note((on_sqlite.log_dir / "checkpoint").read_bytes())
    assert signed_at(note, on_sqlite.policy.log_keys) == NOON
    assert verified(on_sqlite, promise_of(on_sqlite, 2)).verdict is Verdict.VERIFIED
