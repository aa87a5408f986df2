"""The signer: a process of its own that reads the log's files, never the database, and signs what follows.

Its state, the last size and root it signed, is its own file. A round re-reads the new bundles from disk, hashes them on
its own right edge, holds the tiles against that, stores the new state, signs, publishes. So neither a changed file nor
a restored database can make it sign two histories; nor can new keys, which sign on under the same state.

Where the policy asks for witnesses, what it signs is `checkpoint.unwitnessed`, and `ledger.witnessing` publishes.
"""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ledger import crash
from ledger.clock import Clock
from ledger.errors import Refusal
from ledger.log.checkpoint import (
    Checkpoint,
    SigningKey,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    signed_at,
)
from ledger.log.encoding import b64, from_b64
from ledger.log.files import PRIVATE_MODE, write_atomically
from ledger.log.leaf import JSON, POLICY, canonical_json, parse_canonical
from ledger.log.merkle import leaf_hash
from ledger.log.note import parse_note
from ledger.log.policies import opening_path, policy_of_note
from ledger.log.policy import Policy
from ledger.log.tiles import CHECKPOINT, ENTRIES, UNWITNESSED, WIDTH, Edge, LogFolder, tile_path, width_at
from ledger.signing import SigningKeys
from ledger.verify.entry import parse_entry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Signer:
    """One log's signer. It keeps the right edge of what it last signed in memory and the size and root on disk."""

    def __init__(
        self,
        log_dir: Path,
        state_file: Path,
        keys: tuple[SigningKey, ...] | Callable[[date, int], SigningKeys],
        clock: Clock,
        *,
        witnessed: bool = False,
    ) -> None:
        """`keys` sign for ever; or it says which sign so many entries on a day, and then the log's policies are
        followed, which also say whether it is `witnessed`.
        """
        self._log = LogFolder(log_dir)
        self._witnessed = witnessed
        self._state_file = state_file
        self._keys = keys
        self._force = _for_ever(() if callable(keys) else keys)
        self._clock = clock
        self._edge = Edge()

    def run_round(self) -> Checkpoint | None:
        """Sign and publish the log as it stands on disk; None when there is nothing new.

        Refuses, and signs nothing: `log-shrank` (fewer entries than were signed), `log-bundle-altered` (an entry that
        was signed reads differently), `log-root-differs` (the entries do not lead to a root that was signed),
        `log-tile-differs`, `log-file-missing`, `bundle-malformed`, entries that are not canonical or not in order,
        and `signer-state-malformed`.
        """
        size = self._log.position()
        self._force = self._in_force(size)
        signed = self._signed_before()
        last = max(signed, default=0)
        if size < last:
            raise Refusal("log-shrank", size=size, signed=last)
        if size == 0 or (size == self._edge.size and self._stands_signed(size)):
            return None
        edge = self._extended(size, signed)
        checkpoint = Checkpoint(self._force.keys[0].name, size, edge.root())
        self._publish(checkpoint)
        self._edge = edge
        return checkpoint

    def _extended(self, size: int, signed: dict[int, bytes]) -> Edge:
        """The edge over the first `size` entries on disk, which must pass through every root that was signed."""
        edge = self._edge.copy()
        for index in range(edge.size // WIDTH, -(-size // WIDTH)):
            self._take_bundle(edge, index, size, signed)
        for level, index, width, content in edge.partial_tiles():
            self._check_tile(tile_path(level, index, width), content)
        return edge

    def _take_bundle(self, edge: Edge, index: int, size: int, signed: dict[int, bytes]) -> None:
        """Hash one bundle onto the edge: what the edge holds of it already must read the same."""
        entries = self._log.bundle(index, size)
        first = index * WIDTH
        for n, public in enumerate(entries, start=first):
            leaf = leaf_hash(public)
            if n < edge.size:
                if edge.levels[0][n - first] != leaf:
                    raise Refusal("log-bundle-altered", n=n, file=tile_path(ENTRIES, index, width_at(0, index, size)))
                continue
            if parse_entry(public, n)["t"] == POLICY and callable(self._keys) and n not in self._force.announced:
                raise Refusal("log-file-missing", file=opening_path(n))
            for level, tile, content in edge.append(leaf):
                self._check_tile(tile_path(level, tile), content)
            if edge.size in signed and edge.root() != signed[edge.size]:
                raise Refusal("log-root-differs", size=edge.size)

    def _check_tile(self, path: str, content: bytes) -> None:
        if self._log.read(path) != content:
            raise Refusal("log-tile-differs", file=path)

    def _publish(self, checkpoint: Checkpoint) -> None:
        """State first, so that a crash can only make it sign the same again; then signature, then publication."""
        state: dict[str, JSON] = {"origin": checkpoint.origin, "root": b64(checkpoint.root), "size": checkpoint.size}
        write_atomically(self._state_file, canonical_json(state), mode=PRIVATE_MODE)
        crash.reach("signer.after-state")
        note = sign_checkpoint(checkpoint, self._force.keys, posix_time=self._second())
        open_checkpoint(note, [key.verifier() for key in self._force.keys])
        crash.reach("signer.after-sign")
        write_atomically(self._log.folder / self._signed_file, note)
        crash.reach("signer.after-publish")

    def _second(self) -> int:
        """The clock's second since 1970; where it went backwards, that of the signature made last."""
        now, last = self._clock.now(), self._log.folder / self._signed_file
        before = None
        if last.exists():
            before = signed_at(parse_note(last.read_bytes()), [key.verifier() for key in self._force.keys])
        return (max(now, before or now) - _EPOCH) // timedelta(seconds=1)

    def _signed_before(self) -> dict[int, bytes]:
        """Sizes and roots that were signed: from the signer's state, from the checkpoints on disk, and the last heads
        of origins that were given up.
        """
        signed = {head.size: head.root for head in self._force.policy.ended}
        if self._state_file.exists():
            state = self._read_state()
            if signed.get(state.size, state.root) != state.root:
                raise Refusal("log-root-differs", size=state.size)
            signed[state.size] = state.root
        for file in (CHECKPOINT, UNWITNESSED):
            found = self._checkpoint_in(file)
            if found is not None and signed.setdefault(found.size, found.root) != found.root:
                raise Refusal("log-root-differs", size=found.size)
        return signed

    def _read_state(self) -> Checkpoint:
        malformed = Refusal("signer-state-malformed", file=str(self._state_file))
        try:
            match parse_canonical(self._state_file.read_bytes()):
                case {"origin": str(origin), "root": str(root), "size": int(size)} if self._is_ours(origin):
                    return Checkpoint(origin, size, from_b64(root))
                case _:
                    pass
        except Refusal as refusal:
            raise malformed from refusal
        raise malformed

    def _checkpoint_in(self, file: str) -> Checkpoint | None:
        """A checkpoint on disk, signed under the policy of today or an older one. That of an origin that was given up
        says nothing: its keys are in other hands, and where it ended is announced.
        """
        try:
            note = (self._log.folder / file).read_bytes()
        except FileNotFoundError:
            return None
        policy = policy_of_note(note, self._force.policy)
        if parse_checkpoint(parse_note(note).text).origin in {head.origin for head in policy.ended}:
            return None
        return open_checkpoint(note, policy.log_keys)[0]

    def _stands_signed(self, size: int) -> bool:
        """Whether what was signed last is of this size and signed with all the keys of today."""
        try:
            note = (self._log.folder / self._signed_file).read_bytes()
            return open_checkpoint(note, [key.verifier() for key in self._force.keys])[0].size == size
        except (FileNotFoundError, Refusal):
            return False

    @property
    def _signed_file(self) -> str:
        return UNWITNESSED if self._witnessed or self._force.policy.is_witnessed else CHECKPOINT

    def _in_force(self, size: int) -> SigningKeys:
        if callable(self._keys):
            return self._keys(self._clock.now().date(), size)
        return self._force

    def _is_ours(self, origin: str) -> bool:
        """Whether the log has, or had, this name."""
        policy = self._force.policy
        return origin in {policy.origin, *(each.origin for each in policy.older)}


def _for_ever(keys: tuple[SigningKey, ...]) -> SigningKeys:
    return SigningKeys(keys, Policy(tuple(key.verifier() for key in keys), None, b""))


def sign_until(
    stop: threading.Event,
    signer: Signer,
    *,
    interval_seconds: int,
    say: Callable[[Checkpoint | Refusal], None],
) -> None:
    """Run rounds until `stop`; `say` hears of every checkpoint, and of every refusal once.

    A missing file is told only when it is still missing a round later: the integrator may be writing.
    """
    told: Refusal | None = None
    suspected: Refusal | None = None
    while True:
        try:
            checkpoint = signer.run_round()
        except Refusal as refusal:
            patient = refusal.code == "log-file-missing" and refusal != suspected
            suspected = refusal
            if not patient and refusal != told:
                say(refusal)
                told = refusal
        else:
            told = suspected = None
            if checkpoint is not None:
                say(checkpoint)
        if stop.wait(interval_seconds):
            return
