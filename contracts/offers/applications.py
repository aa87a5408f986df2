"""Use cases of an entrepreneur's application: write it, submit it, and what staff makes of it.

An application has no rows of its own: its moves are its record, and what it states stands in them sealed under the
enterprise's key. Whoever moves one holds the enterprise's row.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa

from contracts import moves
from contracts.events import Mail, emit_mail, emit_mails
from contracts.offers.application import (
    ACCEPTED,
    DECLINED,
    LONGEST_TEXT,
    MACHINE,
    RETURNED,
    SUBMITTED,
    WITHDRAWN,
    WRITTEN,
    Answers,
    ApplicationState,
    borrower_facts,
    checked_answers,
    missing_answers,
    owner_declaration,
)
from contracts.offers.model import OfferDraft
from contracts.offers.service import draft_offer
from contracts.parties.model import Attribute, PartyKind
from contracts.parties.queries import Keeper, operators, party
from contracts.parties.service import lock_party, record_attribute
from contracts.schemes import conditions
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON

_INFIX = ":application:"
_MAILS: Mapping[str, str] = {
    SUBMITTED: "application-submitted",
    WITHDRAWN: "application-withdrawn",
    RETURNED: "application-returned",
    DECLINED: "application-declined",
    ACCEPTED: "application-accepted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationView:
    """An application as it stands; `reason` is what staff wrote last, `offer_id` what became of it."""

    application_id: str
    borrower: str
    state: ApplicationState
    answers: Answers
    missing: tuple[str, ...]
    submitted_on: date | None
    reason: str | None
    offer_id: str | None

    @property
    def title(self) -> str:
        """The project's title; empty while it has none."""
        return str(self.answers.get("title", ""))


def start_application(uow: UnitOfWork, borrower: str, *, on: date) -> str:
    """Begin an application without answers; gives its id. Refuses `borrower-not-an-enterprise`."""
    lock_party(uow, borrower)
    if party(uow.connection, uow, borrower).kind is not PartyKind.LEGAL:
        raise Refusal("borrower-not-an-enterprise", borrower=borrower)
    earlier = len(_ids(uow.connection, uow.book_id, borrower))
    application_id = f"{borrower}{_INFIX}{earlier + 1}"
    _write(uow, application_id, {}, on)
    return application_id


def write_application(uow: UnitOfWork, application_id: str, values: Answers, *, on: date) -> None:
    """Keep the answers in the place of those before; refuses `application-item-malformed`, `move-not-allowed`."""
    _lock(uow, application_id)
    _write(uow, application_id, checked_answers(values), on)


def submit_application(uow: UnitOfWork, application_id: str, *, on: date) -> None:
    """Hand it in to staff.

    Refuses `application-incomplete`, and `borrower-ineligible-…`, `rate-outside-corridor`, `term-not-allowed`,
    `repayment-not-allowed` and `borrower-cap-exceeded` where the scheme does not allow it.
    """
    standing = _lock(uow, application_id)
    MACHINE.after(standing.state, SUBMITTED)
    if standing.missing:
        raise Refusal("application-incomplete", items=list(standing.missing))
    facts = cast("Mapping[str, Any]", standing.answers)
    conditions.check_borrower(conditions.PROXI_B, borrower_facts(standing.answers), on=on)
    conditions.check_conditions(
        conditions.PROXI_B,
        concluded_on=on,
        rate_annual=Decimal(facts["rate_annual"]),
        term_years=facts["term_years"],
        repayment=conditions.repayment_form(RepaymentKind(facts["kind"]), Every(facts["every"])),
    )
    conditions.check_borrower_cap(conditions.PROXI_B, on=on, amount_cents=facts["maximum_cents"], outstanding_cents=0)
    _move(uow, application_id, SUBMITTED, on)


def withdraw_application(uow: UnitOfWork, application_id: str, *, on: date) -> None:
    """Take it back before staff has decided; refuses `move-not-allowed` afterwards."""
    _lock(uow, application_id)
    _move(uow, application_id, WITHDRAWN, on)


def return_application(uow: UnitOfWork, application_id: str, *, reason: str, on: date) -> None:
    """Give it back to be completed, with what is wrong; refuses `application-reason-missing`."""
    _decide(uow, application_id, RETURNED, reason, on)


def decline_application(uow: UnitOfWork, application_id: str, *, reason: str, on: date) -> None:
    """Decline it for good, with the reason; refuses `application-reason-missing`."""
    _decide(uow, application_id, DECLINED, reason, on)


def accept_application(uow: UnitOfWork, application_id: str, *, opens_on: date, closes_on: date, on: date) -> str:
    """Draft an offer from it and keep what its owner declared; gives the offer's id. Refuses as `draft_offer` does."""
    standing = _lock(uow, application_id)
    MACHINE.after(standing.state, ACCEPTED)
    facts = cast("Mapping[str, Any]", standing.answers)
    draft = OfferDraft(
        borrower=standing.borrower,
        title=facts["title"],
        commune=facts["commune"],
        sector=facts["sector"],
        pitch=facts["pitch"],
        use_of_funds=facts["use_of_funds"],
        risks=facts["risks"],
        rate_annual=Decimal(facts["rate_annual"]),
        term_years=facts["term_years"],
        every=Every(facts["every"]),
        kind=RepaymentKind(facts["kind"]),
        day_count=DayCount.THIRTY_E_360,
        minimum_cents=facts["minimum_cents"],
        maximum_cents=facts["maximum_cents"],
        pledge_minimum_cents=facts["pledge_minimum_cents"],
        opens_on=opens_on,
        closes_on=closes_on,
    )
    offer_id = draft_offer(uow, draft, on=on)
    record_attribute(
        uow,
        standing.borrower,
        Attribute.OWNER_DECLARATION,
        owner_declaration(standing.answers).to_json(),
        valid_from=on,
        evidence=application_id,
    )
    _move(uow, application_id, ACCEPTED, on, offer_id=offer_id)
    return offer_id


def application(connection: sa.Connection, keeper: Keeper, application_id: str) -> ApplicationView:
    """One application as it stands; refuses `application-not-known`."""
    history = moves.moves_of(connection, keeper.book_id, [application_id])[application_id]
    if not history or _INFIX not in application_id:
        raise Refusal("application-not-known", application_id=application_id[:60])
    return _view(connection, keeper, application_id, history)


def applications(
    connection: sa.Connection, keeper: Keeper, *, borrower: str | None = None, state: ApplicationState | None = None
) -> list[ApplicationView]:
    """Every application, oldest first; of one `borrower` or in one `state` if given."""
    histories = moves.moves_of(connection, keeper.book_id, _ids(connection, keeper.book_id, borrower))
    found = [_view(connection, keeper, each, history) for each, history in histories.items()]
    wanted = (each for each in found if state is None or each.state is state)
    return sorted(wanted, key=lambda each: (each.submitted_on or date.max, each.application_id))


def _lock(uow: UnitOfWork, application_id: str) -> ApplicationView:
    borrower = application_id.partition(_INFIX)[0]
    application(uow.connection, uow, application_id)
    lock_party(uow, borrower)
    return application(uow.connection, uow, application_id)


def _write(uow: UnitOfWork, application_id: str, answers: Answers, on: date) -> None:
    borrower = application_id.partition(_INFIX)[0]
    sealed = uow.keys.seal_personal(uow, borrower, json.dumps(answers, sort_keys=True).encode())
    facts: dict[str, JSON] = {"sealed": base64.b64encode(sealed).decode()}
    moves.record_move(uow, MACHINE, application_id, WRITTEN, on=on, facts=facts)


def _decide(uow: UnitOfWork, application_id: str, event: str, reason: str, on: date) -> None:
    if not reason.strip() or len(reason) > LONGEST_TEXT:
        raise Refusal("application-reason-missing")
    _lock(uow, application_id)
    _move(uow, application_id, event, on, reason=reason.strip())


def _move(uow: UnitOfWork, application_id: str, event: str, on: date, **facts: JSON) -> None:
    """Record what happened to it and write to the enterprise; of one that was handed in, to everybody who decides.

    Mails call it by its number: its title is sealed under the enterprise's key, the wish for a mail is not.
    """
    moves.record_move(uow, MACHINE, application_id, event, on=on, facts=facts)
    last = moves.last_move(uow.connection, uow.book_id, application_id)
    assert last is not None, "it was moved a moment ago"
    borrower, _, number = application_id.partition(_INFIX)
    key, stated = f"{application_id}:{last.sequence}", {"number": number}
    told = {**stated, "reason": facts["reason"]} if "reason" in facts else stated
    emit_mail(uow, _MAILS[event], key=key, to=borrower, facts=told, path=f"/enterprise/applications/{application_id}")
    if event == SUBMITTED:
        path, staff = f"/operations/applications/{application_id}", operators(uow.connection, uow)
        emit_mails(uow, "application-to-decide", [Mail(f"{key}:{each}", each, stated, path) for each in staff])


def _view(connection: sa.Connection, keeper: Keeper, application_id: str, history: list[moves.Move]) -> ApplicationView:
    borrower = application_id.partition(_INFIX)[0]
    written = next(move for move in reversed(history) if move.event == WRITTEN)
    sealed = base64.b64decode(str(written.facts["sealed"]))
    [opened] = keeper.keys.open_many(connection, [(borrower, sealed)])
    answers: Answers = {} if opened is None else json.loads(opened)  # an erased enterprise's states nothing any more
    reasons = [str(move.facts["reason"]) for move in history if "reason" in move.facts]
    last = history[-1]
    return ApplicationView(
        application_id=application_id,
        borrower=borrower,
        state=ApplicationState(last.to_state),
        answers=answers,
        missing=missing_answers(answers),
        submitted_on=max((move.effective_on for move in history if move.event == SUBMITTED), default=None),
        reason=reasons[-1] if reasons else None,
        offer_id=str(last.facts["offer_id"]) if last.event == ACCEPTED else None,
    )


def _ids(connection: sa.Connection, book_id: str, borrower: str | None) -> list[str]:
    m = moves.move.c
    query = sa.select(m.object_id).where(m.book_id == book_id, m.machine == MACHINE.name, m.sequence == 1)
    if borrower is not None:
        query = query.where(m.object_id.startswith(f"{borrower}{_INFIX}", autoescape=True))
    return list(connection.execute(query).scalars())
