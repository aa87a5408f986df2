"""The desk for loans in difficulty: each file's state, the moves that are possible in it, and their papers by hash."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.bootstrap import Wiring
from api.deps import Language, Operator, WiringDep
from api.identity.model import Session
from api.refusals import status
from contracts.loans.queries import loan_page
from contracts.secondchance import lifecycle as life
from contracts.secondchance import requests, service
from contracts.secondchance.model import Procedure, Route, Signal, Stay
from contracts.secondchance.planning import PlanTerms
from contracts.secondchance.queries import ChanceFile, chance_file, open_files
from frontend.forms import Form, refused
from frontend.i18n import tongue
from frontend.pages.desk_fields import day_in, sha256_in
from frontend.pages.plan_words import plan_sentences
from frontend.pages.typed import Typed
from frontend.rendering import render, see_other
from ledger.book import UnitOfWork
from ledger.errors import Refusal

router = APIRouter(prefix="/operations/plans")


@dataclass(frozen=True, slots=True)
class Filled:
    """What a desk's form says: the day and paper of the move, and the days named in its other fields."""

    on: date
    evidence: str
    days: Mapping[str, date]
    form: Form


Act = Callable[[UnitOfWork, str, Filled], object]


@dataclass(frozen=True, slots=True)
class DeskMove:
    """A move that staff records: `days` are the date fields besides its own day."""

    act: Act
    days: tuple[str, ...] = ()


def _simply(act: Callable[..., object], **more: object) -> Act:
    return lambda uow, loan_id, said: act(uow, loan_id, on=said.on, evidence=said.evidence, **more)


def _stay(act: Callable[..., object]) -> DeskMove:
    days = ("starts_on", "ends_on")
    return DeskMove(
        lambda uow, loan_id, said: act(
            uow, loan_id, Stay(*(said.days[name] for name in days)), on=said.on, evidence=said.evidence
        ),
        days,
    )


def _call(uow: UnitOfWork, loan_id: str, said: Filled) -> None:
    procedure = Procedure.LARGE if said.form.value("large") == "yes" else Procedure.SME
    days = {name: said.days[name] for name in ("opens_on", "closes_on")}
    service.open_vote(uow, loan_id, on=said.on, evidence=said.evidence, procedure=procedure, **days)


def _begin_again(uow: UnitOfWork, loan_id: str, said: Filled) -> None:
    ticked = {name: said.form.value(name) == "yes" for name in ("in_good_faith", "is_sanctioned", "is_discharged")}
    service.begin_again(uow, loan_id, on=said.on, evidence=said.evidence, **ticked)


def _follow(event: str) -> DeskMove:
    return DeskMove(lambda uow, loan_id, said: service.follow(uow, loan_id, event, on=said.on, evidence=said.evidence))


MOVES: Mapping[str, DeskMove] = {
    life.RESOLVED: DeskMove(_simply(service.resolve_warning)),
    life.INSOLVENCY: DeskMove(_simply(service.report_insolvency)),
    life.STANDSTILL_AGREED: _stay(service.agree_standstill),
    life.MORATORIUM_GRANTED: _stay(service.grant_moratorium),
    life.MORATORIUM_EXTENDED: _stay(service.grant_moratorium),
    life.STANDSTILL_ENDED: DeskMove(_simply(service.end_standstill)),
    life.WITHDRAWN: DeskMove(_simply(service.withdraw_plan)),
    life.VOTE_OPENED: DeskMove(_call, ("opens_on", "closes_on")),
    life.HOMOLOGATED: DeskMove(_simply(service.homologate)),
    life.HOMOLOGATION_REFUSED: DeskMove(_simply(service.refuse_homologation)),
    life.PLAN_MISSED: DeskMove(_simply(service.fail_plan, is_revoked=False)),
    life.PLAN_REVOKED: DeskMove(_simply(service.fail_plan, is_revoked=True)),
    life.PLAN_PERFORMED: DeskMove(_simply(service.perform_plan)),
    life.CURE_PASSED: DeskMove(_simply(service.cure)),
    life.REHABILITATED: DeskMove(_simply(service.rehabilitate)),
    life.RE_ELIGIBLE: DeskMove(_begin_again),
    life.RECOVERY_OPENED: _follow(life.RECOVERY_OPENED),
    life.DIVIDEND: _follow(life.DIVIDEND),
    life.LOSS_PROVEN: _follow(life.LOSS_PROVEN),
    life.CERTIFIED: _follow(life.CERTIFIED),
    life.PAID_IN_FULL: _follow(life.PAID_IN_FULL),
}
"""What staff records by hand; other moves follow from dues, from a count, or from the loan's own use cases."""
TICKS: Mapping[str, tuple[str, ...]] = {
    life.VOTE_OPENED: ("large",),
    life.RE_ELIGIBLE: ("in_good_faith", "is_sanctioned", "is_discharged"),
}


@router.get("")
def files(request: Request, wiring: WiringDep, operator: Operator) -> Response:
    """Every file, with its state and its next promise."""
    del operator
    book = wiring.book
    with book.read() as connection:
        today, found = book.today_in(connection), open_files(connection, book.book_id)
        titles = {each.loan_id: loan_page(connection, book, each.loan_id, today).title for each in found}
    return render(request, "chances.html", files=found, titles=titles)


@router.get("/{loan_id}")
def file(request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str) -> Response:
    """One file: what happened, what was promised, what can be recorded now."""
    del operator
    return _page(request, wiring, language, loan_id, Form())


@router.post("/{loan_id}/signal")
def note_signal(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str, typed: Typed,
    evidence: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Keep a sign of difficulty; lenders are told where it is material."""
    form = Form(dict(typed) | {"evidence": ""}, target="signal")
    on, news_on = day_in(form, "on", language), day_in(form, "update_on", language)
    proof, said = sha256_in(form, evidence, language), form.value("signal")
    if said not in list(Signal):
        form.errors["signal"] = tongue(language).text("chance.error-signal")

    def act(uow: UnitOfWork) -> None:
        material = form.value("material") == "yes"
        service.note_signal(uow, loan_id, Signal(said), on=on, evidence=proof, is_material=material, update_on=news_on)

    return _answer(request, wiring, operator, language, loan_id, form, act)


@router.post("/{loan_id}/update")
def give_update(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str, typed: Typed,
    evidence: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Give the news that was promised, and promise the next."""
    form = Form(dict(typed) | {"evidence": ""}, target="update")
    news_on, proof = day_in(form, "update_on", language), sha256_in(form, evidence, language)

    def act(uow: UnitOfWork) -> None:
        service.give_update(uow, loan_id, on=uow.today(), evidence=proof, update_on=news_on)

    return _answer(request, wiring, operator, language, loan_id, form, act)


@router.post("/{loan_id}/publication")
def ask_publication(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str, typed: Typed
) -> Response:
    """Ask a second officer to put the plan that the borrower asked for before her lenders."""
    form = Form(dict(typed), target="publication")
    news_on = day_in(form, "update_on", language)

    def act(uow: UnitOfWork) -> None:
        asked = chance_file(uow.connection, uow.book_id, loan_id).asked_plan
        if asked is None:
            raise Refusal("plan-not-asked")
        plan = PlanTerms.of(dict(asked) | {"reasons": form.value("reasons").strip()})
        reason = tongue(language).text("chance.publication")
        requests.request_publication(uow, loan_id, plan, update_on=news_on, reason=reason)

    return _answer(request, wiring, operator, language, loan_id, form, act)


@router.post("/{loan_id}/moves/{event}")
def record_move(
    request: Request, wiring: WiringDep, operator: Operator, language: Language, loan_id: str, event: str,
    typed: Typed, evidence: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Record a move of the file from its paper."""
    if event not in MOVES:
        raise Refusal("not-found")
    form, move = Form(dict(typed) | {"evidence": ""}, target=event), MOVES[event]
    on = day_in(form, "on", language)
    days = {name: day_in(form, name, language) for name in move.days}
    said = Filled(on, sha256_in(form, evidence, language), days, form)
    return _answer(request, wiring, operator, language, loan_id, form, lambda uow: move.act(uow, loan_id, said))


def _answer(
    request: Request, wiring: Wiring, operator: Session, language: str, loan_id: str, form: Form,
    act: Callable[[UnitOfWork], object],
) -> Response:  # fmt: skip
    if form.has_errors:
        return _page(request, wiring, language, loan_id, form, code=422)
    try:
        with wiring.book.unit_of_work(actor=operator.party_id) as uow:
            act(uow)
    except Refusal as refusal:
        fields = {"update-date-too-early": "update_on", "notice-too-short": "opens_on"}
        return _page(request, wiring, language, loan_id, refused(refusal, language, form, fields), code=status(refusal))
    return see_other(f"/{language}/operations/plans/{loan_id}")


def _page(request: Request, wiring: Wiring, language: str, loan_id: str, form: Form, *, code: int = 200) -> Response:
    book = wiring.book
    with book.read() as connection:
        today = book.today_in(connection)
        found, page = chance_file(connection, book.book_id, loan_id), loan_page(connection, book, loan_id, today)
    words, asked = tongue(language), found.asked_plan
    return render(
        request,
        "chance.html",
        status=code,
        here=f"operations/plans/{loan_id}",
        file=found,
        page=page,
        moves=_possible(found),
        ticks=TICKS,
        signals=list(Signal),
        asked=plan_sentences(words, asked) if asked else [],
        is_judicial=asked is not None and asked["route"] == Route.JUDICIAL.value,
        plan=plan_sentences(words, found.plans[-1].body) if found.plans else [],
        form=form,
        form_for=lambda target: form if form.target == target else Form({"on": today.isoformat()}, target=target),
    )


def _possible(found: ChanceFile) -> dict[str, DeskMove]:
    return {event: move for event, move in MOVES.items() if life.MACHINE.allows(found.state, event)}
