"""An auditor's word that she replayed a log: a cosignature (C2SP tlog-cosignature, type 04) under a key of her own.

    log/attestations/<size>/<name>      the checkpoint's three lines, a blank line, her one signature line
    log/attestations/latest/<name>      her newest

Its meaning is agreed on, not in its bytes: all openings of the first `size` entries were replayed, and the verdict was
*verified*. It is nobody's witness: it says nothing of whether others are shown the same log.
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, parse_checkpoint, short_key, signature_time, timed_text
from ledger.log.files import write_atomically
from ledger.log.note import Note, Signature, VerifierKey, parse_note

_TIME_SIZE = 8


def attest(checkpoint: Checkpoint, auditor: VerifierKey, private: Ed25519PrivateKey, *, posix_time: int) -> bytes:
    """The note by which the auditor says that she replayed the log up to this checkpoint."""
    signed = private.sign(timed_text(checkpoint, posix_time))
    signature = Signature(auditor.name, auditor.key_id, posix_time.to_bytes(_TIME_SIZE, "big") + signed)
    return Note(checkpoint.text(), (signature,)).encode()


def open_attestation(encoded: bytes, auditor: VerifierKey, *, origin: str) -> Checkpoint:
    """The checkpoint that the auditor replayed to.

    Refuses `note-malformed`, `checkpoint-malformed`, `checkpoint-origin-differs`, `signature-missing`,
    `signature-invalid`.
    """
    note = parse_note(encoded)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise Refusal("checkpoint-origin-differs", origin=checkpoint.origin, expected=origin)
    if [(each.name, each.key_id) for each in note.signatures] != [(auditor.name, auditor.key_id)]:
        raise Refusal("signature-missing", key=short_key(auditor))
    [signature] = note.signatures
    message = timed_text(checkpoint, signature_time(signature.signature))
    try:
        Ed25519PublicKey.from_public_bytes(auditor.public).verify(signature.signature[_TIME_SIZE:], message)
    except (InvalidSignature, ValueError) as error:
        raise Refusal("signature-invalid", key=short_key(auditor)) from error
    return checkpoint


def put_attestation(log_dir: Path, encoded: bytes, checkpoint: Checkpoint, name: str) -> None:
    """Put an attestation among the files of a log."""
    for size in (str(checkpoint.size), "latest"):
        write_atomically(log_dir / attestation_path(name, size), encoded)


def attestation_path(name: str, size: str = "latest") -> str:
    """Where an auditor's attestation is, below the log's folder.

    >>> attestation_path("auditor.example/anna", "31")
    'attestations/31/auditor.example%2Fanna'
    """
    return f"attestations/{size}/{quote(name, safe='')}"


def find_attestation(read: Callable[[str], bytes], name: str) -> bytes | None:
    """The auditor's newest attestation, where the log has one."""
    try:
        return read(attestation_path(name))
    except Refusal as refusal:
        if refusal.code != "log-file-missing":
            raise
        return None
