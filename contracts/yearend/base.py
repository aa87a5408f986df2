"""What of a claim the tax rules count: lent and not repaid, and definitively lost. Amounts in cents.

Interest that a plan made principal was never lent: it is in no base, and what is repaid counts against what was lent
first. What became shares leaves the base on its day. So does what was cut, unless a court homologated the cut of a
proxi loan: then it stays until nothing can revive it, and is lost principal on that day (ordinance of 17 March 2023,
art. 12 and 13).
"""

from collections.abc import Iterator
from datetime import date

from contracts.documents.model import ClaimEvent
from contracts.schemes.loss import Haircut, Loss
from contracts.secondchance.changes import PlanChange
from contracts.secondchance.proposal import TAX_YEARS
from contracts.secondchance.tools import PROXI
from contracts.terms.dates import MONTHS_A_YEAR, add_months
from contracts.yearend.movements import LoanYear

Dated = tuple[date, int]


def repaid(loan: LoanYear, lender: str) -> list[Dated]:
    """Principal that reached the lender, after its loss or before."""
    shares = [(share.on, share.principal_cents) for share in loan.shares if share.lender == lender]
    return shares + [(on, cents) for owner, on, cents in loan.recoveries if owner == lender]


def forgone(loan: LoanYear, lender: str, *, with_final: bool = True) -> list[Dated]:
    """Principal that left the base without being repaid, and, below zero, what came back into it.

    `with_final`: with the cuts of court-homologated plans that became final.
    """
    found = []
    for change in _changes(loan, lender):
        match change.event:
            case ClaimEvent.CONVERTED:
                found.append((change.on, change.cents))
            case ClaimEvent.REDUCED | ClaimEvent.REVIVED if not keeps_base(loan, change.plan):
                found.append((change.on, change.cut_cents))
            case ClaimEvent.RELEASED if with_final and keeps_base(loan, change.plan):
                found.append((change.on, change.cents))
            case _:
                pass
    return found


def beside_base(loan: LoanYear, lender: str, on: date) -> int:
    """What the ledger holds of the claim at the end of that day and the base does not: added interest, other cuts."""
    changes = [change for change in _changes(loan, lender) if change.on <= on]
    added = {ClaimEvent.CAPITALISED, ClaimEvent.UNDONE}
    interest = sum(change.claim_cents for change in changes if change.event in added)
    return interest + sum(change.cut_cents for change in changes if not keeps_base(loan, change.plan))


def open_cuts(loan: LoanYear, lender: str, on: date) -> int:
    """What was cut, may revive, and is in the base meanwhile."""
    changes = [change for change in _changes(loan, lender) if change.on <= on]
    return sum(change.cut_cents for change in changes if keeps_base(loan, change.plan))


def unpaid(loan: LoanYear, lender: str, on: date) -> int:
    """What was lent, not repaid before its loss and not turned into shares or given up by agreement; never below zero.

    A cut that became final is in it: it is a loss.
    """
    gone = [(share.on, share.principal_cents) for share in loan.shares if share.lender == lender]
    gone += forgone(loan, lender, with_final=False)
    return max(0, loan.principal_cents(lender) - sum(cents for day, cents in gone if day <= on))


def losses(loan: LoanYear, lender: str, lost_on: date | None) -> tuple[Loss, ...]:
    """Principal whose loss was proven in the year; interest that became principal is none, and cuts are apart."""
    lost_cents = loan.claim_of(lender).lost_cents
    if lost_on is None or not lost_cents:
        return ()
    before = sum(cut.cents for cut in haircuts(loan, lender))
    lent = unpaid(loan, lender, lost_on) - before
    return (Loss(lost_on, min(lost_cents, max(0, lent))),)


def haircuts(loan: LoanYear, lender: str) -> tuple[Haircut, ...]:
    """What court-homologated plans cut of a proxi loan and did not fall, each with the day on which it became final."""
    return tuple(_haircuts(loan, lender))


def term_ends_on(loan: LoanYear) -> date:
    """Until when the loan may bring the yearly credit: its agreed term, or a homologated plan's, up to 8 years."""
    book, agreed = loan.book, loan.book.term_ends_on
    numbers = [n for n, each in enumerate(book.rebases, 1) if each.on <= loan.period.ends_on]
    if not numbers or not keeps_base(loan, numbers[-1]):
        return agreed
    first = book.rebases[numbers[-1] - 1].first_n
    later = [each.first_n for each in book.rebases[numbers[-1] :]]
    rows = book.instalments[first - 1 : later[0] - 1 if later else None]
    latest = add_months(book.loan.agreed_on, MONTHS_A_YEAR * TAX_YEARS)
    return max(agreed, min(latest, max((row.due_on for row in rows), default=agreed)))


def keeps_base(loan: LoanYear, plan: int) -> bool:
    """Whether what the plan cuts stays in the base until it is final."""
    return plan in loan.judicial and loan.book.loan.scheme in PROXI


def _haircuts(loan: LoanYear, lender: str) -> Iterator[Haircut]:
    until_on = loan.period.ends_on
    known = [change for change in _changes(loan, lender) if change.on <= until_on]
    changes = [change for change in known if keeps_base(loan, change.plan)]
    for plan in sorted({change.plan for change in changes}):
        own = [change for change in changes if change.plan == plan]
        cut = [change for change in own if change.event is ClaimEvent.REDUCED]
        if cut and not any(change.event is ClaimEvent.REVIVED for change in own):
            final = [change.on for change in own if change.event is ClaimEvent.RELEASED]
            cents = sum(change.cents for change in cut)
            yield Haircut(cut[0].on, cents, final[0] if final else None)


def _changes(loan: LoanYear, lender: str) -> list[PlanChange]:
    return [change for change in loan.changes if change.lender == lender]
