"""A published log held against the policy: signatures, every entry's bytes, every tile, the root."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import b64
from ledger.log.merkle import leaf_hash
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import CHECKPOINT, ENTRIES, POLICY, WIDTH, Edge, LogFolder, tile_path, width_at
from ledger.verify.entry import Line, parse_entry
from ledger.verify.head import check_head
from ledger.verify.report import Report, Stop

OWN_POLICY = "the log's identity: the policy used came with the log itself; give one you trust with --policy"
FILES_ONLY = "what the entries commit to: no openings were given"


@dataclass(slots=True)
class LogWalk:
    """One pass over a log's files; iterate it to the end, then `finish`."""

    log: LogFolder
    checkpoint: Checkpoint
    policy: Policy
    edge: Edge = field(default_factory=Edge)
    size_bytes: int = 0
    tiles: int = 0
    file: str = CHECKPOINT

    def entries(self) -> Iterator[Line]:
        """Every public entry in order, each re-hashed and held strictly; refuses what is wrong, naming `file`."""
        size = self.checkpoint.size
        for index in range(-(-size // WIDTH)):
            self.file = tile_path(ENTRIES, index, width_at(0, index, size))
            for n, public in enumerate(self.log.bundle(index, size), start=index * WIDTH):
                entry = parse_entry(public, n)
                if n == 0 and entry["policy"] != b64(self.policy.sha256):
                    raise Refusal("policy-differs-from-genesis", policy=self.policy.sha256.hex())
                self.size_bytes += len(public)
                for level, tile, content in self.edge.append(leaf_hash(public)):
                    self._check_tile(tile_path(level, tile), content)
                yield entry

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


def open_log(report: Report, log_dir: Path, policy: Policy | None) -> LogWalk:
    """Check the checkpoint and begin a walk. Without a policy the log's own is used, and the report says so."""
    log = LogFolder(log_dir)
    with report.check("policy", POLICY, lambda: f"sha256 {trusted.sha256.hex()}"):
        trusted = policy or parse_policy(log.read(POLICY))
    if policy is None:
        report.missing.append(OWN_POLICY)
    with report.check("checkpoint", CHECKPOINT, "published"):
        encoded = log.read(CHECKPOINT)
    checkpoint = check_head(report, encoded, trusted, CHECKPOINT)
    report.figures |= {"log": checkpoint.origin, "size": checkpoint.size, "root": b64(checkpoint.root)}
    return LogWalk(log, checkpoint, trusted)


def verify_log(log_dir: Path, policy: Policy | None) -> Report:
    """Check the files of a log alone, without openings."""
    report = Report(f"log {log_dir}")
    report.not_checked.append(FILES_ONLY)
    try:
        walk = open_log(report, log_dir, policy)
        finish_walk(report, walk)
    except Stop:
        report.not_checked.append("whatever rests on the check that failed")
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
    size = walk.checkpoint.size
    report.passed(
        "entries", "tile/entries/…", f"{size} entries, {walk.size_bytes} bytes: canonical, numbered, re-hashed"
    )
    report.passed("tiles", "tile/…", f"{walk.tiles} tiles equal the hashes recomputed from the entries")
    report.passed("root", CHECKPOINT, f"the entries lead to the signed root {b64(walk.checkpoint.root)}")
    report.passed("genesis", tile_path(ENTRIES, 0, width_at(0, 0, size)), "entry 0 holds the hash of the policy")
