"""What everything costs on a day: principal outstanding and interest to it, seen by the borrower and her lenders."""

from datetime import date, timedelta

from contracts.loans.books import ALL_DUE, LoanBook
from contracts.loans.lifecycle import EARLY_ASKED, INSTALMENT, LOAN, REPAID_EARLY, SETTLED
from contracts.loans.model import EARLY, EarlyQuote, InstalmentState
from contracts.loans.uncalled import not_called
from contracts.moves import Move
from ledger.errors import Refusal

QUOTED_FOR = timedelta(days=14)
"""How far ahead a quote is made where no day is named."""


def quote(book: LoanBook, on: date, *, today: date) -> EarlyQuote:
    """What repaying everything costs on that day, which is the last on which it may be paid.

    Refuses `early-repayment-not-allowed` where the deed excludes it, `move-not-allowed` for a loan that does not run,
    `early-repayment-dues-open` while an instalment is called and unpaid, `early-repayment-quote-expired` for a day that
    is over, and `early-repayment-day-unfit` from the next due date on. Under a plan it is what the plan's terms make of
    it.
    """
    loan = book.loan
    if not loan.early_repayment:
        raise Refusal("early-repayment-not-allowed", loan_id=loan.loan_id)
    LOAN.after(book.state, EARLY_ASKED)
    asked = [each for each in book.instalments if each.n not in book.dropped]
    unpaid = [each for each in asked if book.instalment_state(each.n) is not InstalmentState.SETTLED]
    if not unpaid or book.instalment_state(unpaid[0].n) is not InstalmentState.SCHEDULED:
        n = unpaid[0].n if unpaid else len(book.instalments)
        raise Refusal("early-repayment-dues-open", loan_id=loan.loan_id, n=n)
    if on < today:
        raise Refusal("early-repayment-quote-expired", loan_id=loan.loan_id, until_on=on.isoformat())
    coming = unpaid[0]
    if on >= coming.due_on:
        days = {"stated_on": on.isoformat(), "due_on": coming.due_on.isoformat()}
        raise Refusal("early-repayment-day-unfit", loan_id=loan.loan_id, **days)
    due = not_called(book, on).end(on)
    return EarlyQuote(
        loan_id=loan.loan_id,
        n=coming.n,
        until_on=on,
        days=due.days,
        principal_cents=due.principal_cents,
        interest_cents=due.interest_cents,
        asked_on=None,
        reference=None,
    )


def quote_soon(book: LoanBook, today: date) -> EarlyQuote | None:
    """A quote for two weeks from now, or for the day before the next due date; None where there is none to be had."""
    coming = [each.due_on for each in book.instalments if book.instalment_state(each.n) is InstalmentState.SCHEDULED]
    if not coming:
        return None
    try:
        return quote(book, min(today + QUOTED_FOR, coming[0] - timedelta(days=1)), today=today)
    except Refusal:
        return None


def asked_quote(book: LoanBook, on: date) -> EarlyQuote | None:
    """What was asked for last, where it may still be paid on that day."""
    asked = book.events(EARLY_ASKED)
    if not asked or not LOAN.allows(book.state, EARLY_ASKED) or book.events(REPAID_EARLY):
        return None
    facts, until_on = asked[-1].facts, date.fromisoformat(str(asked[-1].facts["until_on"]))
    n, days, interest, principal = (int(str(facts[name])) for name in ALL_DUE)
    if until_on < on or not INSTALMENT.allows(book.instalment_state(n), SETTLED):
        return None
    return EarlyQuote(
        loan_id=book.loan.loan_id,
        n=n,
        until_on=until_on,
        days=days,
        principal_cents=principal,
        interest_cents=interest,
        asked_on=asked[-1].effective_on,
        reference=reference_of(book, asked[-1]),
    )


def reference_of(book: LoanBook, asked: Move) -> str:
    """What the payments of an early repayment go by."""
    return f"{EARLY}{book.loan.loan_id}:{asked.facts['n']}:{asked.facts['k']}"
