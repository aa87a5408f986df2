"""Webhooks of the payment sandbox, 200 a second, taken by the web process on PostgreSQL while a worker is at work.

The payments stand paid in a running sandbox; each is called about four times, as a provider does that is not answered
in time. A call counts from the moment at which it was due, so that one that waits behind another is not forgotten.
*Lost* are calls that were not answered with 200, or that the inbox does not count, and payments that were not posted
once. *Drained* is how long after the last call the worker, one process that fetches every payment from the sandbox, has
posted everything. *web* is the web process's own processor time of a call.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from statistics import quantiles

import psutil
import sqlalchemy as sa

from api.bootstrap import Wiring, create_book, wire_book
from api.settings import read_settings
from ledger.accounts import AccountRef
from ledger.payments import tables as t
from ledger.payments.calls import send_due_calls
from ledger.payments.inbox import process_inbox
from ledger.payments.methods import PaymentKind
from ledger.payments.service import request_payment
from tests.bench.bars import number
from tests.bench.databases import Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section

RATE = 200
CALLS_A_PAYMENT = 4
SENDERS, CREATORS = 16, 8
PAYER = "c-bench"
_COMMAND = str(Path(sys.executable).parent / "bxl")
_OK = 200


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Set everything up as it runs in earnest, send at the rate, and count what arrived."""
    environment = {
        "BXL_DATABASE": databases.make("postgresql", "webhooks", schema=False),
        "BXL_DATA": str(databases.folder / "webhooks"),
        "BXL_PORT": str(_free_port()),
    }
    calls = RATE * scale.webhook_seconds
    with _process(_COMMAND, "sandbox", "serve", "--port", "0") as sandbox:
        environment["BXL_SANDBOX"] = _line(sandbox)
        settings = read_settings(environment)
        wiring = wire_book(settings, create_book(settings))
        provider_ids = _paid_payments(wiring, calls // CALLS_A_PAYMENT)
        serving = _process(_COMMAND, "serve", environment=environment)
        working = _process(sys.executable, "-m", "tests.bench.webhooks", environment=environment)
        with serving as web, working:
            _await_web(settings.port)
            before = _processor_seconds(web)
            waits, answered, seconds = _send_all(settings.port, provider_ids, calls)
            processor = (_processor_seconds(web) - before) / calls
            drained = _await_drained(wiring)
        posted, seen = _counted(wiring)
    lost = (calls - answered) + (calls - seen) + (len(provider_ids) - posted)
    _tell(findings, waits, calls, calls / seconds, processor, lost, drained, posted)
    wiring.close()
    wiring.book.engine.dispose()
    databases.drop("postgresql", "webhooks")


def _tell(findings: Findings, waits: Sequence[float], calls: int, *figures: float) -> None:
    rate, processor, lost, drained, posted = figures
    cuts = quantiles(waits, n=100)
    middle, last = 1e3 * cuts[49], 1e3 * cuts[98]
    findings.measured |= {
        "webhooks.rate": round(rate, 1), "webhooks.p99": round(last, 1), "webhooks.lost": lost,
        "webhooks.drain": round(drained, 1),
    }  # fmt: skip
    findings.table(
        "calls", "a second", "median, ms", "99 of 100, ms", "longest, ms", "web, ms", "lost", "posted", "drained, s"
    )
    shown = rate, middle, last, 1e3 * max(waits), 1e3 * processor, lost, posted, drained
    findings.row(f"{calls:,}", *(number(figure) for figure in shown))


def _paid_payments(wiring: Wiring, count: int) -> list[str]:
    """Payments that the provider holds as paid and that nobody was told of."""
    assert wiring.sandbox is not None
    wiring.sandbox.drop_webhooks()
    wiring.sandbox.add_standing_payer(PAYER)
    for first in range(0, count, 100):
        with wiring.book.unit_of_work(actor="bench") as uow:
            for n in range(first, min(first + 100, count)):
                request_payment(
                    uow,
                    reference=f"bench:{n}",
                    payer=PAYER,
                    amount_cents=50_000,
                    description="A pledge",
                    credit=AccountRef("489100", PAYER),
                    kind=PaymentKind.PLEDGE,
                    return_path="/fr/",
                    language="fr",
                )
    with ThreadPoolExecutor(CREATORS) as pool:
        made = pool.map(lambda _: send_due_calls(wiring.book, wiring.rail, limit=count), range(CREATORS))
        assert sum(made) == count
    with wiring.book.unit_of_work(actor="bench") as uow:  # what the creation itself has marked is not the webhooks'
        uow.connection.execute(t.payment_inbox.delete().where(t.payment_inbox.c.book_id == uow.book_id))
        return list(
            uow.connection.execute(sa.select(t.payment.c.provider_id).order_by(t.payment.c.reference)).scalars()
        )


def _send_all(port: int, provider_ids: Sequence[str], calls: int) -> tuple[list[float], int, float]:
    """Call at the rate; how long each call took from when it was due, how many were taken, and how long all took."""
    started = time.monotonic() + 0.5
    waits: list[float] = []
    taken: list[int] = []

    def send(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        for n in range(first, calls, SENDERS):
            due = started + n / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            taken.append(_knock(connection, provider_ids[n % len(provider_ids)]))
            waits.append(time.monotonic() - due)
        connection.close()

    senders = [threading.Thread(target=send, args=(first,)) for first in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return waits, taken.count(_OK), time.monotonic() - started


def _knock(connection: http.client.HTTPConnection, provider_id: str) -> int:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", "/webhooks/mollie", f"id={provider_id}", headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return answer.status


def _processor_seconds(process: subprocess.Popen[str]) -> float:
    spent = psutil.Process(process.pid).cpu_times()
    return float(spent.user + spent.system)


def _await_drained(wiring: Wiring) -> float:
    """Seconds until nothing in the inbox waits."""
    started = time.monotonic()
    c = t.payment_inbox.c
    waiting = sa.select(sa.func.count()).where(c.book_id == wiring.book.book_id, c.dirty.is_(True))
    while True:
        with wiring.book.read() as connection:
            if not connection.execute(waiting).scalar_one():
                return time.monotonic() - started
        time.sleep(0.1)


def _counted(wiring: Wiring) -> tuple[int, int]:
    """Payments that are booked, and calls that the inbox has counted."""
    with wiring.book.read() as connection:
        booked = sa.select(sa.func.count()).select_from(t.payment).where(t.payment.c.state == "paid")
        seen = sa.select(sa.func.coalesce(sa.func.sum(t.payment_inbox.c.seen), 0))
        return int(connection.execute(booked).scalar_one()), int(connection.execute(seen).scalar_one())


def _await_web(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            assert time.monotonic() < deadline, "the web process does not answer"
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()


@contextmanager
def _process(*command: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A program that runs as long as the block."""
    known = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(environment or {})}
    process = subprocess.Popen(command, env=known, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def work() -> None:
    """What the worker does with the inbox, again and again, until it is told to stop."""
    settings = read_settings(os.environ)
    wiring = wire_book(settings, create_book(settings))
    while True:
        if not process_inbox(wiring.book, wiring.rail):
            time.sleep(0.05)


SECTION = Section("Webhooks", 15, __doc__ or "", run)

if __name__ == "__main__":
    work()
