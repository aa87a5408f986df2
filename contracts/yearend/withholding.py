"""A borrower's return of the tax withheld on the interest of a year, by the day on which it was attributed.

The borrower owes the tax; the operator keeps it from what lenders receive and pays it in the borrower's name. A lender
is taxed as her kind is on the day of attribution.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from contracts.documents.model import ClaimEvent
from contracts.documents.yearly import ChangedInterest, WithheldRow, WithholdingData
from contracts.loans.received import Received
from contracts.parties.model import Attribute
from contracts.schemes.rules import Rule, find_rule
from contracts.schemes.withholding import HolderKind, withholding_rule
from contracts.secondchance.changes import PlanChange
from contracts.yearend.movements import TAX, LoanYear, tie_taxes
from contracts.yearend.stand import Stand
from ledger import balances
from ledger.accounts import AccountRef

OF_INTEREST = frozenset({ClaimEvent.WAIVED, ClaimEvent.CAPITALISED, ClaimEvent.UNDONE})
"""Changes that are of interest; what is cut, becomes shares or revives is principal."""


def withholding_data(stand: Stand, borrower: str, loans: Sequence[LoanYear]) -> WithholdingData:
    """What the return over a borrower's loans says; refuses `no-rule-for-date` and `year-end-does-not-tie`."""
    paid_in = tie_taxes(stand.connection, stand.book_id, borrower, loans, stand.period)
    groups: dict[tuple[date, HolderKind | None], list[Received]] = defaultdict(list)
    for share in (share for loan in loans for share in loan.shares_in_year() if share.interest_cents):
        groups[share.on, _kind(stand, share.lender, share.on)].append(share)
    rules: dict[str, Rule] = {}
    rows = [
        _row(on, kind, shares, rules)
        for (on, kind), shares in sorted(groups.items(), key=lambda pair: (pair[0][0], pair[0][1] or ""))
    ]
    kept = balances.balance(stand.connection, stand.book_id, AccountRef(TAX, borrower), on=stand.period.ends_on)
    return WithholdingData(
        frame=stand.frame(f"withholding-{borrower}-{stand.period.year}"),
        borrower=stand.enterprise(borrower),
        loans=tuple(loan.loan_id for loan in loans),
        rows=tuple(rows),
        changes=tuple(change for loan in loans for change in _changes(loan)),
        paid_in_cents=paid_in,
        unpaid_cents=-kept,
        rules=tuple(sorted(rules)),
        provisional=any(row.is_provisional for row in rules.values()),
    )


def _row(on: date, kind: HolderKind | None, shares: Sequence[Received], rules: dict[str, Rule]) -> WithheldRow:
    """One line, and the rules it names added to `rules`."""
    taxed = None if kind is None else withholding_rule(kind, on)
    term = find_rule("BE", "withholding_return_days", on)
    rules.update({row.id: row for row in (taxed, term) if row is not None})
    gross, tax = sum(share.interest_cents for share in shares), sum(share.tax_cents for share in shares)
    return WithheldRow(
        attributed_on=on,
        holder_kind=kind,
        rate=taxed.decimal() if taxed else None,
        lenders=len({share.lender for share in shares}),
        gross_cents=gross,
        tax_cents=tax,
        net_cents=gross - tax,
        pay_by_on=on + timedelta(days=term.integer()) if term else None,
    )


def _changes(loan: LoanYear) -> Iterator[ChangedInterest]:
    """A line for each day and kind of change."""
    groups: dict[tuple[date, ClaimEvent], list[PlanChange]] = defaultdict(list)
    for change in (change for claim in loan.claims for change in claim.changes if change.event in OF_INTEREST):
        groups[change.on, change.event].append(change)
    for (on, event), changes in sorted(groups.items()):
        yield ChangedInterest(
            on=on,
            loan_id=loan.loan_id,
            title=loan.book.loan.title,
            event=event,
            lenders=len({change.lender for change in changes}),
            amount_cents=sum(change.cents for change in changes),
        )


def _kind(stand: Stand, lender: str, on: date) -> HolderKind | None:
    kind = stand.attribute(lender, Attribute.HOLDER_KIND, on)
    return HolderKind(kind) if kind else None
