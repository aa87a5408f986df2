"""The meeting of bondholders on its pages: what is put to the vote and what came of it, for everybody; the ballot.

An evidence file is hashed here and not kept; its SHA-256 goes into the record and into the announcement of the vote.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, UploadFile
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Citizen, Language, MaybeSession, Number, Operator, WiringDep
from api.identity.model import Role, Session
from api.refusals import status
from contracts.bonds import meetings
from contracts.bonds.changes import Change, ChangeKind
from contracts.bonds.meeting_queries import Resolution, resolution, resolutions
from contracts.bonds.meetings import Convening
from contracts.bonds.queries import series_record
from contracts.votes import queries as votes
from contracts.votes import service as vote_service
from contracts.votes.queries import OwnClaim, ProxyGiven, VoteView
from contracts.votes.tally import Choice
from frontend.forms import Form, refused, share_of
from frontend.i18n import tongue
from frontend.pages import ballot_box
from frontend.pages.desk_fields import cents_in, day_in, sha256_in, text_in, typed_form
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.book import UnitOfWork
from ledger.clock import BRUSSELS, brussels_date
from ledger.errors import Refusal

CALL, AGAIN, COURT = "call", "again", "court"
Text = Annotated[str, Field()]
File = UploadFile | None
router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A resolution's vote as a visitor sees it; without claims and proxies for who has no part in it."""

    view: VoteView
    claims: list[OwnClaim]
    given: list[ProxyGiven]
    held: list[ProxyGiven]
    today: date

    @property
    def opens_on(self) -> date:
        """The first day to vote."""
        return brussels_date(self.view.spec.opens_at)

    @property
    def last_on(self) -> date:
        """The last day to vote."""
        return brussels_date(self.view.spec.closes_at) - timedelta(days=1)

    @property
    def is_open(self) -> bool:
        """Whether a ballot would be taken today."""
        return self.view.result is None and self.opens_on <= self.today <= self.last_on

    @property
    def weight_cents(self) -> int:
        """What one votes with."""
        return sum(each.weight_cents for each in self.claims)


@router.get("/bonds/{series_id}/meeting")
def meeting(request: Request, wiring: WiringDep, series_id: str) -> Response:
    """Every resolution of the holders of a series, the newest first."""
    return _list(request, wiring, series_id, Form())


@router.get("/bonds/{series_id}/meeting/{n}")
def item(request: Request, wiring: WiringDep, session: MaybeSession, series_id: str, n: Number) -> Response:
    """One resolution: what it changes, the calendar, the ballot while the vote is open, the count afterwards."""
    return _item(request, wiring, session, series_id, n, Form())


@router.post("/bonds/{series_id}/meeting/{n}")
def vote(
    request: Request, wiring: WiringDep, citizen: Citizen, language: Language, series_id: str, n: Number, typed: Typed
) -> Response:
    """Say yes or no with all of one's units, or of units one holds a proxy for; the first time it is only shown."""
    form, voter = ballot_box.choice_form(typed.get("choice", ""), language), typed.get("voter") or citizen.party_id
    if form.has_errors:
        return _item(request, wiring, citizen, series_id, n, form, code=422)
    if typed.get("confirmed") != "yes":
        confirms = (Choice(form.value("choice")), voter)
        return _item(request, wiring, citizen, series_id, n, form, confirms=confirms)
    vote_id = _resolution(wiring, series_id, n).vote_id
    wrong = ballot_box.send_ballot(wiring, citizen.party_id, vote_id, voter, form, language=language)
    if wrong is not None:
        return _item(request, wiring, citizen, series_id, n, wrong[0], code=status(wrong[1]))
    return see_other(f"/{language}/bonds/{series_id}/meeting/{n}#ballot")


@router.get("/bonds/{series_id}/meeting/{n}/ballot")
def own_ballot(wiring: WiringDep, citizen: Citizen, series_id: str, n: Number) -> Response:
    """The file that opens one's newest ballot, to be kept and to be held against the count."""
    vote_id = _resolution(wiring, series_id, n).vote_id
    return ballot_box.own_file(wiring, citizen.party_id, vote_id, ballot_box.BALLOT)


@router.get("/bonds/{series_id}/meeting/{n}/ballot.tlog-proof")
def ballot_proof(wiring: WiringDep, citizen: Citizen, series_id: str, n: Number) -> Response:
    """The proof that the log holds one's newest ballot; first of two files of a receipt."""
    vote_id = _resolution(wiring, series_id, n).vote_id
    return ballot_box.own_file(wiring, citizen.party_id, vote_id, ballot_box.PROOF)


@router.get("/bonds/{series_id}/meeting/{n}/opening.json")
def ballot_opening(wiring: WiringDep, citizen: Citizen, series_id: str, n: Number) -> Response:
    """What the log holds of the ballot: its commitment; second of two files of a receipt."""
    vote_id = _resolution(wiring, series_id, n).vote_id
    return ballot_box.own_file(wiring, citizen.party_id, vote_id, ballot_box.OPENING)


@router.post("/bonds/{series_id}/meeting/{n}/proxies")
def give_proxy(
    request: Request, wiring: WiringDep, citizen: Citizen, language: Language, series_id: str, n: Number,
    holder: Text = "",
) -> Response:  # fmt: skip
    """Let another person vote on this resolution."""
    form, vote_id = Form({"holder": holder}, target="proxy"), _resolution(wiring, series_id, n).vote_id
    last_on = _ballot(wiring, citizen, vote_id).last_on
    try:
        ballot_box.give_proxy(wiring, citizen.party_id, vote_id, holder.strip(), last_on=last_on)
    except Refusal as refusal:
        wrong = refused(refusal, language, form, ballot_box.PROXY_FIELDS)
        return _item(request, wiring, citizen, series_id, n, wrong, code=status(refusal))
    return see_other(f"/{language}/bonds/{series_id}/meeting/{n}#proxy")


@router.post("/bonds/{series_id}/meeting/{n}/proxies/{proxy_id}/end")
def end_proxy(
    wiring: WiringDep, citizen: Citizen, language: Language, series_id: str, n: Number, proxy_id: str
) -> Response:
    """Take a proxy back, or give one back."""
    vote_id = _resolution(wiring, series_id, n).vote_id
    with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
        vote_service.revoke_proxy(uow, vote_id, proxy_id)
    return see_other(f"/{language}/bonds/{series_id}/meeting/{n}#proxy")


@router.post("/operations/bonds/{series_id}/meeting")
def convene(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, series_id: str, typed: Typed,
    evidence: File = None,
) -> Response:  # fmt: skip
    """Call a meeting on one resolution, for the issuer or for the holders who ask for it."""
    names = ("kind", "text", "matures_on", "rate", "amount", "opens_on", "last_on", "asked_by")
    form = typed_form(typed, CALL, *names)
    change = _change(form, language)
    convening = _convening(form, evidence, language, change)

    def call(uow: UnitOfWork) -> None:
        meetings.convene(uow, series_id, convening, on=uow.today())

    return _answer(request, wiring, operator, series_id, form, call)


@router.post("/operations/bonds/{series_id}/meeting/{n}/again")
def convene_again(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, series_id: str, n: Number,
    typed: Typed, evidence: File = None,
) -> Response:  # fmt: skip
    """Call the second meeting on a resolution whose first had no quorum."""
    form = typed_form(typed, f"{AGAIN}-{n}", "opens_on", "last_on")
    convening = _convening(form, evidence, language)

    def call(uow: UnitOfWork) -> None:
        meetings.convene_again(uow, series_id, n, convening, on=uow.today())

    return _answer(request, wiring, operator, series_id, form, call)


@router.post("/operations/bonds/{series_id}/meeting/{n}/court")
def record_judgment(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, series_id: str, n: Number,
    typed: Typed, evidence: File = None,
) -> Response:  # fmt: skip
    """Record what the court of appeal decided; what it confirms takes effect with the jobs of the day."""
    form = typed_form(typed, f"{COURT}-{n}", "approved")
    proof, approved = sha256_in(form, evidence, language), bool(form.value("approved"))

    def record(uow: UnitOfWork) -> None:
        meetings.record_homologation(uow, series_id, n, approved=approved, on=uow.today(), evidence=proof)

    return _answer(request, wiring, operator, series_id, form, record)


def _list(request: Request, wiring: Wiring, series_id: str, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    with book.read() as connection:
        terms = series_record(connection, book.book_id, series_id).series.terms
        found = resolutions(connection, book.book_id, series_id)
    return render(
        request,
        "meeting.html",
        status=code,
        here=f"bonds/{series_id}/meeting",
        series_id=series_id,
        terms=terms,
        found=found[::-1],
        kinds=list(ChangeKind),
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
    )


def _item(
    request: Request, wiring: Wiring, session: Session | None, series_id: str, n: int, form: Form, *,
    confirms: tuple[Choice, str] | None = None, code: int = 200,
) -> Response:  # fmt: skip
    book, found = wiring.book, _resolution(wiring, series_id, n)
    voter = session if session is not None and session.role is Role.CITIZEN else None
    with book.read() as connection:
        terms = series_record(connection, book.book_id, series_id).series.terms
        first = votes.vote_view(connection, book.book_id, found.vote_ids[0]) if len(found.vote_ids) > 1 else None
    ballot = _ballot(wiring, voter, found.vote_id)
    return render(
        request,
        "resolution.html",
        status=code,
        here=f"bonds/{series_id}/meeting/{n}",
        series_id=series_id,
        terms=terms,
        found=found,
        first=first,
        ballot=ballot,
        rule=ballot.view.spec.rule,
        confirms=confirms,
        choices=ballot_box.OFFERED,
        me=voter.party_id if voter else "",
        proxies_until=vote_service.last_day_for_proxies(ballot.view.spec),
        form=form,
        form_for=lambda target: form if form.target == target else Form(target=target),
    )


def _ballot(wiring: Wiring, voter: Session | None, vote_id: str) -> Ballot:
    book, who = wiring.book, voter.party_id if voter else ""
    with book.read() as connection:
        return Ballot(
            view=votes.vote_view(connection, book.book_id, vote_id),
            claims=votes.own_claims(connection, book.book_id, vote_id, who),
            given=list(votes.proxies_given(connection, book.book_id, vote_id, who)),
            held=list(votes.proxies_held(connection, book.book_id, vote_id, who)),
            today=book.today_in(connection),
        )


def _resolution(wiring: Wiring, series_id: str, n: int) -> Resolution:
    with wiring.book.read() as connection:
        return resolution(connection, wiring.book.book_id, series_id, n)


def _answer(
    request: Request, wiring: Wiring, operator: Session, series_id: str, form: Form, act: Callable[[UnitOfWork], None]
) -> Response:
    """Do it in one unit of work and go back to the list; what is wrong is said on the page."""
    language = request.url.path.strip("/").partition("/")[0]
    if form.has_errors:
        return _list(request, wiring, series_id, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        fields = {"vote-notice-too-short": "opens_on", "meeting-callers-short": "asked_by", "agenda-malformed": "text"}
        return _list(request, wiring, series_id, refused(refusal, language, form, fields), code=status(refusal))
    return see_other(f"/{language}/bonds/{series_id}/meeting")


def _change(form: Form, language: str) -> Change:
    """The resolution as it was typed: of its figures only the one that its kind has."""
    kind = ChangeKind(form.value("kind")) if form.value("kind") in list(ChangeKind) else ChangeKind.CONSERVATORY
    rate = share_of(form.value("rate"))
    if kind is ChangeKind.RATE_CUT and rate is None:
        form.errors["rate"] = tongue(language).text("meeting.error-rate")
    return Change(
        kind=kind,
        text=text_in(form, "text", language, error="meeting.error-text"),
        matures_on=day_in(form, "matures_on", language) if kind is ChangeKind.EXTENSION else None,
        rate_annual=rate if kind is ChangeKind.RATE_CUT else None,
        cents_a_unit=cents_in(form, "amount", language) if kind is ChangeKind.HAIRCUT else 0,
    )


def _convening(form: Form, evidence: UploadFile | None, language: str, *agenda: Change) -> Convening:
    opens_on, last_on = day_in(form, "opens_on", language), day_in(form, "last_on", language)
    ends_on = last_on if form.has_errors else last_on + timedelta(days=1)
    return Convening(
        agenda=agenda,
        opens_at=datetime.combine(opens_on, time(), BRUSSELS),
        closes_at=datetime.combine(ends_on, time(), BRUSSELS),
        evidence=sha256_in(form, evidence, language),
        asked_by=form.value("asked_by").split(),
    )
