"""The auditor's replay: a log with all its openings, and everything derived again from them. No database.

The bundle of openings is JSON Lines: a header, one record per entry, and a closing record with the accounts, assets and
trial balance that the operator states. One pass reads the log's files and the bundle side by side; memory grows with
the number of accounts, not with that of entries: what has to be remembered of each is in files without a name.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger.errors import Refusal
from ledger.log.leaf import JSON, canonical_json
from ledger.log.policy import Policy
from ledger.log.sealed import ALTERED
from ledger.verify.anchors import check_anchored
from ledger.verify.bundle import (
    BUNDLE_FORMAT,
    FIRST_RECORD,
    OLDER_FORMATS,
    Bundle,
    Header,
    check_root,
    open_bundle,
    opened_lines,
)
from ledger.verify.chunks import Chunk, Prepared, prepared
from ledger.verify.derive import Replay
from ledger.verify.log import LogWalk, note_walk, open_log
from ledger.verify.part import replay_part
from ledger.verify.receipt import NO_TRUTH
from ledger.verify.report import Report, Stop, stopping
from ledger.verify.scratch import Scratch

PORTION = 1 << 22
"""Bytes of records that are in memory before they are taken in."""
TOTALS_GIVEN = (
    "roots of the totals of {periods} periods that erased persons were part of: taken as given, unlike their sums"
)
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


def replay(
    log_dir: Path,
    openings: Path,
    policy: Policy | None,
    *,
    jobs: int = 1,
    key: X25519PrivateKey | None = None,
) -> Report:
    """Audit the log in `log_dir` with the bundle `openings`; without a policy the verdict is at best incomplete.

    With more than one of `jobs`, as many processes hash and parse, and this one derives; what is found is the same.
    `key` opens a bundle that was encrypted to it.
    """
    report = Report(f"log {log_dir} with openings {openings.name}")
    with stopping(report):
        walk = open_log(report, log_dir, policy)
        _replay_file(report, walk, openings, key, jobs)
    report.not_checked += NOT_CHECKED
    return report


def _replay_file(report: Report, walk: LogWalk, openings: Path, key: X25519PrivateKey | None, jobs: int) -> None:
    with ExitStack() as files:
        with report.check("openings header", openings.name, f"openings of book {walk.policy.book} in this log"):
            bundle = files.enter_context(open_bundle(openings, key))
            header = bundle.header(walk)
        if header.is_part:
            replay_part(report, walk, bundle, header)
        else:
            _replay(report, walk, bundle, header, Replay(files.enter_context(Scratch())), jobs)


def _replay(report: Report, walk: LogWalk, bundle: Bundle, header: Header, state: Replay, jobs: int) -> None:
    size = header.size
    try:
        for chunk, recognised in prepared(_chunks(walk, bundle, size), jobs):
            _apply(walk, bundle, state, chunk, recognised, header)
        state.step = ""
        walk.finish()
        _finish(state, bundle)
    except Refusal as refusal:
        file = bundle.file if state.step or refusal.code == ALTERED else walk.file
        report.failed(state.step or "entries, tiles and root", file, refusal)
        raise Stop from refusal
    note_walk(report, walk)
    check_anchored(report, walk, state.anchored, bundle.name)
    _note_replay(report, state, bundle, size)
    _check_closing(report, state, bundle)
    report.figures["openings_sha256"] = bundle.digest.hexdigest()
    if size < walk.checkpoint.size:
        newer = walk.checkpoint.size - size
        report.missing.append(f"{newer} entries are newer than the openings and stay closed: ask for a new bundle")


def _chunks(walk: LogWalk, bundle: Bundle, size: int) -> Iterator[Chunk]:
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


def _portions(bundle: Bundle, count: int) -> Iterator[list[bytes]]:
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


def _apply(walk: LogWalk, bundle: Bundle, state: Replay, chunk: Chunk, recognised: Prepared, header: Header) -> None:
    """Take in the entries of one chunk; `state.step` is empty while it is the log's own file that is looked at."""
    walk.file, state.step, size = chunk.file, "", header.size
    if chunk.refusal is not None:
        raise chunk.refusal
    for n, (public, (leaf, plain)) in enumerate(zip(chunk.publics, recognised, strict=True), start=chunk.first):
        state.step = ""
        entry = walk.parse(n, public) if plain is None else None
        walk.append(public, leaf)
        if n - chunk.first >= len(chunk.records):
            continue  # hashed, but newer than the bundle
        state.step, bundle.number = "openings", n + FIRST_RECORD
        if plain is None or not state.apply_plain(plain):
            record = bundle.parse(chunk.records[n - chunk.first], n + FIRST_RECORD, {"lines", "n"})
            may_be_closed = bundle.format == BUNDLE_FORMAT
            state.apply(entry or walk.parse(n, public), opened_lines(record, n, may_be_closed=may_be_closed))
        if n + 1 == size:
            state.step = "openings"
            check_root(header, walk)


def _finish(state: Replay, bundle: Bundle) -> None:
    repeated = state.repeated_key()
    if repeated is not None:
        n, key = repeated
        state.step, bundle.number = "fact keys", n + FIRST_RECORD
        raise Refusal("fact-key-repeated", n=n, key=key)


def _note_replay(report: Report, state: Replay, bundle: Bundle, size: int) -> None:
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
    still_open = sum(any(hold.remaining.values()) for hold in state.holds.values())
    held = f"{state.held}, {still_open} of them open; none gave more than it reserved"
    report.passed("holds", file, held, holds=state.held, open=still_open)
    periods = f"{len(state.closed_until)} closed; {state.late} entries late, each says so"
    report.passed("periods", file, periods, closed=len(state.closed_until), late=state.late)
    totalled = f"of {state.totals} periods; each sum and root made again from the balances then"
    if state.totals_given:
        totalled = f"of {state.totals} periods; each sum made again from the balances then, as far as lines are open"
    report.passed("totals", file, totalled, periods=state.totals)
    if state.totals_given:
        report.not_checked.append(TOTALS_GIVEN.format(periods=state.totals_given))
    report.passed("fact keys", file, f"{state.scratch.keys} keys, none twice", keys=state.scratch.keys)
    report.passed("reversals", file, f"{reversals}, each the mirror of one earlier entry", reversals=reversals)
    state.closed.note(report, file)


def _check_closing(report: Report, state: Replay, bundle: Bundle) -> None:
    derived: dict[str, JSON] = {
        "accounts": state.account_rules(),
        "assets": state.asset_scales(),
        "trial_balance": state.trial_balance(),
    }
    if bundle.format != OLDER_FORMATS[0]:
        derived["periods"] = list(state.closed_until)
    if bundle.format == BUNDLE_FORMAT:
        derived["closed"] = state.closed.count
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
    if not isinstance(derived, list):
        return f"{stated} stated, {derived} derived"[:200]
    rows = stated if isinstance(stated, list) else []
    for ours, theirs in zip(derived, rows, strict=False):
        if ours != theirs:
            return canonical_json(theirs).decode()[:200]
    return f"{len(rows)} rows stated, {len(derived)} derived"
