"""Transfers between two books of one database: whole or void, whatever is killed, and zero across the bridge."""

import signal
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
import structlog

from api.worker.jobs import check_bridges
from ledger import balances
from ledger.accounts import AccountRef
from ledger.audit.referees import doubtful_verdicts
from ledger.book import Book
from ledger.bridges import (
    BRIDGE,
    Difference,
    Outcome,
    Swept,
    Transfer,
    check_zero,
    complete,
    open_peers,
    peers,
    record_check,
    send,
    start_transfer,
    sweep,
)
from ledger.clock import FixedClock
from ledger.crash import CRASH_POINTS
from ledger.errors import Refusal
from ledger.facts import Release, ReleaseKind, rule_change
from ledger.held import open_holds
from ledger.journal import Posting
from ledger.money import Asset
from tests.bridges_kit import DESTINATION, SOURCE, bridges, signed, transfer
from tests.commands import run_module
from tests.conftest import make_book
from tests.entries import BANK, ON, entry, paid, post
from tests.oracle import check_everything, digest_of
from tests.refusals_kit import refused

CLOSED = "499100"
POINTS = [p for p in CRASH_POINTS if p.startswith(("bridge.", "posting."))]


@pytest.fixture
def books(engine: sa.Engine, clock: FixedClock) -> Iterator[tuple[Book, Book]]:
    source, destination = (make_book(engine, clock, name) for name in (SOURCE, DESTINATION))
    post(source, paid("k1", 1_000))
    post(destination, paid("k1", 50))
    with destination.unit_of_work(actor="s1") as unit:  # an account that takes nothing
        ref = AccountRef(CLOSED)
        unit.post(paid("k2", 5))
        unit.post(entry("k3", (BANK, 5, 0), (CLOSED, 0, 5)))
        unit.post(entry("k4", (BANK, 0, 5), (CLOSED, 5, 0)))
        unit.post(rule_change("r1", ref, floor=0, ceiling=0))
    yield source, destination
    for book in (source, destination):
        check_everything(book)


def differences(book: Book) -> list[Difference]:
    with book.read() as connection:
        return check_zero(connection, book.book_id)


def has_open(book: Book) -> bool:
    with book.read() as connection:
        return bool(open_holds(connection, book.book_id))


def ending(book: Book, transfer_id: str) -> set[str]:
    """Which of its three ends a transfer has had."""
    keys = {f"bridge:{transfer_id}:{end}": end for end in ("in", "out", "void")}
    with book.read() as connection:
        return {keys[key] for key in balances.entries_by_key(connection, book.book_id, list(keys))}


def test_money_leaves_one_book_and_arrives_in_the_other_with_the_bridge_at_zero(books) -> None:
    source, destination = books
    assert send(source, destination, transfer("t1", 300), actor="s1") is Outcome.SENT
    assert (signed(source), signed(destination)) == (700, 355)
    assert bridges(source, destination) == (300, -300)
    assert (differences(source), differences(destination)) == ([], [])
    with source.read() as connection:
        assert (peers(connection, SOURCE), peers(connection, DESTINATION)) == ([DESTINATION], [SOURCE])
    digests = [digest_of(book) for book in books]
    assert send(source, destination, transfer("t1", 300), actor="s1") is Outcome.SENT  # asked again
    assert [digest_of(book) for book in books] == digests


def test_a_debt_to_a_person_moves_from_book_to_book(books) -> None:
    source, destination = books
    owed = Transfer("t1", Posting(AccountRef("489100", "c17"), 400, 0), AccountRef("489100", "c9"), ON)
    assert send(source, destination, owed, actor="s1") is Outcome.SENT
    assert (signed(source, "489100:c17"), signed(destination, "489100:c9")) == (-600, -400)
    assert bridges(source, destination) == (-400, 400)
    assert differences(source) == []


def test_what_the_destination_refuses_is_returned_and_never_arrives(books) -> None:
    source, destination = books
    refused_transfer = transfer("t1", 300, into=CLOSED)
    assert send(source, destination, refused_transfer, actor="s1") is Outcome.RETURNED
    assert (signed(source), bridges(source, destination)) == (1_000, (0, 0))
    post(destination, rule_change("r2", AccountRef(CLOSED), floor=None, ceiling=None))
    assert complete(source, destination, "t1") is Outcome.RETURNED  # what was decided stays decided
    assert (ending(source, "t1"), ending(destination, "t1")) == ({"void"}, {"in"})
    with destination.read() as connection:
        found = balances.entry_by_key(connection, DESTINATION, "bridge:t1:in")
    assert found is not None
    assert found.type == "verdict/1"
    assert differences(source) == []


def test_what_the_source_does_not_have_is_not_sent(books) -> None:
    source, destination = books
    found = refused(source, lambda unit: start_transfer(unit, transfer("t1", 1_001), destination=DESTINATION))
    assert found.code == "floor-breached"
    with pytest.raises(Refusal, match="hold-unknown"):
        complete(source, destination, "t1")


def test_a_transfer_to_itself_or_into_a_bridge_or_another_asset_is_refused(books) -> None:
    source, destination = books
    found = refused(source, lambda unit: start_transfer(unit, transfer("t1", 5), destination=SOURCE))
    assert found == Refusal("transfer-to-itself", book=SOURCE)
    for into in (AccountRef(BRIDGE, SOURCE), AccountRef(BANK, "", "USD")):
        with pytest.raises(Refusal, match="transfer-malformed"):
            Transfer("t1", Posting(AccountRef(BANK), 0, 5), into, ON)
    for book, scale in ((source, 2), (destination, 3)):
        with book.unit_of_work(actor="s1") as unit:
            unit.open_asset(Asset("USD", scale))
    dollars = Transfer("t2", Posting(AccountRef(BANK, "", "USD"), 5, 0), AccountRef(BANK, "", "USD"), ON)
    with pytest.raises(Refusal, match="asset-scale-differs"):
        send(source, destination, dollars, actor="s1")


def test_the_hold_of_a_transfer_to_another_book_is_left_to_that_one(books, clock: FixedClock) -> None:
    source, destination = books
    with source.unit_of_work(actor="s1") as unit:
        start_transfer(unit, transfer("t1", 5), destination="elsewhere")
    with pytest.raises(Refusal, match="hold-unknown"):
        complete(source, destination, "t1")
    assert sweep(source, destination) == Swept(0, 0)
    with source.read() as connection:
        assert open_peers(connection, SOURCE) == ["elsewhere"]


def test_two_books_may_send_under_one_name_and_only_the_first_arrives(books, clock: FixedClock) -> None:
    source, destination = books
    third = make_book(source.engine, clock, "third")
    post(third, paid("k1", 100))
    assert send(source, destination, transfer("t1", 30), actor="s1") is Outcome.SENT
    assert send(third, destination, transfer("t1", 30), actor="s1") is Outcome.RETURNED
    assert (signed(third), signed(destination)) == (100, 85)
    assert (differences(source), differences(third), differences(destination)) == ([], [], [])
    check_everything(third)


@pytest.mark.parametrize("into", [BANK, CLOSED], ids=["accepted", "refused"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_a_transfer_is_swept_to_one_end(books, point: str, into: str) -> None:
    source, destination = books
    url = source.engine.url.render_as_string(hide_password=False)
    killed = run_module("tests.integration.bridger", url, "t1", 300, into, crash_at=point)
    assert killed.returncode == -signal.SIGKILL
    started = has_open(source)
    assert started == (point not in {"posting.before-seal", "posting.after-seal"})
    assert differences(source) == differences(destination) == []  # what is open is reckoned with
    swept = sweep(source, destination)
    assert swept == (Swept(0, 0) if not started else Swept(1, 0) if into == BANK else Swept(0, 1))
    assert sweep(source, destination) == Swept(0, 0)
    assert not has_open(source)
    sent = started and into == BANK
    assert (signed(source), signed(destination)) == ((700, 355) if sent else (1_000, 55))
    assert bridges(source, destination) == ((300, -300) if sent else (0, 0))
    assert ending(source, "t1") == ({"out"} if sent else {"void"} if started else set())
    assert differences(source) == differences(destination) == []


def test_many_sweepers_at_once_end_each_transfer_once(books) -> None:
    source, destination = books
    for number in range(4):
        with source.unit_of_work(actor="s1") as unit:
            start_transfer(
                unit, transfer(f"t{number}", 10, into=CLOSED if number % 2 else BANK), destination=DESTINATION
            )
    failures: list[Exception] = []

    def work() -> None:
        try:
            sweep(source, destination)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert [ending(source, f"t{n}") for n in range(4)] == [{"out"}, {"void"}, {"out"}, {"void"}]
    assert (signed(source), signed(destination), differences(source)) == (980, 75, [])


def test_a_bridge_that_does_not_come_to_zero_is_found_kept_and_raised(books) -> None:
    source, destination = books
    send(source, destination, transfer("t1", 300), actor="s1")
    assert record_check(source, ON) == []
    with source.unit_of_work(actor="s1") as unit:  # reserved, arrived, and then freed by hand
        start_transfer(unit, transfer("t2", 40), destination=DESTINATION)
    from ledger.bridges import _has_arrived
    from ledger.held import find_hold

    with source.read() as connection:
        hold = find_hold(connection, SOURCE, "bridge:t2")
        stated = balances.entry_by_key(connection, SOURCE, "bridge:t2")
    assert _has_arrived(SOURCE, destination, hold, stated)
    assert differences(source) == []
    post(source, Release("mistake", "bridge:t2", ReleaseKind.VOID))
    later = ON.replace(day=3)
    with structlog.testing.capture_logs() as logged:
        assert check_bridges(source, later) == 1
    expected = Difference(SOURCE, DESTINATION, "EUR", -40)
    assert differences(source) == [expected]
    assert [(line["event"], line["log_level"], line["amount"]) for line in logged] == [("bridge-differs", "error", -40)]
    with source.read() as connection:
        kept = [balances.entry_by_key(connection, SOURCE, f"bridges:{day}") for day in (ON, later)]
        assert doubtful_verdicts(connection, SOURCE) == []  # it is no referee's
    assert [each.type for each in kept if each] == ["verdict/1", "verdict/1"]
    digest = digest_of(source)
    assert record_check(source, later) == [expected]
    assert digest_of(source) == digest


def test_a_book_without_bridges_keeps_no_finding_of_them(book: Book) -> None:
    before = digest_of(book)
    assert (check_bridges(book, ON), sweep(book, book)) == (0, Swept(0, 0))
    assert digest_of(book) == before
