"""What a log sends to a witness, the call `add-checkpoint` of C2SP tlog-witness.

    old <size of the checkpoint that the witness cosigned last>
    <consistency proof from there, one hash a line, none from 0>
    <blank line>
    <checkpoint with its signatures>

and where a witness shows what it cosigned: `/<SHA-256 of the origin in hex>/checkpoint`.
"""

import hashlib
from dataclasses import dataclass

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.merkle import HASH_SIZE

ADD_CHECKPOINT = "add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MAX_BYTES = 64 * 1024
"""Of a request: a checkpoint with 32 lines of which some are ML-DSA-44, and a proof. Answers are bounded alike."""
_OLD = "old "
_MAX_PROOF = 63
_SIZE_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Submission:
    """A request: `note` is the checkpoint as it stands."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"{_OLD}{self.old_size}", *(b64(step) for step in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note


def parse_submission(body: bytes) -> Submission:
    """The request in `body`, its checkpoint unopened; refuses `submission-malformed`."""
    head, _, note = body.partition(b"\n\n")
    try:
        first, *steps = head.decode("ascii").split("\n")
        proof = tuple(from_b64(step) for step in steps)
    except (UnicodeDecodeError, Refusal) as error:
        raise Refusal("submission-malformed", reason="the first lines") from error
    size = parse_size(first.removeprefix(_OLD))
    submission = Submission(size or 0, proof, note)
    if size is None or len(proof) > _MAX_PROOF or any(len(step) != HASH_SIZE for step in proof):
        raise Refusal("submission-malformed", reason="the old size, or a hash of the proof")
    if submission.encode() != body:
        raise Refusal("submission-malformed", reason="another encoding of the same request")
    return submission


def parse_size(text: str) -> int | None:
    """A size as decimal without leading zeros; None for any other text."""
    if not (text.isascii() and text.isdecimal()) or len(text) > _SIZE_DIGITS or str(int(text)) != text:
        return None
    return int(text)


def origin_hash(origin: str) -> str:
    """The name under which a witness keeps a log: SHA-256 of its origin, in hex."""
    return hashlib.sha256(origin.encode()).hexdigest()
