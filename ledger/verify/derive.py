"""What opened entries lead to: balances, reserved amounts, limits, periods, derived entry by entry or refused.

    accounts/1   opens assets and accounts             posting/1   moves balances; may settle a hold, reverse an entry
    rules/1      the next version of an account's limits   hold/1, release/1   reserve amounts, and free them
    period/1     closes what is dated up to a day      note/1, state/1, verdict/1   say something and move nothing

Limits are held pessimistically: what holds reserve on the credit side counts against the minimum, what they reserve on
the debit side against the maximum.
"""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from ledger.errors import Refusal
from ledger.log.encoding import b64
from ledger.log.leaf import (
    ACCOUNTS,
    ANCHOR,
    ERASURE,
    FINDINGS,
    GENESIS,
    HOLD,
    JSON,
    NOTE,
    PERIOD,
    POSTING,
    RELEASE,
    RULES,
    STATE,
    TOTALS,
    canonical_json,
    lines_root,
    parse_canonical,
)
from ledger.verify.account import Account, AccountName, Hold, Leg, Side
from ledger.verify.anchors import Anchored, anchored_in
from ledger.verify.entry import ACCOUNT, Line, check_line, commitment, lines_of
from ledger.verify.erased import Closed, Opened
from ledger.verify.plain import PlainPosting
from ledger.verify.scratch import DIGEST_SIZE, Scratch
from ledger.verify.totals import LastClose, Standing, check_totals

_NO_LEGS = bytes(DIGEST_SIZE)


@dataclass(slots=True)
class Replay:
    """The state that opened entries lead to. `step` says what is being checked, for whoever catches a refusal."""

    scratch: Scratch
    next_n: int = 0
    accounts: dict[AccountName, Account] = field(default_factory=dict)
    as_written: dict[bytes, Account] = field(default_factory=dict)
    assets: dict[str, int] = field(default_factory=lambda: {"EUR": 2})
    reversals: set[int] = field(default_factory=set)
    reversed: set[int] = field(default_factory=set)
    holds: dict[int, Hold] = field(default_factory=dict)
    closed: Closed = field(default_factory=Closed)
    keyless: set[int] = field(default_factory=lambda: {0})
    closed_until: list[str] = field(default_factory=list)
    anchored: list[Anchored] = field(default_factory=list)
    last_close: LastClose | None = None
    totals: int = 0
    totals_given: int = 0
    header_nonce: bytes = b""
    last_at: str = ""
    lines: int = 0
    postings: int = 0
    chained: int = 0
    held: int = 0
    late: int = 0
    step: str = ""

    def apply(self, entry: Line, opened: Sequence[Opened]) -> None:
        """Take in the next entry with its opened lines, refusing the first thing that is wrong.

        Lines that are closed are counted and otherwise passed over; in what follows they are `None`.
        """
        n, entry_type = self.next_n, str(entry["t"])
        if entry_type == GENESIS:
            self.step = "openings"
            if opened:
                raise Refusal("opening-does-not-fit", n=n)
            self._end_entry(_NO_LEGS)
            return
        commitments = self._check_openings(n, entry, opened)
        self.step = "lines"
        read = [None if isinstance(each, bytes) else each[1] for each in opened]
        kinds = [None if line is None else check_line(entry, index, line) for index, line in enumerate(read)]
        assert isinstance(opened[0], tuple), "looked at with the openings"
        (self.header_nonce, header), lines = opened[0], read[1:]
        if not lines and entry_type in {ACCOUNTS, RULES} | FINDINGS:
            raise Refusal("line-malformed", n=n, line=1)
        self._check_instant(n, str(header["at"]))
        if entry_type == POSTING:
            self._post(n, header, lines, commitments[1:])
            return
        if entry_type == ACCOUNTS:
            self._open(n, kinds[1:], lines)
            self.keyless.add(n)
        else:
            self._apply_other(entry_type, n, header, lines)
            self._note_key(n, canonical_json(header["key"]))
        self._end_entry(_NO_LEGS)

    def apply_plain(self, posting: PlainPosting) -> bool:
        """Take in the next entry as `ledger.verify.plain` recognised it, refusing what is wrong.

        False, and nothing is taken in, where an account is not open: the long way says why.
        """
        at, on, key, lines = posting
        legs: list[Leg] = []
        for name, signed, v, prev, committed in lines:
            account = self.as_written.get(name)
            if account is None or account.closed:
                return False
            legs.append(Leg(account, signed, v, prev, committed))
        self.lines += len(legs) + 1
        self._check_instant(self.next_n, at)
        self._move(self.next_n, {"at": at, "on": on}, key, legs)
        return True

    def repeated_key(self) -> tuple[int, str] | None:
        """The first entry whose fact key an earlier one has: only the end shows it."""
        repeated = self.scratch.first_repeated()
        return None if repeated is None else (repeated[0], str(parse_canonical(repeated[1])))

    def trial_balance(self) -> JSON:
        """Every account with postings, as the bundle's closing record states it."""
        return [
            {"account": name, "asset": asset, "credit": max(-a.posted, 0), "debit": max(a.posted, 0)}
            for (name, asset), a in sorted(self.accounts.items())
            if a.postings
        ]

    def account_rules(self) -> JSON:
        """Every account with its limits and what is reserved, as the bundle's closing record states it."""
        return [
            {"account": name, "asset": asset} | _stated(account)
            for (name, asset), account in sorted(self.accounts.items())
        ]

    def asset_scales(self) -> JSON:
        """Every asset, as the bundle's closing record states it."""
        return [{"asset": asset, "scale": scale} for asset, scale in sorted(self.assets.items())]

    def _apply_other(self, entry_type: str, n: int, header: Line, lines: Sequence[Line | None]) -> None:
        others: Mapping[str, Callable[[int, Line, Sequence[Line | None]], None]] = {
            HOLD: self._hold,
            RELEASE: self._release,
            RULES: self._change_rule,
            PERIOD: self._close_period,
            NOTE: self._note,
            **dict.fromkeys(FINDINGS, self._find),
            ANCHOR: self._anchor,
            STATE: self._attest,
            ERASURE: self._erase,
            TOTALS: self._total,
        }
        others[entry_type](n, header, lines)

    def _check_openings(self, n: int, entry: Line, opened: Sequence[Opened]) -> list[bytes]:
        self.step = "openings"
        count, root = lines_of(entry)
        commitments = [each if isinstance(each, bytes) else commitment(*each) for each in opened]
        if len(opened) != count or lines_root(commitments) != root:
            raise Refusal("opening-does-not-fit", n=n)
        self.closed.keep(n, opened)
        self.lines += count
        return commitments

    def _check_instant(self, n: int, at: str) -> None:
        self.step = "instants"
        if at < self.last_at:
            raise Refusal("instant-decreases", n=n, at=at)
        self.last_at = at

    # accounts, assets, limits

    def _open(self, n: int, kinds: Sequence[str | None], lines: Sequence[Line | None]) -> None:
        self.step = "accounts and assets"
        for index, (kind, line) in enumerate(zip(kinds, lines, strict=True), start=1):
            if line is None:
                continue
            asset = str(line["asset"])
            if kind == ACCOUNT:
                name = (str(line["account"]), asset)
                if name in self.accounts or asset not in self.assets:
                    raise Refusal("account-opened-wrongly", n=n, line=index, account=name[0], asset=asset)
                limits = _optional(line, "minimum"), _optional(line, "maximum")
                account = Account(name, len(self.accounts), *limits)
                self.accounts[name] = self.as_written[f'"account":"{name[0]}","asset":"{asset}"'.encode()] = account
            elif asset in self.assets:
                raise Refusal("asset-opened-twice", n=n, line=index, asset=asset)
            else:
                self.assets[asset] = _integer(line["scale"])

    def _change_rule(self, n: int, _header: Line, lines: Sequence[Line | None]) -> None:
        """The next version of an account's limits, which its balance keeps; a closed account has nothing left."""
        line = lines[0]
        if line is None:
            return
        account = self._account(n, 1, line)
        self.step = "limits"
        facts = {"account": str(line["account"]), "asset": str(line["asset"])}
        if line["version"] != account.version + 1:
            raise Refusal("limits-out-of-order", n=n, version=_integer(line["version"]), **facts)
        account.minimum, account.maximum = _optional(line, "minimum"), _optional(line, "maximum")
        account.version, account.closed = account.version + 1, "closed" in line
        if account.closed and (account.posted or account.held_debit or account.held_credit):
            raise Refusal("closed-account-not-empty", n=n, **facts)
        self._check_limits(n, [account])

    def _account(self, n: int, index: int, line: Line) -> Account:
        self.step = "postings"
        account = self.accounts.get((str(line["account"]), str(line["asset"])))
        if account is None:
            raise Refusal("account-not-opened", n=n, line=index, account=str(line["account"]), asset=str(line["asset"]))
        return account

    def _account_to_move(self, n: int, index: int, line: Line) -> Account:
        account = self._account(n, index, line)
        if account.closed:
            raise Refusal("account-was-closed", n=n, line=index, account=str(line["account"]))
        return account

    # postings

    def _post(self, n: int, header: Line, lines: Sequence[Line | None], commitments: Sequence[bytes]) -> None:
        legs: list[Leg] = []
        for index, (line, committed) in enumerate(zip(lines, commitments, strict=True), start=1):
            if line is None:
                continue
            account, v, prev = self._account_to_move(n, index, line), _optional(line, "v"), line.get("prev")
            legs.append(Leg(account, _signed(line), v, prev if isinstance(prev, str) else None, committed))
        self._move(n, header, canonical_json(header["key"]), legs, closed=len(lines) - len(legs))

    def _move(self, n: int, header: Line, key: bytes, legs: Sequence[Leg], *, closed: int = 0) -> None:
        self.step = "account chains"
        sums: dict[str, int] = {}
        for index, leg in enumerate(legs, start=1):
            account, signed, v, _, _ = leg
            if v is not None or account.chained:
                self._chain(n, index, leg)
            account.posted += signed
            account.postings += 1
            asset = account.name[1]
            sums[asset] = sums.get(asset, 0) + signed
        self.postings += len(legs) + closed
        if closed:
            self.closed.moved.subtract(sums)
            sums = {}
        self._check_balanced(n, sums, len(legs) + closed)
        if "hold" in header:
            self._settle(n, header, legs)
        self._check_limits(n, [leg.account for leg in legs])
        self._note_key(n, key)
        moved = [(account.number, signed) for account, signed, *_ in legs]
        self._check_reversal(n, header, moved)
        self._check_lateness(n, header)
        self._end_entry(_digest(moved))

    def _check_balanced(self, n: int, sums: Mapping[str, int], count: int) -> None:
        self.step = "balanced entries"
        for asset, total in sums.items():
            if total:
                raise Refusal("posted-entry-unbalanced", n=n, asset=asset, difference=total)
        if count < 2:  # noqa: PLR2004 -- double entry needs two lines
            raise Refusal("posted-entry-too-small", n=n, postings=count)

    def _chain(self, n: int, index: int, leg: Leg) -> None:
        """`v` counts an account's postings without a gap and `prev` names the commitment before, from the first on."""
        account = leg.account
        if account.postings == 0:
            account.chained = leg.v is not None
        expected = b64(account.last) if account.last else None
        if not account.chained or leg.v != account.postings + 1 or leg.prev != expected:
            raise Refusal("account-chain-broken", n=n, line=index, account=account.name[0])
        account.last = leg.committed
        self.chained += 1

    def _check_limits(self, n: int, touched: Iterable[Account]) -> None:
        self.step = "limits"
        for a in touched:
            below = a.minimum is not None and a.posted - a.held_credit < a.minimum
            if below or (a.maximum is not None and a.posted + a.held_debit > a.maximum):
                raise Refusal("limit-breached", n=n, account=a.name[0], asset=a.name[1], posted=a.posted)

    def _note_key(self, n: int, key: bytes) -> None:
        self.step = "fact keys"
        self.scratch.add_key(n, key)

    def _check_reversal(self, n: int, header: Line, moved: Sequence[tuple[int, int]]) -> None:
        """A reversal mirrors an earlier entry, which is no reversal itself, and is the only one to do so."""
        self.step = "reversals"
        if "reverses" not in header:
            return
        target = _integer(header["reverses"])
        mirrored = _digest([(number, -signed) for number, signed in moved])
        unfit = target >= n or target in self.reversed or target in self.reversals
        if unfit or self.scratch.legs(target) != mirrored:
            raise Refusal("reversal-does-not-fit", n=n, reverses=target)
        self.reversals.add(n)
        self.reversed.add(target)

    def _end_entry(self, legs: bytes) -> None:
        self.scratch.add_legs(legs)
        self.next_n += 1

    # holds

    def _hold(self, n: int, header: Line, lines: Sequence[Line | None]) -> None:
        sums: Counter[str] = Counter()
        touched: list[Account] = []
        remaining: Counter[Side] = Counter()
        for index, line in enumerate(lines, start=1):
            if line is None:
                continue
            account, signed = self._account_to_move(n, index, line), _signed(line)
            name = (str(line["account"]), str(line["asset"]))
            sums[name[1]] += signed
            remaining[name, signed > 0] += abs(signed)
            account.free(debit_side=signed > 0, amount=-abs(signed))
            touched.append(account)
        self._check_balanced(n, {} if None in lines else sums, len(lines))
        self._check_limits(n, touched)
        self.step = "holds"
        expires = str(header.get("expires", ""))
        if expires and expires <= str(header["at"]):
            raise Refusal("hold-step-does-not-fit", n=n, hold=n, reason="it expires before it begins")
        self._expect_open_period(n, str(header["on"]))
        self.holds[n] = Hold(remaining, expires, partly_closed=None in lines)
        self.held += 1

    def _settle(self, n: int, header: Line, legs: Sequence[Leg]) -> None:
        """Take what is posted out of the hold; the last of it, or the wish to free the rest, ends the hold."""
        number, hold = self._open_hold(n, header)
        if hold.expires and hold.expires <= str(header["at"]):
            raise Refusal("hold-step-does-not-fit", n=n, hold=number, reason="it has expired")
        for account, signed, *_ in legs:
            side = (account.name, signed > 0)
            hold.remaining[side] -= abs(signed)
            if hold.remaining[side] < 0:
                raise Refusal("hold-step-does-not-fit", n=n, hold=number, reason="more than it reserves")
            account.free(debit_side=side[1], amount=abs(signed))
        if "rest" in header or not (hold.partly_closed or any(hold.remaining.values())):
            self._end(number)

    def _release(self, n: int, header: Line, _lines: Sequence[Line | None]) -> None:
        number, hold = self._open_hold(n, header)
        if header["step"] == "expired" and not (hold.expires and hold.expires <= str(header["at"])):
            raise Refusal("hold-step-does-not-fit", n=n, hold=number, reason="it has not expired")
        self._end(number)

    def _open_hold(self, n: int, header: Line) -> tuple[int, Hold]:
        self.step = "holds"
        number = _integer(header["hold"])
        if number not in self.holds:
            raise Refusal("hold-step-does-not-fit", n=n, hold=number, reason="no hold of this number is open")
        return number, self.holds[number]

    def _end(self, number: int) -> None:
        for (name, debit_side), amount in self.holds.pop(number).remaining.items():
            self.accounts[name].free(debit_side=debit_side, amount=amount)

    # periods and notes

    def _close_period(self, n: int, header: Line, _lines: Sequence[Line | None]) -> None:
        """A period begins on the day after the one before; the first has no beginning."""
        self.step = "periods"
        until = str(header["until"])
        last = self.closed_until[-1] if self.closed_until else ""
        since = (date.fromisoformat(last) + timedelta(days=1)).isoformat() if last else None
        if until <= last or header.get("since") != since:
            raise Refusal("period-out-of-order", n=n, until=until)
        self.closed_until.append(until)
        standing = [Standing(*name, a.posted, a.postings, a.last) for name, a in self.accounts.items() if a.chained]
        unseen = dict(self.closed.moved) if self.closed.count else None
        self.last_close = LastClose(n, until, self.header_nonce, standing, unseen)

    def _check_lateness(self, n: int, header: Line) -> None:
        """An entry says which closed period it belongs to exactly when its date falls in one."""
        self.step = "periods"
        expected = self._closed_period(str(header["on"]))
        if header.get("restates") != expected:
            raise Refusal("lateness-differs", n=n, stated=str(header.get("restates")), expected=str(expected))
        self.late += expected is not None

    def _expect_open_period(self, n: int, on: str) -> None:
        self.step = "periods"
        expected = self._closed_period(on)
        if expected is not None:
            raise Refusal("lateness-differs", n=n, stated="", expected=expected)

    def _closed_period(self, on: str) -> str | None:
        """The last day of the closed period that a date falls in; dates in ISO form order like their texts."""
        if not self.closed_until or on > self.closed_until[-1]:
            return None
        return self.closed_until[bisect_left(self.closed_until, on)]

    def _note(self, n: int, header: Line, _lines: Sequence[Line | None]) -> None:
        self.step = "notes"
        about = _integer(header["about"])
        if about >= n or about in self.keyless:
            raise Refusal("note-about-nothing", n=n, about=about)

    # findings

    def _find(self, _n: int, _header: Line, _lines: Sequence[Line | None]) -> None:
        """What was found moves nothing."""

    def _anchor(self, n: int, _header: Line, lines: Sequence[Line | None]) -> None:
        self.step = "anchors"
        self.anchored += anchored_in(n, lines)

    def _attest(self, n: int, _header: Line, _lines: Sequence[Line | None]) -> None:
        self.closed.attested_n = n

    def _erase(self, n: int, _header: Line, lines: Sequence[Line | None]) -> None:
        self.step = "erasures"
        self.closed.name(n, [line for line in lines if line is not None])

    def _total(self, n: int, header: Line, lines: Sequence[Line | None]) -> None:
        """The totals of the last closed period are those of the accounts as its closing entry found them."""
        self.step = "totals"
        check_totals(n, header, [line for line in lines if line is not None], self.last_close)
        self.totals_given += self.last_close is not None and self.last_close.unseen is not None
        self.last_close = None
        self.totals += 1


def _digest(moved: Sequence[tuple[int, int]]) -> bytes:
    """Of account numbers and signed amounts, in any order."""
    return hashlib.sha256(repr(sorted(moved)).encode()).digest()


def _stated(account: Account) -> dict[str, JSON]:
    """What is said of an account beside its name: only what is there."""
    stated: dict[str, JSON] = {
        name: limit for name, limit in (("minimum", account.minimum), ("maximum", account.maximum)) if limit is not None
    }
    if account.version > 1:
        stated["version"] = account.version
    if account.closed:
        stated["closed"] = True
    held = {"held_debit": account.held_debit, "held_credit": account.held_credit}
    return stated | {name: amount for name, amount in held.items() if amount}


def _signed(line: Line) -> int:
    return _integer(line.get("debit", 0)) - _integer(line.get("credit", 0))


def _optional(line: Line, name: str) -> int | None:
    return _integer(line[name]) if name in line else None


def _integer(value: JSON) -> int:
    assert isinstance(value, int)
    return value
