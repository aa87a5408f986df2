"""`/v1/pledges`: a citizen's pledges, made and withdrawn."""

from fastapi import APIRouter, Response

from api.deps import Citizen, WiringDep
from api.v1.answers import answer_once
from api.v1.schemas.pledges import NewPledge, Pledge
from api.writes import IdempotencyKey
from contracts.parties.model import LenderDeclaration
from contracts.pledges import queries, service
from contracts.pledges.safeguards import Consent
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

router = APIRouter(prefix="/pledges", tags=["pledges"])


@router.get("")
def list_pledges(wiring: WiringDep, citizen: Citizen) -> list[Pledge]:
    """The caller's own pledges, newest first."""
    book = wiring.book
    with book.read() as connection:
        lines = queries.pledges_of(connection, book.book_id, citizen.party_id, book.today_in(connection))
    return [Pledge.model_validate(line) for line in lines]


@router.get("/{pledge_id}")
def get_pledge(wiring: WiringDep, citizen: Citizen, pledge_id: str) -> Pledge:
    """One of the caller's own pledges, with its payment link once the provider has answered."""
    return _own_pledge(wiring.book, citizen.party_id, pledge_id)


@router.post("", status_code=201)
def make_pledge(
    wiring: WiringDep, citizen: Citizen, key: IdempotencyKey, response: Response, body: NewPledge
) -> Pledge:
    """Pledge an amount; the answer holds the payment link if the provider gave it within five seconds."""
    book = wiring.book

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        made = service.make_pledge(
            uow,
            offer_id=body.offer_id,
            lender=citizen.party_id,
            amount_cents=body.amount_cents,
            on=uow.today(),
            language=body.language or citizen.language,
            risk_acknowledged=body.risk_acknowledged,
            declaration=LenderDeclaration(**body.ties.model_dump()) if body.ties else None,
            consent=Consent(**body.consent.model_dump()),
        )
        return {"pledge_id": made.pledge_id, "payment_id": made.payment_id}

    made = answer_once(book, citizen, response, key=key, path="/v1/pledges", body=body, do=do)
    wiring.send_call_now(str(made["payment_id"]))
    return _own_pledge(book, citizen.party_id, str(made["pledge_id"]))


@router.post("/{pledge_id}/withdrawal")
def withdraw_pledge(
    wiring: WiringDep, citizen: Citizen, key: IdempotencyKey, response: Response, pledge_id: str
) -> Pledge:
    """Withdraw within the reflection period; what was paid is refunded."""
    book = wiring.book

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        _require_own(queries.pledge(uow.connection, uow.book_id, pledge_id).lender, citizen.party_id, pledge_id)
        service.withdraw_pledge(uow, pledge_id, on=uow.today())
        return {"pledge_id": pledge_id}

    answer_once(book, citizen, response, key=key, path=f"/v1/pledges/{pledge_id}/withdrawal", body=None, do=do)
    return _own_pledge(book, citizen.party_id, pledge_id)


def _own_pledge(book: Book, lender: str, pledge_id: str) -> Pledge:
    with book.read() as connection:
        _require_own(queries.pledge(connection, book.book_id, pledge_id).lender, lender, pledge_id)
        line = queries.pledge_line(connection, book.book_id, pledge_id, book.today_in(connection))
    return Pledge.model_validate(line)


def _require_own(owner: str, lender: str, pledge_id: str) -> None:
    """Somebody else's pledge answers as one that does not exist."""
    if owner != lender:
        raise Refusal("pledge-not-known", pledge_id=pledge_id)
