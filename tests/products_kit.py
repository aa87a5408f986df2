"""What tests of the products share: a town of citizens and enterprises, two officers, a provider in memory.

town.citizen("Ada")                     registered, resident, with a verified account
town.open_offer(...)                    drafted, approved by the second officer, published
made = town.pledge(offer_id, lender, 50_000);  town.pay(made.payment_id)
town.go_to(date)                        the business date moves day by day; every dated job runs on every day
town.settle()                           calls go out, truth is fetched, topics are handled, until nothing moves
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.refusals import sentence
from contracts import kiis, payouts
from contracts.bonds import jobs as bond_jobs
from contracts.bonds import meetings as bond_meetings
from contracts.bonds import service as bonds
from contracts.bonds import spending as bond_spending
from contracts.dispatch import CHARGEBACKS, HANDLERS, resolve_credit
from contracts.loans import debits as loan_debits
from contracts.loans import dues as loan_dues
from contracts.loans import notices as loan_notices
from contracts.loans import queries as loan_queries
from contracts.loans import service as loans
from contracts.loans.model import DocumentDesk
from contracts.offers import queries as offer_queries
from contracts.offers import service as offers
from contracts.offers.model import OfferDraft
from contracts.offers.sheets import SheetVersion
from contracts.parties import service as parties
from contracts.parties.model import Attribute, LegalIdentity, LenderDeclaration, NaturalIdentity, Role, StaffIdentity
from contracts.parties.safeguards import OwnerDeclaration
from contracts.pledges import amendments, knowledge
from contracts.pledges import queries as pledge_queries
from contracts.pledges import service as pledges
from contracts.pledges.model import PledgeMade, PledgeState
from contracts.pledges.safeguards import Consent, acknowledge_simulation, take_knowledge_test
from contracts.secondchance import jobs as chance_jobs
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind
from ledger import approvals, balances, outbox
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.payments import transfers
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox, receive
from ledger.payments.mandates import lapse_mandates
from ledger.payments.model import Mode
from ledger.payments.queries import payment, payments_for, still_to_pay
from ledger.payments.service import configure_payments
from ledger.payments.sweep import sweep
from ledger.storage.base import metadata
from tests.payments_kit import FakeRail
from tests.sheets_kit import sheet

DAY = date(2026, 3, 2)
EVIDENCE = hashlib.sha256(b"a paper").hexdigest()
JOBS = (
    pledges.firm_up_pledges,
    pledges.lapse_unpaid_pledges,
    amendments.cancel_uncorrected_offers,
    bonds.fail_cancelled_series,
    loans.close_due_offers,
    bonds.close_due_series,
    bonds.issue_due_series,
    bond_jobs.plan_due_runs,
    bond_jobs.pay_due_runs,
    bond_spending.enter_due_proceeds,
    bond_meetings.count_due_resolutions,
    lapse_mandates,
    loan_debits.announce_debits,
    loan_notices.announce_dues,
    loan_dues.call_due_instalments,
    loan_debits.distribute_parked,
    loan_dues.remind_late_borrowers,
    chance_jobs.remind_voters,
    chance_jobs.count_due_votes,
)
DESK = DocumentDesk(
    keys_dir=Path("unused"), licence_holder="The Operator", verify_address="https://town.example/verify", sandbox=True
)
_TEXTS = {"fr": "Un four.", "nl": "Een oven.", "en": "An oven."}
FIRM_IBAN = "BE46096900054836"
_IBANS = ("BE71096123456769", "BE38091215014572")


@dataclass
class Town:
    """A book with people around it."""

    book: Book
    clock: FixedClock
    rail: FakeRail
    maker: str = ""
    checker: str = ""
    mails: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    _people: int = 0
    _settlements: int = 0

    @property
    def today(self) -> date:
        return self.clock.today()

    def staff(self, name: str) -> str:
        identity = StaffIdentity(f"{name} Officer", f"{name.lower()}@operator.example", "en", Role.OPERATOR)
        with self.book.unit_of_work(actor="system") as uow:
            return parties.register_staff(uow, identity)

    def citizen(self, name: str, *, iban: bool = True, safe: bool = True) -> str:
        """Registered and resident; a `safe` one has passed the knowledge test and seen a loss simulation."""
        self._people += 1
        identity = NaturalIdentity(name, "Peeters", f"{name.lower()}{self._people}@citizens.example", "fr")
        with self.book.unit_of_work(actor="system") as uow:
            party_id = parties.register_natural(uow, identity)
            parties.record_attribute(
                uow, party_id, Attribute.HOLDER_KIND, "resident-individual", valid_from=date(2026, 1, 1), evidence="eid"
            )
            if safe:
                make_ready(uow, party_id, on=self.today)
        if iban:
            self.give_iban(party_id)
        return party_id

    def enterprise(
        self, name: str = "Boulangerie Levain", *, number: str = "0403.199.702", declared: bool = True
    ) -> str:
        """Registered, with a verified account; a `declared` one has stated that nothing stands against its offers."""
        identity = LegalIdentity(
            name, "SRL", number, "Claire Dubois", f"{name.rsplit(maxsplit=1)[-1].lower()}@firms.example", "fr"
        )
        stated = OwnerDeclaration().to_json()
        with self.book.unit_of_work(actor="system") as uow:
            party_id = parties.register_legal(uow, identity)
            if declared:
                parties.record_attribute(
                    uow, party_id, Attribute.OWNER_DECLARATION, stated, valid_from=self.today, evidence="form"
                )
        self.give_iban(party_id)
        return party_id

    def give_iban(self, party_id: str, iban: str | None = None) -> None:
        """A verified account; an enterprise has one that no lender has, since a new loan is never paid to these."""
        usual = FIRM_IBAN if party_id.startswith("e") else _IBANS[self._people % 2]
        with self.book.unit_of_work(actor=self.maker) as uow:
            seq = parties.change_iban(uow, party_id, iban or usual, valid_from=self.today, evidence="card")
        with self.book.unit_of_work(actor=self.checker) as uow:
            parties.verify_iban(uow, party_id, seq, evidence="payee check")

    def draft(self, borrower: str, **changes: Any) -> OfferDraft:
        values: dict[str, Any] = {
            "borrower": borrower,
            "title": "Un deuxième four",
            "commune": "Saint-Gilles",
            "sector": "food",
            "pitch": _TEXTS,
            "use_of_funds": _TEXTS,
            "risks": _TEXTS,
            "rate_annual": Decimal("0.0350"),
            "term_years": 5,
            "every": Every.YEAR,
            "kind": RepaymentKind.LINEAR,
            "day_count": DayCount.THIRTY_E_360,
            "minimum_cents": 100_000,
            "maximum_cents": 1_000_000,
            "pledge_minimum_cents": 10_000,
            "opens_on": self.today,
            "closes_on": self.today + timedelta(days=10),
        }
        return OfferDraft(**(values | changes))

    def draft_offer(self, borrower: str, **changes: Any) -> str:
        with self.book.unit_of_work(actor=self.maker) as uow:
            return offers.draft_offer(uow, self.draft(borrower, **changes), on=self.today)

    def open_offer(self, borrower: str, **changes: Any) -> str:
        offer_id = self.draft_offer(borrower, **changes)
        self.publish(offer_id)
        return offer_id

    def inform(self, offer_id: str, **changes: Any) -> SheetVersion:
        """Write the offer's key information sheet and issue it."""
        with self.book.unit_of_work(actor=self.maker) as uow:
            kiis.write_sheet(uow, offer_id, sheet(**changes), on=self.today)
        return kiis.issue_sheet(self.book, DESK, offer_id, actor=self.maker)

    def publish(self, offer_id: str) -> None:
        self.inform(offer_id)
        self.publish_as_informed(offer_id)

    def publish_as_informed(self, offer_id: str) -> None:
        """Publish the offer, for the first time or again, with the sheet that was issued for it."""
        with self.book.unit_of_work(actor=self.maker) as uow:
            approval_id = offers.request_publication(uow, offer_id, reason="checked")
        self.approve(approval_id)
        with self.book.unit_of_work(actor=self.maker) as uow:
            offers.publish_offer(uow, offer_id, on=self.today, approval_id=approval_id)

    def approve(self, approval_id: str) -> None:
        with self.book.unit_of_work(actor=self.checker) as uow:
            approvals.approve(uow, approval_id)

    def pledge(self, offer_id: str, lender: str, amount_cents: int, **changes: Any) -> PledgeMade:
        values: dict[str, Any] = {
            "offer_id": offer_id,
            "lender": lender,
            "amount_cents": amount_cents,
            "on": self.today,
            "language": "fr",
            "risk_acknowledged": True,
            "declaration": LenderDeclaration(),
            "consent": Consent(warned=True, consents=True),
        }
        with self.book.unit_of_work(actor=lender) as uow:
            return pledges.make_pledge(uow, **(values | changes))

    def pay(self, payment_id: str) -> None:
        """The payer pays at the provider, which tells us; everything that follows from it happens."""
        send_due_calls(self.book, self.rail, limit=1_000)
        with self.book.read() as connection:
            view = payment(connection, self.book.book_id, payment_id)
        assert view is not None
        assert view.provider_id is not None
        self.rail.decide(view.provider_id, "paid")
        with self.book.unit_of_work(actor="webhook") as uow:
            receive(uow, view.provider_id)
        self.settle()

    def pay_pledge(self, offer_id: str, lender: str, amount_cents: int) -> PledgeMade:
        made = self.pledge(offer_id, lender, amount_cents)
        self.pay(made.payment_id)
        return made

    def withdraw(self, pledge_id: str) -> str | None:
        with self.book.unit_of_work(actor="lender") as uow:
            refund_id = pledges.withdraw_pledge(uow, pledge_id, on=self.today).refund_id
        self.settle()
        return refund_id

    def settle(self) -> None:
        """Let everything that commits left behind happen."""
        while True:
            done = send_due_calls(self.book, self.rail, limit=1_000)
            self._release_refunds()
            done += sweep(self.book, self.rail)
            done += process_inbox(
                self.book, self.rail, resolve_credit=resolve_credit, chargebacks=CHARGEBACKS, limit=1_000
            )
            done += self.relay()
            if not done:
                return

    def process_only(self) -> int:
        """Fetch what is marked and record it; nothing else."""
        return process_inbox(self.book, self.rail, resolve_credit=resolve_credit, chargebacks=CHARGEBACKS)

    def relay(self) -> int:
        """Handle every topic that is due, each row in a unit of work of its own."""
        with self.book.unit_of_work(actor="relay") as uow:
            rows = outbox.take_due(uow.connection, uow.book_id, now=uow.now(), limit=10_000)
        for row in rows:
            if row.topic.startswith("mail."):
                self.mails.append((row.topic.removeprefix("mail."), row.body))
            with self.book.unit_of_work(actor="relay") as uow:
                handler = HANDLERS.get(row.topic)
                if handler is not None:
                    handler(uow, row.body)
                outbox.complete(uow.connection, uow.book_id, row.topic, row.key, now=uow.now())
        return len(rows)

    def go_to(self, day: date) -> None:
        """Move the business date day by day; every dated job runs on each of them."""
        while self.today < day:
            following = self.today + timedelta(days=1)
            self.clock.instant = datetime(following.year, following.month, following.day, 11, tzinfo=UTC)
            self.rail.today = following
            self.run_jobs()

    def jump_to(self, day: date) -> None:
        """Move the business date at once; the jobs run on the last day only."""
        self.clock.instant = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
        self.rail.today = day
        self.run_jobs()

    def run_jobs(self) -> int:
        done = sum(job(self.book, self.today) for job in JOBS)
        if done:
            self.settle()
        return done

    def bank_provider_money(self) -> None:
        """The provider pays out what it holds; staff books the bank statement."""
        held = self.balance("580100")
        if held > 0:
            self._settlements += 1
            with self.book.unit_of_work(actor=self.maker) as uow:
                transfers.record_settlement(
                    uow,
                    reference=f"1234.2603.{self._settlements:02d}",
                    amount_cents=held,
                    evidence=EVIDENCE,
                    on=self.today,
                )

    def disburse(self, loan_id: str) -> str:
        self.bank_provider_money()
        with self.book.unit_of_work(actor=self.maker) as uow:
            approval_id = loans.request_disbursement(uow, loan_id, on=self.today, reason="agreed")
        self.approve(approval_id)
        with self.book.unit_of_work(actor=self.maker) as uow:
            order_id = loans.order_disbursement(uow, loan_id, approval_id=approval_id, on=self.today)
        self.confirm(order_id)
        return order_id

    def confirm(self, order_id: str) -> None:
        with self.book.unit_of_work(actor=self.maker) as uow:
            loans.confirm_transfer(uow, order_id, statement_reference=f"S{order_id}", evidence=EVIDENCE, on=self.today)
        self.settle()

    def pay_out(self) -> list[str]:
        """Everything that stands in 489300 goes to its owners' accounts."""
        self.bank_provider_money()
        with self.book.unit_of_work(actor=self.maker) as uow:
            approval_id = payouts.request_payouts(uow, on=self.today, reason="monthly run")
        self.approve(approval_id)
        with self.book.unit_of_work(actor=self.maker) as uow:
            order_ids = payouts.order_payouts(uow, approval_id=approval_id, on=self.today)
        for order_id in order_ids:
            self.confirm(order_id)
        return order_ids

    def pay_due(self, loan_id: str, n: int) -> None:
        with self.book.read() as connection:
            payments = payments_for(connection, self.book.book_id, f"due:{loan_id}:{n}")
        asked = still_to_pay(payments, by_transfer=False)
        assert asked is not None
        self.pay(asked.payment_id)

    def fund(self, lenders: Mapping[str, int], borrower: str, **changes: Any) -> str:
        """A running loan: pledged, paid, closed and paid out."""
        changes = {"maximum_cents": sum(lenders.values())} | changes
        offer_id = self.open_offer(borrower, **changes)
        for lender, amount in lenders.items():
            self.pay_pledge(offer_id, lender, amount)
        self.go_to(self.today + timedelta(days=5))
        loan_id = self.loan_of(offer_id)
        self.disburse(loan_id)
        return loan_id

    def loan_of(self, offer_id: str) -> str:
        with self.book.read() as connection:
            every = loan_queries.loans_overview(connection, self.book, self.today)
        return next(row.loan_id for row in every if row.offer_id == offer_id)

    def balance(self, account: str, asset: str = "EUR") -> int:
        with self.book.read() as connection:
            return balances.balance(connection, self.book.book_id, AccountRef.parse(account, asset))

    def state(self, pledge_id: str) -> PledgeState:
        with self.book.read() as connection:
            return pledge_queries.state_of(connection, self.book.book_id, pledge_id)

    def card(self, offer_id: str) -> offer_queries.OfferCard:
        with self.book.read() as connection:
            return offer_queries.offer_page(connection, self.book, offer_id, self.today).card

    def loan(self, loan_id: str, lender: str | None = None) -> loan_queries.LoanPage:
        with self.book.read() as connection:
            return loan_queries.loan_page(connection, self.book, loan_id, self.today, lender)

    def portfolio(self, lender: str) -> loan_queries.Portfolio:
        with self.book.read() as connection:
            return loan_queries.portfolio(connection, self.book, lender, self.today)

    def entries(self) -> int:
        with self.book.read() as connection:
            return balances.entry_count(connection, self.book.book_id)

    def trial(self) -> list[balances.AccountBalance]:
        with self.book.read() as connection:
            return balances.trial_balance(connection, self.book.book_id)

    def _release_refunds(self) -> None:
        for refund_id, refund in list(self.rail.refunds_by_id.items()):
            if refund.status == "pending":
                self.rail.set_refund(refund_id, "refunded")


def make_town(book: Book, clock: FixedClock, rail: FakeRail) -> Town:
    """A town on a fresh book, with its two officers."""
    town = Town(book, clock, rail)
    with book.unit_of_work(actor="system") as uow:
        configure_payments(
            uow, public_url="https://town.example", webhook_url="https://town.example/hook", mode=Mode.TEST
        )
    town.maker, town.checker = town.staff("Mia"), town.staff("Otto")
    return town


def make_ready(uow: UnitOfWork, lender: str, *, on: date) -> None:
    """Let a lender pass the knowledge test and see a loss simulation, whose result she keeps to herself."""
    declared = {name: words[0] for name, words in knowledge.DECLARED.items()}
    take_knowledge_test(uow, lender, answers=knowledge.RIGHT, declared=declared, acknowledged=False, on=on)
    acknowledge_simulation(uow, lender, bearable_loss_cents=None, on=on)


@contextmanager
def refused(town: Town, code: str, **facts: Any) -> Iterator[None]:
    """What happens inside is refused with this code and at least these facts, and leaves every row as it was."""
    before = snapshot(town.book)
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code
    assert {name: caught.value.facts[name] for name in facts} == facts
    assert sentence(caught.value, "fr") != sentence(caught.value, "nl") != sentence(caught.value, "en")
    assert snapshot(town.book) == before


def snapshot(book: Book) -> dict[str, str]:
    """One hash of the rows of every table."""
    with book.read() as connection:
        return {
            table.name: hashlib.sha256(
                repr(sorted(map(repr, connection.execute(sa.select(table))))).encode()
            ).hexdigest()
            for table in metadata.sorted_tables
        }
