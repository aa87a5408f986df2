"""What tests of money after a loss share: a lost loan, a recovery that two people expect, and its transfer."""

from contracts.dispatch import BANK_HOOKS
from contracts.loans import recovery, service
from contracts.loans.model import RecoveryLine
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.statements import import_statement_file
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.products_kit import EVIDENCE, Town

Lost = tuple[str, str, list[str]]


def lost_loan(town: Town, *lent: int, bank: bool = True) -> Lost:
    """A loan that is written off before anything was repaid: borrower, loan, lenders in order of pledge."""
    if bank:
        with town.book.unit_of_work(actor="system") as uow:
            configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    lenders = {town.citizen(f"Lender{n}"): cents for n, cents in enumerate(lent)}
    borrower = town.enterprise()
    loan_id = town.fund(lenders, borrower)
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
        service.write_off(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    return borrower, loan_id, list(lenders)


def request(town: Town, loan_id: str, cents: int, *, evidence: str = EVIDENCE) -> str:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return recovery.request_recovery(uow, loan_id, amount_cents=cents, evidence=evidence, reason="dividend")


def expect(town: Town, loan_id: str, approval_id: str) -> RecoveryLine:
    with town.book.unit_of_work(actor=town.maker) as uow:
        return recovery.expect_recovery(uow, loan_id, approval_id=approval_id)


def expected(town: Town, loan_id: str, cents: int) -> RecoveryLine:
    approval_id = request(town, loan_id, cents)
    town.approve(approval_id)
    return expect(town, loan_id, approval_id)


def digits(line: RecoveryLine) -> str:
    return "".join(each for each in line.communication if each.isdigit())


def receive(town: Town, bank: Bank, *moves: Move) -> None:
    import_statement_file(town.book, bank.statement(*moves, day=town.today), hooks=BANK_HOOKS)
    town.settle()
