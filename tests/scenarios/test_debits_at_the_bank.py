"""Direct debits from the mandate to the bank and back: files, answers, statements, and what comes back."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from api.bootstrap import Wiring
from api.mail.transport import KeptMail
from api.rails.sandbox.bank import CLIENT_IBAN, CREDITOR_IDENTIFIER
from api.settings import read_settings
from api.worker.banking import deal_with_bank
from contracts import payouts
from contracts.loans import service as loans
from contracts.loans.books import loan_book
from contracts.loans.model import DocumentDesk, InstalmentState, LoanState
from contracts.loans.owed import owed_dues
from contracts.mandates import give_mandate
from contracts.servicing.accounts import account_of, accounts_of
from contracts.terms.schedule import Every
from ledger import approvals
from ledger.balances import standings
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.payments import batches, debits, mandates, queries
from ledger.payments.bank import configure_bank
from ledger.payments.debit_files import make_debit_file
from ledger.payments.iso20022.model import Account
from ledger.payments.mandates import DebitScheme
from ledger.payments.model import CLIENT_BANK, Batch, BatchState, DebitState, MandateState, PaymentState
from ledger.payments.transfer_files import make_transfer_file
from tests.bank_kit import TwinSide, bank_side
from tests.oracle import check_everything
from tests.payments_kit import FakeRail
from tests.products_kit import DAY, Town, make_town

LENT = 100_000


@dataclass
class Banked:
    """A town whose client account is at the sandbox's bank; whatever moves on it is moved by the bank."""

    town: Town
    wiring: Wiring
    side: TwinSide
    lender: str = ""
    borrower: str = ""
    loan_id: str = ""
    mandate_id: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)

    def go_to(self, day: date) -> None:
        """The bank ends its days; then the statements come and our day begins."""
        self.side.control.set_date(day)
        self.town.jump_to(day)
        self.deal()

    def deal(self) -> None:
        while deal_with_bank(self.wiring):
            self.town.settle()
        assert self.town.balance("550100") == self.side.control.cents()

    def keep_account(self, party_id: str) -> None:
        with self.town.book.read() as connection:
            account = self.accounts[party_id] = account_of(connection, self.town.book, party_id, DAY)
        self.side.control.keep_account(account.iban, account.name)

    def pay_by_transfer(self, party_id: str, reference: str) -> None:
        """A party does at her bank what was asked of her."""
        with self.town.book.read() as connection:
            asked = queries.still_to_pay(queries.payments_for(connection, "main", reference), by_transfer=True)
        assert asked is not None
        payer = self.accounts[party_id]
        text = asked.structured_reference or ""
        self.side.control.credit_transfer(asked.amount_cents, name=payer.name, iban=payer.iban, text=text)

    def hand_in(self, made: Batch) -> Batch:
        """Two people release a file, and the worker hands it in; how it stands then."""
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            approval_id = batches.request_release(uow, made.batch_id, reason="as made")
        with self.town.book.unit_of_work(actor=self.town.checker) as uow:
            approvals.approve(uow, approval_id)
            batches.release_batch(uow, made.batch_id, approval_id=approval_id)
        self.deal()
        return self.batch(made.batch_id)

    def batch(self, batch_id: str) -> Batch:
        with self.town.book.read() as connection:
            return next(each for each in batches.batches(connection, "main") if each.batch_id == batch_id)

    def send_transfers(self) -> None:
        """The single orders that are open go to the bank, once it has been asked about their payees."""
        self.deal()
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            made = make_transfer_file(uow, accounts_of)
        self.hand_in(made)

    def send_debits(self) -> Batch:
        with self.town.book.unit_of_work(actor=self.town.maker) as uow:
            made = make_debit_file(uow, DebitScheme.CORE)
        return self.hand_in(made)

    def begin(self, keys: Path) -> None:
        """A loan that was paid, paid out and is to be collected, all by the bank."""
        town = self.town
        account = Account("BXL Invest", CLIENT_IBAN, creditor_identifier=CREDITOR_IDENTIFIER)
        with town.book.unit_of_work(actor="system") as uow:
            configure_bank(uow, account)
        self.borrower, self.lender = town.enterprise(), town.citizen("Ada")
        self.keep_account(self.borrower)
        self.keep_account(self.lender)
        offer_id = town.open_offer(self.borrower, maximum_cents=LENT, every=Every.MONTH)
        made = town.pledge(offer_id, self.lender, LENT)
        self.pay_by_transfer(self.lender, f"pledge:{made.pledge_id}")
        for days in range(1, 8):
            self.go_to(DAY + timedelta(days=days))
        self.loan_id = town.loan_of(offer_id)
        with town.book.unit_of_work(actor=town.maker) as uow:
            approval_id = loans.request_disbursement(uow, self.loan_id, on=town.today, reason="agreed")
        town.approve(approval_id)
        with town.book.unit_of_work(actor=town.maker) as uow:
            loans.order_disbursement(uow, self.loan_id, approval_id=approval_id, on=town.today)
        self.send_transfers()
        self.go_to(town.today + timedelta(days=1))
        assert (town.loan(self.loan_id).state, self.side.control.cents()) == (LoanState.RUNNING, 0)
        desk = DocumentDesk(keys_dir=keys, licence_holder="O", verify_address="https://town.example", sandbox=True)
        self.mandate_id = give_mandate(town.book, desk, self.borrower, DebitScheme.CORE, "fr")

    def pay_out(self) -> None:
        """What stands to the lender's credit goes to her account."""
        town = self.town
        with town.book.unit_of_work(actor=town.maker) as uow:
            approval_id = payouts.request_payouts(uow, on=town.today, reason="monthly run")
        town.approve(approval_id)
        with town.book.unit_of_work(actor=town.maker) as uow:
            payouts.order_payouts(uow, approval_id=approval_id, on=town.today)
            run_id = payouts.run_of(uow.connection, uow.book_id, approval_id)
        self.deal()
        payouts.file_payouts(town.book, run_id, actor=town.maker)
        self.deal()

    def debit(self, n: int = 1) -> debits.Debit:
        """The last debit of an instalment."""
        with self.town.book.read() as connection:
            return debits.debits_for(connection, "main", f"due:{self.loan_id}:{n}")[-1]

    def due_state(self, n: int = 1) -> InstalmentState:
        with self.town.book.read() as connection:
            return loan_book(connection, "main", self.loan_id).instalment_state(n)

    def mandate_state(self) -> MandateState:
        with self.town.book.read() as connection:
            return mandates.mandate(connection, "main", self.mandate_id).state

    def cases(self) -> list[str]:
        with self.town.book.read() as connection:
            return sorted(case.code for case in queries.open_cases(connection, "main"))

    def floor(self) -> int | None:
        with self.town.book.read() as connection:
            [standing] = standings(connection, "main", CLIENT_BANK)
        return standing.minimum


@pytest.fixture
def banked(book: Book, clock: FixedClock, tmp_path: Path) -> Iterator[Banked]:
    yield from _banked(book, clock, tmp_path)


@pytest.fixture
def sqlite_banked(sqlite_book: Book, clock: FixedClock, tmp_path: Path) -> Iterator[Banked]:
    yield from _banked(sqlite_book, clock, tmp_path)


def _banked(book: Book, clock: FixedClock, folder: Path) -> Iterator[Banked]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        town = make_town(book, clock, FakeRail())
    settings = read_settings({"BXL_DATA": str(folder)})
    with bank_side("by-http") as side:
        assert isinstance(side, TwinSide)
        wiring = Wiring(settings, book, town.rail, KeptMail(), None, bank=side.rail)
        begun = Banked(town, wiring, side)
        begun.begin(folder / "keys")
        yield begun
        check_everything(book)


def test_a_debit_goes_out_in_a_file_settles_its_due_by_statement_and_comes_back_when_the_lenders_are_paid(
    banked: Banked,
) -> None:
    town, first = banked.town, banked.town.loan(banked.loan_id).instalments[0]
    banked.go_to(first.due_on - timedelta(days=14))
    ordered = banked.debit()
    assert (ordered.state, ordered.amount_cents) == (DebitState.ORDERED, first.total_cents)
    banked.go_to(ordered.collect_on - timedelta(days=6))
    batch = banked.send_debits()
    assert (batch.state, batch.count, batch.total_cents) == (BatchState.SUBMITTED, 1, first.total_cents)
    banked.go_to(ordered.collect_on)
    assert banked.batch(batch.batch_id).state is BatchState.ACCEPTED
    assert (banked.due_state(), banked.side.control.cents()) == (InstalmentState.CALLED, 0)  # its day is not over

    banked.go_to(ordered.collect_on + timedelta(days=1))
    assert (banked.debit().state, banked.debit().booked_on) == (DebitState.COLLECTED, ordered.collect_on)
    assert banked.due_state() is InstalmentState.SETTLED
    assert town.balance("550100") == first.total_cents
    assert town.balance(f"489600:{banked.loan_id}") == 0
    banked.pay_out()
    banked.go_to(ordered.collect_on + timedelta(days=4))
    tax = -town.balance(f"453000:{banked.borrower}")
    assert (town.balance(f"489300:{banked.lender}"), town.balance("550100")) == (0, tax)
    assert (banked.cases(), banked.floor()) == ([], 0)

    banked.side.control.send_back(ordered.debit_id, "MD06")  # the borrower asks her bank for it
    banked.go_to(ordered.collect_on + timedelta(days=7))
    assert (banked.debit().state, banked.debit().reason) == (DebitState.RETURNED, "MD06")
    assert banked.mandate_state() is MandateState.BLOCKED
    assert banked.due_state() is InstalmentState.SETTLED  # her lenders keep what they have
    assert (town.balance("550100"), banked.floor()) == (tax - first.total_cents, None)
    assert banked.cases() == ["client-account-overdrawn"]
    with town.book.read() as connection:
        [owed] = owed_dues(connection, "main", banked.borrower)
    assert (owed.owed_cents, owed.reason, owed.is_asked) == (first.total_cents, "MD06", True)

    banked.pay_by_transfer(banked.borrower, owed.reference)
    banked.go_to(town.today + timedelta(days=3))
    assert (town.balance(f"416300:{banked.borrower}"), town.balance(f"489600:{banked.loan_id}")) == (0, 0)
    assert (town.balance("550100"), banked.floor(), banked.cases()) == (tax, 0, [])


def test_a_debit_that_the_debtors_bank_rejects_is_tried_once_more_and_collected(sqlite_banked: Banked) -> None:
    banked, account = sqlite_banked, sqlite_banked.accounts[sqlite_banked.borrower]
    first = banked.town.loan(banked.loan_id).instalments[0]
    banked.go_to(first.due_on - timedelta(days=14))
    ordered = banked.debit()
    banked.side.control.doom_account(account.iban, account.name, outcome="reject", reason="AM04")
    banked.go_to(ordered.collect_on - timedelta(days=6))
    batch = banked.send_debits()
    banked.go_to(ordered.collect_on + timedelta(days=1))
    assert banked.batch(batch.batch_id).state is BatchState.ACCEPTED  # the file was, its order was not
    with banked.town.book.read() as connection:
        tried, again = debits.debits_for(connection, "main", ordered.reference)
        failed = queries.payment(connection, "main", tried.payment_id)
    assert (tried.state, tried.reason, again.state) == (DebitState.REJECTED, "AM04", DebitState.ORDERED)
    assert failed is not None
    assert (failed.state, banked.due_state()) == (PaymentState.FAILED, InstalmentState.CALLED)
    assert banked.mandate_state() is MandateState.ACTIVE
    assert again.collect_on >= banked.town.today + timedelta(days=14)

    banked.keep_account(banked.borrower)  # it holds enough by then
    banked.go_to(again.collect_on - timedelta(days=6))
    assert banked.send_debits().batch_id != batch.batch_id
    banked.go_to(again.collect_on + timedelta(days=1))
    assert (banked.debit().state, banked.due_state()) == (DebitState.COLLECTED, InstalmentState.SETTLED)
    assert banked.town.balance("550100") == first.total_cents
    assert banked.cases() == []
