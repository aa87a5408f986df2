"""The client account below zero: what the bank shows is booked, and the account's floor is out of force meanwhile.

A floor keeps this program from taking more than there is; what a bank has booked has happened. Where the lines of a
file would go below the floor, the limits change in the same commit before them, by an entry whose evidence is the file,
and a case says so until the account's floor holds again. Then the floor that stood before is put back. Nothing is
released meanwhile: the cash rule asks for booked money.
"""

import sqlalchemy as sa

from ledger.balances import standings
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.facts import RuleChange
from ledger.payments import tables as t
from ledger.payments.iso20022.model import Statement
from ledger.payments.model import CLIENT_BANK
from ledger.payments.rows import close_cases, open_case
from ledger.payments.transfers import pass_gate

OVERDRAWN = "client-account-overdrawn"


def goes_below(book: Book, refusal: Refusal) -> bool:
    """Whether an import was refused since the client account, which stands open, would go below its floor."""
    if refusal.code != "floor-breached" or refusal.facts["account"] != str(CLIENT_BANK):
        return False
    with book.read() as connection:
        return bool(standings(connection, book.book_id, CLIENT_BANK))


def lift_floor(uow: UnitOfWork, last: Statement, *, sha256: str) -> None:
    """Before the lines of a file are booked: no floor, and a case with what its last statement closes at."""
    [standing] = standings(uow.connection, uow.book_id, CLIENT_BANK)
    key = f"overdraft:{sha256}:lifted"
    uow.post(RuleChange(key, CLIENT_BANK, None, standing.maximum, standing.closed, uow.actor, evidence=sha256))
    overdrawn = Refusal(
        OVERDRAWN,
        statement=last.statement_id,
        closing_cents=last.closing_cents,
        file=sha256,
        floor_cents=standing.minimum or 0,
    )
    open_case(uow, f"overdraft:{sha256[:16]}", overdrawn, payment_id=None)


def restore_floor(book: Book, *, actor: str) -> None:
    """Put the floor back once the client account holds it again; without a case nothing is done."""
    c = t.payment_case.c
    cases = sa.select(c.subject, c.facts).where(c.book_id == book.book_id, c.code == OVERDRAWN, c.closed_at.is_(None))
    with book.read() as connection:
        if connection.execute(cases).first() is None:
            return
    with book.unit_of_work(actor=actor) as uow:
        pass_gate(uow)
        [standing] = standings(uow.connection, uow.book_id, CLIENT_BANK)
        for case in uow.connection.execute(cases).all():
            floor, sha256 = int(case.facts["floor_cents"]), str(case.facts["file"])
            if standing.posted - standing.held_credit < floor:
                continue
            key = f"overdraft:{sha256}:over"
            uow.post(RuleChange(key, CLIENT_BANK, floor, standing.maximum, standing.closed, actor))
            close_cases(uow, case.subject, OVERDRAWN, reason="the account has come back above its floor")
