"""What a route asks for: the wiring, the book, who is at the door, and in which language.

A route is `def` and opens its own unit of work; nothing here does.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field

from api.bootstrap import Wiring
from api.errors import accepted_language
from api.identity.model import Role, Session
from api.identity.service import session_of
from api.refusals import LOCALES
from api.security import session_token
from ledger.book import Book
from ledger.errors import Refusal

STAFF = (Role.AUDITOR, Role.OPERATOR)
"""Who may read every offer, loan and payment."""


def get_wiring(request: Request) -> Wiring:
    """The wiring that the application was built with."""
    wiring = request.app.state.wiring
    assert isinstance(wiring, Wiring)
    return wiring


def get_book(request: Request) -> Book:
    """The book that this installation serves."""
    return get_wiring(request).book


def current_session(request: Request) -> Session | None:
    """The session behind the request's bearer token or cookie, read once per request."""
    if not hasattr(request.state, "session"):
        token = session_token(request)
        request.state.session = session_of(get_book(request), token) if token else None
    session: Session | None = request.state.session
    return session


def get_session(request: Request) -> Session:
    """The session behind the request; refuses `log-in-needed`."""
    session = current_session(request)
    if session is None:
        raise Refusal("log-in-needed")
    return session


def require_role(*roles: Role) -> Callable[[Request], Session]:
    """A dependency that gives the session of one of `roles`; refuses `log-in-needed` and `role-not-allowed`."""

    def session_in_role(request: Request) -> Session:
        session = get_session(request)
        if session.role not in roles:
            raise Refusal("role-not-allowed", role=session.role.value)
        return session

    return session_in_role


def language_of(request: Request) -> str:
    """The language of an answer: the one in the path, else the session's, else what the browser prefers."""
    in_path = request.url.path.strip("/").partition("/")[0]
    if in_path in LOCALES:
        return in_path
    if "accept-language" in request.headers:
        return accepted_language(request.headers["accept-language"])
    session = current_session(request)
    return session.language if session else "fr"


WiringDep = Annotated[Wiring, Depends(get_wiring)]
BookDep = Annotated[Book, Depends(get_book)]
MaybeSession = Annotated[Session | None, Depends(current_session)]
AnySession = Annotated[Session, Depends(get_session)]
Citizen = Annotated[Session, Depends(require_role(Role.CITIZEN))]
Entrepreneur = Annotated[Session, Depends(require_role(Role.ENTREPRENEUR))]
Operator = Annotated[Session, Depends(require_role(Role.OPERATOR))]
Staff = Annotated[Session, Depends(require_role(*STAFF))]
Language = Annotated[str, Depends(language_of)]
Number = Annotated[int, Field(ge=0, lt=2**53)]
"""A number in an address: of an entry, a line, an instalment. Every database can look it up."""
