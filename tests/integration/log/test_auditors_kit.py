"""What the auditor is handed, encrypted to her; what she signs; and who sees it."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger.audit.openings import bundle_lines
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import read_checkpoint
from ledger.log.attestation import attest, attestation_path, open_attestation, put_attestation
from ledger.log.auditor import AuditorKey, load_auditor_key, make_auditor_key, public_path, read_auditor_public
from ledger.log.checkpoint import Checkpoint
from ledger.log.policy import parse_policy
from ledger.log.sealed import CHUNK, MAGIC, SealedReader, SealingWriter, is_sealed
from ledger.verify.log import verify_log
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from tests.conftest import MakeEngine
from tests.every_item import fill
from tests.proof import HandmadeLog, PublishedBook, every_byte_changed, published_book

NAME = "auditor.example/anna"
AT = 1_772_449_200


@pytest.fixture
def published(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    made = published_book(make_engine("sqlite"), tmp_path / "data", clock)
    fill(made.book, clock)
    made.publish()
    return made


@pytest.fixture
def anna(tmp_path: Path) -> AuditorKey:
    return make_auditor_key(tmp_path / "anna.key", name=NAME, passphrase=None)


def sealed(content: bytes, key: X25519PrivateKey, *, step: int = 0) -> bytes:
    out = io.BytesIO()
    with SealingWriter(out, key.public_key()) as writer:
        for start in range(0, len(content), step or len(content) or 1):
            writer.write(content[start : start + (step or len(content))])
    return out.getvalue()


def opened(encoded: bytes, key: X25519PrivateKey) -> bytes:
    return io.BufferedReader(SealedReader(io.BytesIO(encoded), key)).read()


# the encrypted file


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])
@pytest.mark.parametrize("step", [0, 7_001])
def test_what_was_sealed_is_read_again_whatever_its_size(size: int, step: int) -> None:
    key, content = X25519PrivateKey.generate(), bytes(range(256)) * (size // 256 + 1)
    encoded = sealed(content[:size], key, step=step)
    assert opened(encoded, key) == content[:size]
    chunks = max(1, -(-size // CHUNK))
    assert len(encoded) == len(MAGIC) + 80 + size + 16 * chunks
    assert is_sealed(io.BytesIO(encoded))


def test_another_key_opens_nothing() -> None:
    encoded = sealed(b"a secret", X25519PrivateKey.generate())
    assert b"secret" not in encoded
    with pytest.raises(Refusal) as caught:
        opened(encoded, X25519PrivateKey.generate())
    assert caught.value == Refusal("sealed-file-altered", chunk=-1)


def test_a_file_that_is_cut_reordered_or_made_longer_is_refused() -> None:
    key = X25519PrivateKey.generate()
    encoded = sealed(b"a" * CHUNK + b"b" * CHUNK + b"c" * 10, key)
    head, at = len(MAGIC) + 80, CHUNK + 16
    one, two, three = encoded[head : head + at], encoded[head + at : head + 2 * at], encoded[head + 2 * at :]
    start = encoded[:head]
    for altered in (
        start, start + one, start + one + two, start + two + one + three, start + one + three,
        start + one + one + two + three, encoded + b"x", encoded[:-1], encoded + three,
        encoded[: head - 1], MAGIC, b"bxl-sealed/2\n" + encoded[len(MAGIC) :],
    ):  # fmt: skip
        with pytest.raises(Refusal, match="sealed-file-altered"):
            opened(altered, key)


def test_every_changed_byte_of_a_sealed_file_is_refused() -> None:
    key = X25519PrivateKey.generate()
    encoded = sealed(b"what the auditor is told", key)
    for _, altered in every_byte_changed(encoded):
        with pytest.raises(Refusal, match="sealed-file-altered"):
            opened(altered, key)


def test_a_writer_that_fails_leaves_no_end() -> None:
    key, out = X25519PrivateKey.generate(), io.BytesIO()
    with pytest.raises(ZeroDivisionError), SealingWriter(out, key.public_key()) as writer:
        writer.write(b"x" * (CHUNK + 1))
        raise ZeroDivisionError
    with pytest.raises(Refusal, match="sealed-file-altered"):
        opened(out.getvalue(), key)


# bundles


def head_of(published: PublishedBook) -> Checkpoint:
    checkpoint, _ = read_checkpoint(published.log_dir)
    return checkpoint


def sealed_bundle(published: PublishedBook, anna: AuditorKey, **part: int) -> Path:
    path = published.folder / "openings.sealed"
    with path.open("wb") as file, SealingWriter(file, anna.public().opening) as out:
        for line in bundle_lines(published.book, published.log_dir, **part):
            out.write(line)
    return path


def test_an_encrypted_bundle_replays_with_the_auditors_key_and_with_no_other(
    published: PublishedBook, anna: AuditorKey
) -> None:
    path = sealed_bundle(published, anna)
    assert b"489100" not in path.read_bytes()
    report = replay(published.log_dir, path, published.policy, key=anna.opening)
    plain = replay(published.log_dir, published.bundle(), published.policy)
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert report.figures == plain.figures
    unread = replay(published.log_dir, path, published.policy)
    assert (unread.verdict, unread.failure) == (Verdict.INCOMPLETE, None)
    assert "openings-need-key".replace("-", " ") in unread.to_text()
    other = X25519PrivateKey.generate()
    assert replay(published.log_dir, path, published.policy, key=other).failure.code == "sealed-file-altered"


def test_an_encrypted_bundle_that_was_altered_is_refused(published: PublishedBook, anna: AuditorKey) -> None:
    path = sealed_bundle(published, anna)
    original = path.read_bytes()
    for altered in (original[:-1], original[:-30], original[:200] + b"\x00" + original[201:]):
        path.write_bytes(altered)
        failure = replay(published.log_dir, path, published.policy, key=anna.opening).failure
        assert (failure.code, failure.file.startswith("openings.sealed")) == ("sealed-file-altered", True)


def test_a_part_is_opened_and_checked_by_itself_and_is_incomplete(published: PublishedBook, anna: AuditorKey) -> None:
    size = head_of(published).size
    for first, last in ((1, 1), (5, 9), (7, size - 1)):
        path = sealed_bundle(published, anna, first=first, last=last)
        report = replay(published.log_dir, path, published.policy, key=anna.opening)
        assert (report.verdict, report.exit_code, report.failure) == (Verdict.INCOMPLETE, 2, None), report.to_text()
        assert f"entries before {first} stay closed" in report.to_text()
        checks = {check.name: check.facts for check in report.checks}
        assert checks["openings"]["entries"] == last - first + 1


def test_a_bundle_up_to_an_entry_derives_its_balances_and_says_what_stays_closed(published: PublishedBook) -> None:
    size = head_of(published).size
    path = published.folder / "openings.jsonl"
    path.write_bytes(b"".join(bundle_lines(published.book, published.log_dir, last=9)))
    report = replay(published.log_dir, path, published.policy)
    assert (report.verdict, report.failure) == (Verdict.INCOMPLETE, None), report.to_text()
    assert report.missing == [f"{size - 10} entries are newer than the openings and stay closed: ask for a new bundle"]


@pytest.mark.parametrize(("first", "last"), [(5, 4), (0, 10_000), (10_000, None), (-1, 3)])
def test_a_part_lies_within_what_is_published(published: PublishedBook, first: int, last: int | None) -> None:
    with pytest.raises(Refusal, match="openings-out-of-range"):
        next(bundle_lines(published.book, published.log_dir, first=first, last=last))


def part_of(log: HandmadeLog, first: int) -> tuple[Path, Path]:
    log_dir, bundle = log.publish()
    header, *records, _ = bundle.read_bytes().splitlines(keepends=True)
    header = header.replace(b'"origin"', b'"first":%d,"origin"' % first)
    bundle.write_bytes(header + b"".join(records[first:]))
    return log_dir, bundle


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda log: log.post(("550100", 5), ("580100", -4)), "posted-entry-unbalanced"),
        (lambda log: log.post(("550100", 5)), "posted-entry-unbalanced"),
        (lambda log: log.hold(("550100", 5), ("580100", -4)), "posted-entry-unbalanced"),
        (lambda log: log.add("posting/1"), "posted-entry-too-small"),
        (lambda log: log.add("note/1", about=1, text="x", key="k2"), "fact-key-repeated"),
        (lambda log: log.add("note/1", about=1, text="x", at="2026-03-02T10:59:59.999999Z"), "instant-decreases"),
        (lambda log: log.add("note/1", about=1, text=""), "line-malformed"),
        (lambda log: log.records[2]["lines"].pop(), "opening-does-not-fit"),
        (lambda log: log.records[2].update(n=3), "openings-out-of-order"),
        (lambda log: log.records.append({"lines": [], "n": 9}), "openings-malformed"),
        (lambda log: log.records.pop(), "openings-end-early"),
    ],
)
def test_what_is_wrong_in_a_part_is_found(tmp_path: Path, spoil: Callable[[HandmadeLog], object], code: str) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "580100")
    log.post(("550100", 1), ("580100", -1))
    spoil(log)
    log_dir, bundle = part_of(log, 2)
    report = replay(log_dir, bundle, log.policy)
    found = report.failure.code if report.failure else report.missing[0].partition(": ")[2].split(" (")[0]
    assert found.replace(" ", "-") == code


def test_a_part_says_under_which_root_it_is(tmp_path: Path) -> None:
    log = HandmadeLog(tmp_path)
    log.open_accounts("550100", "580100")
    log_dir, bundle = part_of(log, 1)
    stated = json.loads(bundle.read_bytes().splitlines()[0])
    bundle.write_bytes(bundle.read_bytes().replace(stated["root"].encode(), b"A" * 43 + b"="))
    assert replay(log_dir, bundle, log.policy).failure.code == "openings-of-another-log"


# her keys


def test_an_auditors_keys_are_made_once_and_only_she_reads_the_private_side(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    made = make_auditor_key(path, name=NAME, passphrase=b"open sesame")
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    again = load_auditor_key(path, passphrase=b"open sesame")
    assert again.public().encode() == made.public().encode() == public_path(path).read_bytes()
    assert read_auditor_public(public_path(path)).signing == made.public().signing
    with pytest.raises(Refusal, match="auditor-key-exists"):
        make_auditor_key(path, name=NAME, passphrase=None)
    for wrong in (b"wrong", None):
        with pytest.raises(Refusal, match="key-passphrase-wrong"):
            load_auditor_key(path, passphrase=wrong)


def test_what_is_no_auditors_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="auditor-key-malformed"):
        make_auditor_key(tmp_path / "x", name="two words", passphrase=None)
    anna = make_auditor_key(tmp_path / "anna", name=NAME, passphrase=None)
    private, public = tmp_path / "anna", public_path(tmp_path / "anna")
    first, _, second = private.read_bytes().partition(b"-----END PRIVATE KEY-----\n")
    swapped = first.splitlines(keepends=True)[0] + second + b"".join(first.splitlines(keepends=True)[1:])
    for content in (b"", first, swapped + b"-----END PRIVATE KEY-----\n"):
        private.write_bytes(content)
        with pytest.raises(Refusal, match="auditor-key-malformed"):
            load_auditor_key(private, passphrase=None)
    signing = anna.public().signing
    as_log_key = replace(signing, kind=1).vkey()
    original = public.read_bytes()
    for content in (
        b"",
        b"# auditor x\n# openings y\n",
        original.replace(signing.vkey().encode(), as_log_key.encode()),
    ):
        public.write_bytes(content)
        with pytest.raises(Refusal, match="auditor-key-malformed"):
            read_auditor_public(public)


# her word


def attested(published: PublishedBook, anna: AuditorKey) -> Checkpoint:
    checkpoint = head_of(published)
    signed = attest(checkpoint, anna.public().signing, anna.signing, posix_time=AT)
    put_attestation(published.log_dir, signed, checkpoint, anna.name)
    return checkpoint


def test_who_trusts_the_auditor_sees_up_to_where_she_replayed(published: PublishedBook, anna: AuditorKey) -> None:
    signing = anna.public().signing
    report = verify_log(published.log_dir, published.policy, auditors=[signing])
    assert f"an attestation by {NAME}: the log has none" in report.not_checked
    checkpoint = attested(published, anna)
    published.post(3)
    published.publish()  # it was about fewer entries, and still stands
    report = verify_log(published.log_dir, published.policy, auditors=[signing])
    assert report.verdict is Verdict.VERIFIED, report.to_text()
    facts = {check.name: check.facts for check in report.checks}["replayed by an auditor"]
    assert facts["size"] == checkpoint.size
    silent = verify_log(published.log_dir, published.policy)
    assert not [check for check in silent.checks if "auditor" in check.name]


def test_a_policy_names_auditors_in_comments(anna: AuditorKey) -> None:
    signing = anna.public().signing
    text = (Path(__file__).parents[2] / "vectors/log/sample/log/policy").read_bytes()
    named = text + public_comment(anna)
    assert (parse_policy(text).auditors, parse_policy(named).auditors) == ((), (signing,))
    wrong_kind = f"# auditor {replace(signing, kind=1).vkey()}\n".encode()
    for wrong in (named + public_comment(anna), text + wrong_kind):
        with pytest.raises(Refusal, match="policy-malformed"):
            parse_policy(wrong)
    with pytest.raises(Refusal, match="verifier-key-malformed"):
        parse_policy(text + b"# auditor nobody\n")


def public_comment(anna: AuditorKey) -> bytes:
    return anna.public().encode().splitlines(keepends=True)[0]


def test_an_attestation_of_another_history_is_found(published: PublishedBook, anna: AuditorKey) -> None:
    signing = anna.public().signing
    checkpoint = head_of(published)
    forked = Checkpoint(checkpoint.origin, checkpoint.size - 3, bytes(32))
    put_attestation(published.log_dir, attest(forked, signing, anna.signing, posix_time=AT), forked, NAME)
    report = verify_log(published.log_dir, published.policy, auditors=[signing])
    assert (report.verdict, report.failure.code) == (Verdict.FORGED, "log-forked")
    ahead = Checkpoint(checkpoint.origin, checkpoint.size + 3, bytes(32))
    put_attestation(published.log_dir, attest(ahead, signing, anna.signing, posix_time=AT), ahead, NAME)
    report = verify_log(published.log_dir, published.policy, auditors=[signing])
    assert report.verdict is Verdict.VERIFIED
    assert "more than this copy has" in report.to_text()


def test_every_changed_byte_of_an_attestation_is_refused(published: PublishedBook, anna: AuditorKey) -> None:
    signing = anna.public().signing
    checkpoint = attested(published, anna)
    encoded = (published.log_dir / attestation_path(NAME)).read_bytes()
    assert open_attestation(encoded, signing, origin=checkpoint.origin) == checkpoint
    for _, altered in every_byte_changed(encoded):
        with pytest.raises(Refusal):
            open_attestation(altered, signing, origin=checkpoint.origin)
    with pytest.raises(Refusal, match="checkpoint-origin-differs"):
        open_attestation(encoded, signing, origin="log.example/other")
    twice = encoded + encoded.splitlines(keepends=True)[-1]
    with pytest.raises(Refusal, match="signature-missing"):
        open_attestation(twice, signing, origin=checkpoint.origin)
