"""A published log held against the policy: signatures, every entry's bytes, every tile, the root."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.merkle import leaf_hash
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import CHECKPOINT, ENTRIES, POLICY, WIDTH, Edge, LogReader, tile_path, width_at
from ledger.verify.consistency import check_since
from ledger.verify.entry import Line, parse_entry
from ledger.verify.head import check_head
from ledger.verify.places import Place, View, log_at
from ledger.verify.report import Report, Stop, stopping

OWN_POLICY = "the log's identity: the policy used came with the log itself; give one you trust with --policy"
FILES_ONLY = "what the entries commit to: no openings were given"


@dataclass(slots=True)
class LogWalk:
    """One pass over a log's files; iterate it to the end, then `finish`."""

    log: LogReader
    checkpoint: Checkpoint
    policy: Policy
    since: Checkpoint | None = None
    edge: Edge = field(default_factory=Edge)
    size_bytes: int = 0
    tiles: int = 0
    file: str = CHECKPOINT

    def bundles(self) -> Iterator[tuple[int, list[bytes]]]:
        """Every bundle in order: the number of its first entry, and the bytes of its entries; `file` names it."""
        size = self.checkpoint.size
        for index in range(-(-size // WIDTH)):
            self.file = tile_path(ENTRIES, index, width_at(0, index, size))
            yield index * WIDTH, self.log.bundle(index, size)

    def entries(self) -> Iterator[Line]:
        """Every public entry in order, each re-hashed and held strictly; refuses what is wrong, naming `file`."""
        for first, publics in self.bundles():
            for n, public in enumerate(publics, start=first):
                entry = self.parse(n, public)
                self.append(public, leaf_hash(public))
                yield entry

    def parse(self, n: int, public: bytes) -> Line:
        """Entry `n`, held strictly; the first one names the policy."""
        entry = parse_entry(public, n)
        if n == 0 and entry["policy"] != b64(self.policy.sha256):
            raise Refusal("policy-differs-from-genesis", policy=self.policy.sha256.hex())
        return entry

    def append(self, public: bytes, leaf: bytes) -> None:
        """Put the next entry on the tree; refuses `log-tile-differs`, and `log-forked` where an older root differs."""
        self.size_bytes += len(public)
        for level, tile, content in self.edge.append(leaf):
            self._check_tile(tile_path(level, tile), content)
        if self.since is not None and self.edge.size == self.since.size and self.edge.root() != self.since.root:
            raise Refusal("log-forked", size=self.since.size, other_size=self.checkpoint.size)

    def finish(self) -> None:
        """The unfinished tiles and the root; refuses `log-tile-differs`, `log-root-differs`."""
        for level, index, width, content in self.edge.partial_tiles():
            self._check_tile(tile_path(level, index, width), content)
        self.file = CHECKPOINT
        if self.edge.root() != self.checkpoint.root:
            raise Refusal("log-root-differs", size=self.checkpoint.size)

    def _check_tile(self, path: str, content: bytes) -> None:
        if self.log.read(path) != content:
            raise Refusal("log-tile-differs", file=path)
        self.tiles += 1


def open_log(report: Report, place: Place, policy: Policy | None, *, since: View | None = None) -> LogWalk:
    """Check the checkpoint and begin a walk. Without a policy the log's own is used, and the report says so.

    With `since`, a checkpoint that was trusted before, the log must have grown from it.
    """
    log = log_at(place)
    with report.check("policy", POLICY, lambda: f"sha256 {trusted.sha256.hex()}"):
        trusted = policy or parse_policy(log.read(POLICY))
    if policy is None:
        report.missing.append(OWN_POLICY)
    with report.check("published", CHECKPOINT, "it is there"):
        note = log.read(CHECKPOINT)
    checkpoint = check_head(report, note, trusted, CHECKPOINT)
    report.figures |= {"log": checkpoint.origin, "size": checkpoint.size, "root": b64(checkpoint.root)}
    report.figures |= {"checkpoint_sha256": hashlib.sha256(note).hexdigest(), "policy_sha256": trusted.sha256.hex()}
    older = None if since is None else check_since(report, since, checkpoint, log, trusted)
    return LogWalk(log, checkpoint, trusted, older)


def verify_log(place: Place, policy: Policy | None, *, since: View | None = None) -> Report:
    """Check the files of a log alone, in a folder or at an address, without openings."""
    report = Report(f"log {place}")
    report.not_checked.append(FILES_ONLY)
    with stopping(report):
        finish_walk(report, open_log(report, place, policy, since=since))
    return report


def finish_walk(report: Report, walk: LogWalk) -> None:
    """Run what is left of a walk and note it."""
    try:
        for _ in walk.entries():
            pass
        walk.finish()
    except Refusal as refusal:
        report.failed("entries, tiles and root", walk.file, refusal)
        raise Stop from refusal
    note_walk(report, walk)


def note_walk(report: Report, walk: LogWalk) -> None:
    """Say what a finished walk has shown."""
    size, root = walk.checkpoint.size, b64(walk.checkpoint.root)
    hashed = f"{size} entries, {walk.size_bytes} bytes: canonical, numbered, re-hashed"
    report.passed("entries", "tile/entries/…", hashed, entries=size, bytes=walk.size_bytes)
    equal = f"{walk.tiles} tiles equal the hashes recomputed from the entries"
    report.passed("tiles", "tile/…", equal, tiles=walk.tiles)
    report.passed("root", CHECKPOINT, f"the entries lead to the signed root {root}", root=root)
    genesis = tile_path(ENTRIES, 0, width_at(0, 0, size))
    report.passed("genesis", genesis, "entry 0 holds the hash of the policy", policy_sha256=walk.policy.sha256.hex())
    if walk.since is not None:
        first = f"the first {walk.since.size} entries, hashed again, lead to its root"
        report.passed("since", CHECKPOINT, first, size=walk.since.size, root=b64(walk.since.root))
