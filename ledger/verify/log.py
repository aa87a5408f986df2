"""A published log held against the policy: signatures, every entry's bytes, every tile, the root."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.errors import Refusal
from ledger.log.attestation import attestation_path, find_attestation, open_attestation
from ledger.log.checkpoint import Checkpoint, short_key
from ledger.log.encoding import b64
from ledger.log.leaf import POLICY as POLICY_ENTRY
from ledger.log.merkle import leaf_hash
from ledger.log.note import VerifierKey
from ledger.log.policies import opening_path
from ledger.log.policy import Policy, parse_policy
from ledger.log.tiles import CHECKPOINT, ENTRIES, POLICY, WIDTH, Edge, LogReader, tile_path, width_at
from ledger.verify.consistency import check_since
from ledger.verify.entry import Line, parse_entry
from ledger.verify.head import check_head
from ledger.verify.places import Place, View, log_at
from ledger.verify.policies import PolicyChain
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
    wanted: frozenset[int] = frozenset()
    roots: dict[int, bytes] = field(default_factory=dict)
    edge: Edge = field(default_factory=Edge)
    size_bytes: int = 0
    tiles: int = 0
    file: str = CHECKPOINT
    chain: PolicyChain = field(default_factory=PolicyChain)

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
        """Entry `n`, held strictly; the first one names a policy, and others announce later ones."""
        entry = parse_entry(public, n)
        if n == 0:
            self.chain.start(entry)
        elif entry["t"] == POLICY_ENTRY:
            self._follow(entry, n)
        return entry

    def append(self, public: bytes, leaf: bytes) -> None:
        """Put the next entry on the tree; refuses `log-tile-differs`, and `log-forked` where an older root differs."""
        self.size_bytes += len(public)
        for level, tile, content in self.edge.append(leaf):
            self._check_tile(tile_path(level, tile), content)
        self._check_ended()
        if self.edge.size in self.wanted:
            self.roots[self.edge.size] = self.edge.root()
        if self.since is not None and self.edge.size == self.since.size and self.edge.root() != self.since.root:
            raise Refusal("log-forked", size=self.since.size, other_size=self.checkpoint.size)

    def finish(self) -> None:
        """The unfinished tiles, the policy and the root; refuses `log-tile-differs`, `policy-differs-from-genesis`,
        `log-root-differs`.
        """
        for level, index, width, content in self.edge.partial_tiles():
            self._check_tile(tile_path(level, index, width), content)
        # nobody can say which of the two was changed
        self.file = f"{POLICY} and {tile_path(ENTRIES, 0, width_at(0, 0, self.checkpoint.size))}"
        self.chain.require(self.policy)
        self.file = CHECKPOINT
        if self.edge.root() != self.checkpoint.root:
            raise Refusal("log-root-differs", size=self.checkpoint.size)

    def _follow(self, entry: Line, n: int) -> None:
        file, self.file = self.file, opening_path(n)
        if not any(each.n == n for each in self.chain.announced):  # a replay may parse an entry twice
            self.chain.follow(self.log, entry)
        self.file = file

    def _check_ended(self) -> None:
        """A log that was given a new name goes on from the last head of the old one."""
        for head in self.policy.ended:
            if head.size == self.edge.size and head.root != self.edge.root():
                raise Refusal("log-root-differs", size=head.size)

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


def verify_log(
    place: Place, policy: Policy | None, *, since: View | None = None, auditors: Sequence[VerifierKey] = ()
) -> Report:
    """Check the files of a log alone, in a folder or at an address, without openings.

    `auditors` are trusted besides those that the policy names: their attestations are checked where there are any.
    """
    report = Report(f"log {place}")
    report.not_checked.append(FILES_ONLY)
    with stopping(report):
        walk = open_log(report, place, policy, since=since)
        attested = _attestations(report, walk, [*walk.policy.auditors, *auditors])
        walk.wanted = frozenset(checkpoint.size for checkpoint in attested.values())
        finish_walk(report, walk)
        _check_attestations(report, walk, attested)
    return report


def _attestations(report: Report, walk: LogWalk, auditors: Sequence[VerifierKey]) -> dict[str, Checkpoint]:
    """Up to where each auditor says that she replayed the log, by the path of her newest attestation."""
    attested: dict[str, Checkpoint] = {}
    for auditor in dict.fromkeys(auditors):
        path = attestation_path(auditor.name)
        encoded = find_attestation(walk.log.read, auditor.name)
        if encoded is None:
            report.not_checked.append(f"an attestation by {auditor.name}: the log has none")
            continue
        with report.check("attestation", path, f"signed by {short_key(auditor)}"):
            attested[path] = open_attestation(encoded, auditor, origin=walk.checkpoint.origin)
    return attested


def _check_attestations(report: Report, walk: LogWalk, attested: Mapping[str, Checkpoint]) -> None:
    for path, checkpoint in attested.items():
        if checkpoint.size > walk.checkpoint.size:
            report.not_checked.append(f"{path}: it is about {checkpoint.size} entries, more than this copy has")
            continue
        said = f"an auditor says that she replayed the first {checkpoint.size} entries, with every line open to her"
        with report.check("replayed by an auditor", path, said, size=checkpoint.size, root=b64(checkpoint.root)):
            if walk.roots[checkpoint.size] != checkpoint.root:
                raise Refusal("log-forked", size=checkpoint.size, other_size=walk.checkpoint.size)


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
    _note_policies(report, walk)
    if walk.since is not None:
        first = f"the first {walk.since.size} entries, hashed again, lead to its root"
        report.passed("since", CHECKPOINT, first, size=walk.since.size, root=b64(walk.since.root))


def _note_policies(report: Report, walk: LogWalk) -> None:
    chain, genesis = walk.chain, tile_path(ENTRIES, 0, width_at(0, 0, walk.checkpoint.size))
    said = "entry 0 holds the hash of the policy"
    if chain.announced:
        numbers = ", ".join(str(each.n) for each in chain.announced)
        said = f"entry 0 and what entries {numbers} announce lead to the policy"
    report.passed("genesis", genesis, said, policy_sha256=walk.policy.sha256.hex())
    if newer := chain.newer_than(walk.policy):
        until = f"; keys of the one before it sign until {newer.until_on}" if newer.until_on else ""
        report.not_checked.append(f"the newest policy, sha256 {newer.policy.sha256.hex()}, of entry {newer.n}{until}")
    for head in walk.policy.ended:
        went_on = f"goes on from {head.origin} of {head.size} entries, given up then"
        report.passed("earlier origin", CHECKPOINT, went_on, size=head.size, root=b64(head.root))
