"""Refusals and failures as RFC 9457 problem documents, in the reader's language and without a stack trace.

`type` and `code` are stable; `title` is the sentence of the catalogue; `facts` are the numbers and names behind it.
"""

import secrets
from collections.abc import Sequence

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.refusals import LOCALES, sentence, status
from ledger.errors import Refusal

PROBLEM = "application/problem+json"
_HTTP_CODES = {401: "log-in-needed", 403: "role-not-allowed", 404: "not-found", 405: "method-not-allowed"}
logger = structlog.get_logger("bxl.api")


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every refusal and failure of `app` with a problem document."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)


def problem_response(request: Request, refusal: Refusal) -> JSONResponse:
    """The problem document of a refusal, in the language the request accepts best."""
    language = accepted_language(request.headers.get("accept-language", ""))
    code = status(refusal)
    body = {
        "type": f"urn:bxl-invest:problem:{refusal.code}",
        "title": sentence(refusal, language),
        "status": code,
        "code": refusal.code,
        "facts": dict(refusal.facts),
        "instance": request.url.path,
    }
    headers = {"Content-Language": language}
    if code == 401:  # noqa: PLR2004 -- RFC 9110: 401 names the scheme
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(retry_after := refusal.facts.get("retry_after_seconds"), int):
        headers["Retry-After"] = str(retry_after)
    return JSONResponse(body, code, headers, PROBLEM)


def accepted_language(header: str, fallback: str = "fr") -> str:
    """The best of fr, nl and en in an `Accept-Language` header.

    >>> accepted_language("de, nl-BE;q=0.8, en;q=0.9")
    'en'
    >>> accepted_language("*")
    'fr'
    """
    ranked: list[tuple[int, str]] = []
    for part in header.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.partition("-")[0].lower()
        if language in LOCALES:
            ranked.append((_thousandths(parameters), language))
    return max(ranked, key=lambda r: r[0])[1] if ranked and max(ranked)[0] > 0 else fallback


def refusal_of(error: RequestValidationError) -> Refusal:
    """A malformed request as a refusal that names the first field and what is wrong with it."""
    first = error.errors()[0]
    return Refusal("request-malformed", field=_field(first["loc"]), reason=str(first["msg"]))


def failure(request: Request, error: Exception) -> Refusal:
    """Log a defect with an incident number and return what may be said of it outside: the number."""
    incident = secrets.token_hex(4)
    logger.error("request-failed", incident=incident, path=request.url.path, exc_info=error)
    return Refusal("unexpected-failure", incident=incident)


def refusal_of_http(error: HTTPException) -> Refusal:
    """The framework's own 404, 405 … as refusals of the catalogue."""
    code = _HTTP_CODES.get(error.status_code)
    return Refusal(code) if code else Refusal("request-malformed", field="request", reason=str(error.detail))


def with_headers_of(error: Exception, response: Response) -> Response:
    """The answer to `error` with the headers that belong to it: a 405 says which methods are allowed."""
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem_response(request, error)


def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, refusal_of(error))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return with_headers_of(error, problem_response(request, refusal_of_http(error)))


def _failed(request: Request, error: Exception) -> Response:
    return problem_response(request, failure(request, error))


def _field(location: Sequence[int | str]) -> str:
    return ".".join(str(step) for step in location if step not in {"body", "query", "path"}) or "body"


def _thousandths(parameters: str) -> int:
    """A quality value as an integer, 1000 where none is given or it can't be read."""
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1000
    whole, _, fraction = value.strip().partition(".")
    digits = (whole + fraction.ljust(3, "0")[:3]).strip()
    return min(int(digits), 1000) if digits.isdecimal() else 0
