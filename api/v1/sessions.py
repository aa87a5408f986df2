"""`/v1/log-in-links`, `/v1/sessions`, `/v1/citizens`: log-in by mail, and registration.

The answers never tell whether an address is known. A session's token is not kept anywhere, so opening a session is the
one write whose answer can't be repeated: the mailed token serves once.
"""

from fastapi import APIRouter, Request, Response

from api.deps import AnySession, WiringDep
from api.identity import service
from api.identity.model import Session
from api.identity.registration import Registration, register_citizen
from api.security import session_token
from api.v1.schemas.control import NewCitizen, NewLogInLink, NewSession, OpenSession
from api.writes import IdempotencyKey, write_once
from ledger.book import UnitOfWork
from ledger.storage.base import JSON

router = APIRouter(tags=["log-in"])
VISITOR = "visitor"


@router.post("/log-in-links", status_code=202)
def request_log_in_link(wiring: WiringDep, key: IdempotencyKey, body: NewLogInLink) -> dict[str, str]:
    """Mail a one-time link to the address, if it is known; the answer is the same if it is not."""
    origin = wiring.settings.origin

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        service.request_login_link(uow, email=body.email, language=body.language, origin=origin)
        return {"state": "accepted"}

    write_once(wiring.book, actor=VISITOR, key=key, request=body.model_dump(mode="json"), do=do)
    return {"state": "accepted"}


@router.post("/sessions", status_code=201)
def open_session(wiring: WiringDep, key: IdempotencyKey, body: NewSession) -> OpenSession:  # noqa: ARG001 -- required on every write
    """Use up a mailed link; `token` is the bearer token of what follows."""
    with wiring.book.unit_of_work(actor=VISITOR) as uow:
        opened = service.open_session(uow, body.token)
    return _shown(opened.session, opened.token)


@router.get("/sessions/current")
def get_session(request: Request, session: AnySession) -> OpenSession:
    """The session that the request carries."""
    return _shown(session, session_token(request) or "")


@router.delete("/sessions/current", status_code=204)
def close_session(wiring: WiringDep, session: AnySession, request: Request, key: IdempotencyKey) -> Response:  # noqa: ARG001 -- required on every write
    """Log out."""
    with wiring.book.unit_of_work(actor=session.party_id) as uow:
        service.close_session(uow, session_token(request) or "")
    return Response(status_code=204)


@router.post("/citizens", status_code=202)
def register(wiring: WiringDep, key: IdempotencyKey, body: NewCitizen) -> dict[str, str]:
    """Register a citizen and mail a log-in link; an address that is known already gets a link and nothing else."""
    registration = Registration(
        given_name=body.given_name,
        family_name=body.family_name,
        email=body.email,
        commune=body.commune,
        iban=body.iban,
        tax_residence=body.tax_residence,
        acts_outside_trade=body.acts_outside_trade,
        language=body.language,
    )
    origin = wiring.settings.origin

    def do(uow: UnitOfWork) -> dict[str, JSON]:
        register_citizen(uow, registration, on=uow.today(), origin=origin)
        return {"state": "accepted"}

    write_once(wiring.book, actor=VISITOR, key=key, request=body.model_dump(mode="json"), do=do)
    return {"state": "accepted"}


def _shown(session: Session, token: str) -> OpenSession:
    return OpenSession(
        token=token,
        party_id=session.party_id,
        role=session.role.value,
        name=session.name,
        language=session.language,
        expires_at=session.expires_at,
    )
