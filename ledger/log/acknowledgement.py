"""The acknowledgement of an entry: a signed promise, given right after the commit, that the log will hold it in a day.

    <origin>
    acknowledgement
    <number of the entry>
    <its leaf hash in base64>
    <deadline, an instant in UTC with six decimals>

    — <origin>/ack <signature>

It is what a holder has before her receipt, and evidence if the entry never comes. The key is another one than the
log's, under another name: where requests are answered no key of the log is at hand, and no promise can be taken for
a checkpoint.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import Refusal
from ledger.log.checkpoint import SigningKey, short_key
from ledger.log.encoding import b64, from_b64
from ledger.log.merkle import HASH_SIZE
from ledger.log.note import Note, Signature, VerifierKey, parse_note

PROMISE = timedelta(hours=24)
_WORD = "acknowledgement"
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_SIZE_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The promise that entry `n` of log `origin` has this leaf hash and is under a checkpoint by `deadline`."""

    origin: str
    n: int
    leaf: bytes
    deadline: datetime

    def text(self) -> str:
        """The five lines that are signed."""
        deadline = self.deadline.astimezone(UTC).strftime(_INSTANT)
        return f"{self.origin}\n{_WORD}\n{self.n}\n{b64(self.leaf)}\n{deadline}\n"


def acknowledger(origin: str) -> str:
    """The name of the key that signs the acknowledgements of a log."""
    return f"{origin}/ack"


def sign_acknowledgement(acknowledgement: Acknowledgement, key: SigningKey) -> bytes:
    """The signed note; the same bytes for the same promise, since Ed25519 has no chance in it."""
    text = acknowledgement.text()
    signature = Signature(key.name, key.verifier().key_id, key.private.sign(text.encode()))
    return Note(text, (signature,)).encode()


def parse_acknowledgement(encoded: bytes) -> tuple[Acknowledgement, Signature]:
    """The promise in a note with its one signature, unverified; refuses `acknowledgement-malformed`."""
    try:
        note = parse_note(encoded)
        origin, word, number, leaf, deadline = note.text[:-1].split("\n")
        [signature] = note.signatures
        found = Acknowledgement(origin, int(number), from_b64(leaf), _instant(deadline))
    except (ValueError, Refusal) as error:
        raise Refusal("acknowledgement-malformed", reason="five lines and one signature are needed") from error
    if word != _WORD or not 0 <= found.n < _SIZE_LIMIT or len(found.leaf) != HASH_SIZE or found.text() != note.text:
        raise Refusal("acknowledgement-malformed", reason="another encoding, or a line that is none of it")
    return found, signature


def open_acknowledgement(encoded: bytes, key: VerifierKey) -> Acknowledgement:
    """The promise in a note that `key` signed.

    Refuses `acknowledgement-malformed`, `signature-missing`, `signature-invalid`.
    """
    acknowledgement, signature = parse_acknowledgement(encoded)
    if (signature.name, signature.key_id) != (key.name, key.key_id):
        raise Refusal("signature-missing", key=short_key(key))
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature.signature, acknowledgement.text().encode())
    except InvalidSignature as error:
        raise Refusal("signature-invalid", key=short_key(key)) from error
    return acknowledgement


def _instant(text: str) -> datetime:
    return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
