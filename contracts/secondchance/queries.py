"""A file as the record has it: its moves, its notes, the plans put forward, promises kept and missed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from contracts import moves
from contracts.loans.tables import loan
from contracts.restarts import FILE
from contracts.secondchance import lifecycle as life
from contracts.secondchance.model import CashPosition, Promise, Signal, State, Stay
from ledger.errors import Refusal

NOTES = ":notes"


@dataclass(frozen=True, slots=True)
class SignalSeen:
    """A signal of difficulty, the day it showed, its paper, and whether lenders were told."""

    signal: Signal
    on: date
    evidence: str | None
    is_material: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a plan: the body that its hash names, and what it was reckoned to bring."""

    version: int
    on: date
    sha256: str
    body: Mapping[str, Any]
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChanceFile:
    """Everything that is known of one file, oldest first."""

    loan_id: str
    history: tuple[moves.Move, ...]
    notes: tuple[moves.Move, ...]

    @property
    def state(self) -> State:
        """Where the file stands."""
        return State(self.history[-1].to_state) if self.history else life.MACHINE.initial

    @property
    def last_on(self) -> date | None:
        """The date of its newest move."""
        return self.history[-1].effective_on if self.history else None

    @property
    def signals(self) -> list[SignalSeen]:
        """Every signal."""
        return [
            SignalSeen(
                Signal(str(note.facts["signal"])), note.effective_on, note.evidence, bool(note.facts["material"])
            )
            for note in self._notes(life.SIGNAL)
        ]

    @property
    def cash(self) -> CashPosition | None:
        """The newest cash position that the borrower stated."""
        asked = self._notes(life.HELP_ASKED)
        names = ("on_hand_cents", "receipts_cents", "expenses_cents")
        return CashPosition(**{name: int(str(asked[-1].facts[name])) for name in names}) if asked else None

    @property
    def promises(self) -> list[Promise]:
        """When news was promised, and when the next came: each promise is kept by the next one's day.

        Of several made on one day the last holds.
        """
        made = list({each.effective_on: each for each in self._notes(life.UPDATE_PROMISED)}.values())
        kept: list[date | None] = [each.effective_on for each in made[1:]]
        days = [date.fromisoformat(str(each.facts["until_on"])) for each in made]
        return [Promise(day, came) for day, came in zip(days, [*kept, None][: len(days)], strict=True)]

    def missed_promises(self, on: date) -> int:
        """How many promises of news were not kept by `on`."""
        return sum(promise.is_missed(on) for promise in self.promises)

    @property
    def stays(self) -> list[Stay]:
        """The court's stays."""
        granted = {life.MORATORIUM_GRANTED, life.MORATORIUM_EXTENDED}
        return [
            Stay(*(date.fromisoformat(str(move.facts[name])) for name in ("starts_on", "ends_on")))
            for move in self.history
            if move.event in granted
        ]

    @property
    def plans(self) -> list[Plan]:
        """Every version that was published."""
        facts: Sequence[tuple[moves.Move, Any]] = [
            (move, move.facts) for move in self.history if move.event in {life.PROPOSED, life.REVISED}
        ]
        return [
            Plan(n, move.effective_on, said["sha256"], said["body"], said["figures"])
            for n, (move, said) in enumerate(facts, 1)
        ]

    @property
    def asked_plan(self) -> Mapping[str, Any] | None:
        """The body of the plan that the borrower asked for last, unless it has been put forward."""
        asked = self._notes(life.PLAN_ASKED)
        body: Any = asked[-1].facts["body"] if asked else None
        since = [plan.body for plan in self.plans if asked and plan.on >= asked[-1].effective_on]
        return None if body in since else body

    @property
    def plans_in_force(self) -> list[Plan]:
        """The versions that came into effect and have not fallen."""
        versions = {plan.sha256: plan for plan in self.plans}
        found: list[Plan] = []
        for move in self.history:
            if move.event in {life.CONSENTED, life.HOMOLOGATED}:
                found.append(versions[str(move.facts["sha256"])])
            elif move.event == life.CLAIMS_REVIVED:
                found = []
        return found

    @property
    def vote_ids(self) -> list[str]:
        """The votes on its plans, oldest first."""
        return [str(move.facts["vote_id"]) for move in self.history if move.event == life.VOTE_OPENED]

    @property
    def vote_id(self) -> str:
        """The newest vote; refuses `vote-unknown` where there is none."""
        found = self.vote_ids
        if not found:
            raise Refusal("vote-unknown", vote=self.loan_id)
        return found[-1]

    def _notes(self, event: str) -> list[moves.Move]:
        return [note for note in self.notes if note.event == event]


def chance_file(connection: sa.Connection, book_id: str, loan_id: str) -> ChanceFile:
    """The loan's file; refuses `file-not-open`."""
    ids = file_id(loan_id), notes_id(loan_id)
    found = moves.moves_of(connection, book_id, ids)
    if not found[ids[1]]:
        raise Refusal("file-not-open", loan_id=loan_id[:40])
    return ChanceFile(loan_id, tuple(found[ids[0]]), tuple(found[ids[1]]))


def loans_in(connection: sa.Connection, book_id: str, *states: State) -> list[str]:
    """The loans whose file is in one of the states."""
    c = loan.c
    is_there = moves.in_state(book_id, life.MACHINE, c.loan_id + FILE, *states)
    return list(connection.scalars(sa.select(c.loan_id).where(c.book_id == book_id, is_there).order_by(c.loan_id)))


def open_files(connection: sa.Connection, book_id: str) -> list[ChanceFile]:
    """Every file there is, in the order in which they were opened."""
    opened: dict[str, date] = {}
    for note in moves.moves_of_machine(connection, book_id, life.NOTES, until_on=date.max):
        opened.setdefault(note.object_id.removesuffix(NOTES), note.effective_on)
    in_order = sorted(opened, key=lambda loan_id: (opened[loan_id], loan_id))
    return [chance_file(connection, book_id, loan_id) for loan_id in in_order]


def file_id(loan_id: str) -> str:
    """What moves of the file go by."""
    return f"{loan_id}{FILE}"


def notes_id(loan_id: str) -> str:
    """What its notes go by."""
    return f"{loan_id}{NOTES}"
