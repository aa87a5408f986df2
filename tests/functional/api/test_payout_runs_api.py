"""A payout run as staff uses it, on one book: the API's examples, the page in three languages, and the commands."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from api import migrations
from api.identity.service import open_session_for
from api.security import COOKIE
from api.v1 import examples
from contracts import payouts
from contracts.parties import tables as parties_tables
from frontend.i18n import tongue
from frontend.pages import desk as desk_pages
from frontend.pages import payout_runs
from ledger import approvals
from ledger.accounts import AccountRef
from ledger.book import UnitOfWork
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments import batches, run_files, transfer_runs
from ledger.payments.model import CLIENT_BANK, RunState
from ledger.payments.queries import open_order_count
from ledger.payments.transfer_runs import Parked
from ledger.storage.engine import open_engine
from tests import openapi
from tests.api_kit import Desk, code_of
from tests.commands import run_bxl
from tests.conftest import WRAPPING_KEY, make_book
from tests.oracle import check_everything
from tests.payout_kit import NOON, SINCE, owe_holders, owed_to, token_of
from tests.record_kit import enter_cast, record_desk

HOLDERS = 5
BELOW = "/v1/payout-runs"
Office = tuple[Desk, str, dict[str, Any]]
"""The desk, the id of a run that is approved and ordered in part, and the answers to the examples as they ran."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The identifiers of the run are the same each time; two holders have no account, and one is owed too little."""
    folder, numbers = tmp_path_factory.mktemp("office"), count(1)
    engine = open_engine(f"sqlite:///{folder / 'book.sqlite3'}")
    migrations.upgrade(engine)
    book = make_book(engine, FixedClock(NOON))
    with pytest.MonkeyPatch.context() as patch:
        desk = record_desk(book, folder / "data", enter_cast(book, folder / "data"))
        patch.setattr(UnitOfWork, "new_id", lambda _unit, prefix: f"{prefix}{next(numbers):09d}")
        patch.setattr(run_files, "LARGEST_FILE", 2)
        run_id = ordered_run(desk)
        keys = desk.wiring.settings.keys_folder
        keys.mkdir(parents=True, exist_ok=True)
        (keys / "wrapping.key").write_bytes(WRAPPING_KEY)
        yield desk, run_id, run_examples(desk)
    desk.wiring.close()
    check_everything(desk.wiring.book)
    engine.dispose()


def ordered_run(desk: Desk) -> str:
    book = desk.wiring.book
    owe_holders(book, HOLDERS)
    with book.unit_of_work(actor="kit") as uow:
        for token, cents in (("cnoaccount1", 900), ("cnoaccount2", 800)):
            uow.connection.execute(parties_tables.party.insert().values(
                book_id="main", party_id=token, kind="natural", registered_at=uow.now(), actor="kit"
            ))  # fmt: skip
            legs = (Posting(CLIENT_BANK, debit=cents), Posting(AccountRef("489300", token), credit=cents))
            uow.post(JournalEntry(f"owed:{token}", SINCE, "test", legs))
    with book.unit_of_work(actor=desk.stage.parties["nadia"]) as uow:
        asked = payouts.request_payouts(uow, on=uow.today(), reason="coupons", smallest_cents=owed_to(0) + 1)
        run_id = payouts.run_of(uow.connection, uow.book_id, asked)
    with book.unit_of_work(actor=desk.stage.parties["pieter"]) as uow:
        approvals.approve(uow, asked)
        payouts.order_payouts(uow, approval_id=asked, on=uow.today())
    return run_id


def run_examples(desk: Desk) -> dict[str, Any]:
    """The answer to each documented example, by operation and name, in their order."""
    ran = {}
    for operation, described in examples.all_runs(examples.PAYOUTS):
        for name, run in described["runs"].items():
            if described["method"] == "get":
                query = f"?{urlencode(run.get('query', {}))}"
                answer = desk.get(f"{described['path']}{query}", who="sofia")
            else:
                answer = desk.post(described["path"], who="nadia")
            ran[f"{operation} {name}"] = (answer.status_code, answer.json())
    return ran


def shown(desk: Desk, value: Any) -> Any:
    """An answer with staff named as in the document."""
    text = json.dumps(value)
    for nick, name in (("nadia", "s00000001"), ("pieter", "s00000002")):
        text = text.replace(desk.stage.parties[nick], name)
    return json.loads(text)


def test_every_example_of_payout_runs_gives_the_documented_answer(office: Office) -> None:
    desk, run_id, ran = office
    document = desk.get("/v1/openapi.json").json()
    operations = {each["operationId"]: each for _, _, each in openapi.operations(document, BELOW)}
    tried = 0
    for operation, described in examples.all_runs(examples.PAYOUTS):
        assert run_id in described["path"] or described["path"] == BELOW
        [found] = [each for name, each in operations.items() if name.startswith(f"{operation}_v1")]
        content = found["responses"]["200"]["content"]["application/json"]
        for name, run in described["runs"].items():
            status, said = ran[f"{operation} {name}"]
            assert (status, shown(desk, said)) == (described["status"], run["answer"]), f"{operation} {name}"
            assert openapi.faults(document, content["schema"], said) == []
            assert content["examples"][name]["value"] == run["answer"]
            tried += 1
    assert tried == len(ran) >= len(operations) == 4


def test_the_files_of_a_run_go_together_and_not_one_by_one(office: Office) -> None:
    desk, run_id, _ = office
    files = desk.get(f"{BELOW}/{run_id}", who="sofia").json()["files"]
    assert [(each["count"], each["state"]) for each in files] == [(2, "released"), (2, "released")]
    one = f"/v1/order-files/{files[0]['batch_id']}"
    assert code_of(desk.post(f"{one}/release-request", who="nadia", json={"reason": "x"})) == "order-file-of-run"
    with pytest.raises(Refusal, match="order-file-of-run"), desk.wiring.book.unit_of_work(actor="s1") as uow:
        batches.release_batch(uow, files[0]["batch_id"], approval_id="a1")
    assert code_of(desk.post(f"{BELOW}/{run_id}/files", who="amelie")) == "role-not-allowed"
    assert code_of(desk.get(f"{BELOW}/r0", who="sofia")) == "transfer-run-not-known"
    assert code_of(desk.get(f"{BELOW}/r0/parked", who="sofia")) == "transfer-run-not-known"
    [last] = desk.get(f"{BELOW}/{run_id}/parked?after=cnoaccount1", who="sofia").json()
    assert last == {"payee": "cnoaccount2", "amount_cents": 800, "reason": "no-account"}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("4 virements sur 4 ordonnés", "Aucun compte vérifié", "2 personnes", "approuvée par Pieter")),
        ("nl", ("4 van 4 overschrijvingen opgedragen", "Geen geverifieerde rekening", "2 personen")),
        ("en", ("4 of 4 transfers ordered", "No verified account", "2 holders", "approved by Pieter")),
    ],
)
def test_the_page_of_a_run_says_what_was_approved_its_files_and_whom_it_does_not_pay(
    office: Office, language: str, words: tuple[str, ...]
) -> None:
    desk, run_id, _ = office
    at = f"/{language}/operations/orders"
    run = desk.get(f"{BELOW}/{run_id}", who="sofia").json()
    page = browser(desk, "nadia").get(f"{at}/runs/{run_id}").text.replace("\u202f", " ")
    for text in (*words, run["lines_sha256"], "cnoaccount1", *(each["sha256"] for each in run["files"])):
        assert text in page
    assert f'action="{at}/runs/{run_id}/files"' not in page  # all of it has gone
    listed = browser(desk, "nadia").get(at).text
    assert f'href="{at}/runs/{run_id}"' in listed
    assert run["files"][0]["batch_id"] in listed
    assert browser(desk, "sofia").get(f"{at}/runs/{run_id}").status_code == 403
    assert browser(desk, "nadia").get(f"{at}/runs/r0").status_code == 404


def test_the_desk_shows_some_of_many_open_orders_and_says_how_many_more(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _, _ = office
    monkeypatch.setattr(desk_pages, "OPEN_ORDERS", 3)
    with desk.wiring.book.read() as connection:
        waiting = open_order_count(connection, "main") - 3
    page = browser(desk, "nadia").get("/en/operations").text
    assert waiting > 0
    assert f"{waiting} more order" in page
    assert page.count('action="/en/operations/transfers/') == 3


def test_parked_holders_are_read_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, run_id, _ = office
    monkeypatch.setattr(payout_runs, "PARKED_SHOWN", 2)
    at = f"/en/operations/orders/runs/{run_id}"
    first, second = token_of(0), "cnoaccount1"
    page = browser(desk, "nadia").get(at).text
    assert [token in page for token in (first, second, "cnoaccount2")] == [True, True, False]
    assert f'href="?after={second}#parked"' in page
    page = browser(desk, "nadia").get(f"{at}?after={second}").text
    assert [token in page for token in (first, "cnoaccount2")] == [False, True]


def test_every_reason_and_state_has_its_words_in_every_language() -> None:
    for language in ("fr", "nl", "en"):
        t = tongue(language).text
        assert all(t(f"orders.parked-{each.value}") and t(f"orders.parked-do-{each.value}") for each in Parked)
        assert all(t(f"orders.run-{each.value}") for each in RunState)


def test_the_page_makes_and_releases_the_files_for_anybody_but_the_approver(office: Office) -> None:
    desk, _, _ = office
    book = desk.wiring.book
    with book.unit_of_work(actor="kit") as uow:
        legs = (Posting(CLIENT_BANK, debit=500), Posting(AccountRef("489300", token_of(3)), credit=500))
        uow.post(JournalEntry("more", SINCE, "test", legs))
    with book.unit_of_work(actor=desk.stage.parties["nadia"]) as uow:
        asked = payouts.request_payouts(uow, on=uow.today() + timedelta(days=1), reason="more")
        later = payouts.run_of(uow.connection, uow.book_id, asked)
    at = f"/en/operations/orders/runs/{later}"
    nadia, pieter = browser(desk, "nadia"), browser(desk, "pieter")
    assert "to be approved" in nadia.get(at).text
    assert nadia.post(f"{at}/files").status_code == 409  # transfer-run-not-ordered
    assert pieter.post(f"/en/operations/approvals/{asked}").status_code == 303
    assert "You approved this run" in pieter.get(at).text
    refused = pieter.post(f"{at}/files")
    assert (refused.status_code, "somebody else has to make its files" in refused.text) == (403, True)
    assert "Make and release the files" in nadia.get(at).text
    done = nadia.post(f"{at}/files")
    assert (done.status_code, done.headers["location"]) == (303, f"{at}#files")
    with book.read() as connection:
        run = transfer_runs.transfer_run(connection, "main", later)
        assert run_files.waiting_of_run(connection, "main", run) == (0, 0)
        assert run_files.runs_of_files(connection, "main", [run_files.run_files(connection, "main", later)[0].batch_id])


def test_the_commands_list_runs_show_one_write_its_files_and_list_the_parked(office: Office, tmp_path: Path) -> None:
    desk, run_id, _ = office
    url = desk.wiring.book.engine.url.render_as_string(hide_password=False)
    environment = {"PATH": "/usr/bin:/bin", "BXL_DATA": str(desk.wiring.settings.data), "LANG": "C.UTF-8"}

    def bxl(*arguments: str) -> str:
        done = run_bxl("bank", *arguments, "--database", url, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    seen = desk.get(f"{BELOW}/{run_id}", who="sofia").json()
    assert json.loads(bxl("run", run_id, "--json")) == seen
    assert json.loads(bxl("runs", "--json"))[-1] == seen
    assert f"{run_id}  2026-11-25  ordered  4 transfers" in bxl("runs")
    assert seen["lines_sha256"] in bxl("run", run_id)
    assert json.loads(bxl("parked", run_id, "--json")) == desk.get(f"{BELOW}/{run_id}/parked", who="sofia").json()
    assert "cnoaccount2  800 cents  no-account" in bxl("parked", run_id)
    written = bxl("run-files", run_id, str(tmp_path / "out"))
    files = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "out").iterdir()}
    assert files == {each["batch_id"]: each["sha256"] for each in seen["files"]}
    assert all(sha256 in written for sha256 in files.values())


def browser(desk: Desk, who: str) -> TestClient:
    window = TestClient(desk.app, "http://127.0.0.1:8000", raise_server_exceptions=False, follow_redirects=False)
    window.headers["Accept"] = "text/html"
    window.headers["Origin"] = "http://127.0.0.1:8000"
    with desk.wiring.book.unit_of_work(actor="test") as uow:
        window.cookies.set(COOKIE, open_session_for(uow, desk.stage.parties[who], "en").token)
    return window
