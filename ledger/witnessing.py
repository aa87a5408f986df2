"""The log's side of witnessing: the newest signed checkpoint goes to every witness at once, and is published as soon as
the quorum of the policy has cosigned it.

    log/checkpoint.unwitnessed     what the signer signed last
    log/checkpoint                 what a quorum has cosigned; receipts rest on this one

A witness that is slow, down, or answers nonsense is reported and does not count; the next round asks it again. Nothing
that posts or signs waits for a round. The call itself, over HTTP, is a port that the edge gives.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from ledger import crash
from ledger.clock import Clock
from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from ledger.log.cosignature import cosignature_in, open_published, quorum_not_reached
from ledger.log.files import locked, write_atomically
from ledger.log.merkle import consistency_proof
from ledger.log.note import Note, Signature, parse_note
from ledger.log.policies import open_trusted
from ledger.log.policy import Policy
from ledger.log.quorum import Witness
from ledger.log.submission import Submission, parse_size
from ledger.log.tiles import CHECKPOINT, UNWITNESSED, LogFolder

OVERDUE = timedelta(minutes=10)
"""After this long without a quorum somebody must look."""
_OK, _CONFLICT = 200, 409
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness answered."""

    status: int
    body: bytes


class Unanswered(Exception):  # noqa: N818 -- what a witness may do, no defect
    """A witness gave no answer that could be read; the text says why."""


class WitnessPort(Protocol):
    """The call to a witness."""

    def add_checkpoint(self, address: str, body: bytes) -> Reply:
        """Submit `body` at the prefix `address`, within a bounded time and number of bytes; raises `Unanswered`."""
        ...


@dataclass(slots=True)
class Round:
    """One round: which checkpoint, who cosigned it, what the others did, and whether the quorum stood."""

    policy: Policy
    checkpoint: Checkpoint
    cosigned: dict[str, Signature] = field(default_factory=dict)
    problems: dict[str, Refusal] = field(default_factory=dict)
    published: bool = False

    def not_reached(self) -> Refusal:
        """`quorum-not-reached`, with who cosigned."""
        return quorum_not_reached(self.policy, self.cosigned)


_Result = tuple[str, Signature | Refusal | Exception]


class Witnessing:
    """Asks the witnesses of one log. `addresses` says where a witness is reached, if not where the policy says."""

    def __init__(
        self,
        log_dir: Path,
        policy: Policy | Callable[[int], Policy],
        port: WitnessPort,
        *,
        lock_file: Path,
        addresses: Callable[[], Mapping[str, str]] = dict,
        patience_seconds: float = 10.0,
    ) -> None:
        """`policy` is for ever, or says which is in force for a log of so many entries."""
        self._log = LogFolder(log_dir)
        self._in_force = policy
        self._policy = policy(0) if callable(policy) else policy
        self._port = port
        self._lock_file = lock_file
        self._addresses = addresses
        self._patience_seconds = patience_seconds
        self._sizes: dict[str, int] = {}
        self._asked: dict[str, threading.Thread] = {}

    def run_round(self) -> Round | None:
        """Ask all witnesses for the newest signed checkpoint, and publish it once the quorum stands.

        None where nothing waits, or where no witness is asked for. Refuses what opening either checkpoint refuses.
        """
        waiting = self._waiting()
        if waiting is None:
            return None
        checkpoint, note = waiting
        round_ = Round(self._policy, checkpoint)
        results: queue.SimpleQueue[_Result] = queue.SimpleQueue()
        asked = self._ask_all(round_, note, results)
        deadline = time.monotonic() + self._patience_seconds
        while asked and not self._policy.is_met_by(round_.cosigned):
            try:
                name, result = results.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                break
            asked.discard(name)
            _note(round_, name, result)
        if self._policy.is_met_by(round_.cosigned):
            self._publish(round_, note)
        else:
            round_.problems |= {name: _unreachable(name, "no answer in time") for name in asked}
        return round_

    def _waiting(self) -> tuple[Checkpoint, Note] | None:
        try:
            encoded = (self._log.folder / UNWITNESSED).read_bytes()
        except FileNotFoundError:
            return None
        if callable(self._in_force):
            self._policy = self._in_force(parse_checkpoint(parse_note(encoded).text).size)
        if not self._policy.is_witnessed:
            return None  # witnesses were asked for once, and no more
        checkpoint, note = open_checkpoint(encoded, self._policy.log_keys)
        return (checkpoint, note) if checkpoint.size > self._published_size() else None

    def _published_size(self) -> int:
        try:
            encoded = (self._log.folder / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return 0
        return open_trusted(encoded, self._policy)[0].size

    def _ask_all(self, round_: Round, note: Note, results: "queue.SimpleQueue[_Result]") -> set[str]:
        """Begin to ask every witness that does not still owe an answer; the names of those asked."""
        addresses, asked = self._addresses(), set()
        for witness in self._policy.witnesses:
            address = addresses.get(witness.name, witness.url)
            before = self._asked.get(witness.name)
            if address is None or (before is not None and before.is_alive()):
                reason = "no address is known" if address is None else "it still owes an earlier answer"
                round_.problems[witness.name] = _unreachable(witness.name, reason)
                continue
            arguments = (witness, address, round_.checkpoint, note, results)
            # a daemon: a witness that drips its answer must not keep the process from ending
            thread = threading.Thread(target=self._ask, args=arguments, name=f"witness {witness.name}", daemon=True)
            self._asked[witness.name] = thread
            asked.add(witness.name)
            thread.start()
        return asked

    def _ask(
        self,
        witness: Witness,
        address: str,
        checkpoint: Checkpoint,
        note: Note,
        results: "queue.SimpleQueue[_Result]",
    ) -> None:
        try:
            results.put((witness.name, self._cosignature(witness, address, checkpoint, note)))
        except Unanswered as error:
            results.put((witness.name, _unreachable(witness.name, str(error))))
        except Exception as error:  # noqa: BLE001 -- it is raised again, or told, by the thread that waits for it
            results.put((witness.name, error))

    def _cosignature(self, witness: Witness, address: str, checkpoint: Checkpoint, note: Note) -> Signature:
        """Submit, from where the witness says it is; refuses `witness-ahead`, `witness-saw-another`,
        `witness-refused`, `witness-answer-invalid`.
        """
        old = self._sizes.get(witness.name, 0)
        for _ in range(_ATTEMPTS):
            body = Submission(old, self._proof(old, checkpoint.size), note.encode()).encode()
            reply = self._port.add_checkpoint(address, body)
            if reply.status == _OK:
                return self._accepted(witness, reply, checkpoint)
            stated = parse_size(reply.body.decode("ascii", "replace").removesuffix("\n"))
            if reply.status != _CONFLICT or stated is None or stated == old != checkpoint.size:
                raise _refused(witness, reply)
            if stated == old:
                raise Refusal("witness-saw-another", witness=witness.name, size=stated)
            if stated > checkpoint.size:
                raise Refusal("witness-ahead", witness=witness.name, size=stated, signed=checkpoint.size)
            old = stated
        raise _refused(witness, reply)

    def _accepted(self, witness: Witness, reply: Reply, checkpoint: Checkpoint) -> Signature:
        try:
            cosignature = cosignature_in(reply.body, witness, checkpoint)
        except Refusal as refusal:
            raise Refusal("witness-answer-invalid", witness=witness.name, reason=refusal.code) from refusal
        self._sizes[witness.name] = checkpoint.size
        return cosignature

    def _proof(self, old: int, size: int) -> tuple[bytes, ...]:
        if old == 0:
            return ()
        return tuple(consistency_proof(old, size, lambda start, end: self._log.subtree(start, end, size)))

    def _publish(self, round_: Round, note: Note) -> None:
        """Publish with the cosignatures that are needed, unless a later checkpoint was published meanwhile."""
        needed = self._policy.quorum.needed_of(round_.cosigned)
        encoded = Note(note.text, (*_log_lines(note, self._policy), *(round_.cosigned[n] for n in needed))).encode()
        open_published(encoded, self._policy)
        crash.reach("witnesses.before-publish")
        with locked(self._lock_file):
            if round_.checkpoint.size > self._published_size():
                write_atomically(self._log.folder / CHECKPOINT, encoded)
        crash.reach("witnesses.after-publish")
        round_.published = True


def witness_until(
    stop: threading.Event,
    witnessing: Witnessing,
    clock: Clock,
    *,
    interval_seconds: float,
    say: Callable[[Refusal], None],
) -> None:
    """Run rounds until `stop`. `say` hears what each witness refuses when that changes, and once per outage
    `quorum-overdue`, when no quorum stood for ten minutes while something waited.
    """
    told: dict[str, Refusal] = {}
    since: datetime | None = None
    alarmed = False
    while True:
        try:
            round_ = witnessing.run_round()
        except Refusal as refusal:
            if told.get("") != refusal:
                say(refusal)
            told[""] = refusal
        else:
            if round_ is None or round_.published:
                since, alarmed = None, False
            else:
                since = since or clock.now()
                alarmed = alarmed or _alarm(round_, since, clock, say)
            told = _tell(round_, told, say)
        if stop.wait(interval_seconds):
            return


def _alarm(round_: Round, since: datetime, clock: Clock, say: Callable[[Refusal], None]) -> bool:
    waited = clock.now() - since
    if waited < OVERDUE:
        return False
    minutes = waited // timedelta(minutes=1)
    have = ", ".join(round_.cosigned) or "none"
    say(Refusal("quorum-overdue", minutes=minutes, size=round_.checkpoint.size, have=have))
    return True


def _tell(round_: Round | None, told: dict[str, Refusal], say: Callable[[Refusal], None]) -> dict[str, Refusal]:
    """Say what is new; a witness that had no say this round keeps what was told of it."""
    if round_ is None:
        return told
    for name, problem in round_.problems.items():
        before = told.get(name)
        if before is None or before.code != problem.code:
            say(problem)
    return {name: problem for name, problem in told.items() if name and name not in round_.cosigned} | round_.problems


def _note(round_: Round, name: str, result: Signature | Refusal | Exception) -> None:
    match result:
        case Signature():
            round_.cosigned[name] = result
        case Refusal():
            round_.problems[name] = result
        case _:
            raise result


def _log_lines(note: Note, policy: Policy) -> tuple[Signature, ...]:
    """The lines of the log's keys, those that go on signing for an older policy among them."""
    wanted = {(key.name, key.key_id) for each in (policy, *policy.older) for key in each.log_keys}
    return tuple(line for line in note.signatures if (line.name, line.key_id) in wanted)


def _unreachable(name: str, reason: str) -> Refusal:
    return Refusal("witness-unreachable", witness=name, reason=reason)


def _refused(witness: Witness, reply: Reply) -> Refusal:
    reason = reply.body[:80].decode("ascii", "replace").strip()
    return Refusal("witness-refused", witness=witness.name, status=reply.status, reason=reason)
