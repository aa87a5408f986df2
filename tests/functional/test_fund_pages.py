"""Staff files a loan's agreements with the Fund on pages: what and until when, the file, and the Fund's answer."""

import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from api.refusals import sentence
from contracts.agreements import write_due_agreements
from contracts.registration.filings import Filing, FilingState, filing, filings
from contracts.registration.lifecycle import RegisterState
from contracts.registration.service import record_filed
from ledger.errors import Refusal
from tests.pages_kit import Enter
from tests.products_kit import DAY, DESK, Town, snapshot

LETTER = {"evidence": ("letter.pdf", b"%PDF letter", "application/pdf")}
AT = "/en/operations/fund"


@pytest.fixture
def lent(sqlite_town: Town) -> tuple[Town, str]:
    town = sqlite_town
    return town, town.fund({town.citizen("Ada"): 100_000, town.citizen("Bob"): 50_000}, town.enterprise())


def sign(town: Town, folder: Path) -> None:
    write_due_agreements(town.book, replace(DESK, keys_dir=folder))


def read(town: Town, loan_id: str) -> Filing:
    with town.book.read() as connection:
        return filing(connection, town.book.book_id, loan_id)


def states(town: Town, loan_id: str) -> list[RegisterState]:
    return [each.state for each in read(town, loan_id).agreements]


def answered(town: Town, *numbers: int, **changes: str) -> dict[str, str]:
    typed = {"answer": "registered", "on": town.today.isoformat(), "reference": "PROXI-1"}
    return typed | {f"agreement-{number}": "yes" for number in numbers} | changes


def test_a_loan_is_filed_and_answered_on_its_page(lent: tuple[Town, str], enter: Enter, tmp_path: Path) -> None:
    town, loan_id = lent
    staff, here = enter(town.maker), f"{AT}/{loan_id}"
    page = staff.get(here)
    assert "file.zip" not in page.text, "no agreement is signed yet"
    assert page.text.count("note--warn") == 1
    sign(town, tmp_path)
    page, file = staff.get(here).text, staff.get(f"{here}/file.zip")
    assert "Download the file: 2 agreements" in page
    assert (file.headers["content-type"], file.headers["cache-control"]) == ("application/zip", "no-store")
    assert staff.get(f"{here}/file.zip").content == file.content
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        index = json.loads(archive.read("index.json"))
        rows = list(csv.DictReader(archive.read("table.csv").decode().splitlines()))
        for each in index["files"]:
            assert hashlib.sha256(archive.read(each["path"])).hexdigest() == each["sha256"]
        assert sorted(archive.namelist()) == ["agreements/1.pdf", "agreements/2.pdf", "index.json", "table.csv"]
    assert sorted(row["principal_eur"] for row in rows) == ["1000.00", "500.00"]
    [package] = re.findall(r'name="package" value="(\w{64})"', page)
    assert package == index["sha256_of_rows"]

    typed = {"package": package, "on": town.today.isoformat()}
    assert staff.post(f"{here}/filing", data=typed).status_code == 303
    assert states(town, loan_id) == [RegisterState.FILED] * 2
    page = staff.get(here).text
    assert "file.zip" not in page
    assert page.count(" checked") == 2, "what was filed is ticked"
    assert staff.get(f"{here}/file.zip").status_code == 409

    assert staff.post(f"{here}/answer", data=answered(town, 1), files=LETTER).status_code == 303
    refusal = answered(town, 2, answer="refused", reference="PROXI-2")
    assert staff.post(f"{here}/answer", data=refusal, files=LETTER).status_code == 303
    assert states(town, loan_id) == [RegisterState.REGISTERED, RegisterState.REFUSED]
    page = staff.get(here).text
    assert "PROXI-1" in page
    assert "Download the file: 1 agreement " in page
    for language in ("fr", "nl", "en"):
        for path in ("", f"/{loan_id}"):
            assert enter(town.checker).get(f"/{language}/operations/fund{path}").status_code == 200


def test_what_is_wrong_is_said_and_nothing_is_recorded(lent: tuple[Town, str], enter: Enter, tmp_path: Path) -> None:
    town, loan_id = lent
    staff, here = enter(town.maker), f"{AT}/{loan_id}"
    sign(town, tmp_path)
    [package] = re.findall(r'name="package" value="(\w{64})"', staff.get(here).text)
    before = snapshot(town.book)
    changed = sentence(Refusal("registration-file-changed", loan_id=loan_id), "en")
    tomorrow = (town.today + timedelta(days=1)).isoformat()
    for typed, code, said in (
        ({"package": package, "on": ""}, 422, 'id="filing-on-error"'),
        ({"package": package, "on": tomorrow}, 422, 'id="filing-on-error"'),
        ({"package": "0" * 64, "on": DAY.isoformat()}, 409, changed),
    ):
        answer = staff.post(f"{here}/filing", data=typed)
        assert (answer.status_code, said in answer.text) == (code, True)
    assert snapshot(town.book) == before
    with town.book.unit_of_work(actor=town.maker) as uow:
        first = read(town, loan_id).agreements[0].pledge_id
        record_filed(uow, loan_id, [first], on=town.today, evidence=package)
    before = snapshot(town.book)
    for typed, code, said in (
        (answered(town), 422, "Tick at least one agreement"),
        (answered(town, 1, reference=""), 422, 'id="answer-reference-error"'),
        (answered(town, 1, answer="lost"), 422, 'id="answer-answer-error"'),
        (answered(town, 3), 404, 'role="alert"'),
        (answered(town, 2), 409, 'role="alert"'),
    ):
        answer = staff.post(f"{here}/answer", data=typed, files=LETTER)
        assert (answer.status_code, said in answer.text) == (code, True), typed
    assert snapshot(town.book) == before
    assert staff.get(f"{AT}/l00000000").status_code == 404
    assert enter(read_lender(town, loan_id)).get(here).status_code == 403
    assert enter(read_lender(town, loan_id)).get(f"{here}/file.zip").status_code == 403


def test_loans_are_listed_by_what_comes_next_and_by_their_last_day(lent: tuple[Town, str], enter: Enter) -> None:
    town, first = lent
    second = town.fund({town.citizen("Cem"): 100_000}, town.enterprise("Velo Cargo", number="0403.201.185"))
    with town.book.read() as connection:
        found = filings(connection, town.book.book_id)
    assert [(each.loan_id, each.state) for each in found] == [
        (first, FilingState.TO_FILE), (second, FilingState.TO_FILE)
    ]  # fmt: skip
    assert found[0].agreed_on == date(2026, 3, 7)
    assert found[0].file_by == date(2026, 6, 7)
    assert found[0].term is not None
    assert found[0].term.is_provisional
    left = (date(2026, 6, 7) - town.today).days
    assert f"{left} days left" in enter(town.maker).get(AT).text
    town.jump_to(date(2026, 6, 9))
    assert "2 days late" in enter(town.maker).get(AT).text


def read_lender(town: Town, loan_id: str) -> str:
    return read(town, loan_id).agreements[0].lender
