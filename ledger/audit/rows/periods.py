"""Closed periods as their entries make them, and the balances that were kept at each close, derived again."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta

from ledger.audit.rows.failures import Failures
from ledger.audit.rows.streams import Beside
from ledger.storage.scan import Row

_DAY = timedelta(days=1)


class Periods:
    """The last days of the closed periods, in order, as ISO text.

    Between two closes it sums what is posted by account and day, so it holds no more than the days of open periods.
    """

    def __init__(self, kept: Beside, failures: Failures, *, last_n: int, today: str) -> None:
        self._kept_rows = kept
        self._failures = failures
        self._today = today
        self.last_n = last_n  # the entry of the last close: what is posted after it is in no kept balance
        self.closed: list[str] = []
        self._kept: dict[int, int] = {}
        self._dated: dict[tuple[int, str], int] = {}
        self._late: dict[int, int] = {}
        self.balances = 0

    @property
    def closed_on(self) -> str | None:
        """The last day that is closed."""
        return self.closed[-1] if self.closed else None

    def late(self, on: str | None) -> str | None:
        """The last day of the closed period that `on` falls in, or None."""
        if on is None or not self.closed or on > self.closed[-1]:
            return None
        return self.closed[bisect_left(self.closed, on)]

    def add(self, legs: Sequence[Row], late: str | None) -> None:
        """What an entry before the last close has posted."""
        for _, _, account, _, debit, credit, _, on, *_ in legs:
            if late is None:
                key = (account, on)
                self._dated[key] = self._dated.get(key, 0) + debit - credit
            else:
                self._late[account] = self._late.get(account, 0) + debit - credit

    def close(self, n: int, until_on: object, *, booked_on: str) -> Row:
        """Entry `n` closes up to `until_on`; gives the row of `period` that must say so."""
        before = self.closed_on
        since_on = None if before is None else (date.fromisoformat(before) + _DAY).isoformat()
        if not isinstance(until_on, str) or (before is not None and until_on <= before):
            self._failures.differs("period", "until_on", n=n)
            return (n, until_on, since_on)
        if until_on >= max(booked_on, self._today):
            self._failures.differs("period", "until_on", n=n)
        self.closed.append(until_on)
        self._check_kept(n, until_on)
        return (n, until_on, since_on)

    def _check_kept(self, n: int, until_on: str) -> None:
        """One row for each account that was moved in the period, or late since the close before."""
        changed, self._late = self._late, {}
        for (account, on), amount in list(self._dated.items()):
            if on <= until_on:
                changed[account] = changed.get(account, 0) + amount
                del self._dated[account, on]
        expected = []
        for account in sorted(changed):
            self._kept[account] = self._kept.get(account, 0) + changed[account]
            expected.append((n, account, until_on, self._kept[account]))
        stored = self._kept_rows.take(n)
        if stored != expected:
            odd = next((row[1] for row in {*stored} ^ {*expected}), 0)
            self._failures.differs("period_balance", "posted", n=n, account_id=odd)
        self.balances += len(stored)
