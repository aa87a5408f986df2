"""The totals of closed periods: derived again in a replay, and held against a log by whoever has a path.

In a replay, the chained accounts as a close found them make one tree per asset and group, and these the lines of the
totals/1 entry. Without openings, the published state file leads to an entry of the log, and a holder's paths to its
lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from ledger.errors import Refusal
from ledger.log.checkpoint import Checkpoint
from ledger.log.encoding import from_b64
from ledger.log.leaf import JSON, NONCE_SIZE, TOTALS, canonical_json, lines_root, parse_canonical
from ledger.log.merkle import inclusion_proof, leaf_hash, verify_inclusion
from ledger.log.policy import Policy
from ledger.log.sumtree import Holding, Proof, Sum, group_of, parse_proof, seed_of, totals_key, totals_lines, verify
from ledger.log.tiles import ENTRIES, WIDTH, LogReader, state_path, tile_path, width_at
from ledger.verify.entry import Line, check_entry, check_line, commitment, lines_of
from ledger.verify.log import open_log
from ledger.verify.places import Place
from ledger.verify.receipt import NO_TRUTH
from ledger.verify.report import Report, stopping

NO_PATH = "whether one's own balance is part of the totals: no path was given"
NO_OPENINGS = "whether the totals count every account: that takes all openings (replay), or every holder's own path"


class Standing(NamedTuple):
    """An account of a person or an enterprise at a close: debits minus credits, postings, last commitment."""

    account: str
    asset: str
    posted: int
    postings: int
    last: bytes


class LastClose(NamedTuple):
    """The last period that was closed, by entry `n`: the nonce of its header, and the chained accounts then."""

    n: int
    until: str
    header_nonce: bytes
    accounts: Sequence[Standing]


def check_totals(n: int, header: Line, lines: Sequence[Line], last_close: LastClose | None) -> None:
    """Hold the lines of a totals/1 entry against the last close, whose totals it is the only one to state.

    Refuses `totals-out-of-place` and `totals-differ`.
    """
    if last_close is None or header["key"] != totals_key(last_close.until):
        raise Refusal("totals-out-of-place", n=n, key=str(header["key"]))
    derived = totals_lines(seed_of(last_close.header_nonce), _holdings(last_close), last_close.n)
    for index, (line, expected) in enumerate(zip(lines, derived, strict=False), start=1):
        if line != expected:
            raise Refusal("totals-differ", n=n, line=index)
    if len(lines) != len(derived):
        raise Refusal("totals-differ", n=n, line=min(len(lines), len(derived)) + 1)


def verify_state(
    place: Place, period: str, policy: Policy | None, *, mine: bytes | None = None, mine_file: str = "path"
) -> Report:
    """Check the published totals of the period that ends on the day `period`, and the paths in `mine` against them.

    Without a policy the verdict is at best incomplete.
    """
    report = Report(f"totals of {period} in log {place}")
    with stopping(report):
        lines = _check_state(report, place, period, policy)
        if mine is not None:
            _check_mine(report, mine, mine_file, lines)
    report.not_checked += ([NO_PATH] if mine is None else []) + [NO_OPENINGS, NO_TRUTH]
    return report


def parse_state(encoded: bytes) -> tuple[Line, list[tuple[bytes, Line]]]:
    """The entry in a state file and its opened lines, none of it verified; refuses `state-malformed`."""
    try:
        value = parse_canonical(encoded)
    except Refusal as refusal:
        raise Refusal("state-malformed", reason="not canonical") from refusal
    entry, opened = _member(value, "entry", {"entry", "lines"}), _member(value, "lines", {"entry", "lines"})
    if not isinstance(entry, dict) or not isinstance(opened, list):
        raise Refusal("state-malformed", reason="its members")
    return entry, [_opened(each) for each in opened]


def _holdings(last_close: LastClose) -> Iterator[Holding]:
    for account, asset, posted, postings, last in last_close.accounts:
        yield Holding(account, asset, group_of(account, posted), last_close.until, abs(posted), postings, last)


def _check_state(report: Report, place: Place, period: str, policy: Policy | None) -> list[Line]:
    """The lines of the period's totals, once they are shown to stand in the log."""
    file = state_path(period)
    with report.check("period", file, f"the totals of the period that ends on {period}"):
        _check_day(period)
    walk = open_log(report, place, policy)
    with report.check("form of the totals", file, "an entry with all its lines, in its one encoding"):
        entry, opened = parse_state(walk.log.read(file))
        n = entry.get("n")
        check_entry(entry, n if isinstance(n, int) else -1)
    with report.check("inclusion", file, lambda: f"entry {n} is in the log of {walk.checkpoint.size} entries"):
        _check_inclusion(walk.log, entry, walk.checkpoint)
    with report.check("opening", file, lambda: f"the lines are those that entry {n} commits to"):
        lines = _checked_lines(entry, opened, period)
    sums = ", ".join(f"{line['group']} {line['asset']} {line['sum']}" for line in lines[:3])
    report.passed("totals", file, f"{len(lines)} groups of accounts: {sums}{', …' if len(lines) > 3 else ''}")  # noqa: PLR2004 -- the first few
    report.figures |= {"entry": int(str(n)), "groups": len(lines), "at": int(str(lines[0]["at"]))}
    return lines


def _check_inclusion(log: LogReader, entry: Line, checkpoint: Checkpoint) -> None:
    """The log's own tiles lead from the entry to the signed root, and its bundle holds the same bytes."""
    n, size = int(str(entry["n"])), checkpoint.size
    if n >= size:
        raise Refusal("openings-newer-than-log", size=n + 1, log_size=size)
    public = canonical_json(dict(entry))
    path = inclusion_proof(n, size, lambda start, end: log.subtree(start, end, size))
    if not verify_inclusion(leaf_hash(public), n, size, path, checkpoint.root):
        raise Refusal("entry-not-in-log", n=n, size=size)
    if log.entry(n, size) != public:
        index = n // WIDTH
        raise Refusal("log-tile-differs", file=tile_path(ENTRIES, index, width_at(0, index, size)))


def _checked_lines(entry: Line, opened: Sequence[tuple[bytes, Line]], period: str) -> list[Line]:
    """The lines without the header: what the entry commits to, of one period, no group twice."""
    n = int(str(entry["n"]))
    if entry["t"] != TOTALS:
        raise Refusal("totals-out-of-place", n=n, key=str(entry["t"]))
    count, root = lines_of(entry)
    if len(opened) != count or count == 1 or lines_root(commitment(*each) for each in opened) != root:
        raise Refusal("opening-does-not-fit", n=n)
    for index, (_, line) in enumerate(opened):
        check_line(entry, index, line)
    header, lines = opened[0][1], [line for _, line in opened[1:]]
    if header["key"] != totals_key(period) or any(line["period"] != period for line in lines):
        raise Refusal("totals-out-of-place", n=n, key=str(header["key"]))
    if len({_group(line) for line in lines}) != len(lines):
        raise Refusal("totals-out-of-place", n=n, key=str(header["key"]))
    return lines


def _check_mine(report: Report, mine: bytes, file: str, lines: Sequence[Line]) -> None:
    with report.check("form of the paths", file, "each in its one encoding"):
        proofs = parse_proofs(mine)
    stated = {_group(line): line for line in lines}
    for proof in proofs:
        held = proof.holding
        side = held.group.rpartition("-")[2]
        shown = f"{held.account} ({held.asset}): {held.cents} in {side} after posting {held.v}, in the total"
        with report.check("own balance", file, shown):
            line = stated.get((held.group, held.asset))
            if line is None or not leads_to(proof, line):
                raise Refusal("share-not-in-totals", account=held.account, asset=held.asset)


def parse_proofs(encoded: bytes) -> list[Proof]:
    """The proofs of a file, one a line; refuses `totals-proof-malformed`."""
    if not encoded.endswith(b"\n"):
        raise Refusal("totals-proof-malformed", reason="the last line does not end")
    return [parse_proof(line) for line in encoded[:-1].split(b"\n")]


def leads_to(proof: Proof, line: Line) -> bool:
    """Whether the shares of a holding stand in the tree that a line of totals states, in the same period."""
    cents, leaves = line["sum"], line["leaves"]
    assert isinstance(cents, int)
    assert isinstance(leaves, int)
    root = Sum(cents, from_b64(str(line["root"])))
    return proof.holding.period == line["period"] and verify(proof, root=root, leaves=leaves)


def _group(line: Line) -> tuple[str, str]:
    return str(line["group"]), str(line["asset"])


def _check_day(period: str) -> None:
    try:
        fits = date.fromisoformat(period).isoformat() == period
    except ValueError:
        fits = False
    if not fits:
        raise Refusal("state-malformed", reason=f"{period[:40]} is no day")


def _opened(value: JSON) -> tuple[bytes, Line]:
    nonce, line = _member(value, "nonce", {"line", "nonce"}), _member(value, "line", {"line", "nonce"})
    if not isinstance(line, dict) or not isinstance(nonce, str) or len(from_b64(nonce)) != NONCE_SIZE:
        raise Refusal("state-malformed", reason="an opened line")
    return from_b64(nonce), line


def _member(value: JSON, name: str, names: set[str]) -> JSON:
    if not isinstance(value, Mapping) or value.keys() != names:
        raise Refusal("state-malformed", reason=f"an object with the members {sorted(names)} is missing")
    return value[name]
