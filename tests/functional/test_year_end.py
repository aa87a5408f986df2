"""The papers of two years: three loans, of which one is late and one is lost, and lenders of whom one lives elsewhere.

loan     lenders                    2024                2025
oven     Ada 1,000  Bob 500         agreed 7 April      first due paid on its day
bicycles Ada   600  Cem 400         agreed 12 April     first due not paid until February 2026
cellar   Bob 1,000  Ada 500         agreed 17 April     first due 40 days late; bankrupt in September, lost in November
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pdfua
import pikepdf
import pytest

import api.bootstrap
from api.bootstrap import create_book, desk_of, open_book
from api.settings import Settings, read_settings
from contracts.documents.text import money, wording
from contracts.loans import postings
from contracts.loans import service as loans
from contracts.loans.books import loan_book
from contracts.parties import service as parties
from contracts.parties.model import Attribute, LegalIdentity, NaturalIdentity
from contracts.parties.safeguards import OwnerDeclaration
from contracts.yearend.folder import write_year_end
from contracts.yearend.papers import YearEnd, year_end
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.journal import JournalEntry
from ledger.log.checkpoint import parse_checkpoint
from ledger.storage.keys import DESTROYED
from ledger.storage.tables import subject_key
from tests.commands import run_bxl
from tests.entries import entry, post
from tests.oracle import check_everything
from tests.payments_kit import FakeRail
from tests.products_kit import EVIDENCE, Town, make_ready, make_town

BEGINNING = datetime(2024, 4, 2, 11, tzinfo=UTC)
PROOF = hashlib.sha256(b"closure of the liquidation").hexdigest()
NAMESPACE = {"rv": "http://withholding.minfin.fgov.be/"}


@dataclass(frozen=True)
class Story:
    """An installation whose books hold both years, and who is who in them."""

    folder: Path
    ada: str
    bob: str
    cem: str
    levain: str
    zinneke: str
    cave: str
    oven: str
    bicycles: str
    cellar: str

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "BXL_DATA": str(self.folder), "LANG": "C.UTF-8"}

    @property
    def settings(self) -> Settings:
        return read_settings(self.environment)

    def papers(self, year: int) -> YearEnd:
        settings = self.settings
        return year_end(open_book(settings), year, desk_of(settings))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The books are read by every test and changed by none."""
    folder = tmp_path_factory.mktemp("year-end") / "data"
    clock = FixedClock(BEGINNING)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the fake rail shouts that it is one
        patch.setattr(api.bootstrap, "SystemClock", lambda: clock)
        settings = read_settings({"BXL_DATA": str(folder)})
        town = make_town(create_book(settings), clock, FakeRail(today=clock.today()))
        told = live_two_years(town, folder)
    check_everything(town.book)
    assert run_bxl("log", "publish", env=told.environment).returncode == 0
    return told


def live_two_years(town: Town, folder: Path) -> Story:
    ada, bob = lender(town, "Ada", "fr", "BE-BRU"), lender(town, "Bob", "nl", "BE-VLG")
    cem = lender(town, "Cem", "en", None)
    levain = borrower(town, "Boulangerie Levain", "0403.199.702", "fr")
    zinneke = borrower(town, "Zinneke Fietsen", "0403.201.185", "nl")
    cave = borrower(town, "Cave Vide", "0247.499.953", "en")
    oven = fund(town, {ada: 100_000, bob: 50_000}, levain, "Un deuxième four")
    bicycles = fund(town, {ada: 60_000, cem: 40_000}, zinneke, "Bakfietsen")
    cellar = fund(town, {bob: 100_000, ada: 50_000}, cave, "Une cave")
    town.jump_to(date(2025, 4, 7))
    town.pay_due(oven, 1)
    town.jump_to(date(2025, 5, 27))
    town.pay_due(cellar, 1)
    town.pay_out()
    town.jump_to(date(2025, 9, 1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.record_bankruptcy(uow, cellar, on=town.today, evidence=EVIDENCE)
    town.jump_to(date(2025, 11, 20))
    with town.book.unit_of_work(actor=town.maker) as uow:
        loans.write_off(uow, cellar, on=town.today, evidence=PROOF)
    town.jump_to(date(2026, 2, 5))
    town.pay_due(bicycles, 1)
    return Story(folder, ada, bob, cem, levain, zinneke, cave, oven, bicycles, cellar)


def lender(town: Town, name: str, language: str, residence: str | None) -> str:
    identity = NaturalIdentity(name, "Peeters", f"{name.lower()}@citizens.example", language)
    stated = {Attribute.HOLDER_KIND: "resident-individual", Attribute.TAX_RESIDENCE: residence}
    with town.book.unit_of_work(actor="system") as uow:
        party_id = parties.register_natural(uow, identity)
        for attribute, value in stated.items():
            if value is not None:
                parties.record_attribute(uow, party_id, attribute, value, valid_from=town.today, evidence="eid")
        make_ready(uow, party_id, on=town.today)
    town.give_iban(party_id)
    return party_id


def borrower(town: Town, name: str, number: str, language: str) -> str:
    identity = LegalIdentity(name, "SRL", number, "Claire Dubois", f"{number}@firms.example", language)
    with town.book.unit_of_work(actor="system") as uow:
        party_id = parties.register_legal(uow, identity)
        stated = OwnerDeclaration().to_json()
        parties.record_attribute(
            uow, party_id, Attribute.OWNER_DECLARATION, stated, valid_from=town.today, evidence="form"
        )
    town.give_iban(party_id)
    return party_id


def fund(town: Town, lenders: dict[str, int], enterprise: str, title: str) -> str:
    return town.fund(lenders, enterprise, title=title, rate_annual=Decimal("0.0400"))


@pytest.fixture(scope="module")
def written(story: Story, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The folders of both years, by the command."""
    place = tmp_path_factory.mktemp("written")
    for year in (2024, 2025):
        done = run_bxl("year-end", year, "--out", place / str(year), env=story.environment)
        assert (done.returncode, done.stderr) == (0, "")
    return {year: place / str(year) for year in (2024, 2025)}


@pytest.fixture
def copied(story: Story, tmp_path: Path) -> Story:
    """The same installation to be spoilt."""
    shutil.copytree(story.folder, tmp_path / "data")
    return replace(story, folder=tmp_path / "data")


def paper(folder: Path, path: str) -> dict:
    return json.loads((folder / f"{path}.json").read_text("utf-8"))


def text_of(folder: Path, path: str) -> str:
    """A paper's words in reading order, its hard spaces plain and its lines joined."""
    file = folder / f"{path}.pdf"
    done = subprocess.run(["pdftotext", "-raw", str(file), "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_every_loan_lender_and_borrower_has_its_papers_and_the_index_names_every_file(
    story: Story, written: dict[int, Path]
) -> None:
    folder = written[2025]
    expected = {f"loans/{loan}/proof" for loan in (story.oven, story.bicycles, story.cellar)}
    expected |= {
        f"lenders/{who}/{kind}" for who in (story.ada, story.bob, story.cem) for kind in ("certificate", "statement")
    }
    expected |= {f"borrowers/{firm}/withholding" for firm in (story.levain, story.zinneke, story.cave)}
    expected |= {f"lenders/{who}/loss-{story.cellar}" for who in (story.ada, story.bob)}
    names = {f"{path}{suffix}" for path in expected for suffix in (".json", ".pdf")}
    names |= {f"borrowers/{firm}/declaration-273.xml" for firm in (story.levain, story.cave)}
    found = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert found == names | {"index.json"}
    index = json.loads((folder / "index.json").read_text("utf-8"))
    assert {row["path"] for row in index["files"]} == names
    for row in index["files"]:
        body = (folder / row["path"]).read_bytes()
        assert (row["bytes"], row["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert folder.stat().st_mode & 0o777 == 0o700, "it holds what concerns persons"


def test_the_index_states_the_year_the_sums_and_the_head_that_the_log_has_signed(
    story: Story, written: dict[int, Path]
) -> None:
    index = json.loads((written[2025] / "index.json").read_text("utf-8"))
    assert (index["book"], index["year"], index["made_on"], index["left_out"]) == ("main", 2025, "2026-02-05", [])
    assert index["totals"] == {
        "opening_cents": 400_000,
        "lent_cents": 0,
        "repaid_cents": 60_000,
        "lost_cents": 120_000,
        "changed_cents": 0,
        "closing_cents": 220_000,
        "interest_cents": 12_000,
        "tax_cents": 3_600,
        "credit_cents": 7_600,
        "loss_credit_cents": 12_000,
    }
    note = (story.settings.log_folder / "checkpoint").read_text("utf-8")
    signed = parse_checkpoint(note.split("\n\n")[0] + "\n")
    head = index["tree_head"]
    assert f"{head['origin']}\n{head['size']}\n{head['root']}\n" == signed.text()
    assert index["known_at_entry"] == head["size"] - 1


def test_the_first_year_gives_half_of_the_credit_and_a_later_one_all_of_it(
    story: Story, written: dict[int, Path]
) -> None:
    """The vectors: a mean of half the principal in the first year; in the second what was repaid lowers the end."""
    found = {
        (year, who): [paper(written[year], f"lenders/{who}/certificate")[name] for name in
                      ("base_first_cents", "base_later_cents", "credit_cents")]
        for year in (2024, 2025) for who in (story.ada, story.bob, story.cem)
    }  # fmt: skip
    assert found == {
        (2024, story.ada): [105_000, 0, 4_200],  # (1,000 + 600 + 500) / 2
        (2024, story.bob): [0, 0, 0],
        (2024, story.cem): [20_000, 0, 800],
        (2025, story.ada): [150_000, 0, 6_000],  # (1,000 + 800) / 2 + 600; nothing for the cellar
        (2025, story.bob): [0, 0, 0],
        (2025, story.cem): [40_000, 0, 1_600],  # unpaid dues do not lower the base
    }


def test_a_certificate_says_why_a_loan_brings_nothing_and_what_its_loss_brings(
    story: Story, written: dict[int, Path]
) -> None:
    ada = paper(written[2025], f"lenders/{story.ada}/certificate")
    cellar = next(loan for loan in ada["loans"] if loan["loan_id"] == story.cellar)
    assert (cellar["ground"], cellar["ground_on"], cellar["credit_cents"]) == ("accelerated", "2025-09-01", 0)
    assert (cellar["opening_cents"], cellar["closing_cents"]) == (50_000, 40_000), "what is lost was not repaid"
    assert (cellar["lost_cents"], cellar["loss_credit_cents"], ada["loss_credit_cents"]) == (40_000, 12_000, 12_000)
    bob = paper(written[2025], f"lenders/{story.bob}/certificate")
    assert {loan["ground"] for loan in bob["loans"]} == {"lender-not-resident"}
    assert [loan["loss_ground"] for loan in bob["loans"] if loan["lost_cents"]] == ["lender-not-resident"]
    assert ada["provisional"] is True
    assert "proxi.B/credit_rate_first_periods@2024-03-01" in ada["rules"]


def test_a_code_that_no_row_holds_is_said_not_to_be_known(story: Story, written: dict[int, Path]) -> None:
    ada = paper(written[2025], f"lenders/{story.ada}/certificate")
    assert [(box["stated"], box["codes"], box["amount_cents"]) for box in ada["boxes"]] == [
        ("opening", [], 160_000),
        ("closing", [], 140_000),
        ("loss", [], 40_000),
    ]
    say, read = wording("fr").say, text_of(written[2025], f"lenders/{story.ada}/certificate")
    assert plain(say("certificate.codes_unknown", year="2025")) in plain(read)
    assert read.count(say("certificate.code_unknown")) >= 3
    assert paper(written[2025], f"lenders/{story.bob}/certificate")["boxes"] == [
        {"amount_cents": 80_000, "codes": [], "of_first_year": False, "stated": "loss"}
    ]


def test_each_reads_her_papers_in_her_own_language(story: Story, written: dict[int, Path]) -> None:
    folder = written[2025]
    for who, language, credit in ((story.ada, "fr", 6_000), (story.bob, "nl", 0), (story.cem, "en", 1_600)):
        say, read = wording(language).say, plain(text_of(folder, f"lenders/{who}/certificate"))
        assert say("certificate.title") in read
        assert f"{say('certificate.credit', year='2025')} {plain(money(credit, language))}" in read
        assert say("statement.title") in text_of(folder, f"lenders/{who}/statement")
        assert say("common.sandbox") in read
    assert wording("en").say("certificate.residence_condition", year="2025") in text_of(
        folder, f"lenders/{story.cem}/certificate"
    )
    assert wording("nl").say("certificate.residence_be_vlg") in text_of(folder, f"lenders/{story.bob}/certificate")
    for loan, language in ((story.oven, "fr"), (story.bicycles, "nl"), (story.cellar, "fr")):
        assert paper(folder, f"loans/{loan}/proof")["language"] == language, "a public body reads French or Dutch"
        assert plain(wording(language).say("fund_proof.title")) in plain(text_of(folder, f"loans/{loan}/proof"))
    assert paper(folder, f"borrowers/{story.cave}/withholding")["language"] == "en"


def test_the_proof_of_a_loan_states_every_lender_and_how_it_stands(story: Story, written: dict[int, Path]) -> None:
    proof = paper(written[2025], f"loans/{story.oven}/proof")
    assert {row["name"]: [row[f"{name}_cents"] for name in ("opening", "repaid", "closing", "interest")]
            for row in proof["lenders"]} == {
        "Ada Peeters": [100_000, 20_000, 80_000, 4_000],
        "Bob Peeters": [50_000, 10_000, 40_000, 2_000],
    }  # fmt: skip
    assert proof["standing"]["label"] == "performing"
    assert proof["borrower"]["enterprise_number"] == "0403.199.702"
    read, say = plain(text_of(written[2025], f"loans/{story.oven}/proof")), wording("fr").say
    assert plain(say("fund_proof.not_called", year="2025")) in read
    assert "Ada Peeters 1.000,00 0,00 200,00 0,00 800,00 40,00" in read.replace("1 000,00", "1.000,00")


def test_the_proofs_of_a_late_and_of_a_lost_loan_say_so(story: Story, written: dict[int, Path]) -> None:
    late = paper(written[2025], f"loans/{story.bicycles}/proof")
    assert late["standing"] | {"label": ""} == {
        "label": "",
        "days_past_due": 263,
        "overdue_cents": 24_000,
        "arrears_limit_months": 3,
        "arrears_beyond_limit": True,
        "bankrupt_on": None,
        "lost_on": None,
        "repaid_on": None,
    }
    assert late["dues"] == [
        {
            "n": 1,
            "due_on": "2025-04-12",
            "due_cents": 24_000,
            "shared_on": None,
            "principal_cents": 0,
            "interest_cents": 0,
        }
    ]
    lost = paper(written[2025], f"loans/{story.cellar}/proof")
    assert (lost["standing"]["label"], lost["standing"]["bankrupt_on"], lost["standing"]["lost_on"]) == (
        "lost",
        "2025-09-01",
        "2025-11-20",
    )
    assert [row["lost_cents"] for row in lost["lenders"] if row["party"] == story.bob] == [80_000]
    read = plain(text_of(written[2025], f"loans/{story.cellar}/proof"))
    assert "déclaré en faillite le 1er septembre 2025" in read
    assert "dénonciation" not in read
    assert paper(written[2024], f"loans/{story.cellar}/proof")["standing"]["bankrupt_on"] is None, "not known to 2024"


def test_a_return_lists_what_was_attributed_and_its_file_has_the_shape_of_declaration_273(
    story: Story, written: dict[int, Path]
) -> None:
    data = paper(written[2025], f"borrowers/{story.levain}/withholding")
    assert data["rows"] == [
        {
            "attributed_on": "2025-04-07",
            "holder_kind": "resident-individual",
            "rate": "0.30",
            "lenders": 2,
            "gross_cents": 6_000,
            "tax_cents": 1_800,
            "net_cents": 4_200,
            "pay_by_on": "2025-04-22",
        }
    ]
    assert (data["unpaid_cents"], data["paid_in_cents"], data["provisional"]) == (1_800, 0, True)
    root = ET.fromstring((written[2025] / f"borrowers/{story.levain}/declaration-273.xml").read_bytes())
    company = root.find("rv:taxPayer/rv:belgianCompany", NAMESPACE)
    assert company.attrib == {"{http://withholding.minfin.fgov.be/}companyNumber": "0403199702"}
    [declared] = root.findall("rv:initialDeclaration", NAMESPACE)
    assert [(child.tag.partition("}")[2], (child.text or "").strip()) for child in declared] == [
        ("declarationType", "273"),
        ("income", ""),
        ("totalTaxAmountDue", "1800"),
        ("attributionDate", "2025-04-07"),
        ("preferredLanguage", "fr"),
        ("declarationUniqueReference", "1"),
    ]
    assert [(child.tag.partition("}")[2], child.text) for child in declared.find("rv:income", NAMESPACE)] == [
        ("grossAmount", "6000"),
        ("taxableAmount", "6000"),
        ("rate", "30"),
        ("taxAmount", "1800"),
        ("finalTaxAmount", "1800"),
    ]
    none = paper(written[2025], f"borrowers/{story.zinneke}/withholding")
    assert none["rows"] == []
    assert wording("nl").say("withholding.no_rows") in text_of(written[2025], f"borrowers/{story.zinneke}/withholding")


def test_the_papers_agree_with_one_another_to_the_cent(story: Story, written: dict[int, Path]) -> None:
    for year, folder in written.items():
        proofs = [paper(folder, f"loans/{loan}/proof") for loan in (story.oven, story.bicycles, story.cellar)]
        flows = [flow for who in (story.ada, story.bob, story.cem)
                 for flow in paper(folder, f"lenders/{who}/statement")["flows"]]  # fmt: skip
        returns = [paper(folder, f"borrowers/{firm}/withholding") for firm in (story.levain, story.zinneke, story.cave)]
        rows = [row for each in returns for row in each["rows"]]
        lenders = [row for proof in proofs for row in proof["lenders"]]
        totals = json.loads((folder / "index.json").read_text("utf-8"))["totals"]
        assert (
            sum(row["repaid_cents"] for row in lenders)
            == sum(f["principal_cents"] for f in flows)
            == totals["repaid_cents"]
        )
        interest = sum(flow["interest_gross_cents"] for flow in flows)
        assert interest == sum(row["gross_cents"] for row in rows) == sum(row["interest_cents"] for row in lenders)
        assert sum(flow["withholding_cents"] for flow in flows) == sum(row["tax_cents"] for row in rows)
        for row in lenders:
            assert (
                row["opening_cents"] + row["lent_cents"] - row["repaid_cents"] - row["lost_cents"]
                == row["closing_cents"]
            )
        closing = [claim["closing_cents"] for who in (story.ada, story.bob, story.cem)
                   for claim in paper(folder, f"lenders/{who}/statement")["claims"]]  # fmt: skip
        assert sum(closing) == totals["closing_cents"], year


def test_the_same_books_give_the_same_bytes_in_another_process(
    story: Story, written: dict[int, Path], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    strange = {**story.environment, "PYTHONHASHSEED": "4242", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-m", "api.cli.main", "year-end", "2025", "--out", str(again)]
    subprocess.run(command, check=True, capture_output=True, env=strange, cwd=Path.cwd())
    first = {str(f.relative_to(written[2025])): f.read_bytes() for f in written[2025].rglob("*") if f.is_file()}
    assert {str(f.relative_to(again)): f.read_bytes() for f in again.rglob("*") if f.is_file()} == first


def test_every_paper_is_tagged_dated_by_the_books_and_marked_as_a_test(written: dict[int, Path]) -> None:
    files = sorted(written[2025].rglob("*.pdf"))
    assert len(files) == 14
    for file in files:
        assert pdfua.validate(file).findings == (), file.name
        with pikepdf.open(io.BytesIO(file.read_bytes())) as pdf:
            assert str(pdf.docinfo["/CreationDate"]) == "D:20260205000000Z"


@pytest.mark.parametrize(("year", "code"), [(2026, "year-not-ended"), (2023, "year-before-books")])
def test_a_year_that_goes_on_or_was_never_booked_is_refused(story: Story, tmp_path: Path, year: int, code: str) -> None:
    done = run_bxl("year-end", year, "--out", tmp_path / "out", "--json", env=story.environment)
    assert (done.returncode, json.loads(done.stdout)["refusal"]["code"]) == (1, code)
    assert json.loads(done.stdout)["refusal"]["facts"]["year"] == str(year)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_or_is_a_file_is_refused_and_left_alone(story: Story, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, code in (("full", "folder-not-empty"), ("file", "folder-is-a-file")):
        done = run_bxl("year-end", 2025, "--out", tmp_path / name, "--json", env=story.environment)
        assert (done.returncode, json.loads(done.stdout)["refusal"]["code"]) == (1, code)
    assert sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*")) == ["file", "full", "full/mine"]


def test_an_empty_folder_is_filled_and_the_answer_says_how_far_the_log_is_signed(story: Story, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = run_bxl("year-end", 2024, "--out", tmp_path / "out", "--json", env=story.environment)
    answer = json.loads(done.stdout)
    assert (answer["files"], answer["signed_size"]) == (24, answer["size"])
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_nothing_is_left_where_a_paper_can_not_be_written(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = story.papers(2024)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="no space left"):
        write_year_end(found, tmp_path / "out", origin=None)
    assert list(tmp_path.iterdir()) == []


def claim_moved(story: Story) -> JournalEntry:
    asset = f"LOAN-{story.oven.upper()}"
    legs = (f"020000:{story.bob}", 1, 0, asset), (f"020000:{story.ada}", 0, 1, asset)
    return entry("by-hand", *legs, on=date(2025, 6, 2))


def claim_doubled(story: Story) -> JournalEntry:
    asset = f"LOAN-{story.oven.upper()}"
    legs = (f"020000:{story.ada}", 5, 0, asset), (f"021000:{story.bob}", 0, 5, asset)
    return entry("by-hand", *legs, on=date(2025, 6, 2), purpose="loan-issued")


def written_off_moved(story: Story) -> JournalEntry:
    asset = f"LOAN-{story.cellar.upper()}"
    legs = (f"022000:{story.bob}", 1, 0, asset), (f"022000:{story.ada}", 0, 1, asset)
    return entry("by-hand", *legs, on=date(2025, 12, 2))


def repaid_by_hand(story: Story) -> JournalEntry:
    asset = f"LOAN-{story.oven.upper()}"
    legs = (f"021000:{story.levain}", 7, 0, asset), (f"020000:{story.ada}", 0, 7, asset)
    return entry("by-hand", *legs, on=date(2025, 6, 2), purpose="instalment-distributed")


def tax_added(story: Story) -> JournalEntry:
    return entry("by-hand", ("499000", 3, 0), (f"453000:{story.levain}", 0, 3), on=date(2025, 6, 2))


def net_added(story: Story) -> JournalEntry:
    legs = ("499000", 4, 0), (f"489300:{story.ada}", 0, 4)
    return entry("by-hand", *legs, on=date(2025, 6, 2), purpose="instalment-distributed")


@pytest.mark.parametrize(
    ("spoil", "account"),
    [
        (claim_moved, "020000"),
        (claim_doubled, "021000"),
        (repaid_by_hand, "020000"),
        (written_off_moved, "022000"),
        (tax_added, "453000"),
        (net_added, "489300"),
    ],
)
def test_nothing_is_written_where_a_total_does_not_tie_to_the_ledger(
    copied: Story, tmp_path: Path, spoil: Callable[[Story], JournalEntry], account: str
) -> None:
    post(open_book(copied.settings), spoil(copied))
    done = run_bxl("year-end", 2025, "--out", tmp_path / "out", "--json", env=copied.environment)
    refusal = json.loads(done.stdout)["refusal"]
    assert (done.returncode, refusal["code"]) == (1, "year-end-does-not-tie")
    assert refusal["facts"]["account"].startswith(account)
    assert refusal["facts"]["stated_cents"] != refusal["facts"]["booked_cents"]
    assert not (tmp_path / "out").exists()
    assert run_bxl("year-end", 2024, "--out", tmp_path / "before", env=copied.environment).returncode == 0


def test_what_is_booked_afterwards_changes_the_index_and_no_figure(copied: Story, tmp_path: Path) -> None:
    before = copied.papers(2025)
    post(open_book(copied.settings), entry("later", ("499000", 3, 0), ("550100", 0, 3), on=date(2026, 3, 2)))
    after = copied.papers(2025)
    assert after.known_at_entry > before.known_at_entry
    assert after.head != before.head
    assert after.totals == before.totals


def test_what_comes_back_after_a_loss_lowers_the_base_and_is_stated_in_the_proof(copied: Story, tmp_path: Path) -> None:
    book, on = open_book(copied.settings), date(2025, 12, 10)
    with book.read() as connection:
        cellar = loan_book(connection, book.book_id, copied.cellar)
    mine = next(claim for claim in cellar.claims if claim.lender == copied.ada)
    came = entry("came", ("550100", 1_000, 0), (f"489600:{copied.cellar}", 0, 1_000), on=on)
    given = postings.recovery_distributed(
        cellar.loan, mine, recovery_id="r1", recovered_cents=1_000, on=on, actor="system"
    )
    post(book, came, given)
    write_year_end(copied.papers(2025), tmp_path / "out", origin=None)
    assert paper(tmp_path / "out", f"loans/{copied.cellar}/proof")["recovered_cents"] == 1_000
    assert plain(wording("fr").say("fund_proof.recovered", amount=money(1_000, "fr"))) in plain(
        text_of(tmp_path / "out", f"loans/{copied.cellar}/proof")
    )
    loans_of_ada = paper(tmp_path / "out", f"lenders/{copied.ada}/certificate")["loans"]
    assert [loan["closing_cents"] for loan in loans_of_ada if loan["lost_cents"]] == [39_000]
    statement = paper(tmp_path / "out", f"lenders/{copied.ada}/statement")
    assert [(each["on"], each["event"], each["amount_cents"]) for each in statement["changes"]] == [
        ("2025-11-20", "claim-written-off", 40_000),
        ("2025-12-10", "recovery-distributed", 1_000),
    ]
    said = plain(text_of(tmp_path / "out", f"lenders/{copied.ada}/statement"))
    assert f"{wording('fr').say('statement.recovered')} {plain(money(1_000, 'fr'))}" in said


def test_nobody_who_was_erased_is_written_to(copied: Story, tmp_path: Path) -> None:
    book = open_book(copied.settings)
    with book.engine.begin() as connection:
        for owner in (copied.bob, copied.cave):
            connection.execute(subject_key.update().where(subject_key.c.owner == owner).values(wrapped=DESTROYED))
    done = run_bxl("year-end", 2025, "--out", tmp_path / "out", env=copied.environment)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/index.json").read_text("utf-8"))["left_out"] == [copied.bob]
    assert not (tmp_path / "out/lenders" / copied.bob).exists()
    assert {row["name"] for row in paper(tmp_path / "out", f"loans/{copied.oven}/proof")["lenders"]} == {
        "Ada Peeters",
        copied.bob,
    }
    rows = paper(tmp_path / "out", f"borrowers/{copied.cave}/withholding")["rows"]
    assert {row["holder_kind"]: (row["rate"], row["tax_cents"]) for row in rows} == {
        None: (None, 1_200),
        "resident-individual": ("0.30", 600),
    }
    assert not (tmp_path / "out" / f"borrowers/{copied.cave}/declaration-273.xml").exists()


@pytest.mark.parametrize(("moved_to", "made_on"), [(None, date(2025, 1, 1)), (date(2025, 3, 4), date(2025, 3, 4))])
def test_a_book_without_loans_has_no_papers_and_is_dated_by_its_own_days(
    tmp_path: Path, moved_to: date | None, made_on: date
) -> None:
    clock = FixedClock(BEGINNING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.bootstrap, "SystemClock", lambda: clock)
        settings = read_settings({"BXL_DATA": str(tmp_path / "data")})
        create_book(settings, business_date=moved_to)
    found = year_end(open_book(settings), 2024, desk_of(settings))
    assert (found.papers, found.known_at_entry, found.made_on) == ((), 0, made_on)
    with pytest.raises(Refusal) as caught:
        year_end(open_book(settings), 2023, desk_of(settings))
    assert caught.value == Refusal("year-before-books", year="2023", first_on="2024-04-02")
