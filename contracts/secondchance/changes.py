"""What plans have changed of the claims on a loan, as the journal entries tell that its own record names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.documents.model import ClaimEvent
from contracts.loans.books import LoanBook
from contracts.secondchance import lifecycle as life
from contracts.secondchance import postings
from contracts.secondchance.queries import file_id
from ledger import balances

EVENTS = {template: ClaimEvent(template.purpose) for template in postings.TEMPLATES}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What plan number `plan` changed of one pledge's claim, by the journal entry numbered `entry`."""

    plan: int
    lender: str
    on: date
    entry: int
    event: ClaimEvent
    cents: int

    @property
    def claim_cents(self) -> int:
        """By how much the claim grows."""
        return self.event.sign * self.cents

    @property
    def cut_cents(self) -> int:
        """By how much what was cut and may revive grows."""
        less = {ClaimEvent.REVIVED, ClaimEvent.RELEASED}
        return self.cents if self.event is ClaimEvent.REDUCED else -self.cents if self.event in less else 0


def plan_changes(
    connection: sa.Connection, book_id: str, book: LoanBook, lender: str | None = None
) -> list[PlanChange]:
    """Every change of the loan's claims, or of those of one lender, in order of plan, event and claim."""
    plans = range(1, len(book.rebases) + 1)
    claims = [claim for claim in book.claims if lender in {None, claim.lender}]
    named = {
        postings.plan_key(template, book.loan, claim, plan): (plan, template, claim.lender)
        for plan in plans
        for template in postings.TEMPLATES
        for claim in claims
    }
    found = balances.entries_by_key(connection, book_id, named) if named else {}
    return [
        _change(found[key], plan=plan, event=EVENTS[template], lender=owner)
        for key, (plan, template, owner) in named.items()
        if key in found
    ]


def judicial_plans(connection: sa.Connection, book_id: str, loans: Sequence[LoanBook]) -> dict[str, frozenset[int]]:
    """Numbers of the plans that a court has homologated, by loan, for those of the loans that have had a plan."""
    changed = {file_id(book.loan.loan_id): book for book in loans if book.rebases}
    histories = moves.moves_of(connection, book_id, changed)
    found = {}
    for file, book in changed.items():
        made = [each.event for each in histories[file] if each.event in {life.CONSENTED, life.HOMOLOGATED}]
        numbers = [number for number, each in enumerate(book.rebases, 1) if not each.is_revival]
        judicial = [n for n, event in zip(numbers, made, strict=True) if event == life.HOMOLOGATED]
        found[book.loan.loan_id] = frozenset(judicial)
    return found


def _change(entry: balances.PostedEntry, *, plan: int, event: ClaimEvent, lender: str) -> PlanChange:
    assert entry.effective_on is not None, "an entry of postings has a date of effect"
    return PlanChange(
        plan=plan,
        lender=lender,
        on=entry.effective_on,
        entry=entry.n,
        event=event,
        cents=max(line.debit for line in entry.lines),
    )
