"""What of a loan is not called yet: on the terms of its agreement, or as the last plan left them."""

import json
from datetime import date

from contracts.loans.books import LoanBook
from contracts.terms.amortisation import Amortisation
from ledger.errors import Refusal


def not_called(book: LoanBook, on: date, *, changes: int | None = None) -> Amortisation:
    """What is not called yet at the end of a day, on the terms as the first so many `changes` left them; None: all.

    Refuses `loan-under-plan` for a change that was recorded without it.
    """
    changed = book.rebases[: len(book.rebases) if changes is None else changes]
    terms = book.loan.terms
    if not changed:
        plan = Amortisation(terms)
        for part in terms.paid_out:
            plan.move(part.on, part.amount_cents)
    elif changed[-1].amortisation is None:
        raise Refusal("loan-under-plan", loan_id=book.loan.loan_id, since_on=changed[-1].on.isoformat())
    else:
        plan = Amortisation.resumed(terms, json.loads(changed[-1].amortisation))
    plan.pass_until(on)
    return plan
