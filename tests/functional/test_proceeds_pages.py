"""The allocation report on its page and in its files, and the operator's forms, refused and answered."""

import csv
import io
import json
from html import unescape

import pytest

from frontend.i18n import LANGUAGES, tongue
from ledger import approvals
from tests.bonds_kit import Desk, bond_desk
from tests.pages_kit import Enter
from tests.proceeds_kit import HALL, PROCEEDS
from tests.products_kit import Town

PAPER = {"evidence": ("invoice.pdf", b"an invoice", "application/pdf")}


@pytest.fixture
def desk(sqlite_town: Town) -> Desk:
    return bond_desk(sqlite_town)


def pending(town: Town) -> list[str]:
    with town.book.read() as connection:
        return [each.approval_id for each in approvals.pending(connection, town.book.book_id)]


def test_an_expense_goes_from_the_form_through_two_people_to_the_report_and_its_files(desk: Desk, enter: Enter) -> None:
    town = desk.town
    series_id = desk.issue({town.citizen("Ada"): 10}, proceeds=PROCEEDS)
    desk.pay_proceeds(series_id)
    maker, checker, public = enter(town.maker), enter(town.checker), enter()
    path, form = f"/fr/bonds/{series_id}/proceeds/2026", f"/fr/operations/bonds/{series_id}"
    assert f'action="{form}/expense"' in maker.get(path).text
    assert "<form" not in public.get(path).text.partition("<main")[2]
    assert public.post(f"{form}/expense", data={}, files=PAPER).status_code in {303, 401}

    asked = {"project": HALL, "amount": "600.000"}
    wrong = maker.post(f"{form}/allocation", data=asked, files=PAPER)
    assert (wrong.status_code, "allocation-amount-error" in wrong.text) == (409, True)
    assert maker.post(f"{form}/allocation", data={"project": HALL, "amount": "x"}).status_code == 422
    assert maker.post(f"{form}/allocation", data=asked | {"amount": "6.000"}, files=PAPER).status_code == 303
    [approval_id] = pending(town)
    page = " ".join(unescape(checker.get("/fr/operations").text).split())
    assert tongue("fr").text("operations.approval-allocate-proceeds") in page
    assert checker.post(f"/fr/operations/approvals/{approval_id}").status_code == 303
    bill = {"project": HALL, "amount": "1.234,56", "paid_on": town.today.isoformat(), "what": "Fenêtres"}
    assert maker.post(f"{form}/expense", data=bill | {"paid_on": "soon"}, files=PAPER).status_code == 422
    assert maker.post(f"{form}/expense", data=bill, files=PAPER).status_code == 303
    [approval_id] = pending(town)
    assert f"{HALL}, Fenêtres" in unescape(checker.get("/fr/operations").text)
    checker.post(f"/fr/operations/approvals/{approval_id}")

    for language in LANGUAGES:
        text, words = unescape(public.get(f"/{language}/bonds/{series_id}/proceeds/2026").text), tongue(language)
        assert words.text("proceeds.report-of", year=2026) in text
        assert text.count(words.money(123_456)) == 3  # in all, of the project, of the expense
    stated = json.loads(public.get(f"{path}/report.json").content)
    assert (stated["spent_cents"], stated["unallocated_cents"]) == (123_456, 400_000)
    [row] = csv.DictReader(io.StringIO(public.get(f"{path}/expenses.csv").text))
    assert (row["what"], row["amount_cents"]) == ("Fenêtres", "123456")
    pdf = public.get(f"{path}/report.pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert public.get(f"/fr/bonds/{series_id}/proceeds/2025").status_code == 404
