"""A part of a log with its openings: every rule that one entry, or its neighbours, must keep; no balance.

Entries before the part are hashed and stay closed, so that balances, limits, chains and holds can't be derived: a part
is never more than *incomplete*.
"""

from collections import Counter
from dataclasses import dataclass, field

from ledger.errors import Refusal
from ledger.log.leaf import GENESIS, HOLD, POSTING, lines_root
from ledger.log.merkle import leaf_hash
from ledger.verify.bundle import FIRST_RECORD, Bundle, Header, check_root, opened_lines
from ledger.verify.entry import Line, check_line, commitment, lines_of
from ledger.verify.erased import Closed, Opened
from ledger.verify.log import LogWalk, note_walk
from ledger.verify.report import Report, Stop

ONLY_A_PART = "balances, limits, chains and holds: entries before {first} stay closed, and what they left is not known"


@dataclass(slots=True)
class Part:
    """What the entries of a part show by themselves."""

    closed: Closed = field(default_factory=Closed)
    keys: set[str] = field(default_factory=set)
    last_at: str = ""
    lines: int = 0

    def apply(self, entry: Line, opened: list[Opened]) -> None:
        """Take in the next entry, refusing what is wrong whatever came before."""
        n, kind = entry["n"], str(entry["t"])
        assert isinstance(n, int)
        if kind == GENESIS:
            if opened:
                raise Refusal("opening-does-not-fit", n=n)
            return
        self._check_openings(n, entry, opened)
        lines = [None if isinstance(each, bytes) else each[1] for each in opened]
        for index, line in enumerate(lines):
            if line is not None:
                check_line(entry, index, line)
        header, *rest = lines
        assert header is not None, "looked at with the openings"
        if str(header["at"]) < self.last_at:
            raise Refusal("instant-decreases", n=n, at=str(header["at"]))
        self.last_at = str(header["at"])
        if "key" in header and str(header["key"]) in self.keys:
            raise Refusal("fact-key-repeated", n=n, key=str(header["key"]))
        self.keys.add(str(header.get("key", "")))
        if kind in {POSTING, HOLD} and None not in rest:
            _check_balanced(n, [line for line in rest if line is not None])

    def _check_openings(self, n: int, entry: Line, opened: list[Opened]) -> None:
        count, root = lines_of(entry)
        commitments = [each if isinstance(each, bytes) else commitment(*each) for each in opened]
        if len(opened) != count or lines_root(commitments) != root:
            raise Refusal("opening-does-not-fit", n=n)
        self.closed.keep(n, opened)
        self.lines += count


def replay_part(report: Report, walk: LogWalk, bundle: Bundle, header: Header) -> None:
    """Hash the whole log, and check the entries of the part against their openings."""
    part, in_bundle = Part(), False
    try:
        for first, publics in walk.bundles():
            for n, public in enumerate(publics, start=first):
                in_bundle = False
                entry = walk.parse(n, public)
                walk.append(public, leaf_hash(public))
                if header.first <= n < header.size:
                    in_bundle = True
                    [raw] = bundle.take(1)
                    record = bundle.parse(raw, n - header.first + FIRST_RECORD, {"lines", "n"})
                    part.apply(entry, opened_lines(record, n, may_be_closed=True))
                if n + 1 == header.size:
                    check_root(header, walk)
        in_bundle = False
        walk.finish()
        in_bundle = True
        bundle.end()
    except Refusal as refusal:
        if in_bundle:
            report.failed("openings", bundle.file, refusal)
        else:
            report.failed("entries, tiles and root", walk.file, refusal)
        raise Stop from refusal
    note_walk(report, walk)
    _note(report, part, bundle, header)


def _note(report: Report, part: Part, bundle: Bundle, header: Header) -> None:
    count = header.size - header.first
    shown = f"{part.lines} lines of entries {header.first} to {header.size - 1} hash to what the log commits to"
    report.passed("openings", bundle.name, shown, lines=part.lines, entries=count)
    report.passed("entries of the part", bundle.name, "each balances, none is before the one before it, no key twice")
    if part.closed.lines:
        report.not_checked.append(f"what {len(part.closed.lines)} lines say that stay closed")
    report.missing.append(ONLY_A_PART.format(first=header.first))
    report.figures["openings_sha256"] = bundle.digest.hexdigest()


def _check_balanced(n: int, lines: list[Line]) -> None:
    sums: Counter[str] = Counter()
    for line in lines:
        debit, credit = line.get("debit", 0), line.get("credit", 0)
        assert isinstance(debit, int)
        assert isinstance(credit, int)
        sums[str(line["asset"])] += debit - credit
    for asset, total in sums.items():
        if total:
            raise Refusal("posted-entry-unbalanced", n=n, asset=asset, difference=total)
    if len(lines) < 2:  # noqa: PLR2004 -- double entry needs two lines
        raise Refusal("posted-entry-too-small", n=n, postings=len(lines))
