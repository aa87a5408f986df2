"""What tests of the payment rails share: a fake rail, a shop with a book and a provider, a web server for webhooks."""

import itertools
import json
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI

from api.deps import get_book
from api.errors import add_problem_handlers
from api.rails.mollie import MollieBooks, MollieRail
from api.rails.sandbox.control import SandboxControl
from api.rails.sandbox.server import SandboxServer
from api.webhooks.mollie import router, webhook_secrets
from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.journal import JournalEntry, Posting
from ledger.payments import queries
from ledger.payments.bodies import cents_of
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.methods import PaymentKind
from ledger.payments.model import OWN_CHARGEBACKS, ChargebackHooks, Mode, PaymentView, ResolveCredit, own_credit
from ledger.payments.rail import (
    CallRefusedError,
    NotAtProviderError,
    OutcomeUnknownError,
    PaymentRail,
    ProviderChargeback,
    ProviderMandate,
    ProviderMethod,
    ProviderMovement,
    ProviderPayment,
    ProviderRefund,
    ProviderSettlement,
    RailBusyError,
    is_payment_id,
)
from ledger.payments.service import configure_payments, request_payment, request_refund
from ledger.payments.sweep import sweep
from tests.commands import run_module

T = TypeVar("T", ProviderPayment, ProviderRefund, ProviderMandate)
TEST_KEY = "test_" + "k" * 30
DAY = date(2026, 3, 2)


@dataclass
class FakeRail:
    """A provider in memory, which forgets an idempotency key after an hour if it has a clock.

    It shouts: whoever sees its warning outside a test has wired it by mistake.
    """

    today: date = DAY
    payments_by_id: dict[str, ProviderPayment] = field(default_factory=dict)
    refunds_by_id: dict[str, ProviderRefund] = field(default_factory=dict)
    chargebacks_by_id: dict[str, ProviderChargeback] = field(default_factory=dict)
    mandates_by_id: dict[str, ProviderMandate] = field(default_factory=dict)
    customers: list[str] = field(default_factory=list)
    offered: list[ProviderMethod] = field(default_factory=lambda: [ProviderMethod("bancontact", 2, 150_000)])
    movements: list[ProviderMovement] = field(default_factory=list)
    settlements: list[ProviderSettlement] = field(default_factory=list)
    fee_cents: int = 0
    is_short: bool = False
    keys: dict[str, tuple[bytes, str, datetime]] = field(default_factory=dict)
    clock: FixedClock | None = None
    faults: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    mode: Mode = Mode.TEST

    def __post_init__(self) -> None:
        warnings.warn("a fake payment rail: no money moves", UserWarning, stacklevel=2)
        self._numbers = itertools.count(1)

    def create_payment(self, body: bytes, idempotency_key: str) -> ProviderPayment:
        def create() -> ProviderPayment:
            asked = json.loads(body)
            is_recurring = asked.get("sequenceType") == "recurring"
            if is_recurring and self._mandate(asked["customerId"], asked["mandateId"]).status != "valid":
                raise CallRefusedError("no valid mandate")
            return ProviderPayment(
                provider_id=f"tr_fake{next(self._numbers):06d}",
                status="pending" if is_recurring else "open",
                amount_cents=cents_of(asked["amount"]["value"]),
                currency=asked["amount"]["currency"],
                mode="test",
                created_at=self._noon(),
                checkout_url=None if is_recurring else "https://pay.example/checkout",
                metadata=asked["metadata"],
                method="directdebit" if is_recurring else None,
            )

        return self._once("create_payment", body, idempotency_key, create, self.payments_by_id)

    def create_refund(self, payment_provider_id: str, body: bytes, idempotency_key: str) -> ProviderRefund:
        def create() -> ProviderRefund:
            asked = json.loads(body)
            payment = self._find(payment_provider_id)
            cents = cents_of(asked["amount"]["value"])
            gone = {"failed", "canceled"}
            refunded = sum(r.amount_cents for r in self._refunds_of(payment_provider_id) if r.status not in gone)
            if payment.status != "paid" or cents > payment.amount_cents - refunded:
                raise CallRefusedError("more than remains")
            refund_id = f"re_fake{next(self._numbers):06d}"
            if not self.is_short:
                self.moved("refund", -cents, payment=payment_provider_id, refund=refund_id)
            return ProviderRefund(
                provider_id=refund_id,
                payment_provider_id=payment_provider_id,
                status="queued" if self.is_short else "pending",
                amount_cents=cents,
                currency="EUR",
                created_at=self._noon(),
                metadata=asked["metadata"],
            )

        return self._once("create_refund", body, idempotency_key, create, self.refunds_by_id)

    def cancel_refund(self, payment_provider_id: str, refund_provider_id: str) -> None:
        refund = self.refunds_by_id.get(refund_provider_id)
        if refund is None or refund.payment_provider_id != payment_provider_id:
            raise NotAtProviderError(refund_provider_id)
        if refund.status not in {"queued", "pending", "canceled"}:
            raise CallRefusedError("under way")
        self.set_refund(refund_provider_id, "canceled")

    def create_customer(self, body: bytes, idempotency_key: str) -> str:
        if idempotency_key not in self.keys:
            self.customers.append(f"cst_fake{next(self._numbers):06d}")
            self.keys[idempotency_key] = (body, self.customers[-1], self._noon())
        return self.keys[idempotency_key][1]

    def create_mandate(self, customer_provider_id: str, body: bytes, idempotency_key: str) -> ProviderMandate:
        def create() -> ProviderMandate:
            reference = json.loads(body)["mandateReference"]
            number = f"mdt_fake{next(self._numbers):06d}"
            return ProviderMandate(number, customer_provider_id, "valid", reference)

        if customer_provider_id not in self.customers:
            raise NotAtProviderError(customer_provider_id)
        return self._once("create_mandate", body, idempotency_key, create, self.mandates_by_id)

    def revoke_mandate(self, customer_provider_id: str, mandate_provider_id: str) -> None:
        self._mandate(customer_provider_id, mandate_provider_id)
        del self.mandates_by_id[mandate_provider_id]

    def mandates(self, customer_provider_id: str) -> list[ProviderMandate]:
        if customer_provider_id not in self.customers:
            raise NotAtProviderError(customer_provider_id)
        made = reversed(self.mandates_by_id.values())
        return [m for m in made if m.customer_provider_id == customer_provider_id]

    def payment(self, provider_id: str) -> ProviderPayment:
        self.calls.append("payment")
        chargebacks = tuple(c for c in self.chargebacks_by_id.values() if c.payment_provider_id == provider_id)
        return replace(
            self._find(provider_id),
            refunds=tuple(self._refunds_of(provider_id)),
            chargebacks=chargebacks,
            charged_back_cents=sum(c.amount_cents for c in chargebacks if c.reversed_at is None),
        )

    def newest_payments(self, *, since: date) -> list[ProviderPayment]:
        self.calls.append("newest_payments")
        return [p for p in reversed(self.payments_by_id.values()) if p.created_at.date() >= since]

    def newest_refunds(self, *, since: date) -> list[ProviderRefund]:
        self.calls.append("newest_refunds")
        return [r for r in reversed(self.refunds_by_id.values()) if r.created_at.date() >= since]

    def newest_chargebacks(self, *, since: date) -> list[ProviderChargeback]:
        self.calls.append("newest_chargebacks")
        return [c for c in reversed(self.chargebacks_by_id.values()) if c.created_at.date() >= since]

    def methods(self, amount_cents: int) -> list[ProviderMethod]:
        return [m for m in self.offered if m.minimum_cents <= amount_cents <= (m.maximum_cents or amount_cents)]

    def newest_settlements(self, *, since: date) -> list[ProviderSettlement]:
        return [s for s in reversed(self.settlements) if s.created_at.date() >= since]

    def newest_movements(self, *, since: date) -> list[ProviderMovement]:
        return [m for m in reversed(self.movements) if m.created_at.date() >= since]

    def balance_cents(self) -> int:
        return sum(m.result_cents for m in self.movements)

    def decide(self, provider_id: str, outcome: str) -> None:
        if outcome == "paid":
            self.moved("payment", self._find(provider_id).amount_cents, payment=provider_id)
        paid_at = self._noon() if outcome == "paid" else None
        changed = replace(self._find(provider_id), status=outcome, paid_at=paid_at, checkout_url=None)
        self.payments_by_id[provider_id] = changed

    def set_refund(self, refund_id: str, status: str) -> None:
        refund, gone = self.refunds_by_id[refund_id], {"failed", "canceled"}
        named = {"payment": refund.payment_provider_id, "refund": refund_id}
        if refund.status == "queued" and status not in gone | {"queued"}:
            self.moved("refund", -refund.amount_cents, **named)
        if refund.status not in gone | {"queued"} and status in gone:
            self.moved("returned-refund", refund.amount_cents, fee_cents=0, **named)
        self.refunds_by_id[refund_id] = replace(refund, status=status)

    def refund_by_hand(self, provider_id: str, cents: int) -> str:
        """Somebody refunds a payment in the provider's dashboard."""
        body = {"amount": {"currency": "EUR", "value": f"{cents // 100}.{cents % 100:02d}"}, "metadata": {}}
        return self.create_refund(provider_id, json.dumps(body).encode(), f"by-hand-{next(self._numbers)}").provider_id

    def charge_back(self, provider_id: str, cents: int | None = None, *, reason: str | None = None) -> str:
        """The payer's bank takes a payment back; gives the chargeback's id."""
        payment, chargeback_id = self._find(provider_id), f"chb_fake{next(self._numbers):06d}"
        taken = payment.amount_cents if cents is None else cents
        self.chargebacks_by_id[chargeback_id] = ProviderChargeback(
            chargeback_id, provider_id, taken, "EUR", self._noon(), reason_code=reason
        )
        standing = payment.charged_back_cents + taken
        self.payments_by_id[provider_id] = replace(payment, charged_back_cents=standing)
        self.moved("chargeback", -taken, payment=provider_id, chargeback=chargeback_id)
        return chargeback_id

    def win_back(self, chargeback_id: str) -> None:
        """A chargeback is reversed."""
        won = replace(self.chargebacks_by_id[chargeback_id], reversed_at=self._noon())
        self.chargebacks_by_id[chargeback_id] = won
        payment = self._find(won.payment_provider_id)
        standing = payment.charged_back_cents - won.amount_cents
        self.payments_by_id[payment.provider_id] = replace(payment, charged_back_cents=standing)
        named = {"payment": payment.provider_id, "chargeback": chargeback_id}
        self.moved("chargeback-reversal", won.amount_cents, fee_cents=0, **named)

    def settle(self) -> ProviderSettlement:
        """Pay the balance out; what is below zero is carried and moves nothing."""
        number, cents = len(self.settlements) + 1, self.balance_cents()
        settlement = ProviderSettlement(
            f"stl_fake{number:04d}", f"1234567.2603.{number:02d}", "paidout", cents, self._noon(), self._noon()
        )
        self.settlements.append(settlement)
        if cents > 0:
            self.moved("outgoing-transfer", -cents, fee_cents=0, settlement=settlement.provider_id)
        return settlement

    def moved(
        self,
        kind: str,
        cents: int,
        *,
        fee_cents: int | None = None,
        payment: str | None = None,
        refund: str | None = None,
        chargeback: str | None = None,
        settlement: str | None = None,
    ) -> ProviderMovement:
        """A movement of the balance, less the provider's fee."""
        fee = self.fee_cents if fee_cents is None else fee_cents
        named = (payment, refund, chargeback, settlement)
        moved_id = f"baltr_fake{len(self.movements) + 1:06d}"
        at = self._noon() + timedelta(milliseconds=len(self.movements))
        self.movements.append(ProviderMovement(moved_id, kind, cents, fee, cents - fee, at, *named))
        return self.movements[-1]

    def _once(self, name: str, body: bytes, key: str, create: Callable[[], T], kept: dict[str, T]) -> T:
        self.calls.append(name)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "lost-before":
            raise OutcomeUnknownError(fault)
        if fault == "busy":
            raise RailBusyError(fault)
        now = self.clock.now() if self.clock else self._noon()
        if key in self.keys and now - self.keys[key][2] < timedelta(hours=1):
            known_body, object_id, _ = self.keys[key]
            if known_body != body:
                raise CallRefusedError("the key was used for another body")
            made = kept[object_id]
        else:
            made = create()
            kept[made.provider_id] = made
            self.keys[key] = (body, made.provider_id, now)
        if fault == "lost-after":
            raise OutcomeUnknownError(fault)
        return made

    def _mandate(self, customer_provider_id: str, mandate_provider_id: str) -> ProviderMandate:
        mandate = self.mandates_by_id.get(mandate_provider_id)
        if mandate is None or mandate.customer_provider_id != customer_provider_id:
            raise NotAtProviderError(mandate_provider_id)
        return mandate

    def _find(self, provider_id: str) -> ProviderPayment:
        if not is_payment_id(provider_id) or provider_id not in self.payments_by_id:
            raise NotAtProviderError(provider_id)
        return self.payments_by_id[provider_id]

    def _refunds_of(self, provider_id: str) -> list[ProviderRefund]:
        return [r for r in self.refunds_by_id.values() if r.payment_provider_id == provider_id]

    def _noon(self) -> datetime:
        return datetime(self.today.year, self.today.month, self.today.day, 11, tzinfo=UTC)


@dataclass
class Shop:
    """A book with a provider behind it. `work` does what the worker does; nothing happens by itself."""

    book: Book
    rail: PaymentRail
    clock: FixedClock
    control: SandboxControl | None = None
    resolve_credit: ResolveCredit = own_credit
    chargebacks: ChargebackHooks = OWN_CHARGEBACKS

    def configure(self, webhook_url: str = "http://127.0.0.1:9/webhooks/mollie") -> "Shop":
        with self.book.unit_of_work(actor="test") as unit:
            configure_payments(unit, public_url="https://bxl.example", webhook_url=webhook_url, mode=Mode.TEST)
        return self

    def ask(self, reference: str = "pledge:p1", *, payer: str = "c1", cents: int = 50_000, code: str = "489100") -> str:
        """A payment, asked for and not yet sent."""
        with self.book.unit_of_work(actor="test") as unit:
            return request_payment(
                unit,
                reference=reference,
                payer=payer,
                amount_cents=cents,
                description="A pledge",
                credit=AccountRef(code, payer),
                kind=PaymentKind.PLEDGE,
                return_path="/fr/pledges/p1",
                language="fr",
            )

    def open(self, reference: str = "pledge:p1", **asked: object) -> PaymentView:
        """A payment that stands open at the provider."""
        payment_id = self.ask(reference, **asked)
        assert send_due_calls(self.book, self.rail) == 1
        return self.view(payment_id)

    def paid(self, reference: str = "pledge:p1", **asked: object) -> PaymentView:
        """A payment that was paid and posted."""
        assert self.control is not None
        payment = self.open(reference, **asked)
        self.control.pay(payment.provider_id)
        assert sweep(self.book, self.rail) == 1
        assert self.process() == 1
        return self.view(payment.payment_id)

    def ask_refund(self, payment: PaymentView, *, reference: str = "back:p1", cents: int | None = None) -> str:
        """A refund, asked for and not yet sent; what it needs and 489400 may lack is first moved there from 489100."""
        wanted = payment.amount_cents if cents is None else cents
        with self.book.unit_of_work(actor="test") as unit:
            refund_id = request_refund(
                unit,
                payment_id=payment.payment_id,
                amount_cents=wanted,
                reference=reference,
                debit=AccountRef("489400", "c1"),
            )
            held = -balances.balance(unit.connection, unit.book_id, AccountRef("489100", "c1"))
            is_new = balances.entry_by_key(unit.connection, unit.book_id, f"move:{refund_id}") is None
            if is_new and (moved := min(wanted, held)):
                lines = (
                    Posting(AccountRef("489100", "c1"), debit=moved),
                    Posting(AccountRef("489400", "c1"), credit=moved),
                )
                unit.post(JournalEntry(f"move:{refund_id}", unit.today(), "test", lines))
        return refund_id

    def send(self) -> int:
        return send_due_calls(self.book, self.rail)

    def process(self) -> int:
        return process_inbox(self.book, self.rail, resolve_credit=self.resolve_credit, chargebacks=self.chargebacks)

    def sweep(self) -> int:
        return sweep(self.book, self.rail)

    def later(self, **pause: int) -> None:
        """Time passes for the worker; the business date stays."""
        self.clock.business_date = self.clock.today()
        self.clock.instant += timedelta(**pause)

    def view(self, payment_id: str) -> PaymentView:
        with self.book.read() as connection:
            view = queries.payment(connection, self.book.book_id, payment_id)
        assert view is not None
        return view

    def refunds(self, payment: PaymentView) -> list[queries.RefundView]:
        with self.book.read() as connection:
            return queries.refunds_of_payment(connection, self.book.book_id, payment.payment_id)

    def cases(self) -> list[str]:
        with self.book.read() as connection:
            return [case.code for case in queries.open_cases(connection, self.book.book_id)]

    def entries(self) -> dict[str, int]:
        """How often each purpose was posted, apart from the moves of `ask_refund`."""
        with self.book.read() as connection:
            found = [e.purpose for e in balances.entries(connection, self.book.book_id)]
        return Counter(purpose for purpose in found if purpose not in {None, "test"})

    def balance(self, account: str) -> int:
        with self.book.read() as connection:
            return balances.balance(connection, self.book.book_id, AccountRef.parse(account))


def sandbox_rail(url: str, *, clock: FixedClock | None = None, **options: object) -> MollieRail:
    """The real client on a sandbox; with a `clock` it keeps the pauses that it is asked for by that one."""
    if clock is not None:
        options["seconds"] = lambda: clock.now().timestamp()
    return MollieRail(TEST_KEY, url, **options)


def alter_payment(sandbox: SandboxServer, provider_id: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the sandbox states about a payment, behind its back."""
    stored = sandbox._store.get("payments", provider_id)
    change(stored)
    sandbox._store.put(("payments", provider_id, stored))


def kill_a_worker(shop: Shop, sandbox: SandboxServer, *, at: str) -> None:
    """Run a worker in a process of its own that kills itself at the named point."""
    url = shop.book.engine.url.render_as_string(hide_password=False)
    ended = run_module("tests.payments_turn", url, sandbox.base, crash_at=at)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def sandbox_books(url: str) -> MollieBooks:
    """The real client on the books of a sandbox."""
    return MollieBooks("access_" + "k" * 30, url)


@contextmanager
def serve_webhooks(book: Book, *, secrets: tuple[str, ...] = ()) -> Iterator[str]:
    """The webhook routes on a real server; gives the address of the classic one."""
    app = FastAPI()
    app.include_router(router)
    add_problem_handlers(app)
    app.dependency_overrides[get_book] = lambda: book
    app.dependency_overrides[webhook_secrets] = lambda: secrets
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/webhooks/mollie"
    finally:
        server.should_exit = True
        thread.join()


def wait_until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
