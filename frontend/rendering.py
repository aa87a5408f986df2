"""From a template and figures to a page: one Jinja environment, strict about every name and key.

Undefined names raise, text is escaped, and the only markup that passes unescaped is drawn by `frontend.charts`. What
every page needs (language, words, menu, session, business date) is added here: a route passes its own figures alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from api.deps import current_session, get_wiring
from api.identity.model import Role, Session
from api.receipts import purpose_words
from api.refusals import sentence
from frontend import charts, words
from frontend.figures import gauge_of
from frontend.forms import Form
from frontend.i18n import LANGUAGES, tongue

REFRESH_SECONDS, MOST_REFRESHES = 3, 20
SHEETS = ("tokens", "base", "layout", "components", "tables", "forms", "charts", "verify", "print")

_HOME_OF_ROLE: Mapping[Role, tuple[str, str]] = {
    Role.CITIZEN: ("portfolio", "site.menu-portfolio"),
    Role.ENTREPRENEUR: ("enterprise", "site.menu-enterprise"),
    Role.AUDITOR: ("audit", "site.menu-audit"),
    Role.OPERATOR: ("operations", "site.menu-operations"),
}


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of the main menu; `current` is an `aria-current` value or empty."""

    href: str
    key: str
    current: str


@cache
def environment() -> Environment:
    """The Jinja environment of all pages."""
    env = Environment(
        loader=PackageLoader("frontend"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        charts=charts,
        languages=LANGUAGES,
        stylesheet=stylesheet_path(),
        gauge_of=gauge_of,
        label_kind=words.label_kind,
        pledge_kind=words.pledge_kind,
        offer_kind=words.offer_kind,
        options=words.options,
    )
    return env


@cache
def stylesheet() -> str:
    """All sheets as one, in the order of `SHEETS`."""
    folder = files("frontend") / "static" / "css"
    return "\n".join((folder / f"{name}.css").read_text("utf-8") for name in SHEETS)


def stylesheet_path() -> str:
    """The stylesheet's address, which changes with its content so that browsers may keep it for good."""
    return f"/static/site-{sha256(stylesheet().encode()).hexdigest()[:12]}.css"


def page_language(request: Request) -> str:
    """The language in the path of a page, French where there is none."""
    first = request.url.path.strip("/").partition("/")[0]
    return first if first in LANGUAGES else "fr"


def render(
    request: Request, template: str, *, status: int = 200, here: str | None = None, **figures: object
) -> HTMLResponse:
    """The page `template` with its `figures`, in the language of the request's path.

    `here` is the page's own path without its language, where a form post was answered with a page of another path.
    """
    language = page_language(request)
    path = request.url.path if here is None else f"/{language}/{here}"
    query = f"?{request.url.query}" if request.url.query and here is None else ""
    session = current_session(request)
    wiring = get_wiring(request)
    tongue_here = tongue(language)
    frame: dict[str, object] = {
        "lang": language,
        "l": tongue_here,
        "t": tongue_here.text,
        "session": session,
        "menu": menu(language, path, session),
        "path_in": lambda code: path_in(path, code) + query,
        "sandbox": wiring.settings.is_sandbox,
        "today": wiring.book.today(),
        "operator_name": wiring.settings.operator,
        "form": Form(),
        "event_text": lambda event: words.event_text(tongue_here, event),
        "rule_name": lambda rule: words.rule_name(tongue_here, rule),
        "account_name": lambda code: words.account_name(language, code),
        "purpose_of": lambda purpose: purpose_words(purpose, language),
        "pledge_words": lambda line: words.pledge_words(tongue_here, line),
        "sentence_of": lambda refusal: sentence(refusal, language),
    }
    text = environment().get_template(template).render(frame | figures)
    return HTMLResponse(text, status, {"Content-Language": language})


def path_in(path: str, language: str) -> str:
    """The path of the same page in another language."""
    first, _, rest = path.strip("/").partition("/")
    return f"/{language}/{rest if first in LANGUAGES else ''}"


def see_other(path: str) -> RedirectResponse:
    """Answer a form post by sending the browser to a page of our own (303)."""
    return RedirectResponse(path, 303)


def refresh_to(path: str, back: int, *, is_making: bool, waits: bool) -> str | None:
    """What `<meta http-equiv="refresh">` says: ask again while a link `is_making`, and a while after coming `back`.

    >>> refresh_to("/fr/pledges/p1", 0, is_making=True, waits=True)
    '3; url=/fr/pledges/p1'
    >>> refresh_to("/fr/pledges/p1", 2, is_making=False, waits=True)
    '3; url=/fr/pledges/p1?back=3'
    >>> refresh_to("/fr/pledges/p1", 0, is_making=False, waits=True) is None
    True
    """
    if is_making:
        return f"{REFRESH_SECONDS}; url={path}"
    if waits and 0 < back < MOST_REFRESHES:
        return f"{REFRESH_SECONDS}; url={path}?back={back + 1}"
    return None


def menu(language: str, path: str, session: Session | None) -> list[MenuItem]:
    """The main menu: what is public, then the page of the person's role or the way to log in."""
    entries = [("offers", "site.menu-offers"), ("how", "site.menu-how")]
    entries.append(_HOME_OF_ROLE[session.role] if session else ("log-in", "site.log-in"))
    return [_item(f"/{language}/{slug}", key, path) for slug, key in entries]


def home_of(session: Session, language: str) -> str:
    """Where a person lands after logging in."""
    return f"/{language}/{_HOME_OF_ROLE[session.role][0]}"


def _item(href: str, key: str, path: str) -> MenuItem:
    current = "page" if path == href else "true" if path.startswith(f"{href}/") else ""
    return MenuItem(href, key, current)
