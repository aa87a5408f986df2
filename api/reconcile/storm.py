"""A storm: a seeded life of payments against the sandbox, the bank twin and a fresh book, with everything going wrong.

Calls fail before or after they took effect; webhooks are dropped, doubled, held back and shuffled; workers are killed;
payers pay, pay twice, ask for refunds that fail, and let their banks take payments back and lose that again; the
provider keeps fees, pays out on TARGET days, and moves its balance for reasons that nobody knows. After each round the
invariants of `api.reconcile.invariants` hold, and after the storm ledger, provider and bank agree to the cent.
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api import migrations
from api.deps import get_book
from api.rails.mollie import MollieBooks, MollieRail
from api.rails.sandbox.bank import CLIENT_IBAN, OWN_IBAN
from api.rails.sandbox.bank.control import BankControl
from api.rails.sandbox.server import SandboxServer
from api.rails.sepa import SepaRail
from api.reconcile.invariants import broken
from api.reconcile.turn import STORM_BOOK, digest, keys_of_storm
from api.reconcile.weather import OUTCOMES, REFUND_STATES, UNKNOWN_KIND, Weather
from api.settings import SANDBOX_BANK_TOKEN, SANDBOX_KEY, SANDBOX_TOKEN
from api.webhooks.mollie import router
from contracts.offers.postings import campaign_failed
from ledger import balances
from ledger import book as ledger_book
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.payments import queries
from ledger.payments.bank import configure_bank
from ledger.payments.bookings import BankHooks
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.iso20022.model import Account
from ledger.payments.methods import PaymentKind
from ledger.payments.model import (
    OWN_CHARGEBACKS,
    REFUNDS_DUE,
    ChargebackHooks,
    ChargedBack,
    Mode,
    PaymentState,
    PaymentView,
)
from ledger.payments.movements import import_books
from ledger.payments.rail import RailError
from ledger.payments.service import configure_payments, request_payment, request_refund
from ledger.payments.settlements import covers_due
from ledger.payments.statements import receive_statement_files
from ledger.payments.sweep import sweep
from ledger.storage.engine import open_engine

BEGINS_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROUND = 10
"""Intents between two readings of the provider's books and the bank's statements."""
KILL_EVERY = 60
CRASH_POINTS = (
    "call.before-send",
    "call.after-send",
    "inbox.after-fetch",
    "posting.before-seal",
    "posting.after-commit",
)
_MOST_CENTS = 150_000
_FEWEST_TURNS, _MOST_TURNS = 10, 60
"""Half days of calm: the provider pays out two TARGET days after a payment."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was left after a storm; amounts in cents, `facts` the entries of the book."""

    seed: int
    intents: int
    provider_cents: int
    ledger_cents: int
    bank_cents: int
    booked_cents: int
    facts: int
    kills: int
    second_sweep_posted: int
    broken: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether ledger, provider and bank agree, a second sweep found nothing, and every invariant held."""
        same = self.provider_cents == self.ledger_cents and self.bank_cents == self.booked_cents
        return same and not self.second_sweep_posted and not self.broken

    def figures(self) -> dict[str, int]:
        """What the command prints."""
        return {
            "provider_cents": self.provider_cents,
            "ledger_cents": self.ledger_cents,
            "facts": self.facts,
            "second_sweep_posted": self.second_sweep_posted,
            "invariants_failed": len(self.broken),
            "bank_cents": self.bank_cents,
            "booked_cents": self.booked_cents,
            "kills": self.kills,
        }


@dataclass
class Storm:
    """A shop in a storm."""

    book: Book
    clock: FixedClock
    rail: MollieRail
    books: MollieBooks
    bank: SepaRail
    control: BankControl
    weather: Weather
    worker: tuple[str, ...]
    asked: list[str] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    covered: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    kills: int = 0

    def live(self, intents: int) -> None:
        """So many intents, and what their payers and the weather make of them."""
        for number in range(intents):
            self.weather.blow(self.control)
            self.ask(number)
            self.work()
            self.pay()
            self.give_back()
            self.take_back()
            self.hear()
            self.work()
            self.pass_time(self.weather.pause())
            if number % ROUND == ROUND - 1:
                self.read()
            if number % KILL_EVERY == KILL_EVERY // 3:
                self.kill()

    def rest(self) -> int:
        """Calm until nothing moves any more; gives what a second sweep posted after that."""
        for turn in range(_MOST_TURNS):
            self.weather.calm(self.control)
            self.hear()
            self.pass_time(timedelta(hours=12))
            before = self.facts()
            self.work()
            marked = self.sweep()
            self.work()
            self.read()
            if turn >= _FEWEST_TURNS and not marked and before == self.facts() and self.is_at_rest():
                break
        self.leave_something()
        before = self.facts()
        self.sweep()
        self.work()
        self.read()
        return self.facts() - before

    def leave_something(self) -> None:
        """One more payment, so that the balance that is compared in the end is not an empty one."""
        self.ask(len(self.asked) + 1)
        self.work()
        self.control.pay(self.control.payments()[0]["id"])
        self.sweep()
        self.work()
        self.read()

    def ask(self, number: int) -> None:
        """One intent, or a second payment for one: two tabs of one payer."""
        which = number if not self.asked or not self.weather.happens(8) else number - 1
        payer = f"c{which}"
        with self.book.unit_of_work(actor="storm") as uow:
            self.asked.append(
                request_payment(
                    uow,
                    reference=f"intent:{which}",
                    payer=payer,
                    amount_cents=self.weather.cents(_MOST_CENTS),
                    description=f"Intent {which}",
                    kind=PaymentKind.PLEDGE,
                    credit=AccountRef("489100", payer),
                    return_path="/en/",
                    language="en",
                )
            )

    def pay(self) -> None:
        """Payers decide on some of what is open."""
        for payment in self.control.payments()[:ROUND]:
            if payment["status"] == "open" and self.weather.happens(50):
                self.control.decide(payment["id"], self.weather.one_of(OUTCOMES))

    def give_back(self) -> None:
        """A refund is asked for, one is made by hand, and some move on at the provider."""
        if self.weather.happens(35):
            self.ask_refund(self.weather.one_of(self.asked[-3 * ROUND :]))
        if self.weather.happens(2):
            self.refund_by_hand(self.weather.one_of(self.asked))
        for refund in self.control.refunds()[:ROUND]:
            if refund["status"] in {"pending", "processing"} and self.weather.happens(30):
                self.control.set_refund(refund["id"], self.weather.one_of(REFUND_STATES))
            elif refund["status"] == "refunded" and self.weather.happens(3):
                self.control.set_refund(refund["id"], "failed")

    def ask_refund(self, payment_id: str) -> None:
        """Part of a paid payment is to go back; refused where nothing remains."""
        view, payer = self.view(payment_id)
        with contextlib.suppress(Refusal), self.book.unit_of_work(actor="storm") as uow:
            held = -balances.balance(uow.connection, uow.book_id, AccountRef("489100", payer))
            cents = self.weather.cents(view.amount_cents)
            reference = f"back:{payment_id}:{cents}"
            due = AccountRef(REFUNDS_DUE, payer)
            if held and view.state is PaymentState.PAID and payer not in self.moved:
                uow.post(
                    campaign_failed(
                        pledge_id=payer, lender=payer, amount_cents=held, firm=False, on=uow.today(), actor=uow.actor
                    )
                )
            request_refund(uow, payment_id=payment_id, amount_cents=cents, reference=reference, debit=due)
            self.moved.add(payer)

    def refund_by_hand(self, payment_id: str) -> None:
        """Somebody refunds a payment in the provider's dashboard."""
        view, _ = self.view(payment_id)
        if view.state is PaymentState.PAID and view.provider_id is not None:
            cents = self.weather.cents(view.amount_cents)
            body = (
                f'{{"amount": {{"currency": "EUR", "value": "{cents // 100}.{cents % 100:02d}"}},'
                ' "description": "by hand", "metadata": {}}'
            )
            with contextlib.suppress(RailError):
                self.rail.create_refund(view.provider_id, body.encode(), f"by-hand-{payment_id}-{cents}")

    def take_back(self) -> None:
        """Banks take payments back, or lose that; the balance moves for a reason that nobody knows."""
        paid = [p["id"] for p in self.control.payments()[: 5 * ROUND] if p["status"] == "paid"]
        if paid and self.weather.happens(8):
            with contextlib.suppress(OSError):  # it was taken back already
                self.control.charge_back(self.weather.one_of(paid))
        standing = [c["id"] for c in self.control.chargebacks() if c["reversedAt"] is None]
        if standing and self.weather.happens(4):
            self.control.reverse_chargeback(self.weather.one_of(standing))
        if self.weather.happens(1):
            self.control.add_movement(UNKNOWN_KIND, -self.weather.cents(5_000))
        if self.weather.happens(1):
            self.control.fail_settlement()

    def hear(self) -> None:
        """The webhooks that were held back come in another order, unless they stay away."""
        if self.weather.happens(70):
            self.control.release_webhooks(seed=self.weather.number())
            while not self.control.is_idle():
                threading.Event().wait(0.002)
            self.control.hold_webhooks()

    def work(self) -> None:
        """A turn of the worker, as far as the provider lets it."""
        with contextlib.suppress(RailError):
            send_due_calls(self.book, self.rail)
            process_inbox(self.book, self.rail, chargebacks=self.chargebacks)

    def sweep(self) -> int:
        """What no webhook told."""
        try:
            return sweep(self.book, self.rail, window=timedelta(days=60))
        except RailError:
            return 1

    def read(self) -> None:
        """The provider's books and the bank's statements; then every invariant holds."""
        with contextlib.suppress(RailError):
            import_books(self.book, self.books, since=date(2026, 1, 1))
            self.make_good()
            statements = self.bank.statements(since=date(2026, 1, 1))
            receive_statement_files(self.book, statements, hooks=BankHooks(own_iban=OWN_IBAN))
        self.faults += broken(self.book)

    def make_good(self) -> None:
        """The platform covers the fees of each settlement from its own account."""
        with self.book.read() as connection:
            due = covers_due(connection, STORM_BOOK)
        for reference in sorted(due.keys() - self.covered):
            self.control.credit_transfer(due[reference], name="Storm", iban=OWN_IBAN, text="cover of fees")
            self.covered.add(reference)

    def kill(self) -> None:
        """A worker of its own process dies at one of the points where that could hurt."""
        self.kills += 1
        environment = {**os.environ, "BXL_CRASH_AT": self.weather.one_of(CRASH_POINTS)}
        command = [*self.worker, self.clock.now().isoformat()]
        subprocess.run(command, env=environment, timeout=120, check=False, capture_output=True)  # noqa: S603 -- ourselves

    def pass_time(self, pause: timedelta) -> None:
        """Time passes for everybody."""
        self.clock.instant += pause

    @property
    def chargebacks(self) -> ChargebackHooks:
        """Whose money is taken: what was to be refunded, where a refund was asked for."""

        def where(_uow: UnitOfWork, charged: ChargedBack) -> AccountRef:
            payer = charged.payment.payer
            return AccountRef(REFUNDS_DUE, payer) if payer in self.moved else charged.credited

        return replace(OWN_CHARGEBACKS, taken=where, won_back=where)

    def view(self, payment_id: str) -> tuple[PaymentView, str]:
        """A payment, and its payer."""
        with self.book.read() as connection:
            found = queries.payment(connection, STORM_BOOK, payment_id)
            payer = queries.payer_of(connection, STORM_BOOK, payment_id)
        assert found is not None
        assert payer is not None
        return found, payer

    def facts(self) -> int:
        """How many entries the book holds."""
        with self.book.read() as connection:
            return balances.entry_count(connection, STORM_BOOK)

    def cents(self, code: str) -> int:
        """The balance of an account."""
        with self.book.read() as connection:
            return balances.balance(connection, STORM_BOOK, AccountRef(code))

    def is_at_rest(self) -> bool:
        """Whether no refund is under way at the provider, and no webhook waits."""
        under_way = {"queued", "pending", "processing"}
        return not any(refund["status"] in under_way for refund in self.control.refunds())


def run_storm(seed: int, intents: int, folder: Path) -> Outcome:
    """One storm in an empty folder; everything in it comes from its seed."""
    clock = FixedClock(BEGINS_AT)
    database = f"sqlite:///{folder / 'storm.sqlite3'}"

    def seconds() -> float:
        return clock.instant.timestamp()

    with _sandbox(clock, seed) as server, _book(database, clock) as book, _webhooks(book) as address:
        storm = Storm(
            book=book,
            clock=clock,
            rail=MollieRail(SANDBOX_KEY, server.base, seconds=seconds),
            books=MollieBooks(SANDBOX_TOKEN, server.base, seconds=seconds),
            bank=SepaRail(SANDBOX_BANK_TOKEN, server.base, iban=CLIENT_IBAN),
            control=BankControl(server.base),
            weather=Weather(seed),
            worker=(sys.executable, "-m", "api.reconcile.turn", database, server.base),
        )
        with book.unit_of_work(actor="storm") as uow:
            configure_payments(uow, public_url="https://storm.example", webhook_url=address, mode=Mode.TEST)
            configure_bank(uow, Account("Storm", CLIENT_IBAN))
        storm.control.hold_webhooks()
        storm.live(intents)
        again = storm.rest()
        return Outcome(
            seed=seed,
            intents=intents,
            provider_cents=storm.control.balance_cents(),
            ledger_cents=storm.cents("580100"),
            bank_cents=storm.control.cents(),
            booked_cents=storm.cents("550100"),
            facts=storm.facts(),
            kills=storm.kills,
            second_sweep_posted=again,
            broken=tuple(storm.faults),
        )


@contextlib.contextmanager
def _sandbox(clock: FixedClock, seed: int) -> Iterator[SandboxServer]:
    server = SandboxServer(clock=clock, seed=str(seed))
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def _book(database: str, clock: FixedClock) -> Iterator[Book]:
    engine = open_engine(database)
    migrations.upgrade(engine)
    try:
        yield ledger_book.create_book(
            engine,
            STORM_BOOK,
            name="Storm",
            origin="storm.example/log",
            policy_hash=digest("policy"),
            clock=clock,
            keys=keys_of_storm(),
            business_date=None,
        )
    finally:
        engine.dispose()


@contextlib.contextmanager
def _webhooks(book: Book) -> Iterator[str]:
    """The product's own webhook route on a port of its own; gives its address."""
    app = FastAPI()
    app.include_router(router)
    app.dependency_overrides[get_book] = lambda: book
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/webhooks/mollie"
    finally:
        server.should_exit = True
        thread.join()
