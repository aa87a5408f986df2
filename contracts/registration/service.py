"""Filing a loan's agreements with the Fund, and recording what it answered to each.

The Fund's answer is a paper from outside: its day, its reference and the SHA-256 of its file are kept, and none of
them follows from anything here.
"""

from collections.abc import Collection, Mapping
from datetime import date

from contracts import moves
from contracts.loans.steps import lock_loan
from contracts.registration.lifecycle import DEREGISTERED, FILED, REFUSED, REGISTERED, REGISTRATION, register_id
from contracts.registration.queries import registrations
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.storage.base import JSON

ANSWERS = (REGISTERED, REFUSED, DEREGISTERED)
_LONGEST_REFERENCE = 60


def record_filed(uow: UnitOfWork, loan_id: str, pledge_ids: Collection[str], *, on: date, evidence: str) -> int:
    """What was put together was filed: `evidence` is the SHA-256 of its index; gives how many agreements.

    Refuses `loan-not-known`, `agreement-not-of-loan`, `date-not-reached`, `date-too-early`, `move-not-allowed` for
    what is filed already, and `evidence-malformed`.
    """
    return _record(uow, loan_id, pledge_ids, FILED, on=on, evidence=evidence, facts={})


def record_answer(
    uow: UnitOfWork,
    loan_id: str,
    pledge_ids: Collection[str],
    answer: str,
    *,
    on: date,
    reference: str,
    evidence: str,
) -> int:
    """The Fund `registered`, `refused` or `deregistered` these agreements on a day; gives how many.

    Refuses as `record_filed` does, `register-answer-unknown`, and `register-reference-malformed`.
    """
    if answer not in ANSWERS:
        raise Refusal("register-answer-unknown", answer=answer[:40], allowed=ANSWERS)
    if not (reference.strip() == reference and 0 < len(reference) <= _LONGEST_REFERENCE and reference.isprintable()):
        raise Refusal("register-reference-malformed", limit=_LONGEST_REFERENCE)
    return _record(uow, loan_id, pledge_ids, answer, on=on, evidence=evidence, facts={"reference": reference})


def _record(
    uow: UnitOfWork,
    loan_id: str,
    pledge_ids: Collection[str],
    event: str,
    *,
    on: date,
    evidence: str,
    facts: Mapping[str, JSON],
) -> int:
    book = lock_loan(uow, loan_id)
    known = {each.pledge_id: each for each in registrations(uow.connection, uow.book_id, book)}
    for pledge_id in pledge_ids:
        if pledge_id not in known:
            raise Refusal("agreement-not-of-loan", loan_id=loan_id, pledge_id=pledge_id[:40])
        check_happened(on, today=uow.today(), since=[book.loan.agreed_on, known[pledge_id].registered_on])
        object_id = register_id(loan_id, pledge_id)
        moves.record_move(uow, REGISTRATION, object_id, event, on=on, evidence=evidence, facts=facts)
    return len(pledge_ids)
