"""A town whose citizens pay by transfer to the client account, with the bank that writes its statements.

client = client_of(town)                      an offer is open, the client account is known
ogm = client.pledge(lender, 10_000)           what the lender must state
client.receive(Move(10_000, ogm=ogm))         the bank's statement comes in, and all that follows happens
"""

from dataclasses import dataclass, field
from typing import Any

from contracts.dispatch import BANK_HOOKS, resolve_credits
from contracts.pledges.model import PledgeState
from ledger import approvals
from ledger.payments import suspense
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from ledger.payments.queries import open_cases, payments_for, still_to_pay
from ledger.payments.statements import Imported, import_statement_file
from ledger.payments.suspense import SuspenseItem
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.products_kit import Town


@dataclass
class Client:
    """A town whose citizens pay by transfer, and the pledges they have made."""

    town: Town
    borrower: str
    offer_id: str
    bank: Bank = field(default_factory=Bank)
    pledges: list[str] = field(default_factory=list)

    def pledge(self, lender: str, cents: int) -> str:
        """A new pledge; gives its structured communication."""
        pledge_id = self.town.pledge(self.offer_id, lender, cents).pledge_id
        self.pledges.append(pledge_id)
        return self.ogm(pledge_id)

    def ogm(self, pledge_id: str) -> str:
        with self.town.book.read() as connection:
            payments = payments_for(connection, self.town.book.book_id, f"pledge:{pledge_id}")
        transfer = still_to_pay(payments, by_transfer=True)
        assert transfer is not None
        assert transfer.structured_reference is not None
        return transfer.structured_reference

    def take(self, file: bytes) -> Imported:
        imported = import_statement_file(self.town.book, file, hooks=BANK_HOOKS)
        self.town.settle()
        return imported

    def receive(self, *moves: Move) -> Imported:
        return self.take(self.bank.statement(*moves, day=self.town.today))

    def cases(self) -> list[str]:
        with self.town.book.read() as connection:
            return sorted(case.code for case in open_cases(connection, self.town.book.book_id))

    def suspended(self) -> list[SuspenseItem]:
        with self.town.book.read() as connection:
            return suspense.open_items(self.town.book, connection)

    def states(self) -> list[PledgeState]:
        return [self.town.state(pledge_id) for pledge_id in self.pledges]

    def assign(self, item: SuspenseItem) -> None:
        """One officer asks for what is proposed, the other one agrees, and it is done."""
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            wanted = [each.payment_id for each in item.proposal]
            approval_id = suspense.request_assignment(uow, item.item_id, wanted, reason="as proposed")
        with self.town.book.unit_of_work(actor=self.town.checker) as uow:
            approvals.approve(uow, approval_id)
            suspense.do_approved(uow, approval_id, resolve_credits=resolve_credits)
        self.town.settle()


def client_of(town: Town, **offer: Any) -> Client:
    """The client account is configured, and an offer of an enterprise open."""
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest, derdenrekening", CLIENT_IBAN))
    borrower = town.enterprise()
    return Client(town, borrower, town.open_offer(borrower, **offer))
