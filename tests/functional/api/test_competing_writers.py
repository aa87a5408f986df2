"""Many callers at one time, and a server that is killed: every entry stands exactly once, and every answer is right."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.bootstrap import Wiring, create_book, wire_book
from api.cli.run import is_free
from api.demo.stage import Stage
from api.demo.story import BEGINS_ON
from api.identity.service import open_session_for
from ledger import balances
from ledger import writer as ledger_writer
from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.errors import Refusal
from ledger.facts import Note
from ledger.state import Request
from ledger.writer import GroupWriter
from tests.api_kit import ORIGIN, Desk, code_of, settings_of
from tests.entries import paid as paid_entry
from tests.entries import post
from tests.oracle import check_everything
from tests.payments_kit import wait_until
from tests.record_kit import BANK, CITIZEN, ENTRIES, again, back, entries, paid

CALLERS, CALLS = 16, 6
HOT = AccountRef.parse(BANK)


def test_sixteen_callers_of_two_processes_post_to_a_hot_account_and_nothing_is_lost_or_doubled(record: Desk) -> None:
    processes = [record, again(record)]
    for process in processes:  # the first request finishes the app, with warnings hushed by a switch all threads share
        assert process.get("/v1/books/main/trial-balance", who="nadia").status_code == 200
    headers = {"Authorization": f"Bearer {record.token('nadia')}"}
    start = threading.Barrier(CALLERS)

    def call(caller: int) -> list[dict[str, Any]]:
        client = TestClient(processes[caller % 2].app, base_url=ORIGIN)
        start.wait()
        answers = []
        for i in range(CALLS):
            # neighbours send the same request under the same key at about the same time
            pair, fact = caller // 2, f"{caller // 2}:{i}"
            stated = entries(paid(f"in:{fact}", 10), back(f"out:{fact}", 4), back(f"never:{fact}", 10**9))
            keyed = headers | {"Idempotency-Key": f"pair-{pair}-call-{i}"}
            answer = client.post(ENTRIES, json=stated, headers=keyed)
            assert answer.status_code == 200, answer.text
            answers.append(answer.json())
        return answers

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(call, range(CALLERS)))
    processes[1].wiring.close()
    results = [answer["results"] for caller in answers for answer in caller]
    assert {tuple(each["result"] for each in three) for three in results} == {("posted", "posted", "refused")}
    assert all(
        left["results"] == right["results"]
        for a, b in zip(answers[::2], answers[1::2], strict=True)
        for left, right in zip(a, b, strict=True)
    )
    facts = CALLERS // 2 * CALLS
    numbers = {each["n"] for three in results for each in three if "n" in each}
    assert len(numbers) == 2 * facts
    with record.wiring.book.read() as connection:
        assert balances.balance(connection, "main", HOT) == 6 * facts
        lines = {line.entry: line.balance for line in balances.statement(connection, "main", HOT)}
    answered = {each["n"]: each["balances"] for three in results for each in three if "n" in each}
    for n, left in answered.items():
        assert {each["account"]: each["balance"] for each in left} == {BANK: lines[n], CITIZEN: -lines[n]}


@contextmanager
def serving(wiring: Wiring, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`bxl serve` as a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BXL_")}
    own = {"BXL_DATA": str(wiring.settings.data), "BXL_ORIGIN": ORIGIN, "BXL_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "api.cli.main", "serve"], env=kept | own)
    try:
        wait_until(lambda: server.poll() is not None or not is_free("127.0.0.1", port), seconds=60)
        yield server
    finally:
        server.kill()
        server.wait()


def sent(port: int, token: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{ENTRIES}",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "one-long-batch",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


@pytest.mark.timeout(300)
def test_a_server_killed_in_the_middle_of_a_batch_posts_the_rest_when_the_request_is_repeated(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    stage = Stage(wire_book(settings, create_book(settings, business_date=BEGINS_ON)))
    stage.enter()
    book = stage.wiring.book
    with book.unit_of_work(actor="test") as uow:
        token = open_session_for(uow, stage.parties["nadia"], "en").token
    port = next(port for port in range(28_650, 28_750) if is_free("127.0.0.1", port))
    size = 4_000
    body = entries(*[paid(f"k{i}", 5) for i in range(size)])
    with serving(stage.wiring, port) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sent, port, token, body)
        wait_until(lambda: _entries(book) > 500, seconds=60)
        server.send_signal(signal.SIGKILL)
        server.wait()
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            answer.result()
    assert 500 < _entries(book) < size
    with serving(stage.wiring, port):
        results = sent(port, token, body)["results"]
        assert sent(port, token, body)["results"] == results
    assert [each["key"] for each in results] == [f"k{i}" for i in range(size)]
    assert {each["result"] for each in results} == {"posted"}
    assert sorted(each["n"] for each in results) == list(range(2, size + 2))
    with book.read() as connection:
        assert balances.balance(connection, "main", HOT) == 5 * size
    check_everything(book)
    book.engine.dispose()


def test_a_book_with_too_much_waiting_says_when_to_come_again(record: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    posting, go_on, whole = threading.Event(), threading.Event(), ledger_writer.decide_requests
    record.token("nadia")  # logging in writes, and on SQLite would wait for the writer

    def slow(*stated: Any, **more: Any) -> Any:
        posting.set()
        assert go_on.wait(60)
        return whole(*stated, **more)

    monkeypatch.setattr(ledger_writer, "MAX_WAITING", 2)
    monkeypatch.setattr(ledger_writer, "decide_requests", slow)
    writer = record.wiring.writer
    waiting = [writer.submit(Request([paid_entry("k1", 5)]))]
    assert posting.wait(60)
    waiting += [writer.submit(Request([paid_entry(key, 5)])) for key in ("k2", "k3")]
    refused = record.post(ENTRIES, who="nadia", json=entries(paid("k4", 5)), key="the-same-key")
    assert (refused.status_code, code_of(refused), refused.headers["retry-after"]) == (503, "book-is-busy", "1")
    go_on.set()
    assert [each.result(timeout=60)[0].key for each in waiting] == ["k1", "k2", "k3"]  # type: ignore[index]  # no refusals
    again_sent = record.post(ENTRIES, who="nadia", json=entries(paid("k4", 5)), key="the-same-key")
    assert again_sent.json()["results"][0]["result"] == "posted"


def test_what_is_submitted_while_the_writer_closes_is_answered_or_refused(sqlite_book: Book) -> None:
    post(sqlite_book, paid_entry("k", 5))
    for turn in range(5):
        writer, start = GroupWriter(sqlite_book), threading.Barrier(9)

        def submit(
            caller: int, writer: GroupWriter = writer, start: threading.Barrier = start, turn: int = turn
        ) -> str:
            start.wait()
            for i in range(50):
                try:
                    writer.submit(Request([Note(f"n:{turn}:{caller}:{i}", "k", "x")])).result(timeout=60)
                except Refusal as refusal:
                    return refusal.code
            return "all"

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(submit, caller) for caller in range(8)]
            start.wait()
            writer.close()
            assert {call.result() for call in calls} <= {"book-is-closing", "all"}


def _entries(book: Book) -> int:
    with book.read() as connection:
        return balances.entry_count(connection, book.book_id)
