"""Cosigned checkpoints by two verifiers: which quorum stands, which lines break a note, one verdict each time."""

import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.clock import FixedClock
from ledger.log.checkpoint import Checkpoint, SigningKey, open_checkpoint
from ledger.log.cosignature import cosign, cosigner, open_published
from ledger.log.note import ED25519, Note, Signature, VerifierKey
from ledger.log.policy import parse_policy
from ledger.log.quorum import Group, Quorum, Witness
from ledger.verify.log import verify_log
from ledger.verify.report import Verdict
from ledger.witnesskey import make_witness_key
from tests.conftest import MakeEngine
from tests.proof import PublishedBook, published_book

SECOND = Path(__file__).with_name("second_verifier.py")
_spec = importlib.util.spec_from_file_location("second_verifier_of_witnesses", SECOND)
second_verifier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(second_verifier)

NAMES = ("a", "b", "c", "d")
GROUPS = (Group("city", 1, ("a", "b")), Group("both", 2, ("city", "c")))
TIME = 1_772_449_200


@dataclass
class Cosigned:
    """A published book of which one of a and b, and c, must cosign; d may. b signs with ML-DSA-44."""

    published: PublishedBook
    keys: dict[str, SigningKey]
    checkpoint: Checkpoint
    note: Note

    def line(self, name: str, *, at: int = TIME) -> Signature:
        return cosign(self.checkpoint, self.keys[name], posix_time=at)

    def verdicts(self, *lines: Signature) -> tuple[Verdict, bool]:
        """What the first says, and whether the second accepts, of the checkpoint with these lines after the log's."""
        return self.verdicts_on(Note(self.note.text, (*self.note.signatures, *lines)))

    def verdicts_on(self, note: Note) -> tuple[Verdict, bool]:
        log_dir = self.published.log_dir
        (log_dir / "checkpoint").write_bytes(note.encode())
        first = verify_log(log_dir, self.published.policy).verdict
        policy = (log_dir / "policy").read_text()
        try:
            second_verifier.check_signatures(note.encode().decode(), policy)
        except (AssertionError, LookupError, ValueError, InvalidSignature):
            return first, False
        return first, True


@pytest.fixture
def cosigned(make_engine: MakeEngine, tmp_path: Path, clock: FixedClock) -> Cosigned:
    folders = {name: tmp_path / "witnesses" / name for name in NAMES}
    keys = {
        name: make_witness_key(folder, name=f"witness.example/{name}", ml_dsa=name == "b", passphrase=None)
        for name, folder in folders.items()
    }
    quorum = Quorum(tuple(Witness(name, cosigner(key)) for name, key in keys.items()), GROUPS, "both")
    published = published_book(make_engine("sqlite"), tmp_path / "data", clock, quorum=quorum)
    published.post(3)
    published.publish()
    signed = (published.log_dir / "checkpoint.unwitnessed").read_bytes()
    return Cosigned(published, keys, *open_checkpoint(signed, published.policy.log_keys))


def test_both_verifiers_evaluate_the_quorum_of_every_set_of_witnesses(cosigned: Cosigned) -> None:
    for count in range(len(NAMES) + 1):
        for some in itertools.combinations(NAMES, count):
            enough = "c" in some and ("a" in some or "b" in some)
            expected = (Verdict.VERIFIED if enough else Verdict.INCOMPLETE, enough)
            assert cosigned.verdicts(*map(cosigned.line, some)) == expected, some


def other_head(cosigned: Cosigned, name: str) -> Signature:
    other = Checkpoint(cosigned.checkpoint.origin, cosigned.checkpoint.size + 1, cosigned.checkpoint.root)
    return cosign(other, cosigned.keys[name], posix_time=TIME)


def altered(signature: Signature, position: int) -> Signature:
    blob = bytearray(signature.signature)
    blob[position] ^= 1
    return Signature(signature.name, signature.key_id, bytes(blob))


@pytest.mark.parametrize(
    "lines",
    [
        lambda c: (c.line("c"), c.line("a")),
        lambda c: (c.line("a"), c.line("a"), c.line("c")),
        lambda c: (c.line("a"), c.line("c"), other_head(c, "d")),
        lambda c: (other_head(c, "b"), c.line("a"), c.line("c")),
        lambda c: (c.line("a"), c.line("c"), altered(c.line("d"), 7)),
        lambda c: (c.line("a"), altered(c.line("b"), 7), c.line("c")),
        lambda c: (altered(c.line("a"), 30), c.line("c")),
        lambda c: (c.line("a"), altered(c.line("c"), 0)),
    ],
)
def test_both_verifiers_refuse_a_line_of_a_known_witness_that_is_wrong_repeated_or_out_of_place(
    cosigned: Cosigned, lines: Callable[[Cosigned], tuple[Signature, ...]]
) -> None:
    assert cosigned.verdicts(*lines(cosigned)) == (Verdict.FORGED, False)


def test_both_verifiers_refuse_a_witness_before_the_log(cosigned: Cosigned) -> None:
    log = cosigned.note.signatures
    for lines in (
        (cosigned.line("a"), *log, cosigned.line("c")),
        (log[1], log[0], cosigned.line("a"), cosigned.line("c")),
    ):
        assert cosigned.verdicts_on(Note(cosigned.note.text, lines)) == (Verdict.FORGED, False)


def test_both_verifiers_leave_the_lines_of_strangers_alone(cosigned: Cosigned) -> None:
    stranger = cosign(
        cosigned.checkpoint, SigningKey("witness.example/x", Ed25519PrivateKey.generate()), posix_time=TIME
    )
    false_name = Signature("witness.example/x", cosigned.line("d").key_id, bytes(72))
    assert cosigned.verdicts(stranger, cosigned.line("a"), false_name, cosigned.line("c")) == (Verdict.VERIFIED, True)
    assert cosigned.verdicts(stranger, cosigned.line("c"), false_name) == (Verdict.INCOMPLETE, False)


def test_both_verifiers_read_a_witness_s_key_in_either_form(cosigned: Cosigned) -> None:
    log_dir = cosigned.published.log_dir
    text = (log_dir / "policy").read_text()
    key = cosigner(cosigned.keys["c"])
    other = text.replace(key.vkey(), VerifierKey(key.name, ED25519, key.public).vkey())
    assert other != text
    (log_dir / "policy").write_text(other)
    _, accepted = cosigned.verdicts(cosigned.line("a"), cosigned.line("c"))
    assert accepted
    encoded = (log_dir / "checkpoint").read_bytes()
    assert open_published(encoded, parse_policy(other.encode()))[0] == cosigned.checkpoint


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("quorum both", "quorum nobody"),
        lambda text: text + "quorum none\n",
        lambda text: text.replace("quorum both\n", ""),
        lambda text: text.replace("group both 2", "group both 3"),
        lambda text: text.replace("group both 2 city c", "group both 2 city a"),
        lambda text: text.replace("group both 2 city c", "group both 2 both c"),
        lambda text: text.replace("group city", "group a"),
        lambda text: text.replace("witness d ", "witness none "),
        lambda text: text.replace("witness d ", "watcher d "),
    ],
)
def test_both_verifiers_refuse_a_policy_that_is_not_one(cosigned: Cosigned, change: Callable[[str], str]) -> None:
    log_dir = cosigned.published.log_dir
    text = (log_dir / "policy").read_text()
    assert change(text) != text
    (log_dir / "policy").write_text(change(text))
    assert verify_log(log_dir, None).verdict is Verdict.FORGED
    with pytest.raises((AssertionError, LookupError, ValueError)):
        second_verifier.read_policy(change(text))
