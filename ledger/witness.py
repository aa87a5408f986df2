"""A witness: it cosigns a checkpoint of a log it knows if that continues the last one it cosigned, and nothing else.

    <state>/<origin hash>/checkpoint      the last checkpoint it cosigned for a log, with the cosignature

It needs no database and nothing of the log but what is submitted (C2SP tlog-witness). Comparing with the last
checkpoint and replacing it happen under one lock, and the new one is on disk before anybody sees the cosignature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ledger import crash
from ledger.clock import Clock
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, SigningKey, open_checkpoint, parse_checkpoint, verify_signature
from ledger.log.cosignature import cosign, cosigner
from ledger.log.files import locked, write_atomically
from ledger.log.merkle import verify_consistency
from ledger.log.note import Note, VerifierKey, parse_note
from ledger.log.submission import SIZE_TYPE, Submission, origin_hash, parse_submission
from ledger.log.tiles import CHECKPOINT

TEXT = "text/plain; charset=utf-8"
_OK, _BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE = 200, 400, 403, 404, 409, 422
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    body: bytes
    content_type: str = TEXT


class Witness:
    """One witness: `logs` are the keys it trusts by origin, all of which must have signed."""

    def __init__(self, state: Path, key: SigningKey, logs: Mapping[str, tuple[VerifierKey, ...]], clock: Clock) -> None:
        self._state = state
        self._key = key
        self._logs = logs
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a submission: 200 with a cosignature line, or the refusal's status as tlog-witness names them.

        Raises `Refusal("witness-state-malformed")` where its own memory is damaged: then it cosigns nothing.
        """
        try:
            submission = parse_submission(body)
            note = parse_note(submission.note)
            checkpoint = parse_checkpoint(note.text)
        except Refusal as refusal:
            return _refused(_BAD_REQUEST, refusal.code)
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return _refused(_NOT_FOUND, "unknown origin")
        try:
            open_checkpoint(submission.note, keys)
        except Refusal as refusal:
            return _refused(_FORBIDDEN, refusal.code)
        if submission.old_size > checkpoint.size:
            return _refused(_BAD_REQUEST, "the old size is above that of the checkpoint")
        with locked(self._folder(checkpoint.origin) / "lock"):
            return self._decide(submission, checkpoint, note, keys)

    def latest(self, name: str) -> Answer:
        """The last cosigned checkpoint of the log whose origin hash is `name`."""
        for origin in self._logs:
            if origin_hash(origin) == name and self._last(origin) is not None:
                return Answer(_OK, (self._folder(origin) / CHECKPOINT).read_bytes())
        return _refused(_NOT_FOUND, "nothing cosigned")

    def _decide(
        self, submission: Submission, checkpoint: Checkpoint, note: Note, keys: tuple[VerifierKey, ...]
    ) -> Answer:
        """Compare, store, cosign; the lock is held."""
        last = self._last(checkpoint.origin)
        if submission.old_size != (last.size if last else 0):
            return _conflict(last)
        if last and last.size == checkpoint.size and last.root != checkpoint.root:
            return _conflict(last)
        if not _continues(last, checkpoint, submission.proof):
            return _refused(_UNPROCESSABLE, "the proof does not lead from the checkpoint cosigned last to this one")
        seconds = (self._clock.now() - _EPOCH) // timedelta(seconds=1)
        cosignature = cosign(checkpoint, self._key, posix_time=seconds)
        known = {(key.name, key.key_id) for key in keys}
        signed = tuple(line for line in note.signatures if (line.name, line.key_id) in known)
        kept = Note(note.text, (*signed, cosignature)).encode()
        write_atomically(self._folder(checkpoint.origin) / CHECKPOINT, kept)
        crash.reach("witness.after-store")
        return Answer(_OK, cosignature.line().encode())

    def _last(self, origin: str) -> Checkpoint | None:
        """The checkpoint cosigned last; refuses `witness-state-malformed` unless its own cosignature holds."""
        path = self._folder(origin) / CHECKPOINT
        try:
            encoded = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            note = parse_note(encoded)
            checkpoint = parse_checkpoint(note.text)
            verify_signature(checkpoint, note, cosigner(self._key))
        except Refusal as refusal:
            raise Refusal("witness-state-malformed", file=str(path)) from refusal
        if checkpoint.origin != origin:
            raise Refusal("witness-state-malformed", file=str(path))
        return checkpoint

    def _folder(self, origin: str) -> Path:
        return self._state / origin_hash(origin)


def _continues(last: Checkpoint | None, checkpoint: Checkpoint, proof: tuple[bytes, ...]) -> bool:
    if last is None:
        return not proof
    return verify_consistency(
        old_size=last.size, old_root=last.root, new_size=checkpoint.size, new_root=checkpoint.root, proof=proof
    )


def _conflict(last: Checkpoint | None) -> Answer:
    return Answer(_CONFLICT, f"{last.size if last else 0}\n".encode(), SIZE_TYPE)


def _refused(status: int, reason: str) -> Answer:
    return Answer(status, f"{reason}\n".encode())
