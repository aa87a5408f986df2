"""Coming in and going out: registration, the one-time link, the session, and the sandbox's mailbox."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.demo.log_ins import READY
from api.deps import Language, WiringDep
from api.identity.registration import Registration, register_citizen
from api.identity.service import close_session, link_is_open, open_session, request_login_link
from api.mail.queries import mailbox
from api.refusals import status
from api.security import clear_session_cookie, session_token, set_session_cookie
from contracts.parties.queries import find_by_email
from frontend.forms import Form, own_path, refused
from frontend.i18n import tongue
from frontend.rendering import home_of, render, see_other
from ledger.errors import Refusal

RESIDENCES = ("BE-BRU", "BE-VLG", "BE-WAL", "abroad")
NEXT_COOKIE = "bxl_next"
_NEXT_SECONDS = 15 * 60
_FIELD_OF = {"email-malformed": "email", "email-taken": "email", "iban-invalid": "iban"}
_REGISTRATION = ("given_name", "family_name", "email", "commune", "iban")
Typed = Annotated[str, Field()]
router = APIRouter()


@router.get("/log-in")
def log_in(request: Request, next: str = "") -> Response:  # noqa: A002 -- the name people see in the address
    """Ask for the address to send a link to."""
    return render(request, "log_in.html", form=Form({"email": "", "next": next}))


@router.post("/log-in")
def send_link(
    request: Request,
    wiring: WiringDep,
    language: Language,
    email: Typed = "",
    next: Typed = "",  # noqa: A002 -- the name people see in the address
    mailbox: Typed = "",
) -> Response:
    """Mail a one-time link; the answer is the same whether or not the address is known."""
    try:
        with wiring.book.unit_of_work(actor="log-in") as uow:
            request_login_link(uow, email=email, language=language, origin=wiring.settings.origin)
    except Refusal as refusal:
        form = refused(refusal, language, Form({"email": email, "next": next}), _FIELD_OF)
        return render(request, "log_in.html", status=status(refusal), form=form)
    answer = "mailbox" if mailbox and wiring.settings.is_sandbox else "log-in/sent"
    response = see_other(f"/{language}/{answer}")
    target = own_path(next, "")
    if target:
        secure = wiring.settings.is_https
        response.set_cookie(NEXT_COOKIE, target, max_age=_NEXT_SECONDS, httponly=True, samesite="lax", secure=secure)
    return response


@router.get("/log-in/sent")
def link_sent(request: Request) -> Response:
    """Say that a link may have been sent."""
    return render(request, "log_in_sent.html")


@router.get("/log-in/{token}")
def confirm_link(request: Request, wiring: WiringDep, token: str) -> Response:
    """Show the button that uses the link up; opening the address alone uses nothing up."""
    if not link_is_open(wiring.book, token):
        raise Refusal("log-in-link-not-valid")
    return render(request, "log_in_confirm.html", token=token)


@router.post("/log-in/{token}")
def use_link(request: Request, wiring: WiringDep, language: Language, token: str) -> Response:
    """Use the link up and open the session."""
    with wiring.book.unit_of_work(actor="log-in") as uow:
        opened = open_session(uow, token)
    response = see_other(own_path(request.cookies.get(NEXT_COOKIE, ""), home_of(opened.session, language)))
    response.delete_cookie(NEXT_COOKIE)
    set_session_cookie(response, wiring.settings, opened)
    return response


@router.post("/logout")
def log_out(request: Request, wiring: WiringDep, language: Language) -> Response:
    """Close the session."""
    token = session_token(request)
    if token:
        with wiring.book.unit_of_work(actor="log-in") as uow:
            close_session(uow, token)
    response = see_other(f"/{language}/")
    clear_session_cookie(response, wiring.settings)
    return response


@router.get("/register")
def registration(request: Request, language: Language) -> Response:
    """The form to become a lender."""
    return _registration_page(request, language, Form({"tax_residence": RESIDENCES[0]}))


@router.post("/register")
def register(  # noqa: PLR0913, PLR0917 -- one argument a field of the form
    request: Request,
    wiring: WiringDep,
    language: Language,
    given_name: Typed = "",
    family_name: Typed = "",
    email: Typed = "",
    commune: Typed = "",
    iban: Typed = "",
    tax_residence: Typed = "",
    private: Typed = "",
) -> Response:
    """Register a citizen and mail the first link."""
    values = {
        "given_name": given_name,
        "family_name": family_name,
        "email": email,
        "commune": commune,
        "iban": iban,
        "tax_residence": tax_residence,
        "private": private,
    }
    words = tongue(language)
    form = Form(values)
    form.errors = {name: words.text("access.required") for name in _REGISTRATION if not values[name].strip()}
    if private != "yes":
        form.errors["private"] = words.text("pledge.error-tick")
    if form.has_errors:
        return _registration_page(request, language, form, code=422)
    stated = Registration(
        given_name=given_name,
        family_name=family_name,
        email=email,
        commune=commune,
        iban=iban,
        tax_residence=tax_residence,
        acts_outside_trade=True,
        language=language,
    )
    try:
        with wiring.book.unit_of_work(actor="registration") as uow:
            register_citizen(uow, stated, on=uow.today(), origin=wiring.settings.origin)
    except Refusal as refusal:
        form = refused(refusal, language, form, _FIELD_OF)
        return _registration_page(request, language, form, code=status(refusal))
    return see_other(f"/{language}/log-in/sent")


@router.get("/mailbox")
def letters(request: Request, wiring: WiringDep) -> Response:
    """The sandbox's mailbox; elsewhere there is no such page."""
    if not wiring.settings.is_sandbox:
        raise Refusal("not-found")
    with wiring.book.read() as connection:
        ready = [(role, email) for role, email in READY if find_by_email(connection, wiring.book, email)]
    return render(request, "mailbox.html", mails=mailbox(wiring.book), ready=ready)


def _registration_page(request: Request, language: str, form: Form, *, code: int = 200) -> Response:
    words = tongue(language)
    residences = [(value, words.text(f"access.residence-{value}")) for value in RESIDENCES]
    return render(request, "register.html", status=code, form=form, residences=residences)
