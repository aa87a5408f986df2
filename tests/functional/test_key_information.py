"""The key investment information sheet: written in versions, drawn in three languages, six pages at most, published."""

import io
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest

from contracts import kiis
from contracts.documents.archive import page_count
from contracts.documents.key_information import key_information_paper, render_key_information
from contracts.documents.model import LANGUAGES
from contracts.documents.paper import Table
from contracts.documents.queries import documents_with
from contracts.documents.text import figure, wording
from contracts.offers import service as offers
from contracts.offers import sheets
from contracts.offers.kiis import ITEMS, changes, missing_items, offer_identifier
from contracts.terms.schedule import Every, schedule
from ledger.errors import Refusal
from tests import papers
from tests.products_kit import DAY, DESK, refused
from tests.sheets_kit import sheet, texts


def write(town, offer_id, answers):
    with town.book.unit_of_work(actor=town.maker) as uow:
        return kiis.write_sheet(uow, offer_id, answers, on=town.today)


def request(town, offer_id):
    with town.book.unit_of_work(actor=town.maker) as uow:
        return offers.request_publication(uow, offer_id, reason="checked")


def opened(town, offer_id, language):
    with town.book.read() as connection:
        return kiis.open_sheet(town.book, connection, offer_id, language, is_insider=True)


def text_of(pdf: bytes, tmp_path: Path) -> str:
    file, program = tmp_path / "sheet.pdf", shutil.which("pdftotext")
    assert program is not None, "pdftotext is missing: install poppler-utils"
    file.write_bytes(pdf)
    drawn = subprocess.run([program, str(file), "-"], capture_output=True, text=True, check=True).stdout
    return " ".join(drawn.split())


def test_an_issued_sheet_has_a_paper_in_every_language_with_the_fixed_words_first(town, tmp_path):
    offer_id = town.draft_offer(town.enterprise())
    issued = town.inform(offer_id)
    assert issued.identifier == offer_identifier(DESK.lei, offer_id, ())
    assert (issued.version, issued.offer_version, issued.issued_on) == (1, 1, DAY)
    for language in LANGUAGES:
        pdf, say = opened(town, offer_id, language), wording(language).say
        assert page_count(pdf) == issued.papers[language].pages <= 6
        words = text_of(pdf, tmp_path)
        order = [words.index(" ".join(each.split())) for each in (
            say("kiis.title"), say("kiis.disclaimer"), wording(language).items("risk.all")[0], issued.identifier,
            say("kiis.part_a"), say("kiis.responsibility"), say("kiis.part_c"), say("kiis.part_g"), say("kiis.part_i"),
        )]  # fmt: skip
        assert order == sorted(order)
        assert all(f"risk_{kind} ({language})." in words for kind in ("project", "sector", "default", "return"))


def test_a_new_version_takes_the_place_of_the_papers_before_it(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    first, second = town.inform(offer_id), town.inform(offer_id, own_funds_cents=1)
    assert first.papers["fr"].sha256 != second.papers["fr"].sha256
    with town.book.read() as connection:
        kept = documents_with(connection, town.book.book_id, f"kiis:{offer_id}")
    current = {each.sha256 for each in kept if each.superseded_by is None}
    assert len(kept) == 6
    assert current == {paper.sha256 for paper in second.papers.values()}


def test_every_page_is_an_a4_page():
    with pikepdf.Pdf.open(io.BytesIO(render_key_information(papers.key_information(), "fr"))) as pdf:
        assert 2 <= len(pdf.pages) <= 6
        assert all([round(float(side)) for side in page.MediaBox] == [0, 0, 595, 842] for page in pdf.pages)


def test_a_schedule_of_many_instalments_is_told_by_year_and_sums_to_the_same_total():
    paper = key_information_paper(papers.key_information(), "en")
    [table] = [block for block in paper.blocks if isinstance(block, Table) and block.total is not None]
    assert [row[0] for row in table.rows] == ["2026", "2027", "2028", "2029", "2030", "2031"]
    assert table.total[2] == figure(2_500_000, "en")
    short = replace(papers.key_information().schedule.terms, instalments=5, every=Every.YEAR)
    paper = key_information_paper(papers.key_information(schedule=schedule(short)), "en")
    [table] = [block for block in paper.blocks if isinstance(block, Table) and block.total is not None]
    assert len(table.rows) == 5


@pytest.mark.parametrize("item", [item for item in ITEMS if item.required], ids=lambda item: item.key)
def test_every_item_of_the_annex_is_asked_for(item):
    assert [found.key for found in missing_items(sheet(**{item.key: None}))] == [item.key]


def test_an_optional_text_is_whole_or_absent():
    assert missing_items(sheet(risk_other=None)) == ()
    [found] = missing_items(sheet(risk_other={"fr": "Incendie."}))
    assert (found.key, found.languages) == ("risk_other", ("nl", "en"))


def test_an_offer_is_not_published_while_items_are_missing(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    with refused(town, "kiis-incomplete"):
        request(town, offer_id)
    write(town, offer_id, sheet(fees={"fr": "Aucun.", "nl": "Geen."}))
    with refused(town, "kiis-incomplete", items=["fees"]):
        request(town, offer_id)
    with refused(town, "kiis-incomplete", items=["fees"]):
        kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)
    write(town, offer_id, sheet())
    with refused(town, "kiis-not-issued"):
        request(town, offer_id)
    with pytest.raises(Refusal, match="kiis-not-issued"):
        opened(town, offer_id, "fr")
    kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)
    assert request(town, offer_id)


def test_a_sheet_of_more_than_six_pages_is_refused_and_nothing_is_stored(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    long = "Le four est très grand. " * 83
    answers = {item.key: texts(long) for item in ITEMS if item.kind == "text"}
    write(town, offer_id, sheet(**answers))
    with refused(town, "kiis-too-long", most=6):
        kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)


def test_a_sheet_drawn_from_an_earlier_version_of_the_offer_is_outdated(sqlite_town):
    town = sqlite_town
    borrower = town.enterprise()
    offer_id = town.draft_offer(borrower)
    first = town.inform(offer_id)
    with town.book.unit_of_work(actor=town.maker) as uow:
        offers.revise_offer(uow, offer_id, town.draft(borrower, title="Trois fours"), on=DAY)
    with refused(town, "kiis-outdated", offer_version=2):
        request(town, offer_id)
    second = town.inform(offer_id)
    assert (second.identifier, second.version, second.offer_version) == (first.identifier, 2, 2)
    request(town, offer_id)


def test_what_was_approved_is_the_sheet_that_is_published(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    town.inform(offer_id)
    approval_id = request(town, offer_id)
    town.approve(approval_id)
    town.inform(offer_id, own_funds_cents=1)
    with refused(town, "approval-body-changed"), town.book.unit_of_work(actor=town.maker) as uow:
        offers.publish_offer(uow, offer_id, on=DAY, approval_id=approval_id)


def test_the_sheet_of_an_offer_that_has_ended_is_written_no_more(sqlite_town):
    town = sqlite_town
    offer_id = town.open_offer(town.enterprise())
    town.go_to(DAY + timedelta(days=11))
    with refused(town, "kiis-not-amendable", state="failed"):
        write(town, offer_id, sheet())
    with refused(town, "kiis-not-amendable"):
        kiis.issue_sheet(town.book, DESK, offer_id, actor=town.maker)


def test_versions_differ_where_answers_differ(sqlite_town):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    write(town, offer_id, sheet())
    write(town, offer_id, sheet(own_funds_cents=700_000, fees=texts("zero")))
    with town.book.read() as connection:
        first, second = sheets.sheet_versions(connection, town.book.book_id, offer_id)
    found = changes(first.sheet, second.sheet)
    assert [(each.key, each.language) for each in found] == [
        ("own_funds_cents", None), ("fees", "fr"), ("fees", "nl"), ("fees", "en"),
    ]  # fmt: skip
    assert (found[0].before, found[0].after, found[1].after) == (500_000, 700_000, "zero (fr).")
    assert (first.written_on, first.actor) == (DAY, town.maker)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"colour": "blue"}, "kiis-item-unknown"),
        ({"contact": 7}, "kiis-item-malformed"),
        ({"contact": "x" * 201}, "kiis-item-malformed"),
        ({"information_link": "javascript:alert(1)"}, "kiis-item-malformed"),
        ({"fees": {"de": "Keine."}}, "kiis-item-malformed"),
        ({"fees": {"fr": "x" * 2_001}}, "kiis-item-malformed"),
        ({"own_funds_cents": -1}, "kiis-item-malformed"),
        ({"own_funds_cents": True}, "kiis-item-malformed"),
        ({"figures": [{"year": 2025}]}, "kiis-item-malformed"),
        ({"figures": "none"}, "kiis-item-malformed"),
        ({"figures": sheet()["figures"] * 4}, "kiis-item-malformed"),
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(sqlite_town, answers, code):
    town = sqlite_town
    offer_id = town.draft_offer(town.enterprise())
    with refused(town, code):
        write(town, offer_id, answers)
