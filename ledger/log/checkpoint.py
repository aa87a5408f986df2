"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of the log, signed with two keys.

Ed25519 (signature type 01) signs the text. ML-DSA-44 (type 06 of C2SP tlog-cosignature) signs the structure
`subtree/v1` with the signer's name and the time. The time stands in the signature line. Extension lines are refused,
since nobody outside can audit them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.errors import InvariantError, Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.merkle import HASH_SIZE
from ledger.log.note import COSIGNATURE, ED25519, ML_DSA_44, Note, Signature, VerifierKey, is_key_name, parse_note

_LABEL = b"subtree/v1\n\x00"
_TIME_SIZE = 8
_TIME_LIMIT = 2**63
_LAST_SECOND = 253_402_300_799  # of the year 9999, where Python's instants end
_SIZE_LIMIT = 2**53
_TEXT_LINES = 3


class PrivateKey(Protocol):
    """The port to a private key, wherever it lies: a file's key of `cryptography`, or one that never leaves a token."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature over `data`."""
        ...

    def public_key(self) -> Ed25519PublicKey | MLDSA44PublicKey:
        """The public side, which also says the algorithm."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: the root over its first `size` entries."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of the log under the log's name."""

    name: str
    private: PrivateKey

    def verifier(self) -> VerifierKey:
        """The public side."""
        public = self.private.public_key()
        kind = ED25519 if isinstance(public, Ed25519PublicKey) else ML_DSA_44
        return VerifierKey(self.name, kind, public.public_bytes_raw())


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text; refuses `checkpoint-malformed`."""
    lines = text.split("\n")
    if len(lines) != _TEXT_LINES + 1 or lines[-1] != "":
        raise Refusal("checkpoint-malformed", reason="not exactly three lines")
    origin, size_text, root_text, _ = lines
    if not is_key_name(origin):
        raise Refusal("checkpoint-malformed", reason="origin line")
    if not (size_text.isascii() and size_text.isdecimal()) or len(size_text) > len(str(_SIZE_LIMIT)):
        raise Refusal("checkpoint-malformed", reason="size line")
    try:
        root = from_b64(root_text)
    except Refusal as refusal:
        raise Refusal("checkpoint-malformed", reason="root line") from refusal
    checkpoint = Checkpoint(origin, int(size_text), root)
    if len(root) != HASH_SIZE or not 0 < checkpoint.size < _SIZE_LIMIT or checkpoint.text() != text:
        raise Refusal("checkpoint-malformed", reason="size or root line")
    return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, keys: Sequence[SigningKey], *, posix_time: int) -> bytes:
    """The signed note of `checkpoint`, one signature line per key."""
    return Note(checkpoint.text(), tuple(_sign(checkpoint, key, posix_time) for key in keys)).encode()


def open_checkpoint(encoded: bytes, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, Note]:
    """The checkpoint of a note that *every* one of `keys` signed.

    C2SP asks for one valid signature of a known key; here all are asked for, so that an old checkpoint stays proven
    when one of the two algorithms falls; and in the order of the keys, so that the same signatures make one file only.
    Lines of unknown keys are left alone (the caller may list them). Refuses `note-malformed`, `checkpoint-malformed`,
    `checkpoint-origin-differs`, `signature-missing`, `signature-repeated`, `signature-invalid`,
    `signatures-out-of-order`.
    """
    note = parse_note(encoded)
    checkpoint = parse_checkpoint(note.text)
    if not keys:
        raise InvariantError("a checkpoint can't be opened without keys")
    for key in keys:
        if key.name != checkpoint.origin:
            raise Refusal("checkpoint-origin-differs", origin=checkpoint.origin, expected=key.name)
        verify_signature(checkpoint, note, key)
    wanted = [(key.name, key.key_id) for key in keys]
    if [(s.name, s.key_id) for s in note.signatures if (s.name, s.key_id) in wanted] != wanted:
        raise Refusal("signatures-out-of-order", origin=checkpoint.origin)
    return checkpoint, note


def verify_signature(checkpoint: Checkpoint, note: Note, key: VerifierKey) -> None:
    """Check the one signature of `key`; refuses `signature-missing`, `signature-repeated`, `signature-invalid`."""
    found = [s.signature for s in note.signatures if (s.name, s.key_id) == (key.name, key.key_id)]
    if not found:
        raise Refusal("signature-missing", key=short_key(key))
    if len(found) > 1:
        raise Refusal("signature-repeated", key=short_key(key))
    try:
        if key.kind == ED25519:
            Ed25519PublicKey.from_public_bytes(key.public).verify(found[0], checkpoint.text().encode())
        elif key.kind == COSIGNATURE:
            signature, message = found[0][_TIME_SIZE:], timed_text(checkpoint, signature_time(found[0]))
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        else:
            signature, message = found[0][_TIME_SIZE:], subtree_message(checkpoint, key.name, signature_time(found[0]))
            MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Refusal("signature-invalid", key=short_key(key)) from error


def signed_at(note: Note, keys: Sequence[VerifierKey]) -> datetime | None:
    """When a checkpoint was signed, as the signature of the log's ML-DSA-44 key states it; None without that key.

    The signatures of `note` have been verified already.
    """
    cosigners = {(key.name, key.key_id) for key in keys if key.kind == ML_DSA_44}
    for signature in note.signatures:
        if (signature.name, signature.key_id) in cosigners:
            return datetime.fromtimestamp(min(signature_time(signature.signature), _LAST_SECOND), UTC)
    return None


def short_key(key: VerifierKey) -> str:
    """A key for a sentence: its name, algorithm and id."""
    return f"{key.name} ({'ML-DSA-44' if key.kind == ML_DSA_44 else 'Ed25519'}, {key.key_id.hex()})"


def signature_time(signature: bytes) -> int:
    """The POSIX time that a cosignature of type 04 or 06 begins with."""
    return int.from_bytes(signature[:_TIME_SIZE], "big")


def timed_text(checkpoint: Checkpoint, posix_time: int) -> bytes:
    """What an Ed25519 cosignature (type 04) is over; `ValueError` for a time outside 0 to 2^63 - 1."""
    return f"cosignature/v1\ntime {_checked_time(posix_time)}\n{checkpoint.text()}".encode()


def subtree_message(checkpoint: Checkpoint, name: str, posix_time: int) -> bytes:
    """The structure `cosigned_message` of C2SP tlog-cosignature for a whole checkpoint (start is 0)."""
    time = _checked_time(posix_time).to_bytes(_TIME_SIZE, "big")
    numbers = (0).to_bytes(8, "big") + checkpoint.size.to_bytes(8, "big")
    return b"".join((_LABEL, _opaque(name), time, _opaque(checkpoint.origin), numbers, checkpoint.root))


def _sign(checkpoint: Checkpoint, key: SigningKey, posix_time: int) -> Signature:
    verifier = key.verifier()
    if verifier.kind == ED25519:
        blob = key.private.sign(checkpoint.text().encode())
    else:
        blob = posix_time.to_bytes(_TIME_SIZE, "big") + key.private.sign(
            subtree_message(checkpoint, key.name, posix_time)
        )
    return Signature(key.name, verifier.key_id, blob)


def _checked_time(posix_time: int) -> int:
    if not 0 <= posix_time < _TIME_LIMIT:
        raise ValueError("a time outside 0 to 2^63 - 1")
    return posix_time


def _opaque(text: str) -> bytes:
    raw = text.encode()
    return bytes([len(raw)]) + raw
