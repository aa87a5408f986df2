"""A log with more than one tile on two levels, a receipt from it, and the ways in which both are forged.

A foreign program must accept all as it stands and refuse each forgery that it can see: `FORGERIES` names the file that
is changed, so that a program is held only against what it reads.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.documents.authority import make_receipt_identity
from contracts.documents.receipt import render_receipt
from contracts.documents.signature import sign_receipt
from ledger.accounts import AccountRef
from ledger.audit.openings import lines_with, receipt_for
from ledger.clock import FixedClock
from ledger.log.checkpoint import Checkpoint, open_checkpoint
from ledger.log.encoding import b64
from ledger.log.leaf import canonical_json
from ledger.log.note import Note, Signature, VerifierKey, parse_note
from ledger.log.policy import parse_policy
from ledger.log.receipt import TlogProof, parse_proof
from ledger.storage.engine import open_engine
from ledger.storage.schema import create_schema
from tests import papers
from tests.conftest import NOON
from tests.every_item import fill
from tests.proof import published_book

HERE = Path(__file__).parent
PROOF, OPENING, PDF, CHECKPOINT = "receipt.tlog-proof", "opening.json", "receipt.pdf", "log/checkpoint"
ENTRIES, TILE = "log/tile/entries/000", "log/tile/0/000"
PLEDGES = 300
DER_OF_ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a public key in its usual encoding (RFC 8410)."""
SEALED_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Material:
    """A folder with `log/`, the receipt and its paper; `vkey` is the log's Ed25519 key."""

    folder: Path

    @property
    def vkey(self) -> str:
        return parse_policy(self.read("log/policy")).log_keys[0].vkey()

    @property
    def head(self) -> Checkpoint:
        """What the checkpoint says, its signatures checked by our own code."""
        keys = parse_policy(self.read("log/policy")).log_keys
        return open_checkpoint(self.read(CHECKPOINT), keys)[0]

    def path(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def forge(self, forgery: str) -> None:
        """Change one file as `FORGERIES` says."""
        name, change = FORGERIES[forgery]
        original = self.read(name)
        changed = change(original)
        assert changed != original
        self.path(name).write_bytes(changed)

    def copied_to(self, folder: Path) -> "Material":
        return Material(shutil.copytree(self.folder, folder))


def make_material(folder: Path) -> Material:
    """A book with every type of entry and some hundred pledges, published; the receipt of one pledge."""
    engine = open_engine(f"sqlite:///{folder}/book.sqlite3")
    create_schema(engine)
    clock = FixedClock(NOON)
    published = published_book(engine, folder / "data", clock)
    fill(published.book, clock)
    published.post(PLEDGES, citizens=7)
    published.publish()
    [(n, line)] = lines_with(published.book, key="pay:77:paid", account=AccountRef("489100", "c0"))
    receipt = receipt_for(published.book, published.log_dir, n=n, line=line)
    engine.dispose()
    made = Material(folder / "material")
    shutil.copytree(published.log_dir, made.path("log"))
    made.path(PROOF).write_bytes(receipt.proof)
    made.path(OPENING).write_bytes(receipt.opening)
    drawn = render_receipt(papers.receipt(), "fr", proof=receipt.proof, opening=receipt.opening)
    identity = make_receipt_identity(folder / "keys", now=SEALED_AT)
    made.path(PDF).write_bytes(sign_receipt(drawn, identity=identity, at=SEALED_AT))
    return made


def asked(
    *command: object, given: Path = Path(os.devnull), folder: Path = HERE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a foreign program in `folder` with the file `given` as its input; its answer is for the caller to judge."""
    words = [str(word) for word in command]
    settings = environment or None
    with given.open("rb") as source:
        return subprocess.run(
            words, stdin=source, capture_output=True, text=True, check=False, timeout=120, cwd=folder, env=settings
        )


def installed(program: str) -> str:
    """The path of a program; a missing one is a failure and no reason to pass."""
    path = shutil.which(program)
    assert path is not None, f"{program} is missing: .ci/provision installs it"
    return path


def _other_size(note: bytes) -> bytes:
    return note.replace(b"\n%d\n" % _size(note), b"\n%d\n" % (_size(note) + 1), 1)


def _size(note: bytes) -> int:
    return int(note.split(b"\n")[1])


def _other_root(note: bytes) -> bytes:
    lines = note.split(b"\n")
    return b"\n".join([*lines[:2], (b"B" if lines[2][:1] == b"A" else b"A") + lines[2][1:], *lines[3:]])


def _signature_bit(note: bytes) -> bytes:
    """One bit of the Ed25519 signature."""
    parsed = parse_note(note)
    first, *rest = parsed.signatures
    changed = bytes([first.signature[0] ^ 1]) + first.signature[1:]
    return Note(parsed.text, (Signature(first.name, first.key_id, changed), *rest)).encode()


def _signed_by_another(note: bytes) -> bytes:
    """The same text, signed by a stranger under the log's name and key id."""
    parsed = parse_note(note)
    first, *rest = parsed.signatures
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    line = Signature(first.name, first.key_id, stranger.sign(parsed.text.encode()))
    return Note(parsed.text, (line, *rest)).encode()


def _other_nonce(opening: bytes) -> bytes:
    """Another first letter in the last nonce, which is the line's."""
    before, mark, after = opening.rpartition(b'"nonce":"')
    return before + mark + (b"B" if after[:1] == b"A" else b"A") + after[1:]


def _in_proof(change: Callable[[TlogProof], TlogProof]) -> Callable[[bytes], bytes]:
    return lambda encoded: change(parse_proof(encoded)).encode()


def _note_of_proof(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return _in_proof(lambda proof: TlogProof(proof.index, proof.path, change(proof.checkpoint)))


def _path_of_proof(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Callable[[bytes], bytes]:
    return _in_proof(lambda proof: TlogProof(proof.index, change(proof.path), proof.checkpoint))


def _bit(encoded: bytes) -> bytes:
    """One bit of byte 7."""
    return bytes([*encoded[:7], encoded[7] ^ 4, *encoded[8:]])


FORGERIES: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "checkpoint of another size": (CHECKPOINT, _other_size),
    "checkpoint of another root": (CHECKPOINT, _other_root),
    "checkpoint with a changed signature": (CHECKPOINT, _signature_bit),
    "checkpoint signed by a stranger": (CHECKPOINT, _signed_by_another),
    "log with a changed entry": (ENTRIES, lambda data: data.replace(b"posting/1", b"release/1", 1)),
    "log without its first entry": (ENTRIES, lambda data: data[2 + int.from_bytes(data[:2], "big") :]),
    "log with a changed tile": (TILE, _bit),
    "log with a tile cut short": (TILE, lambda data: data[:-32]),
    "receipt of another size": (PROOF, _note_of_proof(_other_size)),
    "receipt of another root": (PROOF, _note_of_proof(_other_root)),
    "receipt with a changed signature": (PROOF, _note_of_proof(_signature_bit)),
    "receipt signed by a stranger": (PROOF, _note_of_proof(_signed_by_another)),
    "receipt with a changed hash": (PROOF, _path_of_proof(lambda path: (_bit(path[0]), *path[1:]))),
    "receipt with hashes exchanged": (PROOF, _path_of_proof(lambda path: (path[1], path[0], *path[2:]))),
    "receipt with a hash too few": (PROOF, _path_of_proof(lambda path: path[:-1])),
    "receipt with a hash too many": (PROOF, _path_of_proof(lambda path: (*path, path[-1]))),
    "receipt of the next entry": (PROOF, _in_proof(lambda p: TlogProof(p.index + 1, p.path, p.checkpoint))),
    "receipt of another instant": (OPENING, lambda data: data.replace(b'"ts":"2026', b'"ts":"2025', 1)),
    "receipt of another amount": (OPENING, lambda data: data.replace(b'"credit":', b'"credit":1', 1)),
    "receipt of another holder": (OPENING, lambda data: data.replace(b'"489100:c0"', b'"489100:c1"', 1)),
    "receipt of another nonce": (OPENING, _other_nonce),
}
"""By name: the file that is changed, and how."""

OF_CHECKPOINT = [name for name, (file, _) in FORGERIES.items() if file == CHECKPOINT]
OF_LOG = [name for name in FORGERIES if name.startswith(("checkpoint", "log"))]
OF_PROOF = [name for name, (file, _) in FORGERIES.items() if file == PROOF]
OF_INCLUSION = [*OF_PROOF, "receipt of another instant"]
"""What who checks signature and inclusion must see; the rest needs the commitments."""
OF_RECEIPT = [name for name in FORGERIES if name.startswith("receipt")]


def as_sigstore_has_it(material: Material) -> bytes:
    """The receipt as a record of sigstore's log would be, in JSON, with the key it is to be held against."""
    proof = parse_proof(material.read(PROOF))
    note, key = parse_note(proof.checkpoint), VerifierKey.parse(material.vkey)
    _, size, root = note.text.splitlines()
    told = {
        "envelope": proof.checkpoint.decode(),
        "entry": b64(canonical_json(json.loads(material.read(OPENING))["entry"])),
        "index": proof.index,
        "size": int(size),
        "root": root,
        "hashes": [b64(step) for step in proof.path],
        "name": key.name,
        "key_id": key.key_id.hex(),
        "key": b64(DER_OF_ED25519 + key.public),
    }
    return json.dumps(told).encode()
