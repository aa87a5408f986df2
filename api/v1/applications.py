"""`/v1/applications`: an entrepreneur's own, written and handed in; for staff all of them, to be decided."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from api.deps import BookDep, Entrepreneur, Operator, require_role
from api.identity.model import Role, Session
from api.v1.answers import answer_once
from api.v1.schemas.applications import (
    Application,
    ApplicationAnswers,
    ApplicationDates,
    ApplicationInFull,
    ApplicationReason,
)
from api.writes import IdempotencyKey
from contracts.offers import applications as service
from contracts.offers.application import ApplicationState
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

Side = Annotated[Session, Depends(require_role(Role.ENTREPRENEUR, Role.OPERATOR))]
"""Either side of an application: the one who applies, or the ones who decide."""

router = APIRouter(prefix="/applications", tags=["applications"])


@router.get("")
def list_applications(
    book: BookDep,
    side: Side,
    state: ApplicationState | None = None,
    after: Annotated[str, Query(max_length=100, description="the last application of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[Application]:
    """For an entrepreneur her own, for staff everybody's, in order of their identifiers."""
    borrower = None if side.role is Role.OPERATOR else side.party_id
    with book.read() as connection:
        found = service.applications(connection, book, borrower=borrower, state=state)
    rest = sorted((each for each in found if each.application_id > after), key=lambda each: each.application_id)
    return [Application.model_validate(each) for each in rest[:limit]]


@router.post("", status_code=201)
def start_application(
    book: BookDep, entrepreneur: Entrepreneur, key: IdempotencyKey, response: Response
) -> ApplicationInFull:
    """Begin an application without answers; it names everything that is missing."""

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        return {"application_id": service.start_application(uow, entrepreneur.party_id, on=uow.today())}

    made = answer_once(book, entrepreneur, response, key=key, path="/v1/applications", body=None, do=do)
    return get_application(book, entrepreneur, str(made["application_id"]))


@router.get("/{application_id}")
def get_application(book: BookDep, side: Side, application_id: str) -> ApplicationInFull:
    """One application with its answers and what is missing; somebody else's does not exist."""
    with book.read() as connection:
        found = service.application(connection, book, application_id)
    if side.role is not Role.OPERATOR and found.borrower != side.party_id:
        raise Refusal("application-not-known", application_id=application_id[:60])
    return ApplicationInFull.model_validate(found)


@router.post("/{application_id}/answers")
def write_application(
    book: BookDep,
    entrepreneur: Entrepreneur,
    key: IdempotencyKey,
    response: Response,
    application_id: str,
    body: ApplicationAnswers,
) -> ApplicationInFull:
    """Keep the answers of a draft, complete or not, in the place of those before."""

    def act(uow: UnitOfWork) -> None:
        service.write_application(uow, application_id, body.answers, on=uow.today())

    return _move(book, entrepreneur, response, key=key, of=application_id, by="answers", body=body, act=act)


@router.post("/{application_id}/submission")
def submit_application(
    book: BookDep, entrepreneur: Entrepreneur, key: IdempotencyKey, response: Response, application_id: str
) -> ApplicationInFull:
    """Hand it in; it is refused with answers missing, or where the scheme does not allow it."""

    def act(uow: UnitOfWork) -> None:
        service.submit_application(uow, application_id, on=uow.today())

    return _move(book, entrepreneur, response, key=key, of=application_id, by="submission", act=act)


@router.post("/{application_id}/withdrawal")
def withdraw_application(
    book: BookDep, entrepreneur: Entrepreneur, key: IdempotencyKey, response: Response, application_id: str
) -> ApplicationInFull:
    """Take it back before staff has decided."""

    def act(uow: UnitOfWork) -> None:
        service.withdraw_application(uow, application_id, on=uow.today())

    return _move(book, entrepreneur, response, key=key, of=application_id, by="withdrawal", act=act)


@router.post("/{application_id}/acceptance")
def accept_application(
    book: BookDep,
    operator: Operator,
    key: IdempotencyKey,
    response: Response,
    application_id: str,
    body: ApplicationDates,
) -> ApplicationInFull:
    """Draft an offer from it; the answer names the offer."""

    def act(uow: UnitOfWork) -> None:
        dates = {"opens_on": body.opens_on, "closes_on": body.closes_on}
        service.accept_application(uow, application_id, on=uow.today(), **dates)

    return _move(book, operator, response, key=key, of=application_id, by="acceptance", body=body, act=act)


@router.post("/{application_id}/refusal")
def decline_application(
    book: BookDep,
    operator: Operator,
    key: IdempotencyKey,
    response: Response,
    application_id: str,
    body: ApplicationReason,
) -> ApplicationInFull:
    """Decline it for good, with the reason."""

    def act(uow: UnitOfWork) -> None:
        service.decline_application(uow, application_id, reason=body.reason, on=uow.today())

    return _move(book, operator, response, key=key, of=application_id, by="refusal", body=body, act=act)


@router.post("/{application_id}/return")
def return_application(
    book: BookDep,
    operator: Operator,
    key: IdempotencyKey,
    response: Response,
    application_id: str,
    body: ApplicationReason,
) -> ApplicationInFull:
    """Give it back to be completed, with what is asked for."""

    def act(uow: UnitOfWork) -> None:
        service.return_application(uow, application_id, reason=body.reason, on=uow.today())

    return _move(book, operator, response, key=key, of=application_id, by="return", body=body, act=act)


def _move(
    book: Book,
    session: Session,
    response: Response,
    *,
    key: str,
    of: str,
    by: str,
    act: Callable[[UnitOfWork], None],
    body: BaseModel | None = None,
) -> ApplicationInFull:
    """Do it once, and give the application as it stands then; what the session may not see is not moved."""
    get_application(book, session, of)

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        act(uow)
        return {"application_id": of}

    answer_once(book, session, response, key=key, path=f"/v1/applications/{of}/{by}", body=body, do=do)
    return get_application(book, session, of)
