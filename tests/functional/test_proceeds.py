"""The use of proceeds: a sub-account for each project, papers and four eyes for each expense, and the yearly report."""

import json
import subprocess
from datetime import date, timedelta

import pytest

from contracts.bonds import allocation, spending
from contracts.bonds.projects import ProceedsTerms, Project, UseKind, check_proceeds
from contracts.bonds.uses import uses
from contracts.documents.allocation import AllocationReport, render_allocation_report
from contracts.documents.model import Language
from contracts.documents.text import money
from ledger import balances
from ledger.errors import InvariantError, Refusal
from tests.bonds_kit import Desk, bond_desk
from tests.oracle import check_everything
from tests.proceeds_kit import HALL, PROCEEDS, ROOF, allocate, ask_allocation, ask_expense, expense, paper, spend
from tests.products_kit import Town, refused


@pytest.fixture
def desk(sqlite_town: Town) -> Desk:
    return bond_desk(sqlite_town)


def issued(desk: Desk) -> str:
    """Ten units at 1,000 EUR, of Ada and Bob, in the register."""
    ada, bob = desk.town.citizen("Ada"), desk.town.citizen("Bob")
    return desk.issue({ada: 6, bob: 4}, proceeds=PROCEEDS)


def report(desk: Desk, series_id: str, year: int, known_at: int | None = None) -> AllocationReport:
    town = desk.town
    with town.book.read() as connection:
        return allocation.allocation_report(connection, town.book, series_id, year, today=town.today, known_at=known_at)


def plain(text: str) -> str:
    return " ".join(text.replace("\u202f", " ").split())


def stands(desk: Desk, series_id: str) -> list[int]:
    """Unallocated; cash and spending of the hall and of the roof; what is accounted for."""
    projects = [f"{code}:{series_id}.{name}" for name in (HALL, ROOF) for code in ("041000", "042000")]
    return [desk.town.balance(each) for each in (f"040000:{series_id}", *projects, f"043000:{series_id}")]


def test_proceeds_are_allocated_spent_and_reported_to_the_cent(town: Town) -> None:
    desk = bond_desk(town)
    series_id = issued(desk)
    desk.pay_proceeds(series_id)
    arrived_on = town.today
    assert stands(desk, series_id) == [1_000_000, 0, 0, 0, 0, -1_000_000]
    allocate(desk, series_id, HALL, 600_000)
    allocate(desk, series_id, ROOF, 350_000)
    spend(desk, series_id, expense("Windows", 123_457, paid_on=town.today))
    spend(desk, series_id, expense("Old beams", 100_001, project=ROOF, paid_on=date(2025, 9, 9)))
    allocate(desk, series_id, ROOF, 49_999, release=True, evidence=paper("roof costs less"))
    assert stands(desk, series_id) == [99_999, 476_543, 123_457, 200_000, 100_001, -1_000_000]
    with town.book.read() as connection:
        done = uses(connection, town.book.book_id, series_id)
    kinds = [UseKind.ENTERED, UseKind.ALLOCATED, UseKind.ALLOCATED, UseKind.SPENT, UseKind.SPENT, UseKind.RELEASED]
    assert [each.kind for each in done] == kinds
    beams = done[4]
    assert (beams.on, beams.expense and beams.expense.paid_on) == (arrived_on, date(2025, 9, 9))

    found = report(desk, series_id, 2026)
    assert (found.raised_cents, found.proceeds_cents, found.unallocated_cents) == (1_000_000, 1_000_000, 99_999)
    assert [(each.allocated_cents, each.spent_cents, each.refinanced_cents) for each in found.projects] == [
        (600_000, 123_457, 0),
        (300_001, 100_001, 100_001),
    ]
    assert [each.is_refinanced for each in found.expenses] == [False, True]
    assert found.proceeds_cents == found.unallocated_cents + found.total("allocated_cents")
    check_everything(town.book)


def test_the_report_is_the_same_from_the_entry_that_it_names_whatever_comes_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, series_id = desk.town, issued(desk)
    desk.pay_proceeds(series_id)
    allocate(desk, series_id, HALL, 600_000)
    spend(desk, series_id, expense("Windows", 100_000, paid_on=town.today))
    paid_on = town.today
    town.jump_to(date(2027, 2, 1))
    first = report(desk, series_id, 2026)
    assert (first.until_on, first.total("spent_cents")) == (date(2026, 12, 31), 100_000)
    spend(desk, series_id, expense("Doors, billed late", 50_000, paid_on=paid_on))
    spend(desk, series_id, expense("Paint", 7, paid_on=town.today))
    now = report(desk, series_id, 2026)
    assert (now.total("spent_cents"), now.total("spent_in_year_cents")) == (150_000, 150_000)
    following = report(desk, series_id, 2027)
    assert (following.total("spent_cents"), following.total("spent_in_year_cents")) == (150_007, 7)
    again = report(desk, series_id, 2026, first.known_at_entry)
    assert again == first
    assert allocation.report_json(again) == allocation.report_json(first)

    stated = json.loads(allocation.report_json(now))
    assert stated["known_at_entry"] == now.known_at_entry
    assert [each["amount_cents"] for each in stated["expenses"]] == [100_000, 50_000]
    assert sum(each["spent_cents"] for each in stated["projects"]) == stated["spent_cents"]
    rows = allocation.report_csv(now).decode().split("\r\n")
    assert rows[0].split(",")[:3] == ["entry", "project", "what"]
    assert '"Doors, billed late"' in rows[2]

    frame = {"licence_holder": "The Operator", "verify_address": "https://town.example/verify", "sandbox": True}
    languages: tuple[Language, ...] = ("fr", "nl", "en")
    for language in languages:
        pdf = render_allocation_report(now, language, **frame)
        assert pdf == render_allocation_report(now, language, **frame)
        read = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True)
        assert plain(money(now.unallocated_cents, language)) in plain(read.stdout.decode())
    for year in (2025, 2028):
        with refused(town, "allocation-report-not-available", year=str(year)):
            report(desk, series_id, year)
    monkeypatch.setattr(allocation, "uses", lambda *_args, **_kwargs: [])  # moves that the ledger does not bear out
    with pytest.raises(InvariantError):
        report(desk, series_id, 2026)


def test_every_allocation_and_expense_that_the_terms_or_the_cash_forbid_is_refused(desk: Desk) -> None:
    town, series_id = desk.town, issued(desk)
    with refused(town, "proceeds-not-paid-out"):
        ask_allocation(desk, series_id, HALL, 1)
    with refused(town, "proceeds-not-paid-out"):
        ask_expense(desk, series_id, expense("Bricks", 1))
    desk.pay_proceeds(series_id)
    with refused(town, "project-not-known", project="pool"):
        ask_allocation(desk, series_id, "pool", 1)
    with refused(town, "series-not-known"):
        ask_allocation(desk, "n0", HALL, 1)
    with refused(town, "allocation-over-earmark", limit_cents=600_000):
        ask_allocation(desk, series_id, HALL, 600_001)
    with refused(town, "project-cash-short", there_cents=0):
        ask_allocation(desk, series_id, HALL, 1, release=True)
    for cents in (0, -1):
        with refused(town, "expense-amount-not-positive"):
            ask_allocation(desk, series_id, HALL, cents)
    with refused(town, "expense-evidence-missing"):
        ask_allocation(desk, series_id, HALL, 1, evidence="")
    allocate(desk, series_id, HALL, 600_000)
    with refused(town, "expense-evidence-repeated"):
        ask_allocation(desk, series_id, HALL, 1, release=True)
    with refused(town, "series-cash-short", there_cents=400_000):
        ask_allocation(desk, series_id, ROOF, 400_001)
    allocate(desk, series_id, ROOF, 400_000)

    today, issued_on = town.today, desk.record(series_id).series.terms.issued_on
    earliest_on = issued_on.replace(year=issued_on.year - 1)
    for wanted, code, facts in (
        (expense("Pool", 1, project="pool"), "project-not-known", {}),
        (expense("Bricks", 0), "expense-amount-not-positive", {}),
        (expense("=SUM(A1)", 1), "expense-title-malformed", {}),
        (expense("Bricks", 1, evidence=""), "expense-evidence-missing", {}),
        (expense("Bricks", 1, evidence="no hash"), "evidence-malformed", {}),
        (expense("Bricks", 1, paid_on=today + timedelta(days=1)), "date-not-reached", {}),
        (expense("Bricks", 1, paid_on=earliest_on - timedelta(days=1)), "expense-before-look-back", {}),
        (expense("Bricks", 600_001, paid_on=today), "project-cash-short", {"there_cents": 600_000}),
    ):
        with refused(town, code, **facts):
            ask_expense(desk, series_id, wanted)
    spend(desk, series_id, expense("On the first day", 600_000, paid_on=earliest_on))
    with refused(town, "expense-evidence-repeated"):
        ask_expense(desk, series_id, expense("On the first day", 1, project=ROOF, paid_on=today))
    last_on = date(2027, 12, 31)
    town.jump_to(last_on + timedelta(days=1))
    with refused(town, "expense-after-deadline", last_on=last_on.isoformat()):
        ask_expense(desk, series_id, expense("Too late", 1, project=ROOF, paid_on=town.today))
    spend(desk, series_id, expense("On the last day", 1, project=ROOF, paid_on=last_on))


def test_nothing_is_allocated_or_spent_without_the_approval_of_exactly_that(desk: Desk) -> None:
    town, series_id = desk.town, issued(desk)
    desk.pay_proceeds(series_id)
    first = ask_allocation(desk, series_id, HALL, 600_000)
    second = ask_allocation(desk, series_id, ROOF, 400_001)
    with refused(town, "approval-not-given"), town.book.unit_of_work(actor=town.maker) as uow:
        spending.allocate(uow, series_id, approval_id=first)
    with refused(town, "approval-unknown"), town.book.unit_of_work(actor=town.maker) as uow:
        spending.allocate(uow, series_id, approval_id="a0")
    town.approve(first)
    for other, act in (("n0", spending.allocate), (series_id, spending.spend)):
        with refused(town, "approval-body-changed"), town.book.unit_of_work(actor=town.maker) as uow:
            act(uow, other, approval_id=first)
    with town.book.unit_of_work(actor=town.maker) as uow:
        spending.allocate(uow, series_id, approval_id=first)
    town.approve(second)
    # what two people agreed to is held to the cash that is there when it is done
    with refused(town, "series-cash-short"), town.book.unit_of_work(actor=town.maker) as uow:
        spending.allocate(uow, series_id, approval_id=second)
    with town.book.read() as connection:
        entry = balances.entry_by_key(connection, town.book.book_id, f"proceeds:{series_id}.{HALL}:{paper('council')}")
    assert entry is not None
    assert entry.evidence == paper("council")


def test_a_project_is_named_once_in_every_language_and_with_an_amount() -> None:
    titles = {"fr": "Salle", "nl": "Zaal", "en": "Hall"}
    good = Project(HALL, titles, 1)
    check_proceeds(ProceedsTerms((good,)), issued_on=date(2026, 3, 22))
    for terms, code in (
        (ProceedsTerms((good, good)), "series-projects-malformed"),
        (ProceedsTerms((Project("Hall!", titles, 1),)), "series-projects-malformed"),
        (ProceedsTerms((Project(HALL, titles, 0),)), "series-projects-malformed"),
        (ProceedsTerms((Project(HALL, titles | {"nl": " "}, 1),)), "offer-text-missing"),
        (ProceedsTerms(look_back_months=-1), "series-projects-malformed"),
        (ProceedsTerms(spend_until_on=date(2026, 3, 21)), "series-projects-malformed"),
    ):
        with pytest.raises(Refusal) as caught:
            check_proceeds(terms, issued_on=date(2026, 3, 22))
        assert caught.value.code == code
