"""A lender's side of a plan: what it changes for her, her ballot, her proxy, and what came of the vote."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from fastapi import Form as Field
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Citizen, Language, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.loans.queries import loan_page
from contracts.secondchance.lender_view import LenderVote, lender_vote
from contracts.statistics.scorecard import Outcome
from contracts.votes import service as votes
from contracts.votes.tally import Choice
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.pages import ballot_box
from frontend.pages.plan_words import plan_sentences
from frontend.pages.scorecard import whole_percent
from frontend.rendering import render, see_other
from ledger.errors import Refusal
from ledger.storage.base import json_text

Text = Annotated[str, Field()]
router = APIRouter(prefix="/loans/{loan_id}/vote")


@router.get("")
def plan_and_vote(request: Request, wiring: WiringDep, citizen: Citizen, language: Language, loan_id: str) -> Response:
    """The plan in plain words, the ballot while the vote is open, the result afterwards."""
    return _page(request, wiring, citizen, language, loan_id, Form())


@router.post("")
def vote(
    request: Request, wiring: WiringDep, citizen: Citizen, language: Language, loan_id: str,
    choice: Text = "", voter: Text = "", confirmed: Text = "",
) -> Response:  # fmt: skip
    """Say yes or no with all of one's claim, or of a claim one holds a proxy for; the first time it is only shown."""
    whose, form = voter or citizen.party_id, ballot_box.choice_form(choice, language)
    if form.has_errors:
        return _page(request, wiring, citizen, language, loan_id, form, code=422)
    if confirmed != "yes":
        return _page(request, wiring, citizen, language, loan_id, form, confirms=(Choice(choice), whose))
    vote_id = _own(wiring, citizen, loan_id).spec.vote_id
    wrong = ballot_box.send_ballot(wiring, citizen.party_id, vote_id, whose, form, language=language)
    if wrong is not None:
        return _page(request, wiring, citizen, language, loan_id, wrong[0], code=status(wrong[1]))
    return see_other(f"/{language}/loans/{loan_id}/vote#ballot")


@router.get("/ballot")
def own_ballot(wiring: WiringDep, citizen: Citizen, loan_id: str) -> Response:
    """The file that opens one's newest ballot, to be kept and to be held against the result."""
    return ballot_box.own_file(wiring, citizen.party_id, _own(wiring, citizen, loan_id).spec.vote_id, ballot_box.BALLOT)


@router.get("/ballot.tlog-proof")
def ballot_proof(wiring: WiringDep, citizen: Citizen, loan_id: str) -> Response:
    """The proof that the log holds one's newest ballot since it was sent; first of two files of a receipt."""
    return ballot_box.own_file(wiring, citizen.party_id, _own(wiring, citizen, loan_id).spec.vote_id, ballot_box.PROOF)


@router.get("/opening.json")
def ballot_opening(wiring: WiringDep, citizen: Citizen, loan_id: str) -> Response:
    """What the log holds of the ballot: its commitment; second of two files of a receipt."""
    vote_id = _own(wiring, citizen, loan_id).spec.vote_id
    return ballot_box.own_file(wiring, citizen.party_id, vote_id, ballot_box.OPENING)


@router.get("/plan")
def plan_body(wiring: WiringDep, citizen: Citizen, loan_id: str) -> Response:
    """The plan to the byte: what the hash in the announcement is of."""
    seen = _own(wiring, citizen, loan_id)
    return ballot_box.download(json_text(dict(seen.plan.body)).encode(), f"plan-{seen.plan.sha256[:12]}.json")


@router.post("/proxies")
def give_proxy(
    request: Request, wiring: WiringDep, citizen: Citizen, language: Language, loan_id: str, holder: Text = ""
) -> Response:
    """Let another person vote, from today to the end of the vote; the mandate's hash goes into the record."""
    form, holder = Form({"holder": holder}, target="proxy"), holder.strip()
    try:
        seen = _own(wiring, citizen, loan_id)
        ballot_box.give_proxy(wiring, citizen.party_id, seen.spec.vote_id, holder, last_on=seen.last_on)
    except Refusal as refusal:
        wrong = refused(refusal, language, form, ballot_box.PROXY_FIELDS)
        return _page(request, wiring, citizen, language, loan_id, wrong, code=status(refusal))
    return see_other(f"/{language}/loans/{loan_id}/vote#proxy")


@router.post("/proxies/{proxy_id}/end")
def end_proxy(wiring: WiringDep, citizen: Citizen, language: Language, loan_id: str, proxy_id: str) -> Response:
    """Take a proxy back, or give one back."""
    vote_id = _own(wiring, citizen, loan_id).spec.vote_id
    with wiring.book.unit_of_work(actor=citizen.party_id) as uow:
        votes.revoke_proxy(uow, vote_id, proxy_id)
    return see_other(f"/{language}/loans/{loan_id}/vote#proxy")


def _own(wiring: Wiring, citizen: Session, loan_id: str) -> LenderVote:
    """The vote as the citizen sees it; one that she has no part in answers as one that does not exist."""
    book = wiring.book
    with book.read() as connection:
        seen = lender_vote(connection, book.book_id, loan_id, citizen.party_id, today=book.today_in(connection))
    if seen.claim is None and not seen.held:
        raise Refusal("vote-unknown", vote=loan_id[:40])
    return seen


def _page(
    request: Request, wiring: Wiring, citizen: Session, language: str, loan_id: str, form: Form, *,
    confirms: tuple[Choice, str] | None = None, code: int = 200,
) -> Response:  # fmt: skip
    seen, book = _own(wiring, citizen, loan_id), wiring.book
    with book.read() as connection:
        page = loan_page(connection, book, loan_id, seen.today, citizen.party_id)
        last_day_for_proxies = votes.last_day_for_proxies(seen.spec)
    return render(
        request,
        "vote.html",
        status=code,
        here=f"loans/{loan_id}/vote",
        assumed={name: Decimal(seen.plan.body[name]["share"]) for name in ("refused", "bankrupt")},
        page=page,
        seen=seen,
        sentences=plan_sentences(tongue(language), seen.plan.body),
        form_for=lambda target: form if form.target == target else Form(target=target),
        form=form,
        confirms=confirms,
        choices=ballot_box.OFFERED,
        me=citizen.party_id,
        card=wiring.statistics.current(book).scorecard,
        outcomes=list(Outcome),
        share=lambda value: whole_percent(value, tongue(language)),
        proxies_until=last_day_for_proxies,
        judicial=seen.plan.body["route"] == "judicial",
    )
