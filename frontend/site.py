"""The whole site: the API application with the pages on top. `create` is what the web server calls."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.app import build_app
from api.bootstrap import Wiring, wire
from api.errors import accepted_language, failure, problem_response, refusal_of, refusal_of_http, with_headers_of
from api.settings import read_settings
from frontend.i18n import LANGUAGES
from frontend.pages import (
    access,
    applications,
    audit,
    bank,
    board,
    bond_desk,
    bond_register,
    chances,
    difficulty,
    enterprise,
    estates,
    fund,
    holdings,
    kiis,
    meetings,
    operations,
    orders,
    papers,
    payout_runs,
    plans,
    pledges,
    portfolio,
    proceeds,
    provider,
    public,
    safeguards,
    scorecard,
    statistics,
    votes,
)
from frontend.pages.trouble import is_page, refusal_page
from frontend.rendering import stylesheet, stylesheet_path
from ledger.errors import Refusal

_FOR_A_YEAR = "public, max-age=31536000, immutable"
_PAGES = (
    public,
    kiis,
    access,
    safeguards,
    pledges,
    portfolio,
    holdings,
    board,
    papers,
    enterprise,
    applications,
    audit,
    bank,
    proceeds,
    meetings,
    bond_desk,
    estates,
    fund,
    bond_register,
    orders,
    payout_runs,
    provider,
    operations,
    statistics,
    scorecard,
    plans,
    votes,
    difficulty,
    chances,
)


def create() -> FastAPI:
    """The application of this environment's installation."""
    return build_site(wire(read_settings()))


def build_site(wiring: Wiring) -> FastAPI:
    """API and pages of one installation; every page stands once under each language."""
    app = build_app(wiring, refuse=answer_refusal, evidence_paths=tuple(f"/{code}/operations/" for code in LANGUAGES))
    pages = APIRouter(include_in_schema=False)
    for module in _PAGES:
        pages.include_router(module.router)
    for language in LANGUAGES:
        app.include_router(pages, prefix=f"/{language}")
    for path in ("/", "/verify", "/statistics", "/statistics/restructurings"):
        app.add_api_route(path, _front_door, include_in_schema=False)
    app.add_api_route(stylesheet_path(), _stylesheet, include_in_schema=False)
    app.mount("/static", StaticFiles(packages=[("frontend", "static")]), name="static")
    for kind, as_refusal in _TROUBLES.items():
        app.add_exception_handler(kind, _answer_with(as_refusal))
    return app


def answer_refusal(request: Request, refusal: Refusal) -> Response:
    """A page for people, a problem document for programs."""
    return refusal_page(request, refusal) if is_page(request) else problem_response(request, refusal)


def _front_door(request: Request) -> Response:
    language = accepted_language(request.headers.get("accept-language", ""))
    return RedirectResponse(f"/{language}{request.url.path}", 303, {"Vary": "Accept-Language"})


def _stylesheet() -> Response:
    return Response(stylesheet(), media_type="text/css", headers={"Cache-Control": _FOR_A_YEAR})


def _answer_with(as_refusal: Callable[[Request, Exception], Refusal]) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        return with_headers_of(error, answer_refusal(request, as_refusal(request, error)))

    return answer


def _refusal(_request: Request, error: Exception) -> Refusal:
    assert isinstance(error, Refusal)
    return error


def _malformed(request: Request, error: Exception) -> Refusal:
    """A path or query of a page that can't be read is a page that does not exist; in the API it is said."""
    assert isinstance(error, RequestValidationError)
    return Refusal("not-found") if is_page(request) else refusal_of(error)


def _http(_request: Request, error: Exception) -> Refusal:
    assert isinstance(error, HTTPException)
    return refusal_of_http(error)


_TROUBLES: dict[type[Exception], Callable[[Request, Exception], Refusal]] = {
    Refusal: _refusal,
    RequestValidationError: _malformed,
    HTTPException: _http,
    Exception: failure,
}
