"""The allocation report on its page and in its files, and the operator's forms, refused and answered."""

import csv
import io
import json
from html import unescape

import pytest
from click.testing import CliRunner

from api.cli.trace import trace_command
from contracts.bonds.trace import trace
from frontend.forms import Form
from frontend.i18n import LANGUAGES, tongue
from frontend.pages import series_form
from ledger import approvals
from ledger.payments.queries import transfer_orders
from tests.bonds_kit import Desk, bond_desk
from tests.pages_kit import Enter
from tests.proceeds_kit import HALL, PROCEEDS, ROOF, allocate, expense, spend
from tests.products_kit import Town, refused

USAGE = 2
"""Click's own code, which `bxl` turns into its own."""
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
    town.bank_provider_money()
    maker, checker, public = enter(town.maker), enter(town.checker), enter()
    assert maker.post(f"/fr/operations/bonds/{series_id}/proceeds").status_code == 303
    [approval_id] = pending(town)
    assert tongue("fr").text("operations.approval-pay-proceeds") in unescape(checker.get("/fr/operations").text)
    assert checker.post(f"/fr/operations/approvals/{approval_id}").status_code == 303
    with town.book.read() as connection:
        [order] = transfer_orders(connection, town.book.book_id, reference=f"bond:{series_id}")
    town.confirm(order.order_id)
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
    assert f"Salle de sport, {HALL}, Fenêtres" in unescape(checker.get("/fr/operations").text)
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


def test_every_euro_is_traced_on_the_page_by_the_command_and_in_the_file_and_each_finds_her_own(
    desk: Desk, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = desk.town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    series_id = desk.issue({ada: 6, bob: 4}, proceeds=PROCEEDS)
    path = f"/fr/bonds/{series_id}/proceeds"
    public = enter()
    drafted = desk.draft(desk.terms())
    with refused(town, "series-not-issued", series_id=drafted), town.book.read() as connection:
        trace(connection, town.book, drafted)
    assert public.get(f"/fr/bonds/{drafted}/proceeds").status_code == 409
    assert tongue("fr").text("proceeds.on-the-way") in unescape(public.get(path).text)
    desk.pay_proceeds(series_id)
    allocate(desk, series_id, HALL, 600_000)
    allocate(desk, series_id, ROOF, 300_000)
    spend(desk, series_id, expense("Windows", 550_000, paid_on=town.today))
    spend(desk, series_id, expense("Tiles", 100_000, project=ROOF, paid_on=town.today))

    stated = json.loads(public.get(f"{path}/trace.json").content)
    windows, tiles = (each["expense"] for each in stated["expenses"])
    names = {each["place"]: each["payment"] for each in stated["payments"]}
    assert [(each["payment"], each["project"], each["expense"], each["cents"]) for each in stated["flows"]] == [
        (names[1], HALL, None, 50_000),
        (names[1], HALL, windows, 550_000),
        (names[2], None, None, 100_000),
        (names[2], ROOF, None, 200_000),
        (names[2], ROOF, tiles, 100_000),
    ]
    # a pseudonym is nobody's token, and each sees her own alone
    assert not any(who in json.dumps(stated) for who in (ada, bob))
    own = json.loads(enter(bob).get(f"{path}/own.json").content)
    assert {each["payment"] for each in own["flows"]} == {names[2]}
    own_page, foreign_page = enter(bob).get(path).text, public.get(path).text
    assert tongue("fr").text("proceeds.own") in unescape(own_page)
    assert tongue("fr").text("proceeds.own") not in unescape(foreign_page)
    assert public.get(f"{path}/own.json").status_code in {303, 401}

    for language in LANGUAGES:
        page = public.get(f"/{language}/bonds/{series_id}/proceeds").text
        chart = page.partition("<figure")[2].partition("</figure>")[0]
        words = tongue(language)
        spent, rest = words.money(550_000), words.text("proceeds.chart-rest", amount=words.money(100_000))
        assert spent in unescape(chart)
        assert rest in unescape(chart)
        assert chart.count('class="band"') == 5  # two projects of two bands, and what is not allocated
        assert "style=" not in chart
    monkeypatch.setattr("api.cli.trace.open_book", lambda _settings: town.book)

    def told(*arguments: str) -> str:
        done = CliRunner().invoke(trace_command, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    assert json.loads(told(series_id, "--json")) == stated
    lines = [line.split() for line in told(series_id).splitlines()]
    assert (lines[1][:2], lines[2]) == ([HALL, "5500.00"], [names[1], "5500.00"])
    assert told(series_id, "--year", "2026") == public.get(f"{path}/2026/report.json").text
    assert CliRunner().invoke(trace_command, [series_id, "--known-at", "3"]).exit_code == USAGE


def test_projects_are_typed_a_line_each_where_a_series_is_drafted(desk: Desk, enter: Enter) -> None:
    typed = {"proceeds.projects": "hall; 6.000; Salle; Zaal; Hall\n\nroof; 5.000,50; Toit; Dak; Roof"}
    read = series_form.stated(Form(typed | {"proceeds.look_back_months": "12"}), tongue("fr"))["proceeds"]
    assert [each["earmark_cents"] for each in read["projects"]] == [600_000, 500_050]
    terms = desk.terms(proceeds=read).proceeds
    assert (terms.look_back_months, terms.project(ROOF).title["nl"]) == (12, "Dak")
    form = Form({"proceeds.projects": "hall; 6.000"})
    series_form.stated(form, tongue("fr"))
    assert form.errors["proceeds.projects"] == tongue("fr").text("bond-desk.error-projects")
    assert 'name="proceeds.projects"' in enter(desk.town.maker).get("/fr/operations/bonds/new/etterbeek").text
