"""A witness over HTTP: what it cosigns, what it answers to everything else, and that it never forgets."""

import hashlib
import http.client
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from api.cli.main import bxl
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, SigningKey, parse_checkpoint, sign_checkpoint, verify_signature
from ledger.log.cosignature import cosigner
from ledger.log.merkle import consistency_proof, leaf_hash, root, subtree_of
from ledger.log.note import Note, Signature, VerifierKey, parse_note
from ledger.log.submission import MAX_BYTES, Submission, origin_hash
from ledger.witness import Witness
from ledger.witnesskey import load_witness_key, make_witness_key
from tests.conftest import NOON
from tests.witnesses import serving, witness_at

ORIGIN = "log.example/main"
LOG = (SigningKey(ORIGIN, Ed25519PrivateKey.generate()), SigningKey(ORIGIN, MLDSA44PrivateKey.generate()))
TRUSTED = {ORIGIN: tuple(key.verifier() for key in LOG)}
LEAVES = [leaf_hash(b"%d" % n) for n in range(600)]
FORKED = [*LEAVES[:90], *(leaf_hash(b"another %d" % n) for n in range(90, 600))]


def note_of(size: int, leaves: list[bytes] = LEAVES, keys: tuple[SigningKey, ...] = LOG) -> bytes:
    return sign_checkpoint(Checkpoint(keys[0].name, size, root(leaves[:size])), keys, posix_time=0)


def submission(old: int, size: int, leaves: list[bytes] = LEAVES) -> bytes:
    proof = consistency_proof(old, size, subtree_of(leaves)) if old else ()
    return Submission(old, tuple(proof), note_of(size, leaves)).encode()


@dataclass
class Asked:
    """A witness that is served, and how to ask it."""

    address: str
    state: Path

    def post(self, body: bytes, path: str = "/add-checkpoint") -> tuple[int, bytes, str]:
        return self.call("POST", path, body)

    def get(self, path: str) -> tuple[int, bytes, str]:
        return self.call("GET", path, None)

    def call(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read(), response.headers["Content-Type"]
        finally:
            connection.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    make_witness_key(tmp_path / "w", name="witness.example/w", passphrase=None)
    return tmp_path / "w"


@pytest.fixture
def witness(state: Path) -> Asked:
    with serving(witness_at(state, TRUSTED, FixedClock(NOON))) as address:
        yield Asked(address, state)


def test_it_cosigns_a_log_that_grows_and_shows_what_it_cosigned(witness: Asked) -> None:
    key = cosigner(load_witness_key(witness.state, passphrase=None))
    old = 0
    for size in (1, 2, 255, 256, 257, 257, 600):
        status, body, _ = witness.post(submission(old, size))
        assert status == 200
        cosigned = parse_note(note_of(size) + body)
        verify_signature(parse_checkpoint(cosigned.text), cosigned, key)
        shown = witness.get(f"/{hashlib.sha256(ORIGIN.encode()).hexdigest()}/checkpoint")
        assert (shown[0], parse_note(shown[1]).text) == (200, cosigned.text)
        assert parse_note(shown[1]).signatures[-1].line().encode() == body
        old = size


def test_where_it_stands_is_told_to_who_asks_from_elsewhere(witness: Asked) -> None:
    assert witness.post(submission(5, 10)) == (409, b"0\n", "text/x.tlog.size")
    assert witness.post(submission(0, 100))[0] == 200
    for old, size in ((0, 200), (99, 200), (101, 200), (0, 50), (50, 60)):
        assert witness.post(submission(old, size)) == (409, b"100\n", "text/x.tlog.size")


def test_a_split_view_a_rollback_and_a_wrong_proof_get_no_cosignature(witness: Asked) -> None:
    assert witness.post(submission(0, 100))[0] == 200
    kept = witness.get(f"/{origin_hash(ORIGIN)}/checkpoint")
    assert witness.post(submission(100, 200, FORKED))[0] == 422
    same_size = Submission(100, (), note_of(100, FORKED)).encode()
    assert witness.post(same_size) == (409, b"100\n", "text/x.tlog.size")
    assert witness.post(Submission(100, (), note_of(200)).encode())[0] == 422
    assert witness.post(Submission(100, (), note_of(99)).encode())[0] == 400
    right = consistency_proof(100, 200, subtree_of(LEAVES))
    for changed in (right[:-1], [*right, right[0]], right[::-1]):
        assert witness.post(Submission(100, tuple(changed), note_of(200)).encode())[0] == 422
    assert witness.get(f"/{origin_hash(ORIGIN)}/checkpoint") == kept
    assert witness.post(submission(100, 200))[0] == 200


def test_a_proof_from_nothing_is_empty(witness: Asked) -> None:
    assert witness.post(Submission(0, (LEAVES[0],), note_of(2)).encode())[0] == 422


def test_unknown_logs_and_wrong_keys_are_told_apart(witness: Asked) -> None:
    strangers = tuple(SigningKey("log.example/other", key.private) for key in LOG)
    assert witness.post(Submission(0, (), note_of(3, keys=strangers)).encode())[0] == 404
    false = (SigningKey(ORIGIN, Ed25519PrivateKey.generate()), LOG[1])
    assert witness.post(Submission(0, (), note_of(3, keys=false)).encode())[0] == 403
    assert witness.post(Submission(0, (), note_of(3, keys=LOG[:1])).encode())[0] == 403
    assert witness.get(f"/{origin_hash(ORIGIN)}/checkpoint")[0] == 404
    assert witness.get(f"/{origin_hash('log.example/other')}/checkpoint")[0] == 404
    assert witness.get("/")[0] == 404
    assert witness.post(submission(0, 3), "/other-call")[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: body.replace(b"old 0", b"old 00"),
        lambda body: body.replace(b"old 0", b"old  0"),
        lambda body: body.replace(b"old 0", b"old -1"),
        lambda body: body.replace(b"old 0", b"0"),
        lambda body: body.replace(b"old 0\n", b"old 0\n\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\nQUJD\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n" + b"\xff\n"),
        lambda body: body.replace(b"old 0\n", b"old 0\n" + (b"A" * 43 + b"=\n") * 64),
        lambda body: body.replace(b"\n3\n", b"\n03\n"),
        lambda body: body.replace(b"\n3\n", b"\n0\n"),
        lambda body: body[:-1],
        lambda body: body.replace(b"\n", b"\r\n"),
        lambda body: body + b"\xe2\x80\x94 a QUJDREU=\n" * 31,
    ],
)
def test_a_malformed_submission_is_a_bad_request(witness: Asked, change) -> None:
    body = submission(0, 3)
    assert change(body) != body
    assert witness.post(change(body))[0] == 400


def test_what_is_malformed_has_a_name_of_its_own() -> None:
    from ledger.log.submission import parse_submission

    with pytest.raises(Refusal, match="submission-malformed"):
        parse_submission(b"old 1")


def test_a_body_beyond_the_limit_is_not_read(witness: Asked) -> None:
    connection = http.client.HTTPConnection(urlsplit(witness.address).netloc, timeout=10)
    connection.putrequest("POST", "/add-checkpoint")
    connection.putheader("Content-Length", str(MAX_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_lines_of_strangers_are_not_kept(witness: Asked) -> None:
    note = parse_note(note_of(3))
    strangers = tuple(Signature("a", b"%04d" % n, bytes(72)) for n in range(30))
    status, body, _ = witness.post(Submission(0, (), Note(note.text, (*note.signatures, *strangers)).encode()).encode())
    assert status == 200
    shown = parse_note(witness.get(f"/{origin_hash(ORIGIN)}/checkpoint")[1])
    assert [line.name for line in shown.signatures] == [ORIGIN, ORIGIN, "witness.example/w"]
    assert body.count(b"\n") == 1


def test_it_remembers_after_a_restart(state: Path) -> None:
    with serving(witness_at(state, TRUSTED, FixedClock(NOON))) as address:
        assert Asked(address, state).post(submission(0, 100))[0] == 200
    with serving(witness_at(state, TRUSTED, FixedClock(NOON))) as address:
        again = Asked(address, state)
        assert again.post(submission(0, 50)) == (409, b"100\n", "text/x.tlog.size")
        assert again.post(submission(100, 200, FORKED))[0] == 422
        assert again.post(submission(100, 200))[0] == 200


def test_of_many_at_once_it_cosigns_one_history(witness: Asked, state: Path) -> None:
    """Two served witnesses of one folder, as when one is started twice: the lock is a file, not a thread's."""
    with serving(witness_at(state, TRUSTED, FixedClock(NOON))) as address:
        twins = (witness, Asked(address, state))
        with ThreadPoolExecutor(8) as pool:
            views = [(LEAVES, 100), (FORKED, 100), (LEAVES, 200), (FORKED, 200)] * 4
            asked = [
                pool.submit(twins[i % 2].post, submission(0, size, leaves)) for i, (leaves, size) in enumerate(views)
            ]
            answers = [future.result() for future in asked]
    agreed = [view for view, answer in zip(views, answers, strict=True) if answer[0] == 200]
    assert len(agreed) == 1
    assert {answer[0] for answer in answers} == {200, 409}


def test_a_damaged_memory_cosigns_nothing(witness: Asked) -> None:
    assert witness.post(submission(0, 100))[0] == 200
    kept = witness.state / origin_hash(ORIGIN) / "checkpoint"
    for changed in (b"", kept.read_bytes().replace(b"\n100\n", b"\n1\n"), note_of(1)):
        kept.write_bytes(changed)
        assert witness.post(submission(1, 3, FORKED))[0] == 500
        assert witness.get(f"/{origin_hash(ORIGIN)}/checkpoint")[0] == 500


def test_the_memory_of_another_log_is_damage(witness: Asked, state: Path) -> None:
    other = "log.example/other"
    keys = tuple(SigningKey(other, key.private) for key in LOG)
    asked = Witness(
        state,
        load_witness_key(state, passphrase=None),
        {**TRUSTED, other: tuple(key.verifier() for key in keys)},
        FixedClock(NOON),
    )
    assert witness.post(submission(0, 100))[0] == 200
    (state / origin_hash(other)).mkdir()
    (state / origin_hash(other) / "checkpoint").write_bytes((state / origin_hash(ORIGIN) / "checkpoint").read_bytes())
    with pytest.raises(Refusal, match="witness-state-malformed"):
        asked.add_checkpoint(Submission(0, (), note_of(3, keys=keys)).encode())


def test_a_witness_killed_after_it_stored_answers_the_same_question_again(state: Path, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(submission(0, 100))
    program = (
        "import sys\nfrom pathlib import Path\nfrom ledger.clock import SystemClock\n"
        "from ledger.log.note import VerifierKey\nfrom ledger.witness import Witness\n"
        "from ledger.witnesskey import load_witness_key\n"
        "state, body, *keys = sys.argv[1:]\nkeys = tuple(VerifierKey.parse(key) for key in keys)\n"
        "own = load_witness_key(Path(state), passphrase=None)\n"
        "Witness(Path(state), own, {keys[0].name: keys}, SystemClock()).add_checkpoint(Path(body).read_bytes())\n"
    )
    vkeys = [key.vkey() for key in TRUSTED[ORIGIN]]
    killed = subprocess.run(
        [sys.executable, "-c", program, str(state), str(tmp_path / "body"), *vkeys],
        env=os.environ | {"BXL_CRASH_AT": "witness.after-store"},
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    own = witness_at(state, TRUSTED, FixedClock(NOON))
    assert own.add_checkpoint(submission(0, 100)).status == 409
    assert own.add_checkpoint(submission(100, 100)).status == 200


def run(*arguments: str, **environment: str):
    return CliRunner().invoke(bxl, ["witness", *arguments], env=environment)


@pytest.mark.parametrize("ml_dsa", [False, True])
def test_the_key_is_made_once_and_is_private(tmp_path: Path, *, ml_dsa: bool) -> None:
    arguments = ["key", "--state", str(tmp_path / "w"), "--name", "witness.example/w", *["--ml-dsa"][: int(ml_dsa)]]
    first, second = (run(*arguments, BXL_KEY_PASSPHRASE="secret") for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    assert VerifierKey.parse(first.output.strip()).name == "witness.example/w"
    assert first.output == second.output
    assert stat.S_IMODE((tmp_path / "w" / "witness.pem").stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (tmp_path / "w" / "witness.pem").read_bytes()
    with pytest.raises(Refusal, match="key-passphrase-wrong"):
        load_witness_key(tmp_path / "w", passphrase=b"other")
    with serving(
        Witness(tmp_path / "w", load_witness_key(tmp_path / "w", passphrase=b"secret"), TRUSTED, FixedClock(NOON))
    ) as address:
        assert Asked(address, tmp_path / "w").post(submission(0, 3))[0] == 200


def test_a_key_of_another_name_and_one_that_is_not_there_are_refused(state: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="witness-key-differs"):
        make_witness_key(state, name="witness.example/other", passphrase=None)
    for name in ("", "a b", "a+b", "x" * 256):
        with pytest.raises(Refusal, match="witness-name-malformed"):
            make_witness_key(tmp_path / "other", name=name, passphrase=None)
    with pytest.raises(Refusal, match="witness-key-missing"):
        load_witness_key(tmp_path / "none", passphrase=None)
    make_witness_key(tmp_path / "third", name="witness.example/w", passphrase=None)
    (state / "witness.pem").write_bytes((tmp_path / "third" / "witness.pem").read_bytes())
    with pytest.raises(Refusal, match="witness-key-differs"):
        load_witness_key(state, passphrase=None)


def test_serving_needs_a_log_to_witness(state: Path) -> None:
    refused = run("serve", "--state", str(state))
    assert refused.exit_code == 2
    assert "name the logs to witness" in refused.output
