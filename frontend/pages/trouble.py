"""What people see when something is refused, missing or broken: a page in their language, never a stack trace."""

from urllib.parse import quote

import structlog
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.errors import accepted_language
from api.refusals import sentence, status
from frontend.i18n import LANGUAGES, tongue
from frontend.rendering import page_language, render, see_other
from ledger.errors import Refusal

_HEADINGS = {403: "trouble.forbidden", 404: "trouble.not-found"}
_FAILED = 500
_FOR_PROGRAMS = frozenset({"v1", "webhooks", "log", "health", "metrics"})
logger = structlog.get_logger("bxl.pages")


def is_page(request: Request) -> bool:
    """Whether a person's browser asked for a page: by its path, or outside the API by what it accepts."""
    first = request.url.path.strip("/").partition("/")[0]
    if first in LANGUAGES:
        return True
    return first not in _FOR_PROGRAMS and "text/html" in request.headers.get("accept", "")


def refusal_page(request: Request, refusal: Refusal) -> Response:
    """A refusal in words; where only a log-in is missing, the way to it."""
    language = _language(request)
    if refusal.code == "log-in-needed":
        target = quote(request.scope["path"]) if request.method == "GET" else ""
        return see_other(f"/{language}/log-in?next={target}")
    code, words = status(refusal), tongue(language)
    if refusal.code == "unexpected-failure":
        text = words.text("trouble.failed-text", incident=refusal.facts["incident"])
        return _safe(request, status=_FAILED, heading=words.text("trouble.failed"), sentence=text, code=None)
    heading = words.text(_HEADINGS.get(code, "trouble.refused"))
    detail = "" if code in _HEADINGS or request.method == "GET" else words.text("trouble.refused-text")
    text = sentence(refusal, language)
    return _safe(request, status=code, heading=heading, sentence=text, detail=detail, code=refusal.code)


def _safe(
    request: Request, *, status: int, heading: str, sentence: str, code: str | None, detail: str = ""
) -> Response:
    """The page, or where even its frame can't be drawn (a database that is away) the bare sentence."""
    try:
        return render(
            request, "trouble.html", status=status, heading=heading, sentence=sentence, detail=detail, code=code
        )
    except Exception:
        logger.exception("trouble-page-failed", path=request.url.path)
        bare = Markup("<!doctype html><title>BXL Invest</title><p>{}</p>").format(sentence)
        return HTMLResponse(bare, status)


def _language(request: Request) -> str:
    first = request.url.path.strip("/").partition("/")[0]
    return (
        page_language(request) if first in LANGUAGES else accepted_language(request.headers.get("accept-language", ""))
    )
