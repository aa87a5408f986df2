"""A lender dies, or gives her claim away: step by step at the desk, each step agreed to by a second person.

look her up ──> record the death ──> heirs and shares ──> they have it        or: who gets the claim ──> they have it
"""

import re
from fractions import Fraction

from fastapi import APIRouter, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.loans import estates as service
from contracts.loans.estates import Heir
from contracts.parties import estates as deaths
from contracts.parties.model import PartyKind
from contracts.parties.queries import display_name, find_by_email, party
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.pages.desk_fields import day_in, sha256_in
from frontend.pages.operations import Act
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger import approvals
from ledger.book import UnitOfWork
from ledger.errors import Refusal

ROWS = 6
ACTIONS = (deaths.RECORD_DEATH, deaths.WITHDRAW_DEATH, service.PASS_ESTATE, service.GIVE_CLAIM)
_SHARE = re.compile(
    r"(?P<over>\d{1,9})(?:/(?P<under>[1-9]\d{0,8}))?|(?P<whole>\d{1,3})(?:,(?P<part>\d{1,6}))?%", re.ASCII
)
File = UploadFile | None
router = APIRouter(prefix="/operations/estates")


@router.get("")
def overview(request: Request, wiring: WiringDep, _operator: Operator) -> Response:
    """Every estate, and the form that looks a lender up."""
    return _overview(request, wiring, Form())


@router.post("")
def look_up(request: Request, wiring: WiringDep, _operator: Operator, language: Language, typed: Typed) -> Response:
    """Go to the page of the citizen with that e-mail address."""
    form = Form(dict(typed))
    with wiring.book.read() as connection:
        try:
            found = find_by_email(connection, wiring.book, form.value("email"))
        except Refusal as refusal:
            return _overview(request, wiring, refused(refusal, language, form, {"email-malformed": "email"}), code=422)
    if found is None or found.kind is not PartyKind.NATURAL:
        form.errors["email"] = tongue(language).text("estate.error-unknown")
        return _overview(request, wiring, form, code=404)
    return see_other(f"/{language}/operations/estates/{found.party_id}")


@router.get("/{party_id}")
def of_one(request: Request, wiring: WiringDep, operator: Operator, party_id: str) -> Response:
    """What she has, what was recorded, and the step that comes next."""
    return _page(request, wiring, operator, party_id, Form())


@router.post("/{party_id}/death")
def ask_death(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, party_id: str, typed: Typed,
    evidence: File = None,
) -> Response:  # fmt: skip
    """Ask a second person to approve that she died."""
    form = Form({**typed, "evidence": ""}, target="death")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)
    reason = tongue(language).text("estate.death")

    def ask(uow: UnitOfWork) -> None:
        deaths.request_death(uow, party_id, on=day, evidence=proof, reason=reason)

    return _answer(request, wiring, operator, party_id, form, ask)


@router.post("/{party_id}/withdrawal")
def ask_withdrawal(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, party_id: str, evidence: File = None
) -> Response:
    """Ask a second person to approve that the death was recorded wrongly."""
    form = Form({"evidence": ""}, target="withdrawal")
    proof, reason = sha256_in(form, evidence, language), tongue(language).text("estate.withdrawal")

    def ask(uow: UnitOfWork) -> None:
        deaths.request_withdrawal(uow, party_id, evidence=proof, reason=reason)

    return _answer(request, wiring, operator, party_id, form, ask)


@router.post("/{party_id}/heirs")
def ask_heirs(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, party_id: str, typed: Typed,
    evidence: File = None,
) -> Response:  # fmt: skip
    """Ask a second person to approve that the estate passes to the heirs."""
    form = Form({**typed, "evidence": ""}, target="heirs")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)
    heirs, reason = _heirs_in(wiring, form, language), tongue(language).text("estate.heirs")

    def ask(uow: UnitOfWork) -> None:
        service.request_estate(uow, party_id, heirs, deed_on=day, evidence=proof, reason=reason)

    return _answer(request, wiring, operator, party_id, form, ask)


@router.post("/{party_id}/claims/{claim}/gift")
def ask_gift(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, party_id: str, claim: str,
    typed: Typed, evidence: File = None,
) -> Response:  # fmt: skip
    """Ask a second person to approve that she gives a claim away; `claim` is the loan and its number, with a dot."""
    loan_id, _, number = claim.partition(".")
    form = Form({**typed, "evidence": ""}, target=f"gift-{loan_id}-{number}")
    day, proof = day_in(form, "on", language), sha256_in(form, evidence, language)
    to, reason = _heirs_in(wiring, form, language), tongue(language).text("estate.gift")

    def ask(uow: UnitOfWork) -> None:
        n = int(number) if number.isdecimal() else 0
        service.request_gift(uow, loan_id, n, to, deed_on=day, evidence=proof, reason=reason)

    return _answer(request, wiring, operator, party_id, form, ask)


def share_of(text: str) -> Fraction | None:
    """A share as people write it, or None: a fraction, or per cent with the Belgian comma.

    >>> [str(share_of(text)) for text in ("1/3", "1", "50 %", "33,5%", "1/0", "half")]
    ['1/3', '1', '1/2', '67/200', 'None', 'None']
    """
    found = _SHARE.fullmatch(text.replace(" ", "").replace("\N{NO-BREAK SPACE}", ""))
    if found is None:
        return None
    if found["over"] is not None:
        return Fraction(int(found["over"]), int(found["under"] or 1))
    return Fraction(f"{found['whole']}.{found['part'] or 0}") / 100


def _heirs_in(wiring: Wiring, form: Form, language: str) -> list[Heir]:
    """The rows that were filled in; an address nobody has and a share that is none are said at their field."""
    words, heirs = tongue(language), []
    with wiring.book.read() as connection:
        for row in range(1, ROWS + 1):
            email, share = form.value(f"email-{row}").strip(), form.value(f"share-{row}").strip()
            if not email and not share:
                continue
            part = share_of(share)
            if part is None:
                form.errors[f"share-{row}"] = words.text("estate.error-share")
            try:
                found = find_by_email(connection, wiring.book, email)
            except Refusal:
                found = None
            if found is None:
                form.errors[f"email-{row}"] = words.text("estate.error-unknown")
            elif part is not None:
                heirs.append(Heir(found.party_id, part))
    return heirs


def _answer(request: Request, wiring: Wiring, operator: Session, party_id: str, form: Form, act: Act) -> Response:
    """Ask in one unit of work and go back to the page; what is wrong is said on it."""
    language = request.url.path.strip("/").partition("/")[0]
    if form.has_errors:
        return _page(request, wiring, operator, party_id, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        wrong = refused(refusal, language, form, {"date-not-reached": "on", "date-too-early": "on"})
        return _page(request, wiring, operator, party_id, wrong, code=status(refusal))
    return see_other(f"/{language}/operations/estates/{party_id}#waiting")


def _overview(request: Request, wiring: Wiring, form: Form, *, code: int = 200) -> Response:
    with wiring.book.read() as connection:
        found = deaths.estates(connection, wiring.book.book_id)
        names = {each.party_id: display_name(connection, wiring.book, each.party_id) for each in found}
    return render(
        request, "estates.html", status=code, here="operations/estates", form=form, estates=found, names=names
    )


def _page(
    request: Request, wiring: Wiring, operator: Session, party_id: str, form: Form, *, code: int = 200
) -> Response:
    book = wiring.book
    with book.read() as connection:
        who = party(connection, book, party_id)
        if who.kind is not PartyKind.NATURAL:
            raise Refusal("not-a-citizen", party=party_id)
        today = book.today_in(connection)
        estate = deaths.estate_of(connection, book.book_id, party_id)
        claims = service.estate_claims(connection, book.book_id, party_id, today)
        money_cents = service.money_held_cents(connection, book.book_id, party_id)
        asked = approvals.pending(connection, book.book_id, now=book.clock.now())
        waiting = [each for each in asked if each.action in ACTIONS and each.body.get("party_id") == party_id]
        heirs = {
            each.approval_id: [(display_name(connection, book, str(heir)), str(share)) for heir, share in _named(each)]
            for each in waiting
        }
    return render(
        request,
        "estate.html",
        status=code,
        here=f"operations/estates/{party_id}",
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
        who=who,
        estate=estate,
        claims=claims,
        money_cents=money_cents,
        waiting=waiting,
        heirs=heirs,
        own=operator.party_id,
        rows=range(1, ROWS + 1),
    )


def _named(approval: approvals.Approval) -> list[tuple[str, str]]:
    """Heirs and shares that an approval names."""
    listed = approval.body.get("heirs", [])
    return [(str(row[0]), str(row[1])) for row in listed if isinstance(row, list)] if isinstance(listed, list) else []
