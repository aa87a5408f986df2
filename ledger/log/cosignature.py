"""Cosignatures (C2SP tlog-cosignature): a witness says, at a time, that a checkpoint continues all it saw of the log.

Type 04 is Ed25519 over `cosignature/v1`, the time, and the checkpoint's text; type 06 is ML-DSA-44 over the structure
that the log's own second key signs. A published checkpoint holds the log's lines and then, in the order of the policy,
the cosignatures that the quorum needs and no more: so every byte of it counts, and a receipt stays short.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.log.checkpoint import (
    Checkpoint,
    SigningKey,
    open_checkpoint,
    signature_time,
    subtree_message,
    timed_text,
    verify_signature,
)
from ledger.log.note import COSIGNATURE, ED25519, Note, Signature, VerifierKey, parse_note
from ledger.log.policy import Policy
from ledger.log.quorum import NONE, Witness

_TIME_SIZE = 8


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that holds: whose, under its name in the policy, and when it was made (POSIX seconds)."""

    name: str
    at: int


def cosigner(key: SigningKey) -> VerifierKey:
    """The public side of a witness's key."""
    public = key.verifier()
    return VerifierKey(key.name, COSIGNATURE, public.public) if _is_ed25519(key) else public


def cosign(checkpoint: Checkpoint, key: SigningKey, *, posix_time: int) -> Signature:
    """The cosignature of a witness."""
    signed = timed_text(checkpoint, posix_time)
    if not _is_ed25519(key):
        signed = subtree_message(checkpoint, key.name, posix_time)
    return Signature(key.name, cosigner(key).key_id, posix_time.to_bytes(_TIME_SIZE, "big") + key.private.sign(signed))


def witnesses_of(checkpoint: Checkpoint, note: Note, policy: Policy) -> tuple[Cosigned, ...]:
    """The witnesses of the policy that cosigned, in its order.

    One that the policy does not name is left alone. One that it does makes or breaks the note: refuses
    `signature-invalid`, `signature-repeated`, and `signatures-out-of-order` for any other order than that of the
    policy, after the log's own lines.
    """
    found = []
    for witness in policy.witnesses:
        lines = _lines_of(note, witness.key)
        if lines:
            verify_signature(checkpoint, note, witness.key)
            found.append(Cosigned(witness.name, signature_time(lines[0].signature)))
    wanted = [(key.name, key.key_id) for key in (*policy.log_keys, *(w.key for w in policy.witnesses))]
    places = [wanted.index(line) for s in note.signatures if (line := (s.name, s.key_id)) in wanted]
    if places != sorted(places):
        raise Refusal("signatures-out-of-order", origin=checkpoint.origin)
    return tuple(found)


def check_quorum(policy: Policy, cosigned: Iterable[Cosigned]) -> None:
    """Refuses `quorum-not-reached` where these are not enough for the policy."""
    names = [witness.name for witness in cosigned]
    if not policy.is_met_by(names):
        raise quorum_not_reached(policy, names)


def open_published(encoded: bytes, policy: Policy) -> tuple[Checkpoint, Note]:
    """The checkpoint of a note that every key of the log signed and the policy's quorum cosigned.

    Refuses what `open_checkpoint`, `witnesses_of` and `check_quorum` refuse.
    """
    checkpoint, note = open_checkpoint(encoded, policy.log_keys)
    check_quorum(policy, witnesses_of(checkpoint, note, policy))
    return checkpoint, note


def cosignature_in(answer: bytes, witness: Witness, checkpoint: Checkpoint) -> Signature:
    """The cosignature of `witness` among the lines that it answered with; those of other keys are left alone.

    Refuses `note-malformed`, `signature-missing`, `signature-repeated`, `signature-invalid`.
    """
    note = parse_note(checkpoint.text().encode() + b"\n" + answer)
    verify_signature(checkpoint, note, witness.key)
    return _lines_of(note, witness.key)[0]


def quorum_not_reached(policy: Policy, names: Iterable[str]) -> Refusal:
    """`quorum-not-reached`, with who cosigned."""
    return Refusal(
        "quorum-not-reached", origin=policy.origin, quorum=policy.quorum.name or NONE, have=", ".join(names) or NONE
    )


def _lines_of(note: Note, key: VerifierKey) -> list[Signature]:
    return [line for line in note.signatures if (line.name, line.key_id) == (key.name, key.key_id)]


def _is_ed25519(key: SigningKey) -> bool:
    return key.verifier().kind == ED25519
