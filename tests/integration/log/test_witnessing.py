"""A log with witnesses: published on the quorum, whatever some witnesses do; postings never wait, receipts do."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.refusals import sentence
from api.witnesses.addresses import read_addresses, write_addresses
from ledger.audit.openings import receipt_for
from ledger.audit.rows import audit_rows
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.integrator import _append, copy_checkpoint, integrate, read_checkpoint
from ledger.log.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from ledger.log.cosignature import cosign
from ledger.log.keys import load_keys
from ledger.log.leaf import canonical_json
from ledger.log.note import Signature, parse_note
from ledger.log.submission import origin_hash
from ledger.log.tiles import Edge, LogFolder
from ledger.verify.consistency import verify_views
from ledger.verify.log import verify_log
from ledger.verify.receipt import verify_receipt
from ledger.verify.replay import replay
from ledger.verify.report import Verdict
from ledger.witnessing import OVERDUE, Reply, Round, Witnessing, witness_until
from ledger.witnesskey import load_witness_key
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, new_signer, published_book
from tests.witnesses import NAMES, serving, two_of_three, witness_at, witnessing_at

SLOW_SECONDS = 0.5


@dataclass
class WitnessedBook:
    """A book whose policy asks for two of three witnesses, and where these are reached."""

    published: PublishedBook
    witnesses: Path
    addresses: dict[str, str] = field(default_factory=dict)

    def sign(self) -> Checkpoint:
        return self.published.publish()

    def asking(self, patience_seconds: float = 10.0) -> Witnessing:
        return witnessing_at(
            self.published.folder, self.published.policy, lambda: self.addresses, patience_seconds=patience_seconds
        )

    def round(self, patience_seconds: float = 10.0) -> Round:
        done = self.asking(patience_seconds).run_round()
        assert done is not None
        return done

    def serve(self, stack: ExitStack, *names: str) -> None:
        for name in names:
            policy, clock = self.published.policy, self.published.book.clock
            witness = witness_at(self.witnesses / name, {policy.origin: policy.log_keys}, clock)
            self.addresses[name] = stack.enter_context(serving(witness))

    def published_size(self) -> int:
        found = read_checkpoint(self.published.log_dir)
        return found[0].size if found else 0


def witnessed_book(engine: sa.Engine, folder: Path, clock: FixedClock) -> WitnessedBook:
    published = published_book(engine, folder / "data", clock, quorum=two_of_three(folder / "witnesses"))
    return WitnessedBook(published, folder / "witnesses")


@pytest.fixture
def book(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> WitnessedBook:
    return witnessed_book(make_engine("sqlite"), tmp_path, clock)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_what_each_witness_shows_is_compared_with_the_log(book: WitnessedBook, stack: ExitStack) -> None:
    """One of them lags, and none shows what a quorum stands behind: the log's own signatures are what counts."""
    published, policy = book.published, book.published.policy
    book.serve(stack, *NAMES)
    shown = {name: f"{address}/{origin_hash(policy.origin)}/checkpoint" for name, address in book.addresses.items()}
    for count in (3, 300):
        published.post(count)
        book.sign()
        assert book.round().published
        book.addresses.pop("w3", None)
    report = verify_views(published.log_dir, list(shown.values()), policy)
    assert (report.verdict, report.figures["views"]) == (Verdict.VERIFIED, 4), report.to_text()
    published.post(1)
    ahead = book.sign()
    unwitnessed = published.log_dir / "checkpoint.unwitnessed"
    report = verify_views(published.log_dir, [*shown.values(), str(unwitnessed)], policy)
    assert (report.verdict, report.failure) == (Verdict.VERIFIED, None), report.to_text()
    assert any(check.facts.get("size") == ahead.size for check in report.checks)
    keys = load_keys(published.folder / "keys", policy, passphrase=None)
    other = published.folder / "other"
    other.write_bytes(sign_checkpoint(Checkpoint(policy.origin, 100, bytes(32)), keys, posix_time=1))
    report = verify_views(published.log_dir, [*shown.values(), str(other)], policy)
    assert report.failure is not None
    assert report.failure.code == "log-forked"


def test_the_log_is_published_with_the_quorum_and_everything_verifies(
    engine: sa.Engine, tmp_path: Path, clock: FixedClock, stack: ExitStack
) -> None:
    book = witnessed_book(engine, tmp_path, clock)
    book.serve(stack, *NAMES)
    published, asking = book.published, book.asking()
    for count in (1, 254, 1, 300):
        published.post(count)
        signed = book.sign()
        assert book.published_size() < signed.size
        done = asking.run_round()
        assert done.published
        assert done.problems == {}
        assert book.published_size() == signed.size
        copy_checkpoint(published.book, published.log_dir, now=clock.now())
        clock.instant += timedelta(minutes=1)
    assert asking.run_round() is None
    for report in (
        verify_log(published.log_dir, published.policy),
        replay(published.log_dir, published.bundle(), published.policy),
        audit_rows(published.book, published.log_dir),
    ):
        assert report.verdict is Verdict.VERIFIED, report.to_text()
    note = parse_note((published.log_dir / "checkpoint").read_bytes())
    assert len(note.signatures) == 2 + 2  # those the quorum needs, and no more


def test_a_receipt_is_final_once_the_quorum_stands_and_says_who_vouches(book: WitnessedBook, stack: ExitStack) -> None:
    published = book.published
    published.post(3)
    n = book.sign().size - 1
    with pytest.raises(Refusal, match="receipt-not-yet-final"):
        receipt_for(published.book, published.log_dir, n=n, line=2)
    book.serve(stack, "w1", "w3")
    assert book.round().published
    files = receipt_for(published.book, published.log_dir, n=n, line=2)
    report = verify_receipt(files.proof, files.opening, published.policy)
    assert report.verdict is Verdict.VERIFIED
    [said] = [check.detail for check in report.checks if check.name == "witnesses"]
    assert "w1 at 2026-" in said
    assert "w3 at 2026-" in said
    assert len(files.proof) + len(files.opening) <= 5_000
    assert verify_receipt(files.proof, files.opening, None).verdict is Verdict.INCOMPLETE


def test_the_server_s_word_is_not_taken_for_the_quorum(book: WitnessedBook) -> None:
    published = book.published
    book.sign()
    unwitnessed = (published.log_dir / "checkpoint.unwitnessed").read_bytes()
    (published.log_dir / "checkpoint").write_bytes(unwitnessed)
    with pytest.raises(Refusal, match="quorum-not-reached"):
        read_checkpoint(published.log_dir)
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.INCOMPLETE


def test_postings_and_signatures_go_on_without_any_witness_and_catch_up_later(
    book: WitnessedBook, stack: ExitStack
) -> None:
    published = book.published
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    book.addresses["w2"] = f"http://127.0.0.1:{port}"  # nobody listens there any more
    for address in ("ftp://127.0.0.1/", "http://127.0.0.1:port/", "http://[::1/", "http://127.0.0.1/a b"):
        book.addresses["w3"] = address
        published.post(2)
        signed = book.sign()
        done = book.round()
        assert not done.published
        assert {name: problem.code for name, problem in done.problems.items()} == dict.fromkeys(
            NAMES, "witness-unreachable"
        )
        assert done.not_reached().code == "quorum-not-reached"
    assert read_checkpoint(published.log_dir) is None
    book.serve(stack, *NAMES)
    assert book.round().published
    assert book.published_size() == signed.size


def test_a_witness_that_saw_less_is_led_from_where_it_stands(book: WitnessedBook, stack: ExitStack) -> None:
    published = book.published
    book.serve(stack, "w1", "w2")
    published.post(10)
    book.sign()
    assert book.round().published
    book.serve(stack, "w3")
    del book.addresses["w1"]
    published.post(10)
    size = book.sign().size
    assert set(book.round().cosigned) == {"w2", "w3"}  # w2 by a 409 and a proof, w3 from nothing
    assert book.published_size() == size


@dataclass
class Liar:
    """A port to witnesses of which some answer as told, and the others as they are."""

    truthful: Callable[[str, bytes], Reply]
    lies: dict[str, Callable[[bytes], Reply]]

    def add_checkpoint(self, address: str, body: bytes) -> Reply:
        return self.lies[address](body) if address in self.lies else self.truthful(address, body)


def other_head(book: WitnessedBook, body: bytes) -> Reply:
    """w1 cosigns another head than it was shown."""
    checkpoint = parse_checkpoint(parse_note(body.partition(b"\n\n")[2]).text)
    other = Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root)
    key = load_witness_key(book.witnesses / "w1", passphrase=None)
    return Reply(200, cosign(other, key, posix_time=1).line().encode())


def foreign(count: int) -> bytes:
    return b"".join(Signature(f"x{n}", b"abcd", bytes(72)).line().encode() for n in range(count))


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (other_head, "witness-answer-invalid"),
        (lambda book, body: Reply(200, b""), "witness-answer-invalid"),
        (lambda book, body: Reply(200, b"\xff\n"), "witness-answer-invalid"),
        (lambda book, body: Reply(200, foreign(31)), "witness-answer-invalid"),
        (lambda book, body: Reply(200, foreign(33)), "witness-answer-invalid"),
        (lambda book, body: Reply(409, b"99999999\n"), "witness-ahead"),
        (lambda book, body: Reply(409, b"many\n"), "witness-refused"),
        (lambda book, body: Reply(409, b"0\n"), "witness-refused"),
        (lambda book, body: Reply(409, b"%d\n" % (1 + len(body) % 3)), "witness-refused"),
        (lambda book, body: Reply(422, b"the proof does not lead there\n"), "witness-refused"),
        (lambda book, body: Reply(404, b""), "witness-refused"),
        (lambda book, body: Reply(403, b""), "witness-refused"),
        (lambda book, body: Reply(500, b"\xff"), "witness-refused"),
        (lambda book, body: Reply(302, b""), "witness-refused"),
    ],
)
def test_a_witness_that_lies_or_refuses_is_reported_and_does_not_count(
    book: WitnessedBook, stack: ExitStack, lie, code: str
) -> None:
    book.published.post(5)
    size = book.sign().size
    book.serve(stack, "w2")
    book.addresses["w1"] = "lie"
    asking = book.asking()
    asking._port = Liar(asking._port.add_checkpoint, {"lie": lambda body: lie(book, body)})
    done = asking.run_round()
    assert not done.published
    assert list(done.cosigned) == ["w2"]
    assert done.problems["w1"].code == code
    assert "w1" in sentence(done.problems["w1"], "en")
    book.serve(stack, "w3")
    assert asking.run_round().published
    assert book.published_size() == size


def test_foreign_lines_beside_a_good_cosignature_are_left_out(book: WitnessedBook, stack: ExitStack) -> None:
    book.sign()
    book.serve(stack, "w1", "w2")
    asking = book.asking()
    ask = asking._port.add_checkpoint

    def with_strangers(address: str, body: bytes) -> Reply:
        reply = ask(address, body)
        return Reply(reply.status, foreign(20) + reply.body if reply.status == 200 else reply.body)

    asking._port = Liar(with_strangers, {})
    assert asking.run_round().published
    assert len(parse_note((book.published.log_dir / "checkpoint").read_bytes()).signatures) == 4


class Answering:
    """A raw server that says what it likes, for as long as it likes."""

    def __init__(self, speak: Callable[[socket.socket, threading.Event], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(speak,))

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/prefix"

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def _serve(self, speak: Callable[[socket.socket, threading.Event], None]) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    speak(connection, self.over)
                except OSError:
                    continue


def flood(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        connection.sendall("\N{EM DASH} stranger QUJDREU=\n".encode() * 100)


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.wait(SLOW_SECONDS / 10):
        connection.sendall(b"x")


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(60)


def garbage(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"\x00\x01 no HTTP\r\n\r\n")


@pytest.mark.parametrize("speak", [flood, drip, silent, garbage])
def test_a_witness_that_floods_drips_or_is_silent_is_cut_off(
    book: WitnessedBook, stack: ExitStack, speak: Callable[[socket.socket, threading.Event], None]
) -> None:
    book.sign()
    book.addresses["w1"] = stack.enter_context(Answering(speak))
    book.serve(stack, "w2")
    done = book.round(SLOW_SECONDS)
    assert not done.published
    assert done.problems["w1"].code == "witness-unreachable"
    book.serve(stack, "w3")
    assert book.round().published  # the quorum does not wait for the one that is slow


def test_a_witness_that_still_owes_an_answer_is_not_asked_again(book: WitnessedBook, stack: ExitStack) -> None:
    book.sign()
    asked, answer = [], threading.Event()

    def hold(body: bytes) -> Reply:
        asked.append(body)
        answer.wait(60)
        return Reply(500, b"")

    book.addresses["w1"] = "held"
    asking = book.asking(0.05)
    asking._port = Liar(asking._port.add_checkpoint, {"held": hold})
    assert asking.run_round().problems["w1"].facts["reason"] == "no answer in time"
    assert asking.run_round().problems["w1"].facts["reason"] == "it still owes an earlier answer"
    answer.set()
    asking._asked["w1"].join()
    assert len(asked) == 1


def test_a_defect_in_a_call_is_not_taken_for_a_witness_s_fault(book: WitnessedBook) -> None:
    book.sign()
    book.addresses["w1"] = "broken"
    asking = book.asking()
    asking._port = Liar(asking._port.add_checkpoint, {"broken": lambda body: 1 / 0})
    with pytest.raises(ZeroDivisionError):
        asking.run_round()


def test_an_operator_that_forks_the_log_finds_no_quorum(book: WitnessedBook, stack: ExitStack) -> None:
    """All keys and files are the operator's: a second history, signed with them, is what the witnesses refuse."""
    book.serve(stack, *NAMES)
    published = book.published
    published.post(5)
    size = book.sign().size
    assert book.round().published
    honest = (published.log_dir / "checkpoint").read_bytes()
    genesis, *others = LogFolder(published.log_dir).bundle(0, size)
    forged = [genesis, *(entry.replace(b"T11:00", b"T11:01") for entry in others)]
    another = canonical_json(json.loads(forged[-1]) | {"n": size})
    for entries, code in ((forged, "witness-saw-another"), ([*forged, another], "witness-refused")):
        shutil.rmtree(published.log_dir / "tile")
        shutil.rmtree(published.folder / "signer")
        for name in ("checkpoint", "checkpoint.unwitnessed"):
            (published.log_dir / name).unlink(missing_ok=True)
        _append(LogFolder(published.log_dir), Edge(), entries)
        assert new_signer(published.folder, published.policy).run_round().size == len(entries)
        done = book.round()
        assert not done.published
        assert {problem.code for problem in done.problems.values()} == {code}
        assert read_checkpoint(published.log_dir) is None
    assert {problem.facts["status"] for problem in done.problems.values()} == {422}
    kept = book.witnesses / "w1" / origin_hash(published.policy.origin) / "checkpoint"
    assert parse_note(kept.read_bytes()).text == parse_note(honest).text


def test_a_published_checkpoint_never_goes_back(book: WitnessedBook, stack: ExitStack) -> None:
    """An older round that ends after a newer one leaves the newer one's checkpoint."""
    published = book.published
    published.post(5)
    small = book.sign()
    asking, newer = book.asking(), book.asking()
    waiting = asking._waiting()
    published.post(5)
    large = book.sign()
    book.serve(stack, "w1", "w2")
    assert newer.run_round().published
    keys = {name: load_witness_key(book.witnesses / name, passphrase=None) for name in ("w1", "w2")}
    late = Round(published.policy, small, {name: cosign(small, key, posix_time=1) for name, key in keys.items()})
    asking._publish(late, waiting[1])
    assert book.published_size() == large.size


def test_one_outage_is_told_once_and_becomes_an_alarm_after_ten_minutes(
    book: WitnessedBook, stack: ExitStack, clock: FixedClock
) -> None:
    book.sign()
    told: list[Refusal] = []
    rounds = 0

    class Stop:
        """Ends after some rounds, between which time passes and, in the end, the witnesses come back."""

        def wait(self, _seconds: float) -> bool:
            nonlocal rounds
            rounds += 1
            clock.instant += OVERDUE / 4
            if rounds == 7:
                book.serve(stack, "w1", "w2")
            return rounds == 9

    witness_until(Stop(), book.asking(), clock, interval_seconds=5, say=told.append)
    assert [refusal.code for refusal in told] == [*["witness-unreachable"] * 3, "quorum-overdue"]
    assert "receipts wait, postings go on" in sentence(told[-1], "en")
    assert (told[-1].facts["minutes"], told[-1].facts["size"]) == (10, 1)
    assert book.published_size() == 1


def test_a_checkpoint_that_does_not_open_is_told_once(book: WitnessedBook, clock: FixedClock) -> None:
    book.sign()
    (book.published.log_dir / "checkpoint.unwitnessed").write_bytes(b"")
    told: list[Refusal] = []
    rounds = iter([False, False, True])
    stop = threading.Event()
    stop.wait = lambda _seconds: next(rounds)
    witness_until(stop, book.asking(), clock, interval_seconds=5, say=told.append)
    assert [refusal.code for refusal in told] == ["note-malformed"]


PROGRAM = """
import sys
from pathlib import Path
from ledger.log.policy import parse_policy
from tests.proof import new_signer
from tests.witnesses import witnessing_at
folder = Path(sys.argv[1])
policy = parse_policy((folder / "log" / "policy").read_bytes())
new_signer(folder, policy).run_round()
addresses = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
witnessing_at(folder, policy, lambda: addresses).run_round()
"""


@pytest.mark.parametrize(
    "point",
    [
        "signer.after-state",
        "signer.after-sign",
        "signer.after-publish",
        "witnesses.before-publish",
        "witnesses.after-publish",
    ],
)
def test_killed_anywhere_between_signing_and_publishing_it_goes_on(
    book: WitnessedBook, stack: ExitStack, point: str
) -> None:
    book.serve(stack, *NAMES)
    published = book.published
    published.post(300)
    size = integrate(published.book, published.log_dir)
    arguments = [part for name, address in book.addresses.items() for part in (name, address)]
    for crash_at, code in ((point, -signal.SIGKILL), ("", 0)):
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(published.folder), *arguments],
            env=os.environ | {"BXL_CRASH_AT": crash_at},
            timeout=60,
            check=False,
        )
        assert ended.returncode == code
    assert book.published_size() == size
    assert verify_log(published.log_dir, published.policy).verdict is Verdict.VERIFIED


def test_addresses_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "x" / "addresses"
    assert read_addresses(file) == {}
    write_addresses(file, {"w1": "http://a", "w2": "http://b"})
    assert read_addresses(file) == {"w1": "http://a", "w2": "http://b"}


def test_a_witness_shows_the_operator_s_head_to_whoever_asks(book: WitnessedBook, stack: ExitStack) -> None:
    book.serve(stack, "w1", "w2")
    book.sign()
    assert book.round().published
    kept = book.witnesses / "w1" / origin_hash(book.published.policy.origin) / "checkpoint"
    published = parse_note((book.published.log_dir / "checkpoint").read_bytes())
    assert parse_note(kept.read_bytes()).text == published.text
