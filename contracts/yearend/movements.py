"""What a year did to each lender's claim, read from the ledger, and the checks by which every total must tie.

Three readings are held against each other: balances by date of effect, the lines of the accounts in the year, and the
entries that the loan's own record names. Where one differs, nothing is written: `year-end-does-not-tie`.

    account            opening + lines of the year = closing
    020000 lender      + loan-issued, - instalment-distributed, - claim-written-off, and what plans changed:
                       + interest-capitalised, - claim-reduced, - claim-converted, + claim-revived,
                       - capitalisation-undone; and what passed: claim-inherited, claim-given, from one to another
    022000 lender      + claim-written-off, - recovery-distributed, and what passed
    023000 lender      + claim-reduced, - claim-revived, - claim-released, and what passed
    021000 borrower    what all lenders have in 020000, 022000 and 023000
    453000 borrower    its credits are the tax of every share of the year
    489300 lender      what these events credited is every share of the year, net
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from contracts.loans.books import LoanBook
from contracts.loans.passing import change_of
from contracts.loans.postings import (
    CLAIM_GIVEN,
    CLAIM_INHERITED,
    CLAIM_WRITTEN_OFF,
    INSTALMENT_DISTRIBUTED,
    LOAN_ISSUED,
    RECOVERY_DISTRIBUTED,
)
from contracts.loans.received import Received, received
from contracts.secondchance.changes import PlanChange, plan_changes
from contracts.statements import account_lines
from ledger import balances
from ledger.accounts import AccountRef
from ledger.balances import StatementLine
from ledger.errors import Refusal

CLAIM, OWED, WRITTEN_OFF, CUT, TAX, PAYABLE = "020000", "021000", "022000", "023000", "453000", "489300"
_ISSUED, _SHARED = LOAN_ISSUED.purpose, INSTALMENT_DISTRIBUTED.purpose
_LOST, _RECOVERED = CLAIM_WRITTEN_OFF.purpose, RECOVERY_DISTRIBUTED.purpose
_PASSED = (CLAIM_INHERITED.purpose, CLAIM_GIVEN.purpose)


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
    """One lender's claim on one loan in a year: opening + lent - repaid - lost + changed + passed = closing.

    `changes` are what plans did in the year. What is written off, and what was cut and may revive, are apart.
    `passed_cents` came from another by inheritance or gift, below zero it went to others; the rest has such sums too.
    """

    lender: str
    opening_cents: int
    lent_cents: int
    repaid_cents: int
    lost_cents: int
    closing_cents: int
    written_off_opening_cents: int
    recovered_cents: int
    written_off_closing_cents: int
    changes: tuple[PlanChange, ...]
    cut_opening_cents: int
    cut_closing_cents: int
    passed_cents: int
    written_off_passed_cents: int
    cut_passed_cents: int

    @property
    def changed_cents(self) -> int:
        """By how much plans made the claim grow."""
        return sum(change.claim_cents for change in self.changes)

    @property
    def is_alive(self) -> bool:
        """Whether anything was owed or happened in the year."""
        owed = self.opening_cents, self.closing_cents, self.cut_opening_cents, self.cut_closing_cents
        passed = self.passed_cents, self.written_off_passed_cents, self.cut_passed_cents
        return any((*owed, *passed, self.lent_cents, self.recovered_cents, self.changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanYear:
    """One loan in a year: its lenders' claims in the order of their tokens, and every share they ever had of it."""

    book: LoanBook
    claims: tuple[ClaimYear, ...]
    shares: tuple[Received, ...]
    recoveries: tuple[tuple[str, date, int], ...]
    """Lender, day and cents of what came back after the loss, whenever it came."""
    changes: tuple[PlanChange, ...]
    """What plans changed of the claims, whenever they did."""
    judicial: frozenset[int]
    """Numbers of the plans that a court has homologated."""
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


def loan_year(
    connection: sa.Connection, book_id: str, book: LoanBook, period: Period, judicial: frozenset[int]
) -> LoanYear | None:
    """The loan in the year, tied; None where it was over before or began after. Refuses `year-end-does-not-tie`.

    `judicial` are the numbers of the plans that a court has homologated.
    """
    asset = book.loan.asset.code
    if book.loan.agreed_on > period.ends_on:
        return None
    opening = _signed(connection, book_id, asset, period.eve_on)
    closing = _signed(connection, book_id, asset, period.ends_on)
    shares, changes = tuple(received(connection, book_id, book)), tuple(plan_changes(connection, book_id, book))
    claims, recoveries = [], []
    everybody = sorted({claim.lender for claim in book.claims})
    for lender in everybody:
        own = tuple(change for change in changes if change.lender == lender and period.holds(change.on))
        claim = _claim_year(connection, book_id, lender, asset, opening, closing, period, own)
        _tie_record(book, claim, period)
        due = sum(s.principal_cents for s in shares if s.lender == lender and period.holds(s.on))
        tie(AccountRef(CLAIM, lender, asset), stated=due, booked=claim.repaid_cents)
        claims.append(claim)
        recoveries += _recoveries(connection, book_id, AccountRef(WRITTEN_OFF, lender, asset), lender)
    for signed in (opening, closing):
        codes = (CLAIM, WRITTEN_OFF, CUT)
        held = sum(signed[AccountRef(code, each, asset)] for each in everybody for code in codes)
        owed = AccountRef(OWED, book.loan.borrower, asset)
        tie(owed, stated=held, booked=-signed[owed])
    if not any(claim.is_alive for claim in claims):
        return None
    return LoanYear(
        book=book,
        claims=tuple(claims),
        shares=shares,
        recoveries=tuple(recoveries),
        changes=changes,
        judicial=judicial,
        period=period,
    )


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
    changes: tuple[PlanChange, ...],
) -> ClaimYear:
    claim, off, cut = (AccountRef(code, lender, asset) for code in (CLAIM, WRITTEN_OFF, CUT))
    moved = _by_purpose(_lines(connection, book_id, claim, period))
    lost_moved = _by_purpose(_lines(connection, book_id, off, period))
    cut_moved = _by_purpose(_lines(connection, book_id, cut, period))
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
        changes=changes,
        cut_opening_cents=opening[cut],
        cut_closing_cents=closing[cut],
        passed_cents=sum(moved[purpose] for purpose in _PASSED),
        written_off_passed_cents=sum(lost_moved[purpose] for purpose in _PASSED),
        cut_passed_cents=sum(cut_moved[purpose] for purpose in _PASSED),
    )
    for event in {change.event for change in changes}:
        of_event = sum(change.claim_cents for change in changes if change.event is event)
        tie(claim, stated=of_event, booked=moved[event.value])
    stated = year.opening_cents + year.lent_cents - year.repaid_cents - year.lost_cents + year.changed_cents
    tie(claim, stated=stated + year.passed_cents, booked=year.closing_cents)
    stated = opening[cut] + sum(change.cut_cents for change in changes) + year.cut_passed_cents
    tie(cut, stated=stated, booked=closing[cut])
    stated = opening[off] + year.lost_cents - year.recovered_cents + year.written_off_passed_cents
    tie(off, stated=stated, booked=closing[off])
    return year


def _tie_record(book: LoanBook, claim: ClaimYear, period: Period) -> None:
    """What the moves of the loan say that plans changed in the year is what the claim's entries say."""
    numbers = [each.number for each in book.claims if each.lender == claim.lender]
    made = [each for each in book.rebases if period.holds(each.on)]
    stated = sum(change_of(each, number).cents for each in made for number in numbers)
    tie(AccountRef(CLAIM, claim.lender, book.loan.asset.code), stated=stated, booked=claim.changed_cents)


def _recoveries(
    connection: sa.Connection, book_id: str, account: AccountRef, lender: str
) -> list[tuple[str, date, int]]:
    lines = account_lines(connection, book_id, account)
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
    return [line for line in account_lines(connection, book_id, account) if period.holds(line.effective_on)]


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
