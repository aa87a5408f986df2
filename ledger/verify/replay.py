"""The auditor's replay: a log with all its openings, and everything derived again from them. No database.

The bundle of openings is JSON Lines: a header, one record per entry, and a closing record with the accounts, assets and
trial balance that the operator states. One pass reads the log's files and the bundle side by side; memory grows with
the number of accounts and of entries' keys, not with the size of the entries.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ledger.errors import Refusal
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import ACCOUNTS, GENESIS, JSON, NONCE_SIZE, canonical_json, lines_root, parse_canonical
from ledger.log.policy import Policy
from ledger.verify.entry import ACCOUNT, Line, check_line, commitment, lines_of
from ledger.verify.log import LogWalk, note_walk, open_log
from ledger.verify.receipt import NO_TRUTH, NO_WITNESSES
from ledger.verify.report import Report, Stop

BUNDLE_FORMAT = "bxl-openings/1"
NOT_CHECKED = (
    NO_WITNESSES,
    NO_TRUTH,
    "evidence: entries hold its SHA-256, the documents themselves were not at hand",
    "the limits that accounts were opened with: they are kept, whether they are the right ones is for the auditor",
    "approvals: entries name them, who approved is in the operator's database",
    "interest, tax and other amounts against the agreements they follow from",
)

AccountName = tuple[str, str]


@dataclass(slots=True)
class _Account:
    """What the entries so far have made of one account."""

    minimum: int | None
    maximum: int | None
    posted: int = 0
    postings: int = 0
    chained: bool = False
    last: bytes = b""


@dataclass(slots=True)
class Replay:
    """The state that opened entries lead to. `step` says what is being checked, for whoever catches a refusal."""

    accounts: dict[AccountName, _Account] = field(default_factory=dict)
    assets: dict[str, int] = field(default_factory=lambda: {"EUR": 2})
    keys: set[str] = field(default_factory=set)
    legs: list[bytes] = field(default_factory=list)
    reversals: set[int] = field(default_factory=set)
    reversed: set[int] = field(default_factory=set)
    last_at: str = ""
    lines: int = 0
    postings: int = 0
    chained: int = 0
    step: str = ""

    def apply(self, entry: Line, opened: Sequence[tuple[bytes, Line]]) -> None:
        """Take in entry number `len(self.legs)` with its opened lines, refusing the first thing that is wrong."""
        n = len(self.legs)
        if entry["t"] == GENESIS:
            self.step = "openings"
            if opened:
                raise Refusal("opening-does-not-fit", n=n)
            self.legs.append(b"")
            return
        commitments = self._check_openings(n, entry, opened)
        self.step = "lines"
        kinds = [check_line(entry, index, line) for index, (_, line) in enumerate(opened)]
        header, lines = opened[0][1], [line for _, line in opened[1:]]
        self.step = "instants"
        at = str(header["at"])
        if at < self.last_at:
            raise Refusal("instant-decreases", n=n, at=at)
        self.last_at = at
        if entry["t"] == ACCOUNTS:
            self._open(n, kinds[1:], lines)
            self.legs.append(b"")
        else:
            self._post(n, header, lines, commitments[1:])

    def trial_balance(self) -> JSON:
        """Every account with postings, as the bundle's closing record states it."""
        return [
            {"account": name, "asset": asset, "credit": max(-a.posted, 0), "debit": max(a.posted, 0)}
            for (name, asset), a in sorted(self.accounts.items())
            if a.postings
        ]

    def account_rules(self) -> JSON:
        """Every account with its limits, as the bundle's closing record states it."""
        return [
            {"account": name, "asset": asset} | _limits(account)
            for (name, asset), account in sorted(self.accounts.items())
        ]

    def asset_scales(self) -> JSON:
        """Every asset, as the bundle's closing record states it."""
        return [{"asset": asset, "scale": scale} for asset, scale in sorted(self.assets.items())]

    def _check_openings(self, n: int, entry: Line, opened: Sequence[tuple[bytes, Line]]) -> list[bytes]:
        self.step = "openings"
        count, root = lines_of(entry)
        commitments = [commitment(nonce, line) for nonce, line in opened]
        if len(opened) != count or lines_root(commitments) != root:
            raise Refusal("opening-does-not-fit", n=n)
        self.lines += count
        return commitments

    def _open(self, n: int, kinds: Sequence[str], lines: Sequence[Line]) -> None:
        self.step = "accounts and assets"
        for index, (kind, line) in enumerate(zip(kinds, lines, strict=True), start=1):
            asset = str(line["asset"])
            if kind == ACCOUNT:
                name = (str(line["account"]), asset)
                if name in self.accounts or asset not in self.assets:
                    raise Refusal("account-opened-wrongly", n=n, line=index, account=name[0], asset=asset)
                self.accounts[name] = _Account(_optional(line, "minimum"), _optional(line, "maximum"))
            elif asset in self.assets:
                raise Refusal("asset-opened-twice", n=n, line=index, asset=asset)
            else:
                self.assets[asset] = _integer(line["scale"])

    def _post(self, n: int, header: Line, lines: Sequence[Line], commitments: Sequence[bytes]) -> None:
        sums: Counter[str] = Counter()
        touched: dict[AccountName, _Account] = {}
        legs: list[tuple[str, str, int]] = []
        for index, (line, committed) in enumerate(zip(lines, commitments, strict=True), start=1):
            name = (str(line["account"]), str(line["asset"]))
            account = self.accounts.get(name)
            self.step = "postings"
            if account is None:
                raise Refusal("account-not-opened", n=n, line=index, account=name[0], asset=name[1])
            signed = _integer(line.get("debit", 0)) - _integer(line.get("credit", 0))
            sums[name[1]] += signed
            legs.append((*name, signed))
            self._chain(n, index, line, account, committed)
            account.posted += signed
            account.postings += 1
            touched[name] = account
        self.postings += len(lines)
        self.step = "balanced entries"
        for asset, total in sums.items():
            if total:
                raise Refusal("posted-entry-unbalanced", n=n, asset=asset, difference=total)
        if len(lines) < 2:  # noqa: PLR2004 -- double entry needs two lines
            raise Refusal("posted-entry-too-small", n=n, postings=len(lines))
        self._check_limits(n, touched)
        self._check_key(n, header)
        self._check_reversal(n, header, legs)

    def _chain(self, n: int, index: int, line: Line, account: _Account, committed: bytes) -> None:
        """`v` counts an account's postings without a gap and `prev` names the commitment before, from the first on."""
        self.step = "account chains"
        chained = "v" in line
        if account.postings == 0:
            account.chained = chained
        elif account.chained != chained:
            raise Refusal("account-chain-broken", n=n, line=index, account=str(line["account"]))
        if chained:
            expected = b64(account.last) if account.last else None
            if line["v"] != account.postings + 1 or line.get("prev") != expected:
                raise Refusal("account-chain-broken", n=n, line=index, account=str(line["account"]))
            account.last = committed
            self.chained += 1

    def _check_limits(self, n: int, touched: dict[AccountName, _Account]) -> None:
        self.step = "limits"
        for (name, asset), a in touched.items():
            below = a.minimum is not None and a.posted < a.minimum
            if below or (a.maximum is not None and a.posted > a.maximum):
                raise Refusal("limit-breached", n=n, account=name, asset=asset, posted=a.posted)

    def _check_key(self, n: int, header: Line) -> None:
        self.step = "fact keys"
        key = str(header["key"])
        if key in self.keys:
            raise Refusal("fact-key-repeated", n=n, key=key)
        self.keys.add(key)

    def _check_reversal(self, n: int, header: Line, legs: Sequence[tuple[str, str, int]]) -> None:
        """A reversal mirrors an earlier entry, which is no reversal itself, and is the only one to do so."""
        self.step = "reversals"
        self.legs.append(_digest(legs))
        if "reverses" not in header:
            return
        target = _integer(header["reverses"])
        mirrored = _digest([(account, asset, -signed) for account, asset, signed in legs])
        unfit = target >= n or target in self.reversed or target in self.reversals
        if unfit or self.legs[target] != mirrored:
            raise Refusal("reversal-does-not-fit", n=n, reverses=target)
        self.reversals.add(n)
        self.reversed.add(target)


class _Bundle:
    """The records of an openings file, one at a time; `file` names the line that was read last."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self.name = name
        self._number = 0
        self.digest = hashlib.sha256()

    @property
    def file(self) -> str:
        return f"{self.name} line {self._number}"

    def record(self, names: set[str]) -> Line:
        """The next record, which must have exactly these members."""
        raw = self._source.readline()
        self._number += 1
        self.digest.update(raw)
        if not raw.endswith(b"\n"):
            raise Refusal("openings-end-early", line=self._number)
        try:
            value = parse_canonical(raw[:-1])
        except Refusal as refusal:
            raise Refusal("openings-malformed", line=self._number) from refusal
        if not isinstance(value, dict) or value.keys() != names:
            raise Refusal("openings-malformed", line=self._number)
        return value

    def end(self) -> None:
        if self._source.read(1):
            raise Refusal("openings-malformed", line=self._number + 1)


def replay(log_dir: Path, openings: Path, policy: Policy | None) -> Report:
    """Audit the log in `log_dir` with the bundle `openings`; without a policy the verdict is at best incomplete."""
    report = Report(f"log {log_dir} with openings {openings.name}")
    try:
        walk = open_log(report, log_dir, policy)
        with openings.open("rb") as source:
            _replay(report, walk, _Bundle(source, openings.name))
    except Stop:
        report.not_checked.append("whatever rests on the check that failed")
    report.not_checked += NOT_CHECKED
    return report


def _replay(report: Report, walk: LogWalk, bundle: _Bundle) -> None:
    with report.check("openings header", bundle.name, f"openings of book {walk.policy.book} in this log"):
        header = bundle.record({"book", "bundle", "origin", "root", "size"})
        size = _check_header(header, walk)
    state = Replay()
    in_bundle = False
    try:
        for n, entry in enumerate(walk.entries()):
            if n >= size:
                continue  # hashed, but newer than the bundle
            in_bundle, state.step = True, "openings"
            state.apply(entry, _opened(bundle.record({"lines", "n"}), n))
            if n == size - 1:
                _expect(header, "root", b64(walk.edge.root()))
            in_bundle = False
        walk.finish()
    except Refusal as refusal:
        if in_bundle:
            report.failed(state.step, bundle.file, refusal)
        else:
            report.failed("entries, tiles and root", walk.file, refusal)
        raise Stop from refusal
    note_walk(report, walk)
    _note_replay(report, state, bundle.name, size)
    _check_closing(report, state, bundle)
    report.figures["openings_sha256"] = bundle.digest.hexdigest()
    if size < walk.checkpoint.size:
        newer = walk.checkpoint.size - size
        report.missing.append(f"{newer} entries are newer than the openings and stay closed: ask for a new bundle")


def _check_header(header: Line, walk: LogWalk) -> int:
    """How many entries the bundle opens: as many as the checkpoint has, or fewer where the log has grown since."""
    for name, value in (("book", walk.policy.book), ("bundle", BUNDLE_FORMAT), ("origin", walk.checkpoint.origin)):
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


def _note_replay(report: Report, state: Replay, file: str, size: int) -> None:
    accounts, reversals = len(state.accounts), len(state.reversals)
    report.passed("openings", file, f"{state.lines} lines of {size} entries hash to what the log commits to")
    report.passed("instants", file, f"none before its predecessor; the last is {state.last_at}")
    report.passed("balanced entries", file, f"{state.postings} postings; each entry sums to zero per asset")
    report.passed("accounts and assets", file, f"{accounts} accounts, {len(state.assets)} assets, each opened once")
    report.passed("account chains", file, f"{state.chained} postings of persons: no gap, each names the one before")
    report.passed("limits", file, "no account beyond its minimum or maximum after any entry")
    report.passed("fact keys", file, f"{len(state.keys)} keys, none twice")
    report.passed("reversals", file, f"{reversals}, each the mirror of one earlier entry")


def _check_closing(report: Report, state: Replay, bundle: _Bundle) -> None:
    derived = {
        "accounts": state.account_rules(),
        "assets": state.asset_scales(),
        "trial_balance": state.trial_balance(),
    }
    with report.check("stated balances", bundle.file, "accounts, limits, assets and trial balance equal those derived"):
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


def _digest(legs: Sequence[tuple[str, str, int]]) -> bytes:
    return hashlib.sha256(repr(sorted(legs)).encode()).digest()[:16]


def _limits(account: _Account) -> dict[str, JSON]:
    limits = {"minimum": account.minimum, "maximum": account.maximum}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _optional(line: Line, name: str) -> int | None:
    return _integer(line[name]) if name in line else None


def _integer(value: JSON) -> int:
    assert isinstance(value, int)
    return value
