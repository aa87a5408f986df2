"""What the vectors are made from: fixed keys, a fixed minute, fixed trees, and the note that both keys sign.

ML-DSA-44 signs with chance in it. So that the vectors come out the same every time, the signature of a head that
stands in its file already is used again while it verifies.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, SigningKey, sign_checkpoint, verify_signature
from ledger.log.note import Note, Signature, parse_note
from ledger.log.policy import policy_text

FOLDER = Path(__file__).parents[1] / "vectors" / "log"
INDEX = "index.json"
ORIGIN = "ledger.bxl-invest.example/main"
MINUTE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
SIGNED_AT = int(MINUTE.timestamp())
CERTIFICATE = hashlib.sha256(b"certificate of the vectors").hexdigest()
VERIFIED, FORGED, INCOMPLETE = "verified", "forged", "incomplete"
TREE, C2SP, OURS, CONTENT = "RFC 6962", "C2SP", "docs/log.md", "docs/log.md, lines"
"""Who makes the rule that decides a vector: whoever implements RFC 6962 or C2SP must agree; `OURS` is stricter than
C2SP, or says how an opening is bound; `CONTENT` says what may stand in entries and lines whose hashes are all right.
"""


@dataclass(frozen=True, slots=True)
class Vector:
    """One case: its files by role (path below `FOLDER`, content), what a verifier must say, and why."""

    name: str
    kind: str
    files: dict[str, tuple[str, bytes]]
    expected: str
    rule: str
    why: str

    def row(self) -> dict[str, object]:
        """The vector as `index.json` tells it."""
        files = {role: path for role, (path, _) in self.files.items()}
        told = {"expected": self.expected, "rule": self.rule, "why": self.why}
        return {"name": self.name, "kind": self.kind, "files": files, **told}


def secret(purpose: str) -> bytes:
    """32 bytes that anybody can derive: the private keys of the vectors are public."""
    return hashlib.sha256(f"vectors of the log: {purpose}".encode()).digest()


def ed25519(purpose: str, name: str = ORIGIN) -> SigningKey:
    """An Ed25519 key."""
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(secret(purpose)))


def ml_dsa_44(purpose: str, name: str = ORIGIN) -> SigningKey:
    """An ML-DSA-44 key."""
    return SigningKey(name, MLDSA44PrivateKey.from_seed_bytes(secret(purpose)))


ED, PQ = ed25519("Ed25519"), ml_dsa_44("ML-DSA-44")
OTHER_ED, OTHER_PQ = ed25519("another Ed25519"), ml_dsa_44("another ML-DSA-44")
POLICY = policy_text([ED.verifier(), PQ.verifier()], receipt_certificate_sha256=CERTIFICATE)
OTHER_POLICY = policy_text([OTHER_ED.verifier(), OTHER_PQ.verifier()], receipt_certificate_sha256=CERTIFICATE)
POLICY_FILE = ("policy", POLICY)


@cache
def signed(file: str, head: Checkpoint, keys: tuple[SigningKey, ...] = (ED, PQ)) -> bytes:
    """The note of `head`; `file` is where it stands, and its ML-DSA-44 signature is kept while it is right."""
    path = FOLDER / file
    try:
        note = parse_note(path.read_bytes())
        for key in keys:
            verify_signature(head, note, key.verifier())
    except (FileNotFoundError, Refusal):
        return sign_checkpoint(head, keys, posix_time=SIGNED_AT)
    return path.read_bytes() if note.text == head.text() else sign_checkpoint(head, keys, posix_time=SIGNED_AT)


def ed25519_line(text: str, key: SigningKey = ED, *, key_id: bytes | None = None) -> Signature:
    """The Ed25519 signature of any text, under the key's own id or another."""
    assert isinstance(key.private, Ed25519PrivateKey)
    return Signature(key.name, key_id or key.verifier().key_id, key.private.sign(text.encode()))


def resigned(text: str, encoded: bytes) -> bytes:
    """The note `encoded` with another text, which Ed25519 signs; its ML-DSA-44 line stays."""
    return Note(text, (ed25519_line(text), parse_note(encoded).signatures[1])).encode()


@cache
def entry(number: int) -> bytes:
    """Leaf `number` of the trees of the vectors: any bytes will do, as RFC 6962 has it."""
    return b"entry %d of the vectors" % number


def as_json(value: object) -> bytes:
    """JSON for people to read and diff."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
