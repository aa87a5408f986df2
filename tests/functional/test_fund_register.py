"""A loan's agreements filed with the Fund, its answers kept, and what they do to a lender's tax credit."""

import csv
import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import api.bootstrap
from api.bootstrap import create_book, desk_of, open_book
from api.settings import read_settings
from contracts.agreements import write_due_agreements
from contracts.documents.service import open_document
from contracts.loans.books import loan_book
from contracts.loans.queries import agreements_of
from contracts.registration.lifecycle import RegisterState
from contracts.registration.package import registration_package
from contracts.registration.queries import registrations
from contracts.registration.service import record_answer, record_filed
from contracts.schemes.credit import ZeroGround
from contracts.yearend.papers import year_end
from ledger.book import UnitOfWork
from ledger.clock import FixedClock
from tests.commands import run_bxl
from tests.payments_kit import FakeRail
from tests.products_kit import EVIDENCE, Town, make_town, refused

BEGINNING = datetime(2026, 3, 2, 11, tzinfo=UTC)


@dataclass(frozen=True)
class Filed:
    """An installation with one loan of two lenders."""

    folder: Path
    town: Town
    loan_id: str
    ada: str
    bob: str

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "BXL_DATA": str(self.folder), "LANG": "C.UTF-8"}

    def states(self) -> list[RegisterState]:
        book = self.town.book
        with book.read() as connection:
            known = registrations(connection, book.book_id, loan_book(connection, book.book_id, self.loan_id))
        return [each.state for each in known]

    def sign(self) -> None:
        write_due_agreements(self.town.book, desk_of(read_settings({"BXL_DATA": str(self.folder)})))

    def answer(self, uow: UnitOfWork, pledge_ids: Sequence[str], answer: str = "registered", **changes: Any) -> None:
        stated = {"on": self.town.today, "reference": "PROXI-1", "evidence": EVIDENCE} | changes
        record_answer(uow, self.loan_id, pledge_ids, answer, **stated)


@pytest.fixture
def filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Filed:
    clock = FixedClock(BEGINNING)
    monkeypatch.setattr(api.bootstrap, "SystemClock", lambda: clock)
    settings = read_settings({"BXL_DATA": str(tmp_path / "data")})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the fake rail shouts that it is one
        town = make_town(create_book(settings), clock, FakeRail(today=clock.today()))
    ada, bob = town.citizen("=Ada"), town.citizen("Bob")
    loan_id = town.fund({ada: 100_000, bob: 50_000}, town.enterprise(), rate_annual=Decimal("0.0400"))
    return Filed(tmp_path / "data", town, loan_id, ada, bob)


def test_a_loan_is_filed_answered_and_shown(filed: Filed, tmp_path: Path) -> None:
    filed.sign()
    folder, letter = tmp_path / "fund", tmp_path / "answer.pdf"
    done = run_bxl("fund", "file", filed.loan_id, "--out", folder, "--as", "s7", env=filed.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert filed.states() == [RegisterState.FILED] * 2
    rows = list(csv.DictReader((folder / "table.csv").read_text("utf-8").splitlines()))
    assert sorted((row["principal_eur"], row["rate_percent"], row["enterprise_number"]) for row in rows) == [
        ("1000.00", "4", "0403.199.702"),
        ("500.00", "4", "0403.199.702"),
    ]
    by_lender = {row["lender"]: row for row in rows}
    assert by_lender[filed.ada]["lender_name"] == "'=Ada Peeters", "a spreadsheet must not take a name for a formula"
    index = json.loads((folder / "index.json").read_text("utf-8"))
    assert index["agreements"] == 2
    for row in index["files"]:
        assert hashlib.sha256((folder / row["path"]).read_bytes()).hexdigest() == row["sha256"]
    book = filed.town.book
    with book.read() as connection:
        [paper] = agreements_of(connection, book.book_id, filed.loan_id, filed.ada)
        assert (folder / by_lender[filed.ada]["file"]).read_bytes() == open_document(
            book, connection, paper.document_id
        )
    letter.write_bytes(b"the Fund's letter")
    on = filed.town.today.isoformat()
    words = ("fund", "answer", filed.loan_id, "registered", "--on", on, "--reference", "PROXI-1", "--paper", letter)
    done = run_bxl(*words, "--as", "s7", env=filed.environment)
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(run_bxl("fund", "show", filed.loan_id, "--json", env=filed.environment).stdout)
    assert [(each["state"], each["registered_on"], each["reference"]) for each in shown["agreements"]] == [
        ("registered", on, "PROXI-1")
    ] * 2
    assert f"registered {on} PROXI-1" in run_bxl("fund", "show", filed.loan_id, env=filed.environment).stdout
    again = run_bxl("fund", "file", filed.loan_id, "--out", tmp_path / "again", "--as", "s7", env=filed.environment)
    assert again.returncode == 1
    assert not (tmp_path / "again").exists()
    unknown = run_bxl(*words, "--agreement", "3", "--as", "s7", env=filed.environment)
    assert unknown.returncode == 1


def test_what_is_missing_known_or_not_of_the_loan_is_refused(filed: Filed) -> None:
    town, loan_id = filed.town, filed.loan_id
    with refused(town, "agreements-not-written", number=1):
        registration_package(town.book, loan_id)
    filed.sign()
    package = registration_package(town.book, loan_id)
    with refused(town, "loan-not-known"):
        registration_package(town.book, "l000000000")
    for changes, code in (
        ({"pledge_ids": ["p000000000"]}, "agreement-not-of-loan"),
        ({"evidence": "x"}, "evidence-malformed"),
        ({"on": date(2026, 3, 1)}, "date-too-early"),
        ({"on": date(2030, 4, 1)}, "date-not-reached"),
    ):
        stated = {"pledge_ids": package.pledge_ids, "on": town.today, "evidence": package.sha256} | changes
        with refused(town, code), town.book.unit_of_work(actor="s7") as uow:
            record_filed(uow, loan_id, **stated)
    with refused(town, "move-not-allowed"), town.book.unit_of_work(actor="s7") as uow:
        filed.answer(uow, package.pledge_ids)
    with town.book.unit_of_work(actor="s7") as uow:
        record_filed(uow, loan_id, package.pledge_ids, on=town.today, evidence=package.sha256)
    for changes, code in (
        ({"answer": "lost"}, "register-answer-unknown"),
        ({"reference": " "}, "register-reference-malformed"),
        ({"reference": "R" * 61}, "register-reference-malformed"),
    ):
        with refused(town, code), town.book.unit_of_work(actor="s7") as uow:
            filed.answer(uow, package.pledge_ids, **changes)
    with refused(town, "nothing-to-register"):
        registration_package(town.book, loan_id)


def test_a_refused_agreement_is_filed_again_and_one_struck_off_earns_nothing_from_its_year_on(filed: Filed) -> None:
    town, loan_id = filed.town, filed.loan_id
    filed.sign()
    package = registration_package(town.book, loan_id)
    [first] = [row.number for row in package.rows if row.lender == filed.ada]
    kept, refused_one = package.pledge_ids[first - 1], package.pledge_ids[2 - first]
    with town.book.unit_of_work(actor="s7") as uow:
        record_filed(uow, loan_id, package.pledge_ids, on=town.today, evidence=package.sha256)
    with town.book.unit_of_work(actor="s7") as uow:
        filed.answer(uow, [kept])
        filed.answer(uow, [refused_one], "refused")
    again = registration_package(town.book, loan_id)
    assert again.pledge_ids == (refused_one,)
    with town.book.unit_of_work(actor="s7") as uow:
        record_filed(uow, loan_id, again.pledge_ids, on=town.today, evidence=again.sha256)
    assert set(filed.states()) == {RegisterState.REGISTERED, RegisterState.FILED}
    town.jump_to(date(2027, 6, 2))
    with town.book.unit_of_work(actor="s7") as uow:
        filed.answer(uow, [kept], "deregistered")
    town.jump_to(date(2028, 1, 5))
    desk = desk_of(read_settings({"BXL_DATA": str(filed.folder)}))
    certificates = {
        (year, paper.data.holder.party): paper.data.loans[0].ground
        for year in (2026, 2027)
        for paper in year_end(open_book(read_settings({"BXL_DATA": str(filed.folder)})), year, desk).papers
        if paper.path.endswith("certificate")
    }
    assert certificates == {
        (2026, filed.ada): None,
        (2026, filed.bob): None,
        (2027, filed.ada): ZeroGround.DEREGISTERED,
        (2027, filed.bob): None,
    }
