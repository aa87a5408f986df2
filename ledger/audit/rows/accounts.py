"""The accounts as the rows so far make them: what every posting, hold and limit is held against.

One mapping a value, by the account's number: the loop over the postings looks at a few of them for each row, and
making an object of every account and posting would cost more than all its checks.
"""

from typing import NoReturn

from ledger.accounts import AccountRef, chart_row
from ledger.audit.rows.failures import Failures, broken
from ledger.errors import Refusal
from ledger.judge import MAX_BALANCE
from ledger.lines import BOOK_KEY, posting_opening


class _Known(dict[int, int]):
    """Values by account; a row that names an account nobody opened leads nowhere."""

    def __missing__(self, account_id: int) -> NoReturn:
        broken("posting", "account_id", account_id=account_id)


class Accounts:
    """Balances, limits and reserved amounts, entry by entry.

    `low` and `high` are the bounds of `posted` with what holds reserve counted against them; on a closed account no
    balance lies between them.
    """

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self.refs: dict[int, AccountRef] = {}
        self.assets: dict[int, str] = {}
        self.openings: dict[int, str] = {}
        self.owners: dict[int, str] = {}  # whose key hides an account's lines
        self.trading: set[int] = set()  # through which one asset is given for another
        self.posted = _Known()
        self.seqs: dict[int, int] = {}
        self.last: dict[int, bytes | None] = {}
        self.low: dict[int, int] = {}
        self.high: dict[int, int] = {}
        self.limits: dict[int, tuple[int | None, int | None]] = {}
        self.held_debit = _Known()
        self.held_credit = _Known()
        self.closed: dict[int, bool] = {}
        self.versions = _Known()

    def open(
        self, account_id: int, ref: AccountRef, *, personal: int, minimum: int | None, maximum: int | None
    ) -> None:
        """A new account, whose number is the next one and whose key follows from the chart."""
        if account_id != len(self.refs) + 1:
            broken("account", "account_id", account=str(ref))
        with self._failures.unless_wrong("accounts", "account"):
            row = chart_row(ref.code)
            if row.exchange:
                self.trading.add(account_id)
            if personal not in {0, 1} or bool(personal) != (bool(ref.owner) and row.personal):
                raise Refusal("row-differs", table="account", column="personal", account=str(ref))
        self.refs[account_id], self.assets[account_id] = ref, ref.asset
        self.openings[account_id] = posting_opening(ref)
        self.owners[account_id] = ref.owner if personal else BOOK_KEY
        self.posted[account_id] = self.seqs[account_id] = 0
        self.held_debit[account_id] = self.held_credit[account_id] = 0
        self.last[account_id], self.closed[account_id], self.versions[account_id] = None, False, 1
        self.limits[account_id] = (minimum, maximum)
        self.bound(account_id)

    def rule(
        self, account_id: int, version: int, minimum: int | None, maximum: int | None, *, closed: int, n: int
    ) -> None:
        """New limits: the next version, which the balance fits; a closed account is empty."""
        if version != self.versions[account_id] + 1 or closed not in {0, 1}:
            self._failures.differs("account_rule", "version", n=n, account=str(self.refs[account_id]))
        self.versions[account_id] = version
        self.limits[account_id], self.closed[account_id] = (minimum, maximum), False
        self.bound(account_id)
        self.check(account_id, "account_rule", n)
        if closed:
            if self.posted[account_id] or self.held_debit[account_id] or self.held_credit[account_id]:
                self._failures.differs("account_rule", "closed", n=n, account=str(self.refs[account_id]))
            self.closed[account_id] = True
            self.bound(account_id)

    def bound(self, account_id: int) -> None:
        """Take limits and reserved amounts into the bounds."""
        if self.closed[account_id]:
            self.low[account_id], self.high[account_id] = 1, -1
            return
        minimum, maximum = self.limits[account_id]
        self.low[account_id] = (-MAX_BALANCE if minimum is None else minimum) + self.held_credit[account_id]
        self.high[account_id] = (MAX_BALANCE if maximum is None else maximum) - self.held_debit[account_id]

    def hold(self, account_id: int, *, debit_side: bool, amount: int) -> None:
        """Reserve `amount` more on one side, or less where it is negative."""
        held = self.held_debit if debit_side else self.held_credit
        held[account_id] += amount
        self.bound(account_id)

    def check(self, account_id: int, table: str, n: int) -> None:
        """The balance is within the bounds, now that entry `n` is complete."""
        if not self.low[account_id] <= self.posted[account_id] <= self.high[account_id]:
            self._failures.differs(table, "limits", n=n, account=str(self.refs[account_id]))
