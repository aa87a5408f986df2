"""A citizen's death: recorded under four eyes from its evidence, and her estate until the heirs have it.

    (alive) ──death-recorded──> frozen ──estate-passed──> passed        death-withdrawn: what was recorded was wrong

While an estate is frozen, and ever after, nothing is paid out to the person who died: what stands to her is her
heirs'. An estate that has passed may pass again, for what came to it since.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from contracts import moves
from contracts.parties.model import PartyKind
from contracts.parties.queries import party
from contracts.parties.service import lock_party
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.clock import check_happened
from ledger.errors import Refusal
from ledger.statemachine import Machine, Transition
from ledger.storage.base import JSON

RECORD_DEATH, WITHDRAW_DEATH = "record-death", "withdraw-death"
"""The actions that two people agree to."""
DEATH_RECORDED, DEATH_WITHDRAWN, ESTATE_PASSED = "death-recorded", "death-withdrawn", "estate-passed"


class EstateState(StrEnum):
    """Where a citizen's estate stands."""

    ALIVE = "alive"
    FROZEN = "frozen"
    PASSED = "passed"


ESTATE = Machine(
    "estate",
    EstateState,
    EstateState.ALIVE,
    (
        Transition(EstateState.ALIVE, DEATH_RECORDED, EstateState.FROZEN),
        Transition(EstateState.FROZEN, DEATH_WITHDRAWN, EstateState.ALIVE),
        Transition(EstateState.FROZEN, ESTATE_PASSED, EstateState.PASSED),
        Transition(EstateState.PASSED, ESTATE_PASSED, EstateState.PASSED),
    ),
)


@dataclass(frozen=True, slots=True)
class Estate:
    """Who died when, by which evidence (SHA-256 in hex), and where the estate stands."""

    party_id: str
    state: EstateState
    died_on: date
    evidence: str


def estate_id(party_id: str) -> str:
    """What moves of a citizen's estate go by."""
    return f"estate:{party_id}"


def estate_of(connection: sa.Connection, book_id: str, party_id: str) -> Estate | None:
    """The estate of a citizen whose death is on record, else None."""
    return _estate(party_id, moves.moves_of(connection, book_id, [estate_id(party_id)])[estate_id(party_id)])


def died_on(connection: sa.Connection, book_id: str, party_id: str) -> date | None:
    """The day on which she died, if that is on record."""
    estate = estate_of(connection, book_id, party_id)
    return None if estate is None else estate.died_on


def estates(connection: sa.Connection, book_id: str) -> list[Estate]:
    """Every estate there is, the last to die first."""
    histories: dict[str, list[moves.Move]] = {}
    for move in moves.moves_of_machine(connection, book_id, ESTATE, until_on=date.max):
        histories.setdefault(move.object_id.removeprefix(estate_id("")), []).append(move)
    found = [_estate(party_id, history) for party_id, history in histories.items()]
    known = [each for each in found if each is not None]
    return sorted(known, key=lambda each: (each.died_on, each.party_id), reverse=True)


def refuse_dead(uow: UnitOfWork, party_id: str) -> None:
    """Who died does nothing any more, and nothing of hers is given away: `party-has-died`."""
    day = died_on(uow.connection, uow.book_id, party_id)
    if day is not None:
        raise Refusal("party-has-died", party=party_id, died_on=day.isoformat())


def lock_alive(uow: UnitOfWork, party_id: str) -> None:
    """Hold the party's row; refuses `party-unknown` and `party-has-died`."""
    lock_party(uow, party_id)
    refuse_dead(uow, party_id)


def request_death(uow: UnitOfWork, party_id: str, *, on: date, evidence: str, reason: str) -> str:
    """Ask a second person to approve that a citizen died on that day; gives the approval's id.

    `evidence` is the SHA-256 of the deed's extract. Refuses `party-unknown`, `not-a-citizen`, `evidence-malformed`,
    `date-not-reached`, and `party-has-died` where it is on record.
    """
    moves.check_evidence(evidence, key=f"{party_id}:{DEATH_RECORDED}")
    _refuse_unfit(uow, party_id, on)
    body: dict[str, JSON] = {"party_id": party_id, "died_on": on.isoformat(), "evidence": evidence}
    return approvals.request(uow, action=RECORD_DEATH, body=body, reason=reason)


def record_death(uow: UnitOfWork, body: Mapping[str, JSON], *, approval_id: str) -> Estate:
    """Record it as it was approved: from now on nothing is paid out to her. Refuses as the request and `approvals`."""
    approvals.require(uow, approval_id, RECORD_DEATH, body)
    party_id, on, evidence = str(body["party_id"]), date.fromisoformat(str(body["died_on"])), str(body["evidence"])
    _refuse_unfit(uow, party_id, on)
    facts: dict[str, JSON] = {"approval_id": approval_id}
    moves.record_move(uow, ESTATE, estate_id(party_id), DEATH_RECORDED, on=on, evidence=evidence, facts=facts)
    return Estate(party_id, EstateState.FROZEN, on, evidence)


def request_withdrawal(uow: UnitOfWork, party_id: str, *, evidence: str, reason: str) -> str:
    """Ask a second person to approve that a death was recorded wrongly; gives the approval's id.

    Refuses `evidence-malformed`, and `move-not-allowed` where none is on record or the estate has passed.
    """
    moves.check_evidence(evidence, key=f"{party_id}:{DEATH_WITHDRAWN}")
    lock_party(uow, party_id)
    ESTATE.after(moves.state(uow.connection, uow.book_id, ESTATE, estate_id(party_id)), DEATH_WITHDRAWN)
    body: dict[str, JSON] = {"party_id": party_id, "evidence": evidence}
    return approvals.request(uow, action=WITHDRAW_DEATH, body=body, reason=reason)


def withdraw_death(uow: UnitOfWork, body: Mapping[str, JSON], *, approval_id: str) -> None:
    """Undo what was recorded wrongly, as it was approved. Refuses as the request and `approvals`."""
    approvals.require(uow, approval_id, WITHDRAW_DEATH, body)
    party_id = str(body["party_id"])
    lock_party(uow, party_id)
    facts: dict[str, JSON] = {"approval_id": approval_id}
    evidence = str(body["evidence"])
    moves.record_move(uow, ESTATE, estate_id(party_id), DEATH_WITHDRAWN, on=uow.today(), evidence=evidence, facts=facts)


def _refuse_unfit(uow: UnitOfWork, party_id: str, on: date) -> None:
    lock_party(uow, party_id)
    if party(uow.connection, uow, party_id).kind is not PartyKind.NATURAL:
        raise Refusal("not-a-citizen", party=party_id)
    refuse_dead(uow, party_id)
    check_happened(on, today=uow.today())


def _estate(party_id: str, history: list[moves.Move]) -> Estate | None:
    state = ESTATE.states(history[-1].to_state) if history else ESTATE.initial
    recorded = next((move for move in reversed(history) if move.event == DEATH_RECORDED), None)
    if state is EstateState.ALIVE or recorded is None:
        return None
    return Estate(party_id, state, recorded.effective_on, recorded.evidence or "")
