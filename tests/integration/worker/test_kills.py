"""`kill -9` of the worker at each crash point of its steps: after the next start nothing is lost or doubled."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.bootstrap import create_book, wire_book
from api.demo.stage import Stage
from api.demo.story import BEGINS_ON, OVEN
from api.mail.queries import mailbox
from api.rails.sandbox.server import SandboxServer
from contracts.pledges.queries import pledges_of
from ledger import balances
from ledger.accounts import AccountRef
from ledger.storage.tables import outbox_delivery
from tests.api_kit import settings_of
from tests.commands import run_bxl
from tests.oracle import check_everything

POINTS = (
    "relay.before-effect",
    "relay.after-effect",
    "call.before-send",
    "call.after-send",
    "inbox.after-fetch",
    "posting.before-seal",
    "posting.after-seal",
    "posting.after-commit",
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Two citizens have pledged, the sandbox will pay, and the worker has yet to do everything."""
    sandbox = SandboxServer(0)
    sandbox.start()
    settings = settings_of(tmp_path / "data", BXL_SANDBOX=sandbox.base, BXL_BANK="none")
    stage = Stage(wire_book(settings, create_book(settings, business_date=BEGINS_ON)))
    stage.enter()
    stage.offer("oven", OVEN)
    assert stage.wiring.sandbox is not None
    stage.wiring.sandbox.set_date(BEGINS_ON)
    stage.wiring.sandbox.drop_webhooks()
    stage.let_pay("amelie", "marie")
    stage.pledge("amelie", "oven", 500)
    stage.pledge("marie", "oven", 700)
    yield stage
    check_everything(stage.wiring.book)
    stage.wiring.book.engine.dispose()
    sandbox.close()


def work_once(stage: Stage, crash_at: str = "") -> int:
    """`bxl worker --once` as a process of its own; its exit code."""
    settings = stage.wiring.settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BXL_")}
    own = {"BXL_DATA": str(settings.data), "BXL_ORIGIN": settings.origin, "BXL_SANDBOX": str(settings.sandbox_url)}
    own |= {"BXL_BANK": "none"}
    done = run_bxl("worker", "--once", env=kept | own | {"BXL_CRASH_AT": crash_at})
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode


def let_leases_end(stage: Stage) -> None:
    """What a killed worker held is free again after a while; here at once."""
    now = stage.wiring.book.clock.now()
    with stage.wiring.book.unit_of_work(actor="test") as uow:
        waiting = outbox_delivery.c.state == "waiting"
        uow.connection.execute(sa.update(outbox_delivery).where(waiting).values(next_at=now))
        for table in ("provider_call", "payment_inbox"):
            microseconds = int(now.timestamp()) * 1_000_000
            uow.connection.exec_driver_sql(f"UPDATE {table} SET next_at = {microseconds} WHERE next_at IS NOT NULL")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_a_crash_point_loses_and_doubles_nothing(stage: Stage, point: str) -> None:
    kills = 0
    while kills < 4 and work_once(stage, crash_at=point) == -signal.SIGKILL:
        kills += 1
        let_leases_end(stage)
    assert kills, f"the worker never came to {point}"
    for _ in range(3):
        assert work_once(stage) == 0
        let_leases_end(stage)

    book = stage.wiring.book
    with book.read() as connection:
        states = [
            (pledge.state.value, pledge.amount_cents)
            for who in ("amelie", "marie")
            for pledge in pledges_of(connection, book.book_id, stage.parties[who], BEGINS_ON)
        ]
        provider = balances.balance(connection, book.book_id, AccountRef("580100"))
        held = {who: balances.balance(connection, book.book_id, _held(stage, who)) for who in ("amelie", "marie")}
        deliveries = Counter(connection.execute(sa.select(outbox_delivery.c.state)).scalars())
    assert states == [("paid", 50_000), ("paid", 70_000)]
    assert (provider, held) == (120_000, {"amelie": -50_000, "marie": -70_000})
    assert set(deliveries) == {"delivered"}
    assert stage.wiring.sandbox is not None
    assert len(stage.wiring.sandbox.payments()) == 2
    for who in ("amelie", "marie"):
        subjects = Counter(m.subject for m in mailbox(book, party_id=stage.parties[who]))
        assert max(subjects.values()) == 1, subjects
        assert len(subjects) == 4  # welcome, log-in, pledge made, pledge paid


def _held(stage: Stage, who: str) -> AccountRef:
    return AccountRef("489100", stage.parties[who])
