"""What became of a closed period: the balances as they were closed, each late entry since, the balances as known now.

The report is one JSON object that follows from the period's last day and entry K alone, to the byte: it is kept in the
record as a note on the closing entry, whose evidence is the report's SHA-256, and so stands under the log's signature.
Whoever doubts a copy prints the report again and compares.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.balances import AccountBalance, balances, entry_count
from ledger.book import UnitOfWork
from ledger.dated import check_known_at
from ledger.errors import InvariantError, Refusal
from ledger.facts import Note
from ledger.periods import ClosedPeriod, closed_period
from ledger.reports import balance_sheet
from ledger.rubrics import Row
from ledger.storage import tables
from ledger.storage.base import JSON, json_text

FORMAT = "bxl-restatement/1"


@dataclass(frozen=True, slots=True)
class LateEntry:
    """An entry booked after the closing that takes effect up to the period's last day, with its signed lines.

    `restates` is the last day of the closed period that its date falls in: the one reported, or one before it.
    """

    n: int
    key: str
    effective_on: date
    purpose: str
    restates: date
    lines: tuple[tuple[AccountRef, int], ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """An account or a rubric whose amount differs: as it was closed, and as it is known now."""

    name: str
    asset: str
    closed: int
    known: int


@dataclass(frozen=True, slots=True)
class Restatement:
    """The report. `accounts` hold signed balances, `rubrics` lines of the balance sheet: only what differs."""

    book_id: str
    period: ClosedPeriod
    known_at: int
    late: tuple[LateEntry, ...]
    accounts: tuple[Changed, ...]
    rubrics: tuple[Changed, ...]

    def body(self) -> dict[str, JSON]:
        """The JSON object."""
        return {
            "accounts": [_changed(each, "account") for each in self.accounts],
            "book": self.book_id,
            "closed_by": self.period.n,
            "format": FORMAT,
            "known_at": self.known_at,
            "late": [_late(each) for each in self.late],
            "rubrics": [_changed(each, "rubric") for each in self.rubrics],
            "since_on": self.period.since_on.isoformat() if self.period.since_on else None,
            "until_on": self.period.until_on.isoformat(),
        }

    def text(self) -> str:
        """The one text of the report: compact, members sorted."""
        return json_text(self.body())

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text().encode()).hexdigest()


def restatement(connection: sa.Connection, book_id: str, *, until_on: date, known_at: int | None = None) -> Restatement:
    """The report on the period that ends on `until_on`, as known at an entry (the last one, if none is named).

    Refuses `period-not-closed` (also as known before the closing), `known-at-not-reached`, and what the balance sheet
    refuses.
    """
    period = closed_period(connection, book_id, until_on)
    known = entry_count(connection, book_id) - 1 if known_at is None else known_at
    check_known_at(connection, book_id, known)
    if known < period.n:
        raise Refusal("period-not-closed", until_on=until_on.isoformat())
    late = _late_entries(connection, book_id, period, known)
    before, after = (balances(connection, book_id, on=until_on, known_at=n) for n in (period.n, known))
    accounts = _differences(before, after)
    _expect_explained(accounts, late)
    sheets = [balance_sheet(connection, book_id, on=until_on, known_at=n) for n in (period.n, known)]
    rubrics = _rubrics(*([*sheet.assets, *sheet.liabilities] for sheet in sheets))
    return Restatement(book_id, period, known, late, accounts, rubrics)


def store_restatement(unit: UnitOfWork, *, until_on: date, known_at: int | None = None) -> Restatement:
    """Enter the report's hash as a note on the closing entry, under the key `restatement:<last day>:<K>`.

    The same call for the same K again is a duplicate. Refuses what `restatement` refuses.
    """
    found = restatement(unit.connection, unit.book_id, until_on=until_on, known_at=known_at)
    key = f"restatement:{until_on.isoformat()}:{found.known_at}"
    text = f"Restatement of the period up to {until_on.isoformat()} as known at entry {found.known_at}"
    unit.post(Note(key, found.period.key, text, evidence=found.sha256))
    return found


def _late_entries(
    connection: sa.Connection, book_id: str, period: ClosedPeriod, known_at: int
) -> tuple[LateEntry, ...]:
    p, a, e = tables.posting.c, tables.account.c, tables.entry.c
    query = (
        sa.select(p.n, e.fact_key, p.effective_on, e.purpose, p.restates)
        .add_columns(a.code, a.owner, a.asset, p.debit - p.credit)
        .select_from(tables.posting)
        .join(tables.entry, sa.and_(e.book_id == p.book_id, e.n == p.n))
        .join(tables.account, sa.and_(a.book_id == p.book_id, a.account_id == p.account_id))
        .where(p.book_id == book_id, p.restates.is_not(None), p.n > period.n, p.n <= known_at)
        .where(p.effective_on <= period.until_on)
        .order_by(p.n, p.line)
    )
    lines: dict[tuple[int, str, date, str, date], list[tuple[AccountRef, int]]] = defaultdict(list)
    for n, key, on, purpose, restates, code, owner, asset, signed in connection.execute(query):
        lines[n, key, on, purpose, restates].append((AccountRef.known(code, owner, asset), signed))
    return tuple(LateEntry(*entry, tuple(posted)) for entry, posted in lines.items())


def _differences(before: Iterable[AccountBalance], after: Iterable[AccountBalance]) -> tuple[Changed, ...]:
    was = {line.account: line.signed for line in before}
    found = {line.account: line.signed for line in after}
    return tuple(
        Changed(str(ref), ref.asset, was.get(ref, 0), found[ref])
        for ref in sorted(found, key=lambda ref: (str(ref), ref.asset))
        if found[ref] != was.get(ref, 0)
    )


def _expect_explained(accounts: Sequence[Changed], late: Sequence[LateEntry]) -> None:
    """Late entries are all that can change a closed period; what they do not explain is a defect."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in late:
        for ref, signed in entry.lines:
            sums[str(ref), ref.asset] += signed
    explained = {name: total for name, total in sums.items() if total}
    if explained != {(each.name, each.asset): each.known - each.closed for each in accounts}:
        raise InvariantError("the balances of a closed period changed by more than its late entries")


def _rubrics(before: Iterable[Row], after: Iterable[Row]) -> tuple[Changed, ...]:
    was = {row.code: row.amount_cents for row in before}
    rows = [Changed(row.code, "EUR", was.get(row.code, 0), row.amount_cents) for row in after]
    return tuple(row for row in rows if row.closed != row.known)


def _changed(each: Changed, called: str) -> Mapping[str, JSON]:
    amounts = {"closed": each.closed, "difference": each.known - each.closed, "known": each.known}
    return {called: each.name, "asset": each.asset, **amounts}


def _late(entry: LateEntry) -> Mapping[str, JSON]:
    return {
        "effective_on": entry.effective_on.isoformat(),
        "entry": entry.n,
        "key": entry.key,
        "lines": [{"account": str(ref), "asset": ref.asset, "signed": signed} for ref, signed in entry.lines],
        "purpose": entry.purpose,
        "restates": entry.restates.isoformat(),
    }
