"""The auditor's replay: a log with all its openings, and everything derived again from them. No database.

The bundle of openings is JSON Lines: a header, one record per entry, and a closing record with the accounts, assets and
trial balance that the operator states. One pass reads the log's files and the bundle side by side; memory grows with
the number of accounts, not with that of entries: what has to be remembered of each is in files without a name.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, NONCE_SIZE, canonical_json, parse_canonical
from ledger.log.policy import Policy
from ledger.log.tiles import anchor_paths
from ledger.verify.chunks import Chunk, Prepared, prepared
from ledger.verify.derive import Anchored, Replay
from ledger.verify.entry import Line
from ledger.verify.log import LogWalk, note_walk, open_log
from ledger.verify.receipt import NO_TRUTH
from ledger.verify.report import Report, Stop, stopping
from ledger.verify.scratch import Scratch

BUNDLE_FORMAT = "bxl-openings/2"
OLDER_FORMAT = "bxl-openings/1"
"""Without periods in the closing record: bundles that were made before there were any."""
MAX_LINE = 1 << 28
"""Bytes of a record: the closing one tells of every account."""
PORTION = 1 << 22
"""Bytes of records that are in memory before they are taken in."""
_FIRST_RECORD = 2
"""The line of entry 0."""
STATED = "accounts, limits, reserved amounts, assets, periods and trial balance equal those derived"
NOT_CHECKED = (
    NO_TRUTH,
    "evidence: entries hold its SHA-256, the documents themselves were not at hand",
    "the limits that accounts were opened with: they are kept, whether they are the right ones is for the auditor",
    "approvals: entries name them, who approved is in the operator's database",
    "whether a period was over when it was closed: that rests on the operator's business date",
    "timestamps: the tokens that anchors name are checked with `bxl verify anchors`, not here",
    "findings: what a state or a verdict says is compared with the record it is about, not here",
    "interest, tax and other amounts against the agreements they follow from",
)


class _Bundle:
    """The records of an openings file, in order; `file` names the line that is being looked at."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self.name = name
        self.number = 0
        self.digest = hashlib.sha256()
        self.is_older = False

    @property
    def file(self) -> str:
        return f"{self.name} line {self.number}"

    def take(self, count: int) -> list[bytes]:
        """The next `count` lines as they stand; empty where there are no more."""
        lines = [self._source.readline(MAX_LINE) for _ in range(count)]
        self.digest.update(b"".join(lines))
        return lines

    def record(self, names: set[str]) -> Line:
        """The next record, which must have exactly these members."""
        [raw] = self.take(1)
        return self.parse(raw, self.number + 1, names)

    def parse(self, raw: bytes, number: int, names: set[str]) -> Line:
        """The record on line `number`, which must have exactly these members."""
        self.number = number
        if not raw.endswith(b"\n"):
            raise Refusal("openings-malformed" if len(raw) == MAX_LINE else "openings-end-early", line=number)
        try:
            value = parse_canonical(raw[:-1])
        except Refusal as refusal:
            raise Refusal("openings-malformed", line=number) from refusal
        if not isinstance(value, dict) or value.keys() != names:
            raise Refusal("openings-malformed", line=number)
        return value

    def end(self) -> None:
        if self._source.read(1):
            raise Refusal("openings-malformed", line=self.number + 1)


def replay(log_dir: Path, openings: Path, policy: Policy | None, *, jobs: int = 1) -> Report:
    """Audit the log in `log_dir` with the bundle `openings`; without a policy the verdict is at best incomplete.

    With more than one of `jobs`, as many processes hash and parse, and this one derives; what is found is the same.
    """
    report = Report(f"log {log_dir} with openings {openings.name}")
    with stopping(report):
        walk = open_log(report, log_dir, policy)
        with openings.open("rb") as source, Scratch() as scratch:
            _replay(report, walk, _Bundle(source, openings.name), Replay(scratch), jobs)
    report.not_checked += NOT_CHECKED
    return report


def _replay(report: Report, walk: LogWalk, bundle: _Bundle, state: Replay, jobs: int) -> None:
    with report.check("openings header", bundle.name, f"openings of book {walk.policy.book} in this log"):
        header = bundle.record({"book", "bundle", "origin", "root", "size"})
        bundle.is_older = header["bundle"] == OLDER_FORMAT
        size = _check_header(header, walk, OLDER_FORMAT if bundle.is_older else BUNDLE_FORMAT)
    try:
        for chunk, recognised in prepared(_chunks(walk, bundle, size), jobs):
            _apply(walk, bundle, state, chunk, recognised, header)
        state.step = ""
        walk.finish()
        _finish(state, bundle)
    except Refusal as refusal:
        file = bundle.file if state.step else walk.file
        report.failed(state.step or "entries, tiles and root", file, refusal)
        raise Stop from refusal
    note_walk(report, walk)
    _check_anchors(report, walk, state, bundle.name)
    _note_replay(report, state, bundle, size)
    _check_closing(report, state, bundle)
    report.figures["openings_sha256"] = bundle.digest.hexdigest()
    if size < walk.checkpoint.size:
        newer = walk.checkpoint.size - size
        report.missing.append(f"{newer} entries are newer than the openings and stay closed: ask for a new bundle")


def _chunks(walk: LogWalk, bundle: _Bundle, size: int) -> Iterator[Chunk]:
    """The log's bundles with their records; one that can't be read is the last."""
    bundles = walk.bundles()
    while True:
        try:
            first, publics = next(bundles)
        except StopIteration:
            return
        except Refusal as refusal:
            yield Chunk(walk.file, refusal=refusal)
            return
        for records in _portions(bundle, max(0, min(len(publics), size - first))):
            yield Chunk(walk.file, first, publics[: len(records)], records)
            first, publics = first + len(records), publics[len(records) :]
        if publics:
            yield Chunk(walk.file, first, publics)


def _portions(bundle: _Bundle, count: int) -> Iterator[list[bytes]]:
    """`count` records, in portions that memory holds: an entry has any number of lines."""
    portion: list[bytes] = []
    held = 0
    for _ in range(count):
        [record] = bundle.take(1)
        portion.append(record)
        held += len(record)
        if held >= PORTION:
            yield portion
            portion, held = [], 0
    if portion:
        yield portion


def _apply(walk: LogWalk, bundle: _Bundle, state: Replay, chunk: Chunk, recognised: Prepared, header: Line) -> None:
    """Take in the entries of one chunk; `state.step` is empty while it is the log's own file that is looked at."""
    walk.file, state.step, size = chunk.file, "", header["size"]
    if chunk.refusal is not None:
        raise chunk.refusal
    for n, (public, (leaf, plain)) in enumerate(zip(chunk.publics, recognised, strict=True), start=chunk.first):
        state.step = ""
        entry = walk.parse(n, public) if plain is None else None
        walk.append(public, leaf)
        if n - chunk.first >= len(chunk.records):
            continue  # hashed, but newer than the bundle
        state.step, bundle.number = "openings", n + _FIRST_RECORD
        if plain is None or not state.apply_plain(plain):
            record = bundle.parse(chunk.records[n - chunk.first], n + _FIRST_RECORD, {"lines", "n"})
            state.apply(entry or walk.parse(n, public), _opened(record, n))
        if n + 1 == size:
            state.step = "openings"
            _expect(header, "root", b64(walk.edge.root()))


def _finish(state: Replay, bundle: _Bundle) -> None:
    repeated = state.repeated_key()
    if repeated is not None:
        n, key = repeated
        state.step, bundle.number = "fact keys", n + _FIRST_RECORD
        raise Refusal("fact-key-repeated", n=n, key=key)


def _check_anchors(report: Report, walk: LogWalk, state: Replay, file: str) -> None:
    """Each root that was timestamped is that of the log's first entries; the walk has checked the tiles it is from."""
    for anchored in state.anchored:
        record = f"{file} line {anchored.n + _FIRST_RECORD}"
        with report.check("anchors", record, f"entry {anchored.n}: the log had this root at {anchored.size} entries"):
            if b64(walk.log.subtree(0, anchored.size, walk.checkpoint.size)) != anchored.root:
                raise Refusal("anchor-differs-from-log", n=anchored.n, line=anchored.line, size=anchored.size)
    for anchored in state.anchored:
        try:
            _check_token(walk, anchored)
        except Refusal as refusal:
            report.failed("anchor's token", anchor_paths(anchored.size)[1], refusal)


def _check_token(walk: LogWalk, anchored: Anchored) -> None:
    """The token beside the log is the one that was entered."""
    _, file = anchor_paths(anchored.size)
    if hashlib.sha256(walk.log.read(file)).hexdigest() != anchored.sha256:
        raise Refusal("anchor-token-differs", n=anchored.n, file=file)


def _check_header(header: Line, walk: LogWalk, bundle_format: str) -> int:
    """How many entries the bundle opens: as many as the checkpoint has, or fewer where the log has grown since."""
    for name, value in (("book", walk.policy.book), ("bundle", bundle_format), ("origin", walk.checkpoint.origin)):
        _expect(header, name, value)
    size = header["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise Refusal("openings-malformed", line=1)
    if size > walk.checkpoint.size:
        raise Refusal("openings-newer-than-log", size=size, log_size=walk.checkpoint.size)
    return size


def _expect(header: Line, name: str, value: JSON) -> None:
    if header[name] != value:
        raise Refusal("openings-of-another-log", member=name, stated=str(header[name])[:80], expected=str(value))


def _opened(record: Line, n: int) -> list[tuple[bytes, Line]]:
    lines = record["lines"]
    if record["n"] != n or isinstance(record["n"], bool) or not isinstance(lines, list):  # false equals 0
        raise Refusal("openings-out-of-order", n=n)
    return [_opened_line(line, n) for line in lines]


def _opened_line(value: JSON, n: int) -> tuple[bytes, Line]:
    if isinstance(value, Mapping) and value.keys() == {"line", "nonce"}:
        line, encoded = value["line"], value["nonce"]
        if isinstance(line, Mapping) and isinstance(encoded, str) and len(nonce := from_b64(encoded)) == NONCE_SIZE:
            return nonce, line
    raise Refusal("opening-does-not-fit", n=n)


def _note_replay(report: Report, state: Replay, bundle: _Bundle, size: int) -> None:
    accounts, reversals, file = len(state.accounts), len(state.reversals), bundle.name
    bundle.number = size + 1
    hashed = f"{state.lines} lines of {size} entries hash to what the log commits to"
    report.passed("openings", file, hashed, lines=state.lines, entries=size)
    report.passed("instants", file, f"none before its predecessor; the last is {state.last_at}", last=state.last_at)
    summed = f"{state.postings} postings; each entry sums to zero per asset"
    report.passed("balanced entries", file, summed, postings=state.postings)
    opened = f"{accounts} accounts, {len(state.assets)} assets, each opened once"
    report.passed("accounts and assets", file, opened, accounts=accounts, assets=len(state.assets))
    chained = f"{state.chained} postings of persons: no gap, each names the one before"
    report.passed("account chains", file, chained, postings=state.chained)
    report.passed("limits", file, "no account beyond its minimum or maximum after any entry, holds included")
    held = f"{state.held}, {len(state.holds)} of them open; none gave more than it reserved"
    report.passed("holds", file, held, holds=state.held, open=len(state.holds))
    periods = f"{len(state.closed_until)} closed; {state.late} entries late, each says so"
    report.passed("periods", file, periods, closed=len(state.closed_until), late=state.late)
    report.passed("fact keys", file, f"{state.scratch.keys} keys, none twice", keys=state.scratch.keys)
    report.passed("reversals", file, f"{reversals}, each the mirror of one earlier entry", reversals=reversals)


def _check_closing(report: Report, state: Replay, bundle: _Bundle) -> None:
    derived = {
        "accounts": state.account_rules(),
        "assets": state.asset_scales(),
        "trial_balance": state.trial_balance(),
    }
    if not bundle.is_older:
        derived["periods"] = list(state.closed_until)
    with report.check(
        "stated balances",
        bundle.file,
        "accounts, limits, reserved amounts, assets, periods and trial balance equal those derived",
    ):
        closing = bundle.record(set(derived))
        for name, value in derived.items():
            if canonical_json(closing[name]) != canonical_json(value):
                raise Refusal("statement-differs", statement=name, first=_first_difference(closing[name], value))
        bundle.end()


def _first_difference(stated: JSON, derived: JSON) -> str:
    """The first row in which two lists differ, for a person to look up."""
    assert isinstance(derived, list)
    rows = stated if isinstance(stated, list) else []
    for ours, theirs in zip(derived, rows, strict=False):
        if ours != theirs:
            return canonical_json(theirs).decode()[:200]
    return f"{len(rows)} rows stated, {len(derived)} derived"
