"""Who runs the conformance suites of the rails, and the other side of each, which a test can tell what to do.

PAYMENT_SUBJECTS   run `test_payment_rail.py`: everything a payment provider's adapter must do
WRITERS            run `test_rail_laws.py`: what every rail must do that hands something in under a key

A new adapter joins by a context manager that gives its subject, under its name in one of the two.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import Protocol

from api.rails.sandbox.control import SandboxControl
from api.rails.sandbox.server import SandboxServer
from ledger.payments.bodies import payment_body
from ledger.payments.rail import PaymentRail, ProviderMethod
from tests.bank_kit import MONDAY, BankSide, Paid, bank_side, texts, transfer_file
from tests.payments_kit import DAY, FakeRail, sandbox_rail

METADATA = {"op": "y1", "reference": "pledge:p1", "payer": "c1", "book": "main", "env": "test"}


class Desk(Protocol):
    """A provider's rail together with the provider's side of it."""

    rail: PaymentRail

    def decide(self, provider_id: str, outcome: str) -> None:
        """Give a payment its outcome."""

    def set_refund(self, refund_id: str, status: str) -> None:
        """Move a refund on."""

    def charge_back(self, provider_id: str, cents: int) -> None:
        """The payer's bank takes that much of a payment back, for reason MD06."""

    def win_back(self, chargeback_id: str) -> None:
        """A chargeback is reversed."""

    def set_date(self, on: date) -> None:
        """It is that day."""

    def fault(self, kind: str) -> None:
        """The next POST ends in `lost-before` or `lost-after` it took effect, or finds the provider `busy`."""

    def wait(self) -> None:
        """The pause that a busy provider asked for is over."""


class Writer(Protocol):
    """Any rail, seen only as something that takes a message once under its key."""

    def write(self, key: str, message: int) -> None:
        """Hand in the message with that number under a key."""

    def written(self) -> int:
        """How many messages the other side has taken."""

    def fault(self, kind: str) -> None:
        """As of a `Desk`."""

    def wait(self) -> None:
        """As of a `Desk`."""


class FakeDesk:
    """The fake of the tests."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it shouts that no money moves
            self.rail = FakeRail(offered=[ProviderMethod("bancontact", 2, 150_000), ProviderMethod("kbc", 1)])

    def decide(self, provider_id: str, outcome: str) -> None:
        self.rail.decide(provider_id, outcome)

    def set_refund(self, refund_id: str, status: str) -> None:
        self.rail.set_refund(refund_id, status)

    def charge_back(self, provider_id: str, cents: int) -> None:
        self.rail.charge_back(provider_id, cents)

    def win_back(self, chargeback_id: str) -> None:
        self.rail.win_back(chargeback_id)

    def set_date(self, on: date) -> None:
        self.rail.today = on

    def fault(self, kind: str) -> None:
        self.rail.faults.append(kind)

    def wait(self) -> None:
        """The fake asks for no pause."""


class SandboxDesk:
    """The Mollie adapter over a running sandbox."""

    def __init__(self, url: str) -> None:
        self.seconds = 0.0
        self.control = SandboxControl(url)
        self.control.set_date(DAY)
        self.rail = sandbox_rail(url, seconds=lambda: self.seconds)

    def decide(self, provider_id: str, outcome: str) -> None:
        self.control.decide(provider_id, outcome)

    def set_refund(self, refund_id: str, status: str) -> None:
        self.control.set_refund(refund_id, status)

    def charge_back(self, provider_id: str, cents: int) -> None:
        self.control.charge_back(provider_id, amount_cents=cents, reason="MD06")

    def win_back(self, chargeback_id: str) -> None:
        self.control.reverse_chargeback(chargeback_id)

    def set_date(self, on: date) -> None:
        self.control.set_date(on)

    def fault(self, kind: str) -> None:
        self.control.add_fault({"lost-before": "reset-before", "lost-after": "reset-after", "busy": "429"}[kind])

    def wait(self) -> None:
        self.seconds += 3600


class PaymentWriter:
    """A payment provider's rail as a writer: its messages are payments."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.fault, self.wait = desk.fault, desk.wait

    def write(self, key: str, message: int) -> None:
        self._desk.rail.create_payment(asked(100 + message), key)

    def written(self) -> int:
        return len(self._desk.rail.newest_payments(since=DAY))


class BankWriter:
    """The bank's rail as a writer: its messages are order files."""

    def __init__(self, side: BankSide) -> None:
        self._side = side

    def write(self, key: str, message: int) -> None:
        self._side.rail.submit(transfer_file(key, [Paid(f"e{message}", 100 + message)]), key)

    def written(self) -> int:
        self._side.control.answer_now()
        return len({text for answer in self._side.rail.answers(since=MONDAY) for text in texts(answer, "OrgnlMsgId")})

    def fault(self, kind: str) -> None:
        fault = {"lost-before": "reset-before", "lost-after": "reset-after", "busy": "429"}[kind]
        self._side.control.add_fault(fault, path="/bank-api/")

    def wait(self) -> None:
        """The bank asks for no pause."""


@contextmanager
def bank_over_sandbox() -> Iterator[Writer]:
    """The bank's adapter, over sockets; the folder can lose no answer, since nobody gives one."""
    with bank_side("by-http") as side:
        yield BankWriter(side)


@contextmanager
def mollie_over_sandbox() -> Iterator[Desk]:
    """The real adapter and client, over sockets."""
    server = SandboxServer()
    server.start()
    try:
        yield SandboxDesk(server.base)
    finally:
        server.close()


@contextmanager
def fake() -> Iterator[Desk]:
    """The fake in memory."""
    yield FakeDesk()


def as_writer(subject: Callable[[], AbstractContextManager[Desk]]) -> Callable[[], AbstractContextManager[Writer]]:
    """The same payment rail, seen as a writer."""

    @contextmanager
    def writer() -> Iterator[Writer]:
        with subject() as desk:
            yield PaymentWriter(desk)

    return writer


def asked(cents: int = 50_000, **metadata: str) -> bytes:
    """The frozen body of a payment."""
    return payment_body(
        amount_cents=cents,
        description="A pledge",
        redirect_url="https://bxl.example/fr",
        webhook_url="http://127.0.0.1:9/webhooks/mollie",
        language="nl",
        metadata=METADATA | metadata,
    )


PAYMENT_SUBJECTS: dict[str, Callable[[], AbstractContextManager[Desk]]] = {
    "mollie-over-sandbox": mollie_over_sandbox,
    "fake": fake,
}
WRITERS: dict[str, Callable[[], AbstractContextManager[Writer]]] = {
    name: as_writer(subject) for name, subject in PAYMENT_SUBJECTS.items()
} | {"bank-over-sandbox": bank_over_sandbox}
