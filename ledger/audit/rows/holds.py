"""Holds as their entries make them: reserved, taken in parts, ended once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.audit.rows.accounts import Accounts
from ledger.audit.rows.failures import Failures
from ledger.storage.scan import Row

PART, REST, EXPIRED = "part", "rest", "expired"
ENDS = frozenset({"void", EXPIRED})


@dataclass(slots=True)
class _Hold:
    """An open hold: when it expires (microseconds), what it still reserves by account and side, steps so far."""

    expires_at: int | None
    remaining: dict[tuple[int, bool], int] = field(default_factory=dict)
    steps: int = 0


class Holds:
    """The open holds; what is reserved counts against the bounds of the accounts."""

    def __init__(self, accounts: Accounts, failures: Failures) -> None:
        self._accounts = accounts
        self._failures = failures
        self._open: dict[int, _Hold] = {}
        self.count = 0

    def reserve(self, n: int, lines: Sequence[Row], expires_at: int | None, *, booked_at: int) -> None:
        """The hold of entry `n` with its rows of `hold_line`, which balance per asset like an entry."""
        hold = self._open[n] = _Hold(expires_at)
        self.count += 1
        sums: dict[str, int] = {}
        for _, line, account, debit, credit, _ in lines:
            if not (0 == credit < debit or 0 == debit < credit):
                self._failures.differs("hold_line", "debit and credit", n=n, line=line)
            side, asset = (account, debit > 0), self._accounts.assets[account]
            hold.remaining[side] = hold.remaining.get(side, 0) + debit + credit
            sums[asset] = sums.get(asset, 0) + debit - credit
            self._accounts.hold(account, debit_side=side[1], amount=debit + credit)
        if any(sums.values()):
            self._failures.differs("hold_line", "debit and credit", n=n)
        if expires_at is not None and expires_at <= booked_at:
            self._failures.differs("hold", "expires_at", n=n)
        for account, _ in hold.remaining:
            self._accounts.check(account, "hold_line", n)

    def settle(self, n: int, hold_n: object, legs: Sequence[Row], *, frees_rest: bool, booked_at: int) -> Row:
        """Entry `n` posts some of the hold; gives the row of `hold_step` that must say so."""
        hold = self._found(n, hold_n)
        if hold.expires_at is not None and hold.expires_at <= booked_at:
            self._failures.differs("hold", "expires_at", n=n)
        for _, _, account, _, debit, credit, *_ in legs:
            side, amount = (account, debit > 0), debit + credit
            left = hold.remaining.get(side, 0) - amount
            if left < 0:
                self._failures.differs("hold_line", "debit and credit", n=n, account=str(self._accounts.refs[account]))
            hold.remaining[side] = left
            self._accounts.hold(account, debit_side=side[1], amount=-amount)
        ends = frees_rest or not any(hold.remaining.values())
        return self._step(n, hold_n, hold, REST if ends else PART)

    def release(self, n: int, hold_n: object, kind: str, *, booked_at: int) -> Row:
        """Entry `n` ends the hold; it has expired only where its instant has come."""
        hold = self._found(n, hold_n)
        if kind == EXPIRED and (hold.expires_at is None or hold.expires_at > booked_at):
            self._failures.differs("hold_step", "kind", n=n)
        if kind not in ENDS:
            self._failures.differs("entry", "details", n=n)
        return self._step(n, hold_n, hold, kind)

    def expires_at(self, n: int) -> int | None:
        """When the open hold of entry `n` expires, if it does."""
        return self._open[n].expires_at if n in self._open else None

    def _found(self, n: int, hold_n: object) -> _Hold:
        """An open hold; one that has ended, or never was, is wrong and counts as empty."""
        found = self._open.get(hold_n) if isinstance(hold_n, int) else None
        if found is None:
            self._failures.differs("hold_step", "hold_n", n=n)
            return _Hold(None)
        return found

    def _step(self, n: int, hold_n: object, hold: _Hold, kind: str) -> Row:
        hold.steps += 1
        if kind != PART:
            for (account, debit_side), amount in hold.remaining.items():
                if amount:
                    self._accounts.hold(account, debit_side=debit_side, amount=-amount)
            if isinstance(hold_n, int):
                self._open.pop(hold_n, None)
        return (n, hold_n, hold.steps, kind)
