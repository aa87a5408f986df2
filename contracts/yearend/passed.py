"""What the tax papers say of claims that passed to heirs or by gift: whose credit, on which balance, and whose loss.

lender who died    the year of her death counts in full: what she lent less what was effectively repaid, to whomever
lender who gave    her balance ends with the gift, so the year of the gift counts by half
heirs, donees      no yearly credit, which is of who lent; heirs have the one-off credit on what is lost, donees none
"""

from collections.abc import Iterator
from datetime import date

from contracts.loans.books import LoanBook
from contracts.loans.model import LenderClaim
from contracts.loans.passing import Cause, Passing, causes, change_of
from contracts.schemes.rules import Rule, rule
from contracts.yearend.movements import WRITTEN_OFF, LoanYear, tie
from ledger.accounts import AccountRef


def lent_and_repaid(loan: LoanYear, lender: str) -> tuple[int, list[tuple[date, int]]]:
    """What a lender lent by her own agreement, and what lowered it since: day and cents.

    Nothing for who came by a claim of another. Holds her account against the ledger: `year-end-does-not-tie`.
    """
    book = loan.book
    _tie_claims(loan, lender)
    own = [claim for claim in book.agreed_claims if claim.lender == lender]
    repaid = [each for claim in own for each in _lowered(loan, claim)]
    return sum(claim.principal_cents for claim in own), repaid


def is_of_another(book: LoanBook, lender: str) -> bool:
    """Whether she holds claims of the loan only that others concluded."""
    return all(claim.lender != lender for claim in book.agreed_claims)


def came_on(book: LoanBook, lender: str) -> date | None:
    """The first day on which a claim of another came to her."""
    found = [book.came_by(claim) for claim in book.claims if claim.lender == lender]
    return min((each.on for each in found if each is not None), default=None)


def lost_without_credit(loan: LoanYear, lender: str) -> tuple[int, tuple[Rule, ...]]:
    """What she lost in the year of claims by which no one-off credit comes, in cents, and the rules that say so."""
    book, on = loan.book, loan.period.ends_on
    given = [
        claim for claim in book.claims if claim.lender == lender and Cause.GIFT in causes(book.passings, claim.number)
    ]
    if not given or not loan.claim_of(lender).lost_cents:
        return 0, ()
    row = rule(book.loan.scheme, "loss_credit_passes_by", on)
    if Cause.GIFT in row.members():
        return 0, (row,)
    lost_on = book.position.standing.lost_on
    assert lost_on is not None, "what was lost was lost on a day"
    return sum(book.position_of(claim).lost_cents(lost_on) for claim in given), (row,)


def _lowered(loan: LoanYear, claim: LenderClaim) -> Iterator[tuple[date, int]]:
    """What lowered the balance of an agreed claim: repayments, whoever had them after a death; and a gift."""
    book = loan.book
    left = book.passing_of(claim)
    family = [claim]
    if left is not None and left.cause is Cause.GIFT:
        yield left.on, left.cents
    elif left is not None:
        family = [each for each in book.claims if book.root_of(each) == claim.number]
    names = {each.pledge_id for each in family}
    yield from ((share.on, share.principal_cents) for share in loan.shares if share.pledge_id in names)
    for each in family:
        yield from ((recovery.on, recovery.cents) for recovery in book.position_of(each).recoveries)


def _tie_claims(loan: LoanYear, lender: str) -> None:
    """Every claim of hers, as its record has it, is together what the ledger has at both ends of the year."""
    book, account = loan.book, AccountRef(WRITTEN_OFF, lender, loan.book.loan.asset.code)
    own, booked = [claim for claim in book.claims if claim.lender == lender], loan.claim_of(lender)
    opening = sum(_balance(loan, claim, loan.period.eve_on) for claim in own)
    closing = sum(_balance(loan, claim, loan.period.ends_on) for claim in own)
    tie(account, stated=opening, booked=booked.opening_cents + booked.written_off_opening_cents)
    tie(account, stated=closing, booked=booked.closing_cents + booked.written_off_closing_cents)


def _balance(loan: LoanYear, claim: LenderClaim, day: date) -> int:
    """Principal owed or lost at the end of a day, by the entries that gave and took it."""
    book = loan.book
    came, left = book.came_by(claim), book.passing_of(claim)
    if day < (came.on if came else book.loan.agreed_on) or (left is not None and left.on <= day):
        return 0
    cents = _cents_of(came, claim) if came else claim.principal_cents
    cents += sum(change_of(each, claim.number).cents for each in book.rebases if each.on <= day)
    cents -= sum(s.principal_cents for s in loan.shares if s.pledge_id == claim.pledge_id and s.on <= day)
    return cents - sum(each.cents for each in book.position_of(claim).recoveries if each.on <= day)


def _cents_of(came: Passing, claim: LenderClaim) -> int:
    return sum(part.cents for part in came.to if part.number == claim.number)
