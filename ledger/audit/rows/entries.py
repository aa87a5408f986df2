"""What each type of entry that is not a plain posting does, with the rows of the other tables that belong to it.

Each function gives the entry's lines after the header; the row of another table that must follow from the entry is
taken from its stream and compared whole.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.accounts import AccountRef
from ledger.audit.rows.accounts import Accounts
from ledger.audit.rows.bodies import MEMBERS
from ledger.audit.rows.failures import Failures
from ledger.audit.rows.holds import Holds
from ledger.audit.rows.periods import Periods
from ledger.audit.rows.stated import Line
from ledger.audit.rows.streams import Beside, Streams
from ledger.clock import brussels_date
from ledger.lines import BOOK_KEY, account_line, asset_line, hold_line, instant_text, rule_line
from ledger.log.leaf import ACCOUNTS, FINDINGS, HOLD, RULES
from ledger.storage.base import from_microseconds, json_text
from ledger.storage.scan import Row

Details = Mapping[str, Any]
TABLES = {ACCOUNTS: "account or asset", HOLD: "hold_line", RULES: "account_rule"} | dict.fromkeys(FINDINGS, "finding")
"""Where the lines of each type are kept; the other types have none."""


class Entries:
    """The state that entries other than plain postings change, and the tables that tell of it."""

    def __init__(self, streams: Streams, accounts: Accounts, periods: Periods, failures: Failures) -> None:
        self._streams = streams
        self._accounts = accounts
        self._failures = failures
        self.periods = periods
        self.holds = Holds(accounts, failures)
        self.assets = {"EUR": 0}

    def open_first(self) -> None:
        """EUR comes with the book: with entry 0, on no line."""
        if self._streams.asset.take(0) != [(0, None, "EUR", 2, None)]:
            self._failures.differs("asset", "scale", asset="EUR")

    def details(self, row: Row) -> Details | None:
        """The members of the header that only this type has; they are there exactly where they say something."""
        n, _, kind, _, _, _, _, _, text, *_ = row
        details = None if text is None else json.loads(text)
        needed, allowed = MEMBERS.get(kind, (frozenset(), frozenset()))
        names = frozenset(details or ())
        whole = needed <= names <= needed | allowed and (text is None or (names and json_text(details) == text))
        if not whole:
            self._failures.differs("entry", "details", n=n)
        return details

    def settle(self, row: Row, details: Details, legs: Sequence[Row], late: str | None) -> None:
        """What a posting entry's details say: the period it restates, the hold that it settles."""
        n, at = row[0], row[4]
        if details.get("restates") != late or ("rest" in details and ("hold" not in details or row[9] is not None)):
            self._failures.differs("entry", "details", n=n)
        if details.get("rest", "released") != "released":
            self._failures.differs("entry", "details", n=n)
        if "hold" in details:
            frees_rest = "rest" in details
            step = self.holds.settle(n, details["hold"], legs, frees_rest=frees_rest, booked_at=at)
            self._expect("hold_step", self._streams.hold_step, step)

    def lines(self, row: Row, details: Details | None) -> Sequence[Line]:
        """The lines of an entry without postings, numbered from 1; an unknown type is wrong and has none."""
        details = details or {}
        match row[2]:
            case "accounts/1":
                return self._open(row)
            case "hold/1":
                return self._hold(row, details)
            case "release/1":
                return self._release(row, details)
            case "rules/1":
                return self._rule(row)
            case "period/1":
                return self._period(row, details)
            case "note/1":
                return ()
            case kind if kind in FINDINGS:
                return self._find(row)
            case _:
                self._failures.differs("entry", "type", n=row[0])
                return ()

    def finish(self) -> None:
        """No row of any table may be left that no entry led to."""
        for beside in self._streams.all:
            beside.finish()

    def _open(self, row: Row) -> Sequence[Line]:
        n = row[0]
        by_line: dict[int, Line] = {}
        assets, accounts = self._streams.asset.take(n), self._streams.account.take(n)
        first_rules = self._streams.account_rule.take(n)
        rules = {rule[1]: rule for rule in first_rules}
        for _, line, asset, scale, commitment in assets:
            by_line[line] = (BOOK_KEY, asset_line(asset, scale), commitment, None)
            if asset in self.assets:
                self._failures.differs("asset", "asset", asset=asset)
            self.assets[asset] = n
        for _, line, account_id, code, owner, asset, personal, commitment in accounts:
            ref = AccountRef(code, owner, asset)
            _, _, version, minimum, maximum, closed, own = rules.pop(account_id, (n, 0, 0, None, None, 0, None))
            if (version, closed, own) != (1, 0, None) or asset not in self.assets:
                self._failures.differs("account_rule", "version", n=n, account=str(ref))
            self._accounts.open(account_id, ref, personal=personal, minimum=minimum, maximum=maximum)
            said = account_line(ref, minimum, maximum)
            by_line[line] = (self._accounts.owners[account_id], said, commitment, None)
        if rules or len(first_rules) != len(accounts):
            self._failures.differs("account_rule", "rows", n=n, rows=len(first_rules), expected=len(accounts))
        if sorted(line for _, line, *_ in (*assets, *accounts)) != list(range(1, len(assets) + len(accounts) + 1)):
            self._failures.differs("account", "line", n=n)
        return [by_line[line] for line in sorted(by_line)]

    def _hold(self, row: Row, details: Details) -> Sequence[Line]:
        n, at = row[0], row[4]
        if self.periods.late(row[3]) is not None:
            self._failures.differs("entry", "effective_on", n=n)
        stored = self._streams.hold.one(n)
        expires_at = None if stored is None else stored[1]
        told = None if expires_at is None else instant_text(from_microseconds(expires_at))
        if details.get("expires") != told:
            self._failures.differs("hold", "expires_at", n=n)
        rows = self._streams.hold_line.take(n)
        self.holds.reserve(n, rows, expires_at, booked_at=at)
        self._check_numbers("hold_line", n, [line[1] for line in rows])
        accounts = self._accounts
        return [
            (accounts.owners[line[2]], hold_line(accounts.refs[line[2]], line[3], line[4]), line[5], line)
            for line in rows
        ]

    def _release(self, row: Row, details: Details) -> Sequence[Line]:
        step = self.holds.release(row[0], details.get("hold"), details.get("step", ""), booked_at=row[4])
        self._expect("hold_step", self._streams.hold_step, step)
        return ()

    def _rule(self, row: Row) -> Sequence[Line]:
        n = row[0]
        rule = self._streams.account_rule.one(n)
        if rule is None:
            return ()
        _, account_id, version, minimum, maximum, closed, commitment = rule
        self._accounts.rule(account_id, version, minimum, maximum, closed=closed, n=n)
        said = rule_line(self._accounts.refs[account_id], version, minimum, maximum, closed=bool(closed))
        return [(self._accounts.owners[account_id], said, commitment, rule)]

    def _period(self, row: Row, details: Details) -> Sequence[Line]:
        n, booked_on = row[0], brussels_date(from_microseconds(row[4])).isoformat()
        expected = self.periods.close(n, details.get("until"), booked_on=booked_on)
        if details.get("since") != expected[2]:
            self._failures.differs("entry", "details", n=n)
        self._expect("period", self._streams.period, expected)
        return ()

    def _find(self, row: Row) -> Sequence[Line]:
        rows = self._streams.finding.take(row[0])
        self._check_numbers("finding", row[0], [line[1] for line in rows])
        bodies = [json.loads(line[2]) for line in rows]
        for (_, line, text, _), body in zip(rows, bodies, strict=True):
            if json_text(body) != text:
                self._failures.differs("finding", "body", n=row[0], line=line)
        pairs = zip(rows, bodies, strict=True)
        return [(BOOK_KEY, body, line[3], (line[1], body)) for line, body in pairs]

    def _expect(self, table: str, stream: Beside, expected: Row) -> None:
        stored = stream.one(expected[0])
        if stored is not None and stored != expected:
            self._failures.differs(table, "rows", n=expected[0])

    def _check_numbers(self, table: str, n: int, lines: Sequence[int]) -> None:
        if list(lines) != list(range(1, len(lines) + 1)):
            self._failures.differs(table, "line", n=n)
