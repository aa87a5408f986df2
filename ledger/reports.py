"""The balance sheet and the income statement of a book, in the abbreviated Belgian form, from its postings alone.

    balance sheet       balances by date of effect on one day; what classes 6 and 7 hold stands in equity as the result
    income statement    what was posted to classes 6 and 7 between two days, the closing of a year left out

Both prove themselves. Assets equal liabilities, and the result that the income statement carries forward is the one in
the balance sheet of its last day, though one is summed from movements and the other from balances. Closing a year moves
amounts within the result only, so that it changes neither.

Only EUR is in the statements. Memo accounts (class 0) and other assets are notes, by account code and asset: rights and
commitments off the balance sheet, in minor units of the asset.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.accounts import Kind, chart_row
from ledger.balances import balances
from ledger.errors import InvariantError, Refusal
from ledger.money import EUR
from ledger.rubrics import Row, balance_sheet_form, income_statement_form
from ledger.storage import tables

YEAR_CLOSED = "year-closed"
"""Purpose of the entries that bring classes 6 and 7 to zero at the end of a year."""

RESULT_CLASSES = ("6", "7")
RESULT_OF_THE_YEAR = "139000"
_CARRIED = ("139", "14")
_FIRST_DAY = date(1900, 1, 1)  # no entry takes effect earlier


@dataclass(frozen=True, slots=True)
class Note:
    """Accounts of one code and asset that stand outside the statement: sums of debit and of credit balances."""

    code: str
    asset: str
    names: Mapping[str, str]
    debit: int
    credit: int


@dataclass(frozen=True, slots=True)
class BalanceSheet:
    """What the book owns and owes in EUR at the end of a day, and its notes."""

    on: date
    assets: tuple[Row, ...]
    liabilities: tuple[Row, ...]
    notes: tuple[Note, ...]

    @property
    def total_cents(self) -> int:
        """Total of the assets, which is that of the liabilities."""
        return _amount(self.assets, "20/58")

    @property
    def result_cents(self) -> int:
        """Profit, or loss where negative, that is not carried forward yet."""
        return _amount(self.liabilities, "9905")


@dataclass(frozen=True, slots=True)
class IncomeStatement:
    """What was earned and spent in EUR from the first to the last day, both included, and where the result goes."""

    since: date
    until: date
    rows: tuple[Row, ...]
    appropriation: tuple[Row, ...]
    notes: tuple[Note, ...]

    @property
    def result_cents(self) -> int:
        """Profit, or loss where negative, to be appropriated."""
        return _amount(self.rows, "9905")


@dataclass(frozen=True, slots=True)
class _Amount:
    """A signed amount (debits minus credits) on accounts of one code."""

    code: str
    asset: str
    signed: int


def balance_sheet(connection: sa.Connection, book_id: str, *, on: date, known_at: int | None = None) -> BalanceSheet:
    """The balance sheet by date of effect, as known at an entry; an empty book has one, all zero.

    Accounts of class 4 and banks (55) are presented on the side on which each stands. Refuses
    `memo-accounts-unbalanced` where entries in EUR mix class 0 with the others, as an import may.
    """
    listed = balances(connection, book_id, on=on, known_at=known_at)
    found = [_Amount(b.account.code, b.account.asset, b.signed) for b in listed]
    _refuse_unbalanced_memo(found)
    form = balance_sheet_form()
    amounts = form.amounts((a.code, a.signed) for a in found if _is_stated(a))
    if amounts["20/58"] != amounts["10/49"]:
        raise InvariantError(f"assets are {amounts['20/58']} and liabilities {amounts['10/49']}")
    return BalanceSheet(on, form.rows(amounts, "assets"), form.rows(amounts, "liabilities"), _notes(found))


def income_statement(
    connection: sa.Connection, book_id: str, *, since: date, until: date, known_at: int | None = None
) -> IncomeStatement:
    """The income statement by date of effect, as known at an entry, with the appropriation of its result.

    Refuses `period-reversed`, `memo-accounts-unbalanced`, and `year-closed-elsewhere` where entries that call
    themselves `year-closed` move the result to accounts that hold no result.
    """
    if since > until:
        raise Refusal("period-reversed", since_on=since.isoformat(), until_on=until.isoformat())
    moved, closed = _movements(connection, book_id, since=since, until=until, known_at=known_at)
    if closed:
        raise Refusal("year-closed-elsewhere", difference_cents=closed, until_on=until.isoformat())
    form = income_statement_form()
    given = {"14P": _carried_before(connection, book_id, since, known_at)}
    amounts = form.amounts(((a.code, a.signed) for a in moved if _is_stated(a)), given=given)
    carried = _amount(balance_sheet(connection, book_id, on=until, known_at=known_at).liabilities, "14")
    if amounts["14"] != carried:
        raise InvariantError(f"the income statement carries {amounts['14']} forward, the balance sheet {carried}")
    notes = _notes(a for a in moved if a.code.startswith(RESULT_CLASSES))
    return IncomeStatement(since, until, form.rows(amounts, "result"), form.rows(amounts, "appropriation"), notes)


def _movements(
    connection: sa.Connection, book_id: str, *, since: date, until: date, known_at: int | None
) -> tuple[list[_Amount], int]:
    """What was posted to the accounts of the result, by code; and what closing entries, left out, took from them all.

    The latter is zero as long as closings (and their reversals) move amounts among these accounts only.
    """
    a, p, e = tables.account.c, tables.posting.c, tables.entry.c
    closing = tables.entry.alias("closing")
    total = sa.cast(sa.func.sum(p.debit - p.credit), sa.BigInteger)
    is_closing = sa.or_(e.purpose == YEAR_CLOSED, closing.c.n.is_not(None)).label("is_closing")
    query = (
        sa.select(a.code, a.asset, is_closing, total)
        .join_from(tables.account, tables.posting, sa.and_(a.book_id == p.book_id, a.account_id == p.account_id))
        .join(tables.entry, sa.and_(e.book_id == p.book_id, e.n == p.n))
        .outerjoin(
            closing,
            sa.and_(closing.c.book_id == e.book_id, closing.c.n == e.reverses, closing.c.purpose == YEAR_CLOSED),
        )
        .where(a.book_id == book_id, p.effective_on.between(since, until))
        .where(sa.true() if known_at is None else p.n <= known_at)
        .where(sa.or_(*(a.code.startswith(prefix) for prefix in (*RESULT_CLASSES, *_CARRIED))))
        .group_by(a.code, a.asset, is_closing)
        .order_by(a.code, a.asset)
    )
    moved, closed = [], 0
    for code, asset, left_out, signed in connection.execute(query):
        if not left_out:
            moved.append(_Amount(code, asset, signed))
        elif asset == EUR.code:
            closed += signed
    return moved, closed


def _carried_before(connection: sa.Connection, book_id: str, since: date, known_at: int | None) -> int:
    """The result that stood in equity at the end of the day before `since`, profit positive."""
    if since <= _FIRST_DAY:
        return 0
    day_before = since - timedelta(days=1)
    return -sum(
        b.signed
        for prefix in (*RESULT_CLASSES, *_CARRIED)
        for b in balances(connection, book_id, code_prefix=prefix, asset=EUR.code, on=day_before, known_at=known_at)
    )


def _refuse_unbalanced_memo(found: Iterable[_Amount]) -> None:
    difference = sum(a.signed for a in found if a.asset == EUR.code and _is_memo(a.code))
    if difference:
        raise Refusal("memo-accounts-unbalanced", difference_cents=difference)


def _notes(found: Iterable[_Amount]) -> tuple[Note, ...]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for amount in found:
        if not _is_stated(amount):
            sides = sums[amount.code, amount.asset]
            sides[0] += max(amount.signed, 0)
            sides[1] += max(-amount.signed, 0)
    return tuple(
        Note(code, asset, chart_row(code).names, debit, credit)
        for (code, asset), (debit, credit) in sorted(sums.items())
        if debit or credit
    )


def _is_stated(amount: _Amount) -> bool:
    return amount.asset == EUR.code and not _is_memo(amount.code)


def _is_memo(code: str) -> bool:
    return chart_row(code).kind is Kind.MEMO


def _amount(rows: Iterable[Row], code: str) -> int:
    return next(row.amount_cents for row in rows if row.code == code)
