"""The stage of the demo: who plays, what has been made so far, and the verbs that the story is told in.

Each verb calls the services that pages and resources call, in a unit of work of the person who does it.
"""

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from importlib.resources import files
from typing import Any

from api.bootstrap import Wiring, document_desk
from api.identity.registration import Registration, register_citizen
from api.rails.sandbox.bank.control import BankControl
from api.worker.steps import settle
from contracts import kiis, payouts
from contracts.agreements import write_due_agreements
from contracts.bonds import proceeds
from contracts.bonds import service as bonds
from contracts.bonds.funds import REFERENCE as RUN
from contracts.bonds.model import IssuerKind
from contracts.bonds.queries import series_record
from contracts.bonds.terms import from_template
from contracts.loans import queries as loan_queries
from contracts.loans import service as loans
from contracts.loans.books import loan_book
from contracts.offers import service as offers
from contracts.offers.model import OfferDraft
from contracts.parties import service as parties
from contracts.parties.model import Attribute, LegalIdentity, LenderDeclaration, Role, StaffIdentity
from contracts.parties.safeguards import OwnerDeclaration
from contracts.payout_views import payout_runs
from contracts.pledges import knowledge, safeguards
from contracts.pledges import service as pledges
from contracts.pledges.safeguards import Consent
from contracts.secondchance import requests
from contracts.secondchance import service as chances
from contracts.secondchance.model import CashPosition
from contracts.secondchance.planning import PlanTerms
from contracts.secondchance.queries import chance_file
from contracts.secondchance.scenarios import ScenarioName
from contracts.servicing.accounts import accounts_of
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind
from contracts.votes import service as votes
from contracts.votes.tally import Choice
from ledger import approvals, balances, periods
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.payments import batches, transfers
from ledger.payments.model import Batch, TransferState
from ledger.payments.queries import payments_for, still_to_pay, transfer_orders
from ledger.payments.references import printed_communication
from ledger.payments.settlements import covers_due
from ledger.payments.transfer_files import make_transfer_file, waiting_orders

EVIDENCE = "demonstration"
RUNS = 5
"""Payout runs that are looked at for what is still to go, newest first."""
FIRST, SECOND = "nadia", "pieter"
"""The two operators; what one asks for the other approves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """An offer's figures; its words stand in offers.toml."""

    borrower: str
    rate_annual: str
    term_years: int
    every: Every
    kind: RepaymentKind
    minimum_euro: int
    maximum_euro: int
    opens_on: date
    closes_on: date


@dataclass
class Stage:
    """What the story knows by nickname."""

    wiring: Wiring
    parties: dict[str, str] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    pledges: dict[tuple[str, str], str] = field(default_factory=dict)

    def enter(self) -> None:
        """Register everybody; an operator verifies all accounts but one, whose payouts therefore wait."""
        cast = read("cast.toml")
        for row in cast["staff"]:
            self._enter_staff(row)
        for row in cast["enterprise"]:
            self._enter_enterprise(row)
        for row in cast["citizen"]:
            self._enter_citizen(row)
        for nick in [row["nick"] for row in (*cast["enterprise"], *cast["citizen"]) if row["nick"] != "lies"]:
            party_id = self.parties[nick]
            self._do(FIRST, partial(parties.verify_iban, party_id=party_id, seq=1, evidence=EVIDENCE))

    def offer(self, name: str, figures: Figures) -> None:
        """Draft an offer, have a second person approve it, publish it."""
        words = read("offers.toml")[name]
        draft = OfferDraft(
            borrower=self.parties[figures.borrower],
            rate_annual=Decimal(figures.rate_annual),
            term_years=figures.term_years,
            every=figures.every,
            kind=figures.kind,
            day_count=DayCount.THIRTY_E_360,
            minimum_cents=figures.minimum_euro * 100,
            maximum_cents=figures.maximum_euro * 100,
            pledge_minimum_cents=10_000,
            opens_on=figures.opens_on,
            closes_on=figures.closes_on,
            early_repayment=True,
            **words,
        )
        offer_id = self._do(FIRST, lambda uow: offers.draft_offer(uow, draft, on=uow.today()))
        self._inform(offer_id)
        asked = self._do(FIRST, lambda uow: offers.request_publication(uow, offer_id, reason="dossier complete"))
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(FIRST, lambda uow: offers.publish_offer(uow, offer_id, on=uow.today(), approval_id=asked))
        self.offers[name] = offer_id

    def issue_bond(self, name: str) -> None:
        """Draft a series from its template, clear it if a Region issues, and open it: one asks, the other approves."""
        stated = read("series.toml")[name]
        template, issuer = stated.pop("template"), self.parties[stated.pop("issuer")]
        terms = from_template(template, issuer=issuer, **stated)
        series_id = self._do(FIRST, lambda uow: bonds.draft_series(uow, terms, on=uow.today()))
        if terms.issuer_kind is IssuerKind.REGION:
            reference, proof = "BUD/2026/0117", evidence("decision of the federal Minister of Finance")
            self._do(
                FIRST,
                lambda uow: bonds.clear_regional_issue(
                    uow, series_id, reference=reference, on=uow.today(), evidence=proof
                ),
            )
        asked = self._do(FIRST, lambda uow: bonds.request_opening(uow, series_id, reason="dossier complete"))
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(FIRST, lambda uow: bonds.open_series(uow, series_id, on=uow.today(), approval_id=asked))
        with self.wiring.book.read() as connection:
            self.offers[name] = series_record(connection, self.wiring.book.book_id, series_id).series.offer_id
        self.series[name] = series_id

    def pay_proceeds(self, name: str) -> None:
        """Order the transfer that pays a bond's proceeds out: one asks, the other approves."""
        series_id = self.series[name]
        asked = self._do(
            FIRST, lambda uow: proceeds.request_proceeds(uow, series_id, on=uow.today(), reason="units in the register")
        )
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(FIRST, lambda uow: proceeds.order_proceeds(uow, series_id, approval_id=asked, on=uow.today()))

    def pay_coupon(self, name: str, run: str) -> None:
        """The issuer transfers what it is asked for; only where a bank tells of it can it arrive."""
        if self.wiring.bank is None:
            return
        book, reference = self.wiring.book, f"{RUN}{self.series[name]}:{run}"
        with book.read() as connection:
            asked = still_to_pay(payments_for(connection, book.book_id, reference), by_transfer=True)
            issuer = series_record(connection, book.book_id, self.series[name]).series.terms.issuer
            account = accounts_of(connection, book, [issuer], book.today_in(connection))[issuer]
        assert asked is not None, "the day after the record date an issuer is asked for a coupon"
        self._bank().credit_transfer(
            asked.amount_cents,
            name=account.name,
            iban=account.iban,
            text=printed_communication(asked.structured_reference or ""),
        )

    def _inform(self, offer_id: str) -> None:
        """Draw up the offer's key investment information sheet and issue it."""
        self._do(FIRST, lambda uow: kiis.write_sheet(uow, offer_id, read("sheet.toml"), on=uow.today()))
        kiis.issue_sheet(self.wiring.book, document_desk(self.wiring), offer_id, actor=self.parties[FIRST])

    def pledge(self, who: str, offer: str, euro: int) -> None:
        """Promise an amount; the payment is asked for, and a standing payer pays it."""
        language = self._languages()[who]
        self._make_ready(who)
        made = self._do(
            who,
            lambda uow: pledges.make_pledge(
                uow,
                offer_id=self.offers[offer],
                lender=self.parties[who],
                amount_cents=euro * 100,
                on=uow.today(),
                language=language,
                risk_acknowledged=True,
                declaration=LenderDeclaration(),
                consent=Consent(warned=True, consents=True),
            ),
        )
        self.pledges[who, offer] = made.pledge_id

    def _make_ready(self, who: str) -> None:
        """Let a lender take the knowledge test and see a loss simulation where hers are missing or too old."""
        lender = self.parties[who]

        def do(uow: UnitOfWork) -> None:
            if not safeguards.standing(uow.connection, uow, lender, uow.today()).is_ready:
                declared = {name: words[0] for name, words in knowledge.DECLARED.items()}
                safeguards.take_knowledge_test(
                    uow, lender, answers=knowledge.RIGHT, declared=declared, acknowledged=False, on=uow.today()
                )
                safeguards.acknowledge_simulation(uow, lender, bearable_loss_cents=None, on=uow.today())

        self._do(who, do)

    def withdraw(self, who: str, offer: str) -> None:
        """Take a pledge back within its reflection period."""
        pledge_id = self.pledges[who, offer]
        self._do(who, lambda uow: pledges.withdraw_pledge(uow, pledge_id, on=uow.today()))

    def settle_with_provider(self) -> None:
        """The provider has paid out what nobody can take back any more; staff records it where no bank tells of it.

        Where one does, the platform makes good what the provider kept as fees.
        """
        if self.wiring.bank is not None:
            self._cover_fees()
            return

        def do(uow: UnitOfWork) -> None:
            amount = _free_at_provider(uow)
            if amount > 0:
                reference = f"1182.{uow.today():%y%m}.{uow.today():%d}"
                proof = evidence(f"statement {reference}")
                transfers.record_settlement(
                    uow, reference=reference, amount_cents=amount, evidence=proof, on=uow.today()
                )

        self._do(FIRST, do)

    def disburse(self, offer: str) -> None:
        """Order the transfer that pays a loan out: one asks, the other approves."""
        loan_id = self.loan_of(offer)
        asked = self._do(
            FIRST, lambda uow: loans.request_disbursement(uow, loan_id, on=uow.today(), reason="loan agreed and signed")
        )
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(FIRST, lambda uow: loans.order_disbursement(uow, loan_id, approval_id=asked, on=uow.today()))

    def pay_out_lenders(self) -> None:
        """Order the transfers of what stands to lenders' credit."""
        asked = self.ask_for_payouts()
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(FIRST, lambda uow: payouts.order_payouts(uow, approval_id=asked, on=uow.today()))

    def ask_for_payouts(self) -> str:
        """Ask the second operator to approve payouts."""
        reason = "end of the month, balances checked"
        asked: str = self._do(FIRST, lambda uow: payouts.request_payouts(uow, on=uow.today(), reason=reason))
        return asked

    def confirm_transfers(self) -> None:
        """Every transfer ordered so far is carried out: the bank is sent a file, or staff records its statement."""
        if self.wiring.bank is not None:
            self._send_orders()
            return

        def do(uow: UnitOfWork) -> None:
            for order in transfer_orders(uow.connection, uow.book_id, state=TransferState.ORDERED):
                reference = f"{uow.today():%Y-%j}-{order.order_id}"
                proof = evidence(f"statement {reference}")
                loans.confirm_transfer(
                    uow, order.order_id, statement_reference=reference, evidence=proof, on=uow.today()
                )

        self._do(FIRST, do)

    def _cover_fees(self) -> None:
        """Transfer what is due from the platform's own account to the client account."""
        own_iban, book = self.wiring.settings.own_iban, self.wiring.book
        assert own_iban is not None, "the sandbox's bank keeps both accounts"
        with book.read() as connection:
            due = sum(covers_due(connection, book.book_id).values())
        if due:
            self._bank().credit_transfer(due, name="", iban=own_iban, text="frais Mollie")

    def _send_orders(self) -> None:
        """What is open goes in files: those of a run under its own approval, the rest in one for a second operator."""
        book = self.wiring.book
        with book.read() as connection:
            runs = payout_runs(connection, book.book_id, limit=RUNS)
            rest = waiting_orders(connection, book.book_id)
        for run in runs:
            if run.waiting:
                payouts.file_payouts(book, run.run_id, actor=self.parties[FIRST])
        if rest:
            self._send_rest()

    def _send_rest(self) -> None:
        made: Batch = self._do(FIRST, lambda uow: make_transfer_file(uow, accounts_of))
        asked = self._do(
            FIRST, lambda uow: batches.request_release(uow, made.batch_id, reason="orders checked one by one")
        )
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(SECOND, lambda uow: payouts.release_file(uow, made.batch_id, approval_id=asked))

    def go_bankrupt(self, offer: str) -> None:
        """Record the borrower's bankruptcy."""
        loan_id, proof = self.loan_of(offer), evidence("judgment of the enterprise court")
        self._do(FIRST, lambda uow: loans.record_bankruptcy(uow, loan_id, on=uow.today(), evidence=proof))

    def write_off(self, offer: str) -> None:
        """State what is lost."""
        loan_id, proof = self.loan_of(offer), evidence("letter of the trustee in bankruptcy")
        self._do(FIRST, lambda uow: loans.write_off(uow, loan_id, on=uow.today(), evidence=proof))

    def say_early(self, offer: str) -> None:
        """The borrower says that it goes badly, with her cash, and promises news in three weeks."""
        cash = CashPosition(on_hand_cents=180_000, receipts_cents=1_450_000, expenses_cents=1_432_000)
        loan_id = self.loan_of(offer)
        self._do_as_borrower(
            offer, lambda uow: requests.say_early(uow, loan_id, cash, update_on=uow.today() + timedelta(days=21))
        )

    def publish_plan(self, offer: str, scenario: ScenarioName) -> None:
        """The borrower asks for a way out; one officer asks to put it before her lenders, the other approves."""
        loan_id = self.loan_of(offer)
        self._do_as_borrower(offer, lambda uow: requests.ask_plan(uow, loan_id, scenario))

        def ask(uow: UnitOfWork) -> str:
            asked = chance_file(uow.connection, uow.book_id, loan_id).asked_plan
            assert asked is not None
            news_on = uow.today() + timedelta(days=42)
            plan = PlanTerms.of(asked)
            return requests.request_publication(uow, loan_id, plan, update_on=news_on, reason="cash plan checked")

        approval_id = self._do(FIRST, ask)
        self._do(SECOND, lambda uow: approvals.approve(uow, approval_id))
        self._do(SECOND, lambda uow: requests.publish_approved(uow, loan_id, approval_id=approval_id))

    def call_vote(self, offer: str, opens_on: date, closes_on: date) -> None:
        """Call the lenders to vote on the plan."""
        loan_id, notice = self.loan_of(offer), evidence("notice of the vote")

        def call(uow: UnitOfWork) -> None:
            chances.open_vote(uow, loan_id, opens_on=opens_on, closes_on=closes_on, on=uow.today(), evidence=notice)

        self._do(FIRST, call)

    def vote(self, who: str, offer: str, choice: Choice) -> None:
        """A lender's ballot with all of her claim."""
        with self.wiring.book.read() as connection:
            vote_id = chance_file(connection, self.wiring.book.book_id, self.loan_of(offer)).vote_id
        self._do(who, lambda uow: votes.cast_whole(uow, vote_id, uow.actor, choice))

    def close_period(self, until_on: date) -> None:
        """Close a period: one asks, the other approves."""
        reason = "half-year, balances checked"
        asked = self._do(FIRST, lambda uow: periods.request_period_close(uow, until_on=until_on, reason=reason))
        self._do(SECOND, lambda uow: approvals.approve(uow, asked))
        self._do(FIRST, lambda uow: periods.close_period(uow, until_on=until_on, approval_id=asked))

    def let_pay(self, *who: str, pays: bool = True) -> None:
        """Let people pay at once whatever is asked of them, or no longer."""
        assert self.wiring.sandbox is not None
        for nick in who:
            if pays:
                self.wiring.sandbox.add_standing_payer(self.parties[nick])
            else:
                self.wiring.sandbox.remove_standing_payer(self.parties[nick])

    def loan_of(self, offer: str) -> str:
        """The loan that an offer has become."""
        book = self.wiring.book
        with book.read() as connection:
            found = loan_queries.loans_overview(connection, book, book.today_in(connection))
        return next(loan.loan_id for loan in found if loan.offer_id == self.offers[offer])

    def come_to_rest(self) -> None:
        """Let payments, bookings, jobs and papers of the day be done."""
        settle(self.wiring)
        while write_due_agreements(self.wiring.book, document_desk(self.wiring)):
            settle(self.wiring)

    def citizens(self) -> list[str]:
        """The nicknames of all citizens."""
        return [row["nick"] for row in read("cast.toml")["citizen"]]

    def _enter_staff(self, row: Mapping[str, Any]) -> None:
        identity = StaffIdentity(row["name"], row["email"], row["language"], Role(row["role"]))
        with self.wiring.book.unit_of_work(actor="system:setup") as uow:
            self.parties[row["nick"]] = parties.register_staff(uow, identity)

    def _enter_enterprise(self, row: Mapping[str, Any]) -> None:
        names = ("name", "legal_form", "enterprise_number", "representative", "email", "language")
        with self.wiring.book.unit_of_work(actor=self.parties[SECOND]) as uow:
            party_id = parties.register_legal(uow, LegalIdentity(**{name: row[name] for name in names}))
            proof, commune = "extract of the Crossroads Bank for Enterprises", row["commune"]
            parties.record_attribute(uow, party_id, Attribute.COMMUNE, commune, valid_from=uow.today(), evidence=proof)
            declared = OwnerDeclaration().to_json()
            parties.record_attribute(
                uow, party_id, Attribute.OWNER_DECLARATION, declared, valid_from=uow.today(), evidence=EVIDENCE
            )
            parties.change_iban(uow, party_id, row["iban"], valid_from=uow.today(), evidence="bank identity slip")
        self.parties[row["nick"]] = party_id
        self._hold_account(row["iban"], row["name"])

    def _enter_citizen(self, row: Mapping[str, Any]) -> None:
        stated = Registration(
            given_name=row["given_name"],
            family_name=row["family_name"],
            email=row["email"],
            commune=row["commune"],
            iban=row["iban"],
            tax_residence="BE-BRU",
            acts_outside_trade=True,
            language=row["language"],
        )
        with self.wiring.book.unit_of_work(actor="visitor") as uow:
            party_id = register_citizen(uow, stated, on=uow.today(), origin=self.wiring.settings.origin)
        assert party_id is not None, "the cast has an address twice"
        self.parties[row["nick"]] = party_id
        self._make_ready(row["nick"])
        self._hold_account(row["iban"], f"{row['given_name']} {row['family_name']}")

    def _hold_account(self, iban: str, name: str) -> None:
        """Let the sandbox's bank know whose account it is."""
        if self.wiring.sandbox is not None:
            self._bank().keep_account(iban, name)

    def _bank(self) -> BankControl:
        """The bank that the sandbox plays."""
        settings = self.wiring.settings
        assert settings.sandbox_url is not None, "the demo's bank is the sandbox's"
        return BankControl(settings.sandbox_url, settings.sandbox_token)

    def _do_as_borrower(self, offer: str, act: Callable[[UnitOfWork], Any]) -> None:
        with self.wiring.book.read() as connection:
            borrower = loan_book(connection, self.wiring.book.book_id, self.loan_of(offer)).loan.borrower
        with self.wiring.book.unit_of_work(actor=borrower) as uow:
            act(uow)

    def _languages(self) -> Mapping[str, str]:
        return {row["nick"]: row["language"] for row in read("cast.toml")["citizen"]}

    def _do(self, who: str, act: Callable[[UnitOfWork], Any]) -> Any:  # noqa: ANN401 -- whatever the service gives
        with self.wiring.book.unit_of_work(actor=self.parties[who]) as uow:
            return act(uow)


def read(name: str) -> dict[str, Any]:
    """A file of the demo."""
    return tomllib.loads(files("api.demo").joinpath(name).read_text("utf-8"))


def evidence(text: str) -> str:
    """The hash of a paper that the demo pretends to have seen."""
    return hashlib.sha256(f"{EVIDENCE}: {text}".encode()).hexdigest()


def _free_at_provider(uow: UnitOfWork) -> int:
    """What stands at the provider less what may still have to go back by it."""
    standing = balances.balance(uow.connection, uow.book_id, AccountRef("580100"))
    returnable = sum(
        each.credit
        for prefix in ("489100", "489400")
        for each in balances.balances(uow.connection, uow.book_id, code_prefix=prefix)
    )
    return standing - returnable
