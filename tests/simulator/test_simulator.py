"""Whatever statement fails, whatever commit is lost or unknown: nothing is lost, nothing is done twice."""

import os
import queue
import random
import threading

import pytest

from ledger import balances
from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.posting import decide_requests
from ledger.state import Request
from ledger.writer import GroupWriter
from tests.conftest import DATABASES
from tests.entries import BANK, paid
from tests.oracle import check_everything
from tests.simulator import writers
from tests.simulator.faults import COMMIT_KINDS, STATEMENT_KINDS
from tests.simulator.run import COMMITS, LONGEST, simulate


@pytest.fixture
def seed() -> int:
    """`BXL_SIMULATOR_SEED`, or a new one, which is printed."""
    chosen = int(os.environ.get("BXL_SIMULATOR_SEED") or random.randrange(10**6))
    print(f"BXL_SIMULATOR_SEED={chosen}")  # noqa: T201 -- pytest shows it with the failure
    return chosen


@pytest.mark.parametrize("database", DATABASES)
def test_every_statement_fails_in_turn_and_the_book_is_as_if_nothing_had_happened(make_engine, database, seed) -> None:
    life = simulate(lambda: make_engine(database), seed)
    assert life.statements <= LONGEST
    for kind in STATEMENT_KINDS:
        assert life.struck[kind] > 5
    for kind in COMMIT_KINDS:
        assert life.struck[kind] == COMMITS


@pytest.mark.parametrize("database", DATABASES)
def test_writers_in_competition_answer_every_caller_whatever_strikes(make_engine, database, seed) -> None:
    struck = writers.live(make_engine(database), seed, rounds=60)
    assert sum(struck.values()) > 15


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("passing", [False, True])
def test_a_poisoned_request_is_isolated_and_blocks_nobody(make_engine, database, passing) -> None:
    book, faults = writers.begin(make_engine(database))
    faults.poison, faults.poison_passes = "poison", passing
    writer = GroupWriter(book)
    keys = [f"poison{i}" if i in {7, 31} else f"k{i}" for i in range(40)]
    requests = [Request([paid(key, 1)], f"r-{key}", body_hash=bytes(32)) for key in keys]
    futures = dict(zip(keys, [writer.submit(request) for request in requests], strict=True))
    failed = {key for key, future in futures.items() if future.exception(60) is not None}
    assert failed == {"poison7", "poison31"}
    faults.poison = None
    assert writer.post(requests[7])[0].duplicate is False
    writer.close()
    check_everything(book)
    with book.read() as connection:
        assert balances.balance(connection, "main", AccountRef(BANK)) == 39


@pytest.mark.parametrize("database", DATABASES)
def test_a_caller_alone_posts_in_its_own_thread_and_those_who_come_meanwhile_form_a_group(
    make_engine, database, monkeypatch
) -> None:
    book, _ = writers.begin(make_engine(database))
    writer, groups, begun, go_on = GroupWriter(book), [], threading.Event(), threading.Event()

    def decide(*arguments, **options):
        groups.append((threading.current_thread().name, len(arguments[2])))
        begun.set()
        assert go_on.wait(60)
        return decide_requests(*arguments, **options)

    monkeypatch.setattr("ledger.writer.decide_requests", decide)
    alone = threading.Thread(target=writer.post, args=(Request([paid("k0", 1)]),), name="caller")
    alone.start()
    assert begun.wait(60)
    futures = [writer.submit(Request([paid(f"k{i}", 1)])) for i in range(1, 4)]
    go_on.set()
    assert [future.result(60)[0].key for future in futures] == ["k1", "k2", "k3"]
    alone.join(60)
    writer.close()
    assert groups == [("caller", 1), ("writer-main", 3)]
    check_everything(book)


@pytest.mark.parametrize("database", DATABASES)
def test_a_caller_who_no_longer_waits_stops_nobody(make_engine, database) -> None:
    book, faults = writers.begin(make_engine(database))
    writer, begun, go_on = GroupWriter(book), threading.Event(), threading.Event()
    faults.on_delay = lambda: (begun.set(), go_on.wait(60))
    with faults.armed_with("delay", 1):
        first = writer.submit(Request([paid("k1", 1)]))
        assert begun.wait(60)
        second, third = (writer.submit(Request([paid(key, 1)])) for key in ("k2", "k3"))
        assert second.cancel()
        first.cancel()  # too late: it is being posted
        go_on.set()
        assert [result.key for future in (first, third) for result in future.result(60)] == ["k1", "k3"]
    writer.close()
    check_everything(book)
    with book.read() as connection:
        assert balances.balance(connection, "main", AccountRef(BANK)) == 2


def test_a_request_that_meets_the_closing_of_a_writer_is_posted_or_refused_but_never_forgotten(make_engine) -> None:
    book, _ = writers.begin(make_engine("sqlite"))
    for turn in range(20):
        writer, outcomes = GroupWriter(book, wait_seconds=0), queue.Queue()

        def call(number: int, writer=writer, outcomes=outcomes, turn=turn) -> None:
            try:
                outcomes.put(writer.submit(Request([paid(f"k{turn}-{number}", 1)])).result(30)[0].key)
            except Refusal as refusal:
                outcomes.put(refusal.code)

        callers = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for caller in callers:
            caller.start()
        writer.close()
        for caller in callers:
            caller.join(60)
        heard = [outcomes.get_nowait() for _ in callers]
        assert set(heard) <= {"book-is-closing"} | {f"k{turn}-{number}" for number in range(8)}
    check_everything(book)


def test_a_writer_refuses_more_than_can_wait_and_what_comes_after_its_end(make_engine, monkeypatch) -> None:
    monkeypatch.setattr("ledger.writer.MAX_WAITING", 2)
    book, faults = writers.begin(make_engine("sqlite"))
    writer, begun, go_on = GroupWriter(book), threading.Event(), threading.Event()
    faults.on_delay = lambda: (begun.set(), go_on.wait(60))
    with faults.armed_with("delay", 1):
        waiting = [writer.submit(Request([paid("k1", 1)]))]
        assert begun.wait(60)
        waiting += [writer.submit(Request([paid(key, 1)])) for key in ("k2", "k3")]
        with pytest.raises(Refusal) as refused:
            writer.submit(Request([paid("k4", 1)]))
        go_on.set()
        assert [future.result(60)[0].key for future in waiting] == ["k1", "k2", "k3"]
    assert refused.value == Refusal("book-is-busy", book="main", retry_after_seconds=1)
    writer.close()
    with pytest.raises(Refusal) as refused:
        writer.submit(Request([paid("k5", 1)]))
    assert refused.value == Refusal("book-is-closing", book="main")
    check_everything(book)
