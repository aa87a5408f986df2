"""`/v1/safeguards`: the caller's own knowledge test and loss simulation (Regulation (EU) 2020/1503, article 21).

And whether she agrees to fund enterprises that begin again after a failure.
"""

from fastapi import APIRouter, Response

from api.deps import Citizen, WiringDep
from api.v1.answers import answer_once
from api.v1.schemas.safeguards import Answers, Safeguards, SecondChances, SimulationSeen
from api.writes import IdempotencyKey
from contracts.pledges import knowledge, safeguards
from ledger.book import Book, UnitOfWork
from ledger.storage.base import JSON

router = APIRouter(prefix="/safeguards", tags=["pledges"])


@router.get("")
def get_safeguards(wiring: WiringDep, citizen: Citizen) -> Safeguards:
    """Whether the caller may pledge, until when, above which amount a consent is asked, and the test's questions."""
    return _standing(wiring.book, citizen.party_id)


@router.post("/knowledge-test", status_code=201)
def take_test(
    wiring: WiringDep, citizen: Citizen, key: IdempotencyKey, response: Response, body: Answers
) -> Safeguards:
    """Take the test; one that is not passed is refused until `acknowledged` confirms its warning."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        test = safeguards.take_knowledge_test(
            uow,
            citizen.party_id,
            answers=body.answers,
            declared=body.declared,
            acknowledged=body.acknowledged,
            on=uow.today(),
        )
        return {"right": test.right}

    path = "/v1/safeguards/knowledge-test"
    answer_once(wiring.book, citizen, response, key=key, path=path, body=body, do=do)
    return _standing(wiring.book, citizen.party_id)


@router.post("/loss-simulation", status_code=201)
def acknowledge_simulation(
    wiring: WiringDep, citizen: Citizen, key: IdempotencyKey, response: Response, body: SimulationSeen
) -> Safeguards:
    """Keep that the result was seen. Compute it where the amounts are: only the result may be sent, and need not be."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        cents = body.bearable_loss_cents
        safeguards.acknowledge_simulation(uow, citizen.party_id, bearable_loss_cents=cents, on=uow.today())
        return {}

    path = "/v1/safeguards/loss-simulation"
    answer_once(wiring.book, citizen, response, key=key, path=path, body=body, do=do)
    return _standing(wiring.book, citizen.party_id)


@router.post("/second-chances", status_code=201)
def join_pool(
    wiring: WiringDep, citizen: Citizen, key: IdempotencyKey, response: Response, body: SecondChances
) -> Safeguards:
    """Agree, or agree no more, to fund enterprises that begin again; without it a pledge to one is refused."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        safeguards.join_pool(uow, citizen.party_id, joins=body.agrees, on=uow.today())
        return {}

    path = "/v1/safeguards/second-chances"
    answer_once(wiring.book, citizen, response, key=key, path=path, body=body, do=do)
    return _standing(wiring.book, citizen.party_id)


def _standing(book: Book, lender: str) -> Safeguards:
    with book.read() as connection:
        now = safeguards.standing(connection, book, lender, book.today_in(connection))
    return Safeguards(
        is_ready=now.is_ready,
        is_sophisticated=now.is_sophisticated,
        test_is_passed=None if now.test is None else now.test.is_passed,
        test_ends_on=now.test_ends_on,
        simulation_ends_on=now.simulation_ends_on,
        threshold_cents=now.threshold_cents,
        second_chances_since=now.in_pool_since,
        questions={name: list(knowledge.CHOICES) for name in knowledge.RIGHT},
        declared={name: list(words) for name, words in knowledge.DECLARED.items()},
    )
