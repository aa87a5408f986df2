"""`bxl balance`, `period`, `report restatement`, `report below-floor` and `bridges` as a shell sees them."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from api.bootstrap import open_book, wire
from api.settings import Settings, read_settings
from api.worker.steps import _HoldTimer, sweep_bridges
from ledger.accounts import AccountRef
from ledger.bridges import Transfer, start_transfer
from ledger.clock import FixedClock
from ledger.facts import Hold
from ledger.held import find_hold
from ledger.journal import JournalEntry, Posting
from tests.commands import run_bxl

BANK, CITIZEN = AccountRef("550100"), AccountRef("489100", "c17")
Bxl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    url = f"sqlite:///{tmp_path}/books.sqlite3"
    data = {"BXL_DATA": str(tmp_path / "data"), "BXL_DATABASE": url}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **data}


@pytest.fixture
def bxl(tmp_path: Path, environment: dict[str, str]) -> Bxl:
    """Run a command on a book in which a citizen paid 500.00 in January 2024 and 25.00 in February."""

    def run(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return run_bxl(*arguments, given=given, cwd=tmp_path, env=environment)

    booked = [line("k1", 500_00, "2024-01-10"), line("k2", 25_00, "2024-02-10")]
    assert run("import", "-", given="\n".join(booked)).returncode == 0
    return run


def line(key: str, cents: int, on: str) -> str:
    postings = [
        {"account": "550100", "asset": "EUR", "debit": cents},
        {"account": "489100:c17", "asset": "EUR", "credit": cents},
    ]
    return json.dumps({"key": key, "effective_on": on, "purpose": "paid", "postings": postings})


def answer(result: subprocess.CompletedProcess[str]):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1, result.stderr
    return json.loads(result.stdout)["refusal"]["code"]


def close(bxl: Bxl, until: str) -> dict:
    asked = answer(bxl("period", "request", "--until", until, "--reason", "month end", "--as", "s1", "--json"))
    closing = ("period", "close", "--until", until, "--approval", asked["approval_id"], "--json")
    assert refusal(bxl(*closing, "--as", "s1")) == "approver-is-requester"
    return answer(bxl(*closing, "--as", "s2"))


def test_a_balance_is_printed_on_a_day_as_known_at_an_entry_or_an_instant(bxl: Bxl) -> None:
    found = answer(bxl("balance", "489100:c17", "--on", "2024-01-31", "--json"))
    assert (found["debit"], found["credit"], found["on"], found["known_at"]) == (0, 500_00, "2024-01-31", None)
    assert (found["held_debit"], found["held_credit"]) == (0, 0)
    known = answer(bxl("balance", "489100:c17", "--known-at", "2", "--json"))
    assert (known["credit"], known["known_at"]) == (500_00, 2)
    assert answer(bxl("balance", "489100:c17", "--known-at", "2100-01-01T00:00Z", "--json"))["credit"] == 525_00
    assert bxl("balance", "489100:c17").stdout == "489100:c17 EUR: 52500 credit\n"
    assert refusal(bxl("balance", "489100:c17", "--known-at", "9", "--json")) == "known-at-not-reached"
    assert refusal(bxl("balance", "489100:c17", "--known-at", "2000-01-01T00:00Z", "--json")) == "known-at-not-reached"
    for wrong in ("yesterday", "2024-01-01T00:00"):
        assert bxl("balance", "489100:c17", "--known-at", wrong).returncode == 3


def test_a_balance_is_proven_in_a_file_that_verify_checks(bxl: Bxl, tmp_path: Path) -> None:
    file = tmp_path / "balance.jsonl"
    proving = ("balance", "489100:c17", "--on", "2024-01-31", "--proof", str(file), "--json")
    assert bxl(*proving).returncode == 2  # no log is published yet
    assert bxl("log", "publish").returncode == 0
    assert answer(bxl(*proving))["credit"] == 500_00
    assert file.stat().st_mode & 0o777 == 0o600
    report = answer(bxl("verify", "balance", str(file), "--json"))
    assert (report["verdict"], report["figures"]["balance"]) == ("verified", -500_00)
    file.write_text(file.read_text().replace('"balance":-50000', '"balance":-50001'))
    assert bxl("verify", "balance", str(file)).returncode == 1
    assert refusal(bxl("balance", "550100", "--proof", str(file), "--json")) == "account-has-no-chain"


def test_two_people_close_periods_and_the_list_shows_them(bxl: Bxl) -> None:
    assert close(bxl, "2024-01-31") == {"entry": 4, "key": "period:2024-01-31", "duplicate": False}
    close(bxl, "2024-02-29")
    first, second = answer(bxl("period", "list", "--json"))
    assert (first["since_on"], first["until_on"], first["actor"]) == (None, "2024-01-31", "s2")
    assert second["since_on"] == "2024-02-01"
    assert len(bxl("period", "list").stdout.splitlines()) == 2
    asked = bxl("period", "request", "--until", "2024-01-15", "--reason", "?", "--as", "s1", "--json")
    assert refusal(asked) == "period-already-closed"


def test_a_restatement_is_printed_stored_and_printed_again(bxl: Bxl) -> None:
    close(bxl, "2024-01-31")
    assert bxl("import", "-", given=line("k3", 7_00, "2024-01-20")).returncode == 0
    reporting = ("report", "restatement", "--period", "2024-01-31")
    first = bxl(*reporting, "--store", "--json")
    found = answer(first)
    assert [(row["account"], row["difference"]) for row in found["accounts"]] == [
        ("489100:c17", -7_00),
        ("550100", 7_00),
    ]
    again = bxl(*reporting, "--known-at", str(found["known_at"]), "--json")
    assert again.stdout == first.stdout
    assert "7.00" not in bxl(*reporting, "--known-at", "4").stdout
    assert "507.00" in bxl(*reporting).stdout
    assert refusal(bxl("report", "restatement", "--period", "2024-02-29", "--json")) == "period-not-closed"
    sheet = ("report", "balance-sheet", "--on", "2024-01-31", "--json")
    assert answer(bxl(*sheet))["total_cents"] == 507_00
    assert answer(bxl(*sheet, "--known-at", "4"))["total_cents"] == 500_00
    trial = answer(bxl("trial-balance", "--on", "2024-01-31", "--known-at", "4", "--json"))
    assert [row["credit"] for row in trial] == [500_00, 0]
    period = ("--since", "2024-01-01", "--until", "2024-01-31")
    assert answer(bxl("report", "income-statement", *period, "--known-at", "4", "--json"))["result_cents"] == 0


def test_days_below_a_floor_are_listed(bxl: Bxl) -> None:
    assert answer(bxl("report", "below-floor", "--json")) == []
    back = json.loads(line("k3", 60_00, "2024-01-05"))
    for posting in back["postings"]:
        side = "debit" if "debit" in posting else "credit"
        posting[{"debit": "credit", "credit": "debit"}[side]] = posting.pop(side)
    assert bxl("import", "-", "--floors", given=json.dumps(back)).returncode == 0
    assert answer(bxl("report", "below-floor", "--json")) == []  # what was imported without floors has none


def test_a_second_book_has_keys_and_a_log_of_its_own(bxl: Bxl, tmp_path: Path) -> None:
    given = line("k1", 9_00, "2024-01-10")
    assert bxl("import", "-", "--book", "vehicle", given=given).returncode == 0
    for book, folder in (("main", tmp_path / "data"), ("vehicle", tmp_path / "data" / "books" / "vehicle")):
        published = answer(bxl("log", "publish", "--book", book, "--json"))
        assert published["folder"] == str(folder / "log")
        assert published["origin"].endswith(f"/{book}")
        assert (folder / "keys" / "wrapping.key").exists()
        assert bxl("audit", "--book", book).returncode == 0
        bundle = tmp_path / f"{book}.jsonl"
        assert bxl("audit", "bundle", "--out", str(bundle), "--book", book).returncode == 0
        replayed = bxl("audit", "--log", str(folder / "log"), "--openings", str(bundle), "--book", book)
        assert replayed.returncode == 0
    assert answer(bxl("balance", "550100", "--book", "vehicle", "--json"))["debit"] == 9_00
    assert answer(bxl("balance", "550100", "--json"))["debit"] == 525_00


def test_what_was_cut_short_between_two_books_is_swept_and_checked(bxl: Bxl, environment: dict[str, str]) -> None:
    assert bxl("import", "-", "--book", "vehicle", given=line("k1", 9_00, "2024-01-10")).returncode == 0
    reserve(read_settings(environment))
    assert answer(bxl("balance", "550100", "--json"))["held_credit"] == 100_00
    assert "reserved by holds: 0 debit, 10000 credit" in bxl("balance", "550100").stdout
    assert bxl("bridges", "sweep").stdout == "1 completed, 0 voided\n"
    assert answer(bxl("bridges", "sweep", "--json")) == {"sent": 0, "returned": 0}
    assert answer(bxl("bridges", "check", "--json")) == {"bridges": ["vehicle"], "differences": []}
    assert bxl("bridges", "check", "--book", "vehicle").stdout == "1 bridges, 0 differences\n"
    assert answer(bxl("balance", "550100", "--book", "vehicle", "--json"))["debit"] == 109_00


def reserve(settings: Settings, transfer_id: str = "t1") -> None:
    """The first step of a transfer, and then nothing more."""
    book = open_book(settings)
    out = Posting(AccountRef("550100"), 0, 100_00)
    with book.unit_of_work(actor="s1") as unit:
        start_transfer(unit, Transfer(transfer_id, out, AccountRef("550100"), date(2024, 3, 1)), destination="vehicle")
    book.engine.dispose()


def test_the_worker_sweeps_bridges_and_ends_expired_holds(bxl: Bxl, environment: dict[str, str]) -> None:
    assert bxl("import", "-", "--book", "vehicle", given=line("k1", 9_00, "2024-01-10")).returncode == 0
    settings = read_settings(environment)
    reserve(settings)
    wiring = wire(settings)
    assert (sweep_bridges(wiring), sweep_bridges(wiring)) == (1, 0)
    clock = FixedClock(wiring.book.clock.now())
    moved = replace(wiring, book=replace(wiring.book, clock=clock))
    entry = JournalEntry("h1", date(2024, 3, 1), "test", (Posting(BANK, 0, 5), Posting(CITIZEN, 5, 0)))
    with moved.book.unit_of_work(actor="s1") as unit:
        unit.post(Hold(entry, clock.instant + timedelta(hours=1)))
    timer = _HoldTimer(moved)
    assert timer() == 0
    clock.instant += timedelta(days=3)
    assert (timer(), timer()) == (1, 0)
    with moved.book.read() as connection:
        assert [step.kind for step in find_hold(connection, "main", "h1").steps] == ["expired"]
    wiring.book.engine.dispose()


def test_a_bridge_that_differs_ends_the_check_with_a_no(bxl: Bxl) -> None:
    entry = json.loads(line("k9", 5_00, "2024-03-01"))
    entry["postings"][1]["account"] = "580900:vehicle"
    assert bxl("import", "-", given=json.dumps(entry)).returncode == 0
    checked = bxl("bridges", "check")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (1, "1 bridges, 1 differences")
