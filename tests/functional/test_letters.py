"""A borrower whose loan was rehabilitated has a letter that says so, once for each time, and finds it on her page."""

import subprocess
from datetime import date, timedelta

import pdfua
import pytest

from contracts.documents.model import LANGUAGES, Enterprise
from contracts.documents.rehabilitation import RehabilitationData, render_rehabilitation
from contracts.documents.service import open_document
from contracts.documents.text import long_date, wording
from contracts.letters import write_due_letters
from contracts.loans.model import DocumentDesk
from contracts.secondchance import service
from contracts.secondchance.model import State
from contracts.secondchance.tools import HolidayInterest, Tool, Use
from contracts.terms.dates import add_months
from frontend.i18n import tongue
from tests.chance_kit import late_loan

CARRY, HOLIDAY = (
    Use(tool=Tool.CARRY_FORWARD),
    Use(tool=Tool.HOLIDAY, periods=1, interest=HolidayInterest.DEFERRED),
)
LETTER = RehabilitationData(
    letter_id="rehabilitation:l1:7",
    borrower=Enterprise(
        party="c1", name="Levain & Fils", enterprise_number="0403.199.702", address=(), represented_by="Claire Dubois"
    ),
    loan_id="l1",
    loan_title="Un four de plus",
    lent_cents=15_000_000,
    outstanding_cents=4_321_099,
    late_since=date(2028, 3, 8),
    cured_on=date(2028, 8, 28),
    rehabilitated_on=date(2028, 9, 1),
    probation_until=date(2030, 9, 1),
    licence_holder="The Operator",
    verify_address="https://town.example/verify",
    sandbox=False,
)


def text_of(pdf: bytes) -> str:
    """The words of a paper, one space between any two."""
    read = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True)
    return " ".join(read.stdout.decode().split())


def test_each_rehabilitation_has_one_signed_letter_that_only_its_borrower_opens(sqlite_town, enter, tmp_path):
    town = sqlite_town
    chance = late_loan(town, term_years=8)
    late_since = town.today
    chance.observe()
    chance.accept(chance.plan(CARRY, HOLIDAY))
    town.jump_to(add_months(town.today, 4))
    assert chance.do(service.cure) is State.CURED
    desk = DocumentDesk(
        keys_dir=tmp_path, licence_holder="The Operator", verify_address="https://town.example/verify", sandbox=False
    )
    assert write_due_letters(town.book, desk) == 0, "a cure alone is no rehabilitation"
    town.jump_to(town.today + timedelta(days=3))
    assert chance.do(service.rehabilitate) is State.PERFORMING
    assert [write_due_letters(town.book, desk), write_due_letters(town.book, desk)] == [1, 0]
    town.settle()

    borrower = chance.book().loan.borrower
    [told] = [body for name, body in town.mails if name == "loan-rehabilitated"]
    assert (told["to"], told["path"]) == (borrower, "/enterprise#papers")
    page = enter(borrower).get("/fr/enterprise").text
    assert tongue("fr").text("portfolio.document-rehabilitation") in page
    [link] = [part.partition('"')[0] for part in page.split('href="')[1:] if part.startswith("/fr/documents/")]
    pdf = enter(borrower).get(link).content
    assert enter(town.citizen("Eve")).get(link).status_code == 404
    file = tmp_path / "letter.pdf"
    file.write_bytes(pdf)
    report = subprocess.run(["pdfsig", str(file)], capture_output=True, text=True, check=False).stdout
    assert (report.count("Signature is Valid."), report.count("Signature Field Name: operator")) == (1, 1), report
    read = text_of(pdf)
    for day in (late_since, town.today - timedelta(days=3), town.today, add_months(town.today, 24)):
        assert " ".join(long_date(day, "fr").split()) in read, day
    with town.book.read() as connection:
        assert open_document(town.book, connection, link.rsplit("/", 1)[1]) == pdf


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_is_tagged_and_the_same_bytes_each_time(language, tmp_path):
    pdf, file = render_rehabilitation(LETTER, language), tmp_path / "letter.pdf"
    assert pdf == render_rehabilitation(LETTER, language)
    file.write_bytes(pdf)
    assert pdfua.validate(file).findings == ()
    read, say = text_of(pdf), wording(language).say
    for key in ("title", "part_facts", "part_means", "use", "signer"):
        assert " ".join(say(f"rehabilitation.{key}").split()) in read, key
    assert "Levain & Fils" in read
