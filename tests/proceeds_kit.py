"""What tests of the use of proceeds share: an issue of two projects whose money is with its issuer."""

import hashlib
from datetime import date
from typing import Any

from contracts.bonds import spending
from contracts.bonds.projects import Expense
from tests.bonds_kit import Desk
from tests.products_kit import DAY

HALL, ROOF = "hall", "roof"
PROCEEDS: dict[str, Any] = {
    "projects": [
        {"project_id": HALL, "title": {"fr": "Salle", "nl": "Zaal", "en": "Hall"}, "earmark_cents": 600_000},
        {"project_id": ROOF, "title": {"fr": "Toit", "nl": "Dak", "en": "Roof"}, "earmark_cents": 500_000},
    ],
    "look_back_months": 12,
    "spend_until_on": "2027-12-31",
}


def paper(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def expense(what: str, cents: int, *, project: str = HALL, paid_on: date = DAY, **changes: Any) -> Expense:
    values: dict[str, Any] = {"evidence": paper(what)} | changes
    return Expense(project_id=project, amount_cents=cents, paid_on=paid_on, title=what, **values)


def ask_allocation(desk: Desk, series_id: str, project: str, cents: int, **changes: Any) -> str:
    values: dict[str, Any] = {"release": False, "evidence": paper("council"), "reason": "decided"} | changes
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        return spending.request_allocation(uow, series_id, project_id=project, amount_cents=cents, **values)


def allocate(desk: Desk, series_id: str, project: str, cents: int, **changes: Any) -> None:
    approval_id = ask_allocation(desk, series_id, project, cents, **changes)
    desk.town.approve(approval_id)
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        spending.allocate(uow, series_id, approval_id=approval_id)


def ask_expense(desk: Desk, series_id: str, wanted: Expense) -> str:
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        return spending.request_expense(uow, series_id, wanted, reason="invoice seen")


def spend(desk: Desk, series_id: str, wanted: Expense) -> None:
    approval_id = ask_expense(desk, series_id, wanted)
    desk.town.approve(approval_id)
    with desk.town.book.unit_of_work(actor=desk.town.maker) as uow:
        spending.spend(uow, series_id, approval_id=approval_id)
