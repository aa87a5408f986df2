"""What a year did to each lender's claim, read from the ledger, and the checks by which every total must tie.

Three readings are held against each other: balances by date of effect, the lines of the accounts in the year, and the
entries that the loan's own record names. Where one differs, nothing is written: `year-end-does-not-tie`.

    account            opening + lines of the year = closing
    020000 lender      + loan-issued, - instalment-distributed, - claim-written-off
    022000 lender      + claim-written-off, - recovery-distributed
    021000 borrower    what all lenders have in 020000 and 022000
    453000 borrower    its credits are the tax of every share of the year
    489300 lender      what these events credited is every share of the year, net
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from contracts.loans.books import LoanBook
from contracts.loans.postings import CLAIM_WRITTEN_OFF, INSTALMENT_DISTRIBUTED, LOAN_ISSUED, RECOVERY_DISTRIBUTED
from contracts.loans.received import Received, received
from ledger import balances
from ledger.accounts import AccountRef
from ledger.balances import StatementLine
from ledger.errors import Refusal

CLAIM, OWED, WRITTEN_OFF, TAX, PAYABLE = "020000", "021000", "022000", "453000", "489300"
_ISSUED, _SHARED = LOAN_ISSUED.purpose, INSTALMENT_DISTRIBUTED.purpose
_LOST, _RECOVERED = CLAIM_WRITTEN_OFF.purpose, RECOVERY_DISTRIBUTED.purpose


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar year."""

    year: int

    @property
    def starts_on(self) -> date:
        """1 January."""
        return date(self.year, 1, 1)

    @property
    def ends_on(self) -> date:
        """31 December."""
        return date(self.year, 12, 31)

    @property
    def eve_on(self) -> date:
        """The last day of the year before: its end is the beginning of 1 January."""
        return self.starts_on - timedelta(days=1)

    def holds(self, day: date) -> bool:
        """Whether the day is in it."""
        return self.starts_on <= day <= self.ends_on


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimYear:
    """One lender's claim on one loan in a year: opening + lent - repaid - lost = closing; what is written off apart."""

    lender: str
    opening_cents: int
    lent_cents: int
    repaid_cents: int
    lost_cents: int
    closing_cents: int
    written_off_opening_cents: int
    recovered_cents: int
    written_off_closing_cents: int

    @property
    def is_alive(self) -> bool:
        """Whether anything was owed or happened in the year."""
        return bool(self.opening_cents or self.closing_cents or self.lent_cents or self.recovered_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanYear:
    """One loan in a year: its lenders' claims in the order of their tokens, and every share they ever had of it."""

    book: LoanBook
    claims: tuple[ClaimYear, ...]
    shares: tuple[Received, ...]
    recoveries: tuple[tuple[str, date, int], ...]
    """Lender, day and cents of what came back after the loss, whenever it came."""
    period: Period

    @property
    def loan_id(self) -> str:
        """The loan."""
        return self.book.loan.loan_id

    def claim_of(self, lender: str) -> ClaimYear:
        """The claim of one of its lenders."""
        return next(claim for claim in self.claims if claim.lender == lender)

    def shares_in_year(self, lender: str | None = None) -> list[Received]:
        """The shares that all lenders, or one, had in the year."""
        return [s for s in self.shares if self.period.holds(s.on) and lender in {None, s.lender}]

    def principal_cents(self, lender: str) -> int:
        """What one of its lenders lent."""
        return sum(claim.principal_cents for claim in self.book.claims if claim.lender == lender)


def loan_year(connection: sa.Connection, book_id: str, book: LoanBook, period: Period) -> LoanYear | None:
    """The loan in the year, tied; None where it was over before or began after. Refuses `year-end-does-not-tie`."""
    asset = book.loan.asset.code
    if book.loan.agreed_on > period.ends_on:
        return None
    opening = _signed(connection, book_id, asset, period.eve_on)
    closing = _signed(connection, book_id, asset, period.ends_on)
    shares = tuple(received(connection, book_id, book))
    claims, recoveries = [], []
    for lender in book.lenders:
        claim = _claim_year(connection, book_id, lender, asset, opening, closing, period)
        due = sum(s.principal_cents for s in shares if s.lender == lender and period.holds(s.on))
        tie(AccountRef(CLAIM, lender, asset), stated=due, booked=claim.repaid_cents)
        claims.append(claim)
        recoveries += _recoveries(connection, book_id, AccountRef(WRITTEN_OFF, lender, asset), lender)
    for signed in (opening, closing):
        lent = sum(signed[AccountRef(code, each, asset)] for each in book.lenders for code in (CLAIM, WRITTEN_OFF))
        owed = AccountRef(OWED, book.loan.borrower, asset)
        tie(owed, stated=lent, booked=-signed[owed])
    if not any(claim.is_alive for claim in claims):
        return None
    return LoanYear(book=book, claims=tuple(claims), shares=shares, recoveries=tuple(recoveries), period=period)


def tie_taxes(connection: sa.Connection, book_id: str, borrower: str, loans: Iterable[LoanYear], period: Period) -> int:
    """Hold the year's tax against 453000; what left the account in the year. Refuses `year-end-does-not-tie`."""
    account = AccountRef(TAX, borrower)
    lines = _lines(connection, book_id, account, period)
    stated = sum(share.tax_cents for loan in loans for share in loan.shares_in_year())
    tie(account, stated=stated, booked=sum(line.credit for line in lines))
    return sum(line.debit for line in lines)


def tie_payables(
    connection: sa.Connection, book_id: str, lender: str, loans: Iterable[LoanYear], period: Period
) -> None:
    """Hold what a lender had net in the year against 489300; refuses `year-end-does-not-tie`."""
    account, loans = AccountRef(PAYABLE, lender), list(loans)
    lines = _lines(connection, book_id, account, period)
    net = sum(share.net_cents for loan in loans for share in loan.shares_in_year(lender))
    recovered = sum(loan.claim_of(lender).recovered_cents for loan in loans)
    booked = sum(line.credit for line in lines if line.purpose in {_SHARED, _RECOVERED})
    tie(account, stated=net + recovered, booked=booked)


def _claim_year(
    connection: sa.Connection,
    book_id: str,
    lender: str,
    asset: str,
    opening: Mapping[AccountRef, int],
    closing: Mapping[AccountRef, int],
    period: Period,
) -> ClaimYear:
    claim, off = AccountRef(CLAIM, lender, asset), AccountRef(WRITTEN_OFF, lender, asset)
    moved = _by_purpose(_lines(connection, book_id, claim, period))
    lost_moved = _by_purpose(_lines(connection, book_id, off, period))
    year = ClaimYear(
        lender=lender,
        opening_cents=opening[claim],
        lent_cents=moved[_ISSUED],
        repaid_cents=-moved[_SHARED],
        lost_cents=-moved[_LOST],
        closing_cents=closing[claim],
        written_off_opening_cents=opening[off],
        recovered_cents=-lost_moved[_RECOVERED],
        written_off_closing_cents=closing[off],
    )
    stated = year.opening_cents + year.lent_cents - year.repaid_cents - year.lost_cents
    tie(claim, stated=stated, booked=year.closing_cents)
    tie(off, stated=opening[off] + year.lost_cents - year.recovered_cents, booked=closing[off])
    return year


def _recoveries(
    connection: sa.Connection, book_id: str, account: AccountRef, lender: str
) -> list[tuple[str, date, int]]:
    lines = _all_lines(connection, book_id, account)
    return [(lender, line.effective_on, line.credit) for line in lines if line.purpose == _RECOVERED]


def _signed(connection: sa.Connection, book_id: str, asset: str, on: date) -> Mapping[AccountRef, int]:
    found = balances.balances(connection, book_id, asset=asset, on=on)
    return defaultdict(int, {row.account: row.signed for row in found})


def _by_purpose(lines: Iterable[StatementLine]) -> Mapping[str, int]:
    """The signed sum of lines by what they were for."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.purpose] += line.debit - line.credit
    return sums


def _lines(connection: sa.Connection, book_id: str, account: AccountRef, period: Period) -> list[StatementLine]:
    return [line for line in _all_lines(connection, book_id, account) if period.holds(line.effective_on)]


def _all_lines(connection: sa.Connection, book_id: str, account: AccountRef) -> list[StatementLine]:
    """The account's lines; none where it was never opened."""
    try:
        return balances.statement(connection, book_id, account)
    except Refusal as refusal:
        if refusal.code != "account-unknown":
            raise
        return []


def tie(account: AccountRef, *, stated: int, booked: int) -> None:
    """Refuse `year-end-does-not-tie` unless what a paper states is what the account holds; both in cents."""
    if stated != booked:
        raise Refusal(
            "year-end-does-not-tie",
            account=str(account),
            asset=account.asset,
            stated_cents=stated,
            booked_cents=booked,
        )
