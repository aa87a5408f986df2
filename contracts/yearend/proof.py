"""The yearly proof of a loan to the Fund: who lent, what stood out at both ends of the year, what was repaid.

Without it a lender's tax credit is not granted from the year after the loan's conclusion on (ordinance of 17 March
2023, art. 12).
"""

from datetime import date

from contracts.documents.model import ChangedClaim
from contracts.documents.yearly import FundProofData, LoanStanding, ProvenDue, ProvenLender
from contracts.loans.books import LoanBook
from contracts.loans.lifecycle import BANKRUPTCY, DISBURSED, REPAID, WRITTEN_OFF
from contracts.schemes.rules import find_rule
from contracts.secondchance.changes import PlanChange
from contracts.terms.dates import add_months
from contracts.yearend.movements import ClaimYear, LoanYear
from contracts.yearend.stand import Stand


def proof_data(stand: Stand, loan: LoanYear) -> FundProofData:
    """What the proof of one loan says."""
    terms = loan.book.loan
    return FundProofData(
        frame=stand.frame(f"proof-{terms.loan_id}-{stand.period.year}"),
        loan_id=terms.loan_id,
        title=terms.title,
        scheme=terms.scheme,
        borrower=stand.enterprise(terms.borrower),
        agreed_on=terms.agreed_on,
        disbursed_on=happened_by(loan.book, DISBURSED, stand.period.ends_on),
        ends_on=loan.book.term_ends_on,
        principal_cents=terms.principal_cents,
        rate_annual=terms.rate_annual,
        lenders=tuple(_lender(stand, loan, claim) for claim in loan.claims),
        changes=tuple(_change(stand, loan, change) for claim in loan.claims for change in claim.changes),
        dues=_dues(loan),
        standing=_standing(loan.book, stand.period.ends_on),
        recovered_cents=sum(claim.recovered_cents for claim in loan.claims),
    )


def happened_by(book: LoanBook, event: str, on: date) -> date | None:
    """The day of an event of the loan, if it had happened by the end of `on`."""
    day = book.happened_on(event)
    return day if day is not None and day <= on else None


def _name(stand: Stand, lender: str) -> str:
    """A lender's name; her token in place of what was erased."""
    found = stand.person(lender)
    return lender if found is None else found.name


def _change(stand: Stand, loan: LoanYear, change: PlanChange) -> ChangedClaim:
    return ChangedClaim(
        on=change.on,
        loan_id=loan.loan_id,
        subject=_name(stand, change.lender),
        event=change.event,
        amount_cents=change.cents,
        entry=change.entry,
    )


def _lender(stand: Stand, loan: LoanYear, claim: ClaimYear) -> ProvenLender:
    return ProvenLender(
        party=claim.lender,
        name=_name(stand, claim.lender),
        opening_cents=claim.opening_cents,
        lent_cents=claim.lent_cents,
        repaid_cents=claim.repaid_cents,
        lost_cents=claim.lost_cents,
        changed_cents=claim.changed_cents,
        closing_cents=claim.closing_cents,
        cut_cents=claim.cut_closing_cents,
        passed_cents=claim.passed_cents,
        interest_cents=sum(share.interest_cents for share in loan.shares_in_year(claim.lender)),
    )


def _dues(loan: LoanYear) -> tuple[ProvenDue, ...]:
    found = []
    for due in loan.book.instalments:
        shares = [share for share in loan.shares_in_year() if share.n == due.n]
        if shares or loan.period.holds(due.due_on):
            found.append(
                ProvenDue(
                    n=due.n,
                    due_on=due.due_on,
                    due_cents=due.total_cents,
                    shared_on=max((share.on for share in shares), default=None),
                    principal_cents=sum(share.principal_cents for share in shares),
                    interest_cents=sum(share.interest_cents for share in shares),
                )
            )
    return tuple(found)


def _standing(book: LoanBook, on: date) -> LoanStanding:
    debt = book.position
    row = find_rule(book.loan.scheme, "acceleration_arrears_months", on)
    limit = row.integer() if row else None
    return LoanStanding(
        label=debt.label(on).value,
        days_past_due=debt.days_past_due(on),
        overdue_cents=debt.overdue_cents(on),
        arrears_limit_months=limit,
        arrears_beyond_limit=limit is not None and any(add_months(due.due_on, limit) < on for due in debt.overdue(on)),
        bankrupt_on=happened_by(book, BANKRUPTCY, on),
        lost_on=happened_by(book, WRITTEN_OFF, on),
        repaid_on=happened_by(book, REPAID, on),
    )
