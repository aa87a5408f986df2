"""Reading the use of proceeds: every move with its journal entry, up to a day and as known at an entry."""

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from contracts import moves
from contracts.bonds.projects import Expense, Use, UseKind
from ledger.findings import entry_numbers
from ledger.storage.base import JSON


def proceeds_id(series_id: str) -> str:
    """What moves of the proceeds go by."""
    return f"proceeds:{series_id}"


def uses(
    connection: sa.Connection,
    book_id: str,
    series_id: str,
    *,
    until_on: date | None = None,
    known_at: int | None = None,
) -> list[Use]:
    """What became of the proceeds, in the order of the entries; none before the transfer to the issuer is entered."""
    history = moves.moves_of(connection, book_id, [proceeds_id(series_id)])[proceeds_id(series_id)]
    numbers = entry_numbers(connection, book_id, [each.fact_key for each in history if each.fact_key])
    found = [_use(move, numbers) for move in history]
    return [
        each for each in found if (until_on is None or each.on <= until_on) and (known_at is None or each.n <= known_at)
    ]


def expense_facts(expense: Expense) -> dict[str, JSON]:
    """An expense as its move keeps it; its evidence is the move's own."""
    return {
        "project_id": expense.project_id,
        "amount_cents": expense.amount_cents,
        "paid_on": expense.paid_on.isoformat(),
        "title": expense.title,
    }


def expense_of(facts: Mapping[str, JSON], evidence: str) -> Expense:
    """The expense that `expense_facts` wrote."""
    return Expense(
        project_id=str(facts["project_id"]),
        amount_cents=int(str(facts["amount_cents"])),
        paid_on=date.fromisoformat(str(facts["paid_on"])),
        title=str(facts["title"]),
        evidence=evidence,
    )


def _use(move: moves.Move, numbers: Mapping[str, int]) -> Use:
    assert move.fact_key is not None, "what becomes of the proceeds is posted"
    kind, facts = UseKind(move.event), move.facts
    return Use(
        n=numbers[move.fact_key],
        kind=kind,
        on=move.effective_on,
        amount_cents=int(str(facts["amount_cents"])),
        project_id=str(facts.get("project_id", "")),
        expense=expense_of(facts, str(move.evidence)) if kind is UseKind.SPENT else None,
    )
