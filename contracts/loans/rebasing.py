"""Other terms for a running loan: what is unpaid of its schedule is dropped, and new instalments follow.

Nothing of the old schedule goes: its instalments stay, cancelled, beside the new. What a plan changes of the claims in
the ledger is posted by whoever makes the plan; here it is on record in the move, from which every figure follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts import moves
from contracts.loans import postings
from contracts.loans.books import LoanBook
from contracts.loans.lifecycle import CANCELLED, INSTALMENT, LOAN, REPAID, SETTLED
from contracts.loans.model import ClaimChange, InstalmentState
from contracts.loans.steps import instalment_id, write_instalments
from contracts.terms.schedule import Instalment
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import InvariantError
from ledger.storage.base import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTerms:
    """What takes the place of the unsettled schedule.

    `changes` are in the order of the claims, and `rows` repay exactly what the claims then are; where that is nothing,
    the loan has ended. `amortisation` is where what is not called yet stands then. `forgone_cents` of called interest
    are accounted for elsewhere, the oldest first; `waived_cents` of them are given up, of each claim.
    """

    rows: Sequence[Instalment]
    changes: Sequence[ClaimChange]
    amortisation: Mapping[str, JSON]
    forgone_cents: int = 0
    waived_cents: Sequence[int] = ()


def rebase(uow: UnitOfWork, book: LoanBook, event: str, terms: NewTerms, *, on: date, evidence: str) -> None:
    """Drop every unsettled instalment, and ask for new ones instead; the caller holds the loan, and names the event.

    Refuses `move-not-allowed`, `evidence-malformed`, and a day after today or before a payment.
    """
    rows, changes = terms.rows, terms.changes
    paid = [book.instalment_on(each.n, SETTLED) for each in book.instalments]
    check_happened(on, today=uow.today(), since=[book.loan.agreed_on, *paid, *(each.on for each in book.rebases)])
    owed = book.position.outstanding_cents(on) + sum(change.cents for change in changes)
    if sum(row.principal_cents for row in rows) != owed:
        raise InvariantError("new instalments do not repay what is owed")
    dropped = [each for each in book.instalments if INSTALMENT.allows(book.instalment_state(each.n), CANCELLED)]
    first_n = len(book.instalments) + 1
    facts: dict[str, JSON] = {
        "first_n": first_n,
        "dropped": [each.n for each in dropped],
        "changes": [[each.capitalised_cents, each.cut_cents, each.converted_cents] for each in changes],
        "amortisation": dict(terms.amortisation),
        "waived": list(terms.waived_cents),
    }
    moves.record_move(uow, LOAN, book.loan.loan_id, event, on=on, evidence=evidence, facts=facts)
    _cancel(uow, book, dropped, on=on, forgone_cents=terms.forgone_cents)
    write_instalments(uow, book.loan.loan_id, [row for row in rows if row.total_cents], first=first_n)
    if not owed:
        moves.record_move(uow, LOAN, book.loan.loan_id, REPAID, on=on)


def _cancel(uow: UnitOfWork, book: LoanBook, dropped: Sequence[Instalment], *, on: date, forgone_cents: int) -> None:
    for instalment in dropped:
        key = None
        if book.instalment_state(instalment.n) is InstalmentState.CALLED:
            forgone = min(forgone_cents, instalment.interest_cents)
            forgone_cents -= forgone
            left = replace(instalment, interest_cents=instalment.interest_cents - forgone)
            if left.interest_cents + left.principal_cents:
                entry = postings.due_cancelled(book.loan, left, on=on, actor=uow.actor)
                uow.post(entry)
                key = entry.key
        object_id = instalment_id(book.loan.loan_id, instalment.n)
        moves.record_move(uow, INSTALMENT, object_id, CANCELLED, on=on, fact_key=key)
    if forgone_cents:
        raise InvariantError("more interest is forgone than was called")
