"""Keys that follow one another: rotated, compromised, retired; and policies that change under four eyes."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import approvals
from ledger.announcing import OVERLAP, announce_policy, publish_policies, retire_keys
from ledger.audit.openings import receipt_for
from ledger.audit.rows import audit_rows
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.errors import Refusal
from ledger.facts import Finding
from ledger.integrator import copy_checkpoint, integrate, read_checkpoint
from ledger.log.checkpoint import Checkpoint, SigningKey, sign_checkpoint
from ledger.log.keys import key_files, load_private_key, make_later_keys
from ledger.log.leaf import POLICY
from ledger.log.note import parse_note
from ledger.log.policies import origin_path, policy_line, trust
from ledger.log.policy import Policy, parse_policy, policy_text
from ledger.log.receipt import ReceiptFiles
from ledger.signing import newest_policy_file, policy_in_force
from ledger.verify.__main__ import main as verify_offline
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Report, Verdict
from tests import keychanges
from tests.commands import run_program
from tests.conformance import second_verifier
from tests.conftest import MakeEngine
from tests.keychanges import NEXT_ORIGIN, announce, ask, change, changing_book, policy_of, publish
from tests.proof import CERTIFICATE, PublishedBook
from tests.refusals_kit import refused
from tests.witnesses import NAMES, serving, two_of_three, witness_at, witnessing_at


@pytest.fixture
def on_either(engine: sa.Engine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    return changing_book(engine, tmp_path, clock)


@pytest.fixture
def book(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> PublishedBook:
    book = changing_book(make_engine("sqlite"), tmp_path, clock)
    book.post(3)
    publish(book)
    return book


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def newest_receipt(book: PublishedBook, n: int) -> ReceiptFiles:
    return receipt_for(book.book, book.log_dir, n=n, line=2)


def said(report: Report, name: str) -> list[str]:
    return [check.detail for check in report.checks if check.name == name]


def assert_all_verified(book: PublishedBook, policy: Policy) -> None:
    for report in (
        verify_log(book.log_dir, policy),
        replay(book.log_dir, book.bundle(), policy),
        audit_rows(book.book, book.log_dir),
    ):
        assert report.verdict is Verdict.VERIFIED, report.to_text()
    [text] = [
        path.read_bytes() for path in policies_in(book) if parse_policy(path.read_bytes()).sha256 == policy.sha256
    ]
    assert second_verifier.replay(book.log_dir, book.bundle().read_bytes(), text)


def policies_in(book: PublishedBook) -> list[Path]:
    return [path for path in (book.log_dir / "policies").iterdir() if path.suffix != ".json"]


# Rotation


def test_after_a_rotation_the_log_verifies_under_the_new_policy_and_under_the_old(on_either: PublishedBook) -> None:
    on_either.post(3)
    publish(on_either)
    old = on_either.policy
    new = change(on_either, keychanges.rotation(on_either))
    assert new.log_keys != old.log_keys
    assert new.origin == old.origin
    on_either.post(2)
    publish(on_either)
    assert_all_verified(on_either, new)
    report = verify_log(on_either.log_dir, old)
    assert report.verdict is Verdict.VERIFIED
    assert [line for line in report.not_checked if new.sha256.hex() in line and "2026-05-31" in line]
    assert len(parse_note((on_either.log_dir / "checkpoint").read_bytes()).signatures) == 4


def test_receipts_of_before_and_after_a_rotation_verify_under_either_policy_for_ninety_days(
    book: PublishedBook,
) -> None:
    old, before = book.policy, newest_receipt(book, 2)
    new = change(book, keychanges.rotation(book))
    book.post()
    after = newest_receipt(book, publish(book).size - 1)
    for files, policy in ((before, old), (after, old), (after, new), (before, trust((new, old)))):
        assert verify_receipt(files.proof, files.opening, policy).verdict is Verdict.VERIFIED
    alone = verify_receipt(before.proof, before.opening, new)
    assert alone.failure.code == "signature-missing"


def test_on_its_last_day_the_old_key_signs_and_on_the_next_no_more(book: PublishedBook, clock: FixedClock) -> None:
    old, begun = book.policy, clock.now()
    new = change(book, keychanges.rotation(book))
    clock.instant = begun + OVERLAP
    book.post()
    publish(book)
    assert verify_log(book.log_dir, old).verdict is Verdict.VERIFIED
    clock.instant += timedelta(days=1)
    book.post()
    publish(book)
    assert verify_log(book.log_dir, old).failure.code == "signature-missing"
    assert_all_verified(book, new)


def test_keys_are_retired_after_their_last_day_and_not_before(book: PublishedBook, clock: FixedClock) -> None:
    begun = clock.now().date()
    keys = book.folder / "keys"
    retire = partial(retire_keys, book.log_dir, keys, passphrase=None)
    with pytest.raises(Refusal, match="no-keys-to-retire"):
        retire(today=begun)
    change(book, keychanges.rotation(book))
    with pytest.raises(Refusal, match="keys-still-sign") as caught:
        retire(today=begun + OVERLAP)
    assert caught.value.facts == {"until_on": (begun + OVERLAP).isoformat()}
    assert len(key_files(keys)) == 4
    assert retire(today=begun + OVERLAP + timedelta(days=1)) == ["log-ed25519.pem", "log-ml-dsa-44.pem"]
    clock.instant += OVERLAP + timedelta(days=1)
    book.post()
    publish(book)
    assert_all_verified(book, policy_of(book))


def test_a_second_rotation_within_the_ninety_days_keeps_all_who_trust_either_policy(book: PublishedBook) -> None:
    first = book.policy
    second = change(book, keychanges.rotation(book))
    third = change(book, keychanges.rotation(book))
    for policy in (first, second, third):
        assert verify_log(book.log_dir, policy).verdict is Verdict.VERIFIED
    assert_all_verified(book, third)


def test_a_policy_that_the_log_never_announced_is_refused(book: PublishedBook) -> None:
    new = change(book, keychanges.rotation(book))
    text = (book.log_dir / "policy").read_bytes() + b"# a remark\n"
    assert verify_log(book.log_dir, parse_policy(text)).failure.code == "policy-differs-from-genesis"
    (book.log_dir / "policies" / new.sha256.hex()).write_bytes(text)
    with pytest.raises(Refusal, match="policy-file-differs"):
        read_checkpoint(book.log_dir)


def test_without_the_opening_of_an_announcement_nothing_is_signed_and_a_copy_is_incomplete(book: PublishedBook) -> None:
    announce(book, ask(book, keychanges.rotation(book)))
    integrate(book.book, book.log_dir)
    with pytest.raises(Refusal, match="log-file-missing") as caught:
        book.signer.run_round()
    publish(book)
    assert verify_log(book.log_dir, book.policy).verdict is Verdict.VERIFIED
    (book.log_dir / str(caught.value.facts["file"])).unlink()
    assert verify_log(book.log_dir, book.policy).verdict is Verdict.INCOMPLETE


def test_a_changed_byte_of_an_announcement_is_found(book: PublishedBook) -> None:
    change(book, keychanges.rotation(book))
    [path] = (book.log_dir / "policies").glob("*.json")
    whole = path.read_bytes()
    for position in range(0, len(whole), 41):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert verify_log(book.log_dir, book.policy).verdict is Verdict.FORGED, position


def test_an_announcement_that_follows_another_policy_than_the_last_is_not_followed(book: PublishedBook) -> None:
    line = policy_line(before=b"\1" * 32, text=(book.log_dir / "policy").read_bytes(), until_on=None)
    with book.book.unit_of_work(actor="s1") as unit:
        unit.post(Finding("policy:out-of-order", POLICY, (line,), "s1"))
    with pytest.raises(Refusal, match="policy-out-of-order"):
        publish(book)


def test_an_opening_of_one_announcement_stands_for_no_other(book: PublishedBook) -> None:
    change(book, keychanges.rotation(book))
    change(book, keychanges.rotation(book))
    first, second = sorted((book.log_dir / "policies").glob("*.json"), key=lambda path: int(path.stem))
    first.write_bytes(second.read_bytes())
    assert verify_log(book.log_dir, book.policy).failure.code == "opening-of-another-entry"


# Four eyes


def test_nobody_changes_the_keys_alone_and_nothing_else_than_was_approved_is_entered(book: PublishedBook) -> None:
    approval_id = ask(book, keychanges.rotation(book))
    act = partial(announce_policy, log_dir=book.log_dir, approval_id=approval_id)
    assert refused(book.book, act).code == "approval-not-given"
    assert refused(book.book, lambda unit: approvals.approve(unit, approval_id)).code == "approver-is-requester"
    assert (
        refused(book.book, partial(announce_policy, log_dir=book.log_dir, approval_id="a0")).code == "approval-unknown"
    )


def test_announcing_twice_enters_once_and_a_policy_that_was_overtaken_is_refused(book: PublishedBook) -> None:
    one, other = ask(book, keychanges.rotation(book)), ask(book, keychanges.rotation(book))
    key = announce(book, one)
    assert announce(book, one) == key
    with pytest.raises(Refusal, match="policy-changed-since-approval"):
        announce(book, other)
    publish(book)
    assert len(list((book.log_dir / "policies").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("change_text", "code"),
    [
        (lambda text: text, "policy-unchanged"),
        (lambda text: text.replace(b"quorum none", b"quorum w9"), "policy-malformed"),
        (lambda text: text.replace(b"log ", b"# "), "policy-malformed"),
        (lambda text: text + b"# ended ledger.example/old 3 " + b"A" * 43 + b"=\n", "policy-forgets-origin"),
    ],
)
def test_a_policy_that_can_not_follow_is_refused(book: PublishedBook, change_text, code: str) -> None:
    text = change_text((book.log_dir / "policy").read_bytes())
    assert refused(book.book, keychanges.policy_change(book, text)).code == code


def test_a_policy_with_other_keys_is_for_rotation(book: PublishedBook) -> None:
    keys = make_later_keys(book.folder / "keys", book.policy.origin, passphrase=None)
    text = policy_text(keys, receipt_certificate_sha256=CERTIFICATE)
    assert refused(book.book, keychanges.policy_change(book, text)).code == "policy-changes-keys"


def test_a_folder_whose_policy_is_not_the_books_can_not_be_changed(book: PublishedBook) -> None:
    request = keychanges.rotation(book)
    with (book.log_dir / "policy").open("ab") as file:
        file.write(b"# a remark\n")
    assert refused(book.book, request).code == "policy-differs-from-genesis"


# Witnesses


def test_witnesses_are_added_and_keys_rotated_while_witnesses_cosign(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock, stack: ExitStack
) -> None:
    book = changing_book(make_engine("sqlite"), tmp_path / "data", clock)
    book.post()
    publish(book)
    first = book.policy
    quorum = two_of_three(tmp_path / "witnesses")
    text = policy_text(first.log_keys, receipt_certificate_sha256=CERTIFICATE, quorum=quorum)
    witnessed = change(book, keychanges.policy_change(book, text))
    assert witnessed == first  # until a quorum stands the old one is in place
    addresses = {}
    for name in NAMES:
        witness = witness_at(tmp_path / "witnesses" / name, {first.origin: first.log_keys}, clock)
        addresses[name] = stack.enter_context(serving(witness))
    asking = witnessing_at(book.folder, partial(policy_in_force, book.log_dir), lambda: addresses)
    assert asking.run_round().published
    assert read_checkpoint(book.log_dir)[0].size == book.signer._read_state().size
    install(book)
    assert policy_of(book).is_witnessed
    announce(book, ask(book, keychanges.rotation(book)))
    publish(book)
    assert asking.run_round().published
    install(book)
    rotated = policy_of(book)
    assert rotated.is_witnessed
    for policy in (first, parse_policy(text), rotated):
        report = verify_log(book.log_dir, policy)
        assert report.verdict is Verdict.VERIFIED, report.to_text()
    assert_all_verified(book, rotated)


def install(book: PublishedBook) -> None:
    copy_checkpoint(book.book, book.log_dir, now=book.book.clock.now())


# Compromise


def test_after_a_compromise_the_log_goes_on_from_the_last_head_under_a_new_name(on_either: PublishedBook) -> None:
    on_either.post(3)
    last = publish(on_either)
    old_note = (on_either.log_dir / "checkpoint").read_bytes()
    new = change(on_either, keychanges.compromise(on_either))
    assert new.origin == NEXT_ORIGIN
    assert new.book == "main"
    assert new.ended == (last,)
    assert (on_either.log_dir / origin_path(last.origin)).read_bytes() == old_note
    assert read_checkpoint(on_either.log_dir)[0].origin == NEXT_ORIGIN
    on_either.post(2)
    publish(on_either)
    assert_all_verified(on_either, new)
    [detail] = said(verify_log(on_either.log_dir, new), "earlier origin")
    assert last.origin in detail


def stolen(book: PublishedBook, head: Checkpoint) -> bytes:
    """A checkpoint that a thief of the first keys signs."""
    files = [book.folder / "keys" / name for name in ("log-ed25519.pem", "log-ml-dsa-44.pem")]
    keys = [SigningKey(head.origin, load_private_key(file, None)) for file in files]
    return sign_checkpoint(head, keys, posix_time=1_800_000_000)


def test_what_a_thief_signs_under_the_old_name_beyond_its_last_head_counts_nowhere(book: PublishedBook) -> None:
    old, before = book.policy, newest_receipt(book, 2)
    last = read_checkpoint(book.log_dir)[0]
    new = change(book, keychanges.compromise(book))
    both = trust((new, old))
    assert verify_receipt(before.proof, before.opening, both).verdict is Verdict.VERIFIED
    assert verify_receipt(before.proof, before.opening, old).verdict is Verdict.VERIFIED
    for forged in (Checkpoint(old.origin, last.size + 1, b"\1" * 32), Checkpoint(old.origin, last.size, b"\1" * 32)):
        (book.log_dir / "checkpoint").write_bytes(stolen(book, forged))
        assert verify_log(book.log_dir, both).failure.code == "origin-ended"
        with pytest.raises(Refusal, match="origin-ended"):
            read_checkpoint(book.log_dir)
    book.post()
    publish_after_theft(book)
    assert_all_verified(book, new)


def test_the_offline_verifier_takes_the_new_policy_and_older_ones(book: PublishedBook, tmp_path: Path) -> None:
    before = newest_receipt(book, 2)
    new = change(book, keychanges.compromise(book))
    (tmp_path / "old.tlog-proof").write_bytes(before.proof)
    (tmp_path / "opening.json").write_bytes(before.opening)
    old_policy, new_policy = book.log_dir / "policies" / book.policy.sha256.hex(), book.log_dir / "policy"
    assert parse_policy(new_policy.read_bytes()) == new
    receipt = ["receipt", str(tmp_path / "old.tlog-proof"), "--policy"]
    assert verify_offline([*receipt, str(new_policy), "--older-policy", str(old_policy)]) == 0
    assert verify_offline([*receipt, str(old_policy)]) == 0
    assert verify_offline([*receipt, str(new_policy)]) == 1


def test_witnesses_cosign_the_log_under_its_new_name_once_they_have_the_new_policy(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock, stack: ExitStack
) -> None:
    book = changing_book(make_engine("sqlite"), tmp_path / "data", clock, quorum=two_of_three(tmp_path / "witnesses"))
    addresses: dict[str, str] = {}
    asking = witnessing_at(book.folder, partial(policy_in_force, book.log_dir), lambda: addresses)

    def serve(policy: Policy) -> None:
        for name in NAMES:
            witness = witness_at(tmp_path / "witnesses" / name, {policy.origin: policy.log_keys}, clock)
            addresses[name] = stack.enter_context(serving(witness))

    serve(book.policy)
    book.post()
    publish(book)
    assert asking.run_round().published
    install(book)
    announce(book, ask(book, keychanges.compromise(book)))
    publish(book)
    unknown = asking.run_round()
    assert not unknown.published
    assert {problem.facts["status"] for problem in unknown.problems.values()} == {404}
    assert policy_of(book) == book.policy
    serve(parse_policy(newest_policy_file(book.log_dir).read_bytes()))
    assert asking.run_round().published
    install(book)
    assert policy_of(book).origin == NEXT_ORIGIN
    assert_all_verified(book, policy_of(book))


def publish_after_theft(book: PublishedBook) -> None:
    """The published file is the thief's; the signer goes on from its own state."""
    integrate(book.book, book.log_dir)
    assert book.signer.run_round() is not None


def test_a_new_name_is_refused_before_anything_is_published_and_once_the_old_one_moved(
    make_engine: MakeEngine, tmp_path: Path, clock: FixedClock
) -> None:
    book = changing_book(make_engine("sqlite"), tmp_path, clock)
    assert refused(book.book, keychanges.compromise(book)).code == "log-not-published"
    book.post()
    publish(book)
    approval_id = ask(book, keychanges.compromise(book))
    book.post()
    publish(book)
    with pytest.raises(Refusal, match="log-moved-since-approval"):
        announce(book, approval_id)
    assert policy_of(book) == book.policy


def test_compromised_keys_are_retired_at_once(book: PublishedBook, clock: FixedClock) -> None:
    change(book, keychanges.compromise(book))
    deleted = retire_keys(book.log_dir, book.folder / "keys", today=clock.now().date(), passphrase=None)
    assert deleted == ["log-ed25519.pem", "log-ml-dsa-44.pem"]
    book.post()
    publish(book)
    assert_all_verified(book, policy_of(book))


def test_a_log_that_does_not_lead_to_the_last_head_of_the_old_name_is_refused(book: PublishedBook) -> None:
    last = read_checkpoint(book.log_dir)[0]
    new = change(book, keychanges.compromise(book))
    another = Checkpoint(last.origin, last.size, b"\2" * 32)
    report = verify_log(book.log_dir, trust((new, Policy(book.policy.log_keys, None, b"x", ended=(another,)))))
    assert report.failure.code == "log-root-differs"


# Crashes

PROGRAM = """
import sys
from pathlib import Path
from ledger.announcing import publish_policies
from ledger.book import open_book
from ledger.clock import FixedClock
from ledger.integrator import copy_checkpoint, integrate
from ledger.storage.engine import open_engine
from tests.conftest import NOON, make_keys
from tests.keychanges import following_signer

database, folder = sys.argv[1], Path(sys.argv[2])
clock = FixedClock(NOON)
book = open_book(open_engine(database), "main", clock=clock, keys=make_keys())
integrate(book, folder / "log")
publish_policies(book, folder / "log")
following_signer(folder, clock).run_round()
copy_checkpoint(book, folder / "log", now=clock.now())
"""
POINTS = [point for point in CRASH_POINTS if point.startswith(("integrator.", "signer.", "policies."))]


def run(book: PublishedBook, *, crash_at: str) -> int:
    return run_program(PROGRAM, book.book.engine.url, book.folder, crash_at=crash_at).returncode


@pytest.mark.parametrize(
    ("how", "point"),
    [
        *((keychanges.rotation, point) for point in POINTS),
        (keychanges.compromise, "signer.after-state"),
        (keychanges.compromise, "policies.after-opening"),
    ],
)
def test_killed_at_any_point_of_a_change_of_keys_it_goes_on(book: PublishedBook, how, point: str) -> None:
    old = book.policy
    announce(book, ask(book, how(book)))
    assert run(book, crash_at=point) == -signal.SIGKILL
    book.post()
    assert run(book, crash_at="") == 0
    new = policy_of(book)
    assert new.sha256 != old.sha256
    assert_all_verified(book, new)


def test_publishing_the_same_announcements_again_writes_nothing(book: PublishedBook) -> None:
    change(book, keychanges.rotation(book))
    before = {path: path.stat().st_mtime_ns for path in (book.log_dir / "policies").iterdir()}
    publish_policies(book.book, book.log_dir)
    assert {path: path.stat().st_mtime_ns for path in (book.log_dir / "policies").iterdir()} == before
