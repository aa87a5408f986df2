"""The loop over the postings: one pass in the order of entries and lines, over the driver's own tuples."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ledger.audit.rows.accounts import Accounts
from ledger.audit.rows.failures import Failures
from ledger.storage.scan import Row

_END: Row = (1 << 70,)


class Postings:
    """The postings of each entry in turn, checked as they pass.

    `previous` holds the commitment before, of each account that the entry last taken moved; `beyond` says whether one
    of them stands beyond its bounds, as they were before what the entry settles was freed.
    """

    def __init__(self, rows: Iterator[Row], accounts: Accounts, failures: Failures) -> None:
        self._rows = rows
        self._next = next(rows, _END)
        self._accounts = accounts
        self._failures = failures
        self.count = 0
        self.previous: Sequence[bytes | None] = ()
        self.beyond = False

    def take(self, n: int, on: str | None, late: str | None) -> list[Row]:
        """The postings of entry `n`, effective `on`, which restates the period that ended on `late`.

        Line, seq and balance are one more, one more, and the sum; one side is positive and the other 0; the entry sums
        to zero per asset.
        """
        if self._next[0] != n and not self._reach(n):
            return []
        row, accounts, rows = self._next, self._accounts, self._rows
        posted, seqs, last, assets = accounts.posted, accounts.seqs, accounts.last, accounts.assets
        low, high = accounts.low, accounts.high
        legs: list[Row] = []
        previous: list[bytes | None] = []
        total, line, asset, mixed, beyond = 0, 0, None, False, False
        while row[0] == n:
            _, at, account, seq, debit, credit, after, effective_on, commitment, restates = row
            line += 1
            moved = debit - credit
            balance = posted[account] + moved
            if at != line or seq != seqs[account] + 1 or after != balance or effective_on != on or restates != late:
                self._differs(row, line, balance, on)
            if not (0 == credit < debit or 0 == debit < credit):
                self._failures.differs("posting", "debit and credit", n=n, line=line)
            if not low[account] <= balance <= high[account]:
                beyond = True
            if assets[account] != asset:
                mixed, asset = asset is not None, assets[account]
            seqs[account] = seq
            posted[account] = balance
            previous.append(last[account])
            last[account] = commitment
            legs.append(row)
            total += moved
            row = next(rows, _END)
        self._next, self.previous, self.beyond = row, previous, beyond
        self.count += line
        if total or mixed:
            self._check_sums(n, legs)
        return legs

    def check_bounds(self, n: int, legs: Sequence[Row]) -> None:
        """Every account that the entry moved is within its bounds as they are now."""
        for account in dict.fromkeys(leg[2] for leg in legs):
            self._accounts.check(account, "posting", n)

    def finish(self) -> None:
        """Nothing may be left."""
        self._reach(_END[0])

    def _reach(self, n: int) -> bool:
        """Whether entry `n` has postings; those of entries before, or of none, are wrong."""
        while self._next[0] < n:
            self._failures.differs("posting", "n", n=self._next[0])
            self._next = next(self._rows, _END)
        self.previous, self.beyond = (), False
        return bool(self._next[0] == n != _END[0])

    def _check_sums(self, n: int, legs: Sequence[Row]) -> None:
        sums = Counter[str]()
        for leg in legs:
            sums[self._accounts.assets[leg[2]]] += leg[4] - leg[5]
        if any(sums.values()):
            self._failures.differs("posting", "debit and credit", n=n)

    def _differs(self, row: Row, line: int, balance: int, on: str | None) -> None:
        n, at, account, seq, _, _, after, effective_on, *_ = row
        expected = {"line": line, "seq": self._accounts.seqs[account] + 1, "balance_after": balance, "effective_on": on}
        stored = {"line": at, "seq": seq, "balance_after": after, "effective_on": effective_on}
        column = next((name for name, value in expected.items() if stored[name] != value), "restates")
        self._failures.differs("posting", column, n=n, line=line)
