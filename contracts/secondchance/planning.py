"""A plan for a loan on record: reckoned from its book, brought into effect, and undone where it falls.

The plan's tools are fixed when it is published, under a hash; on the day of its effect they are used on what is then
owed, so that what was paid meanwhile counts. Payments are the replay's repayments, each on its date of effect.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Self

from contracts.loans.books import LoanBook
from contracts.loans.lifecycle import CONCEDED, EASED, REVIVED, SETTLED
from contracts.loans.model import ClaimChange, LenderClaim
from contracts.loans.rebasing import rebase
from contracts.loans.simulation.dues import LAWFUL
from contracts.loans.simulation.events import Event, EventType
from contracts.secondchance import postings
from contracts.secondchance.model import Route
from contracts.secondchance.proposal import Assumption, Draft, Lender, LenderCase, Proposal, propose
from contracts.secondchance.tools import Frame, HolidayInterest, Tool, Use
from contracts.terms.agreed import Terms
from contracts.terms.schedule import Instalment
from ledger.book import UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON, json_text
from ledger.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTerms:
    """What lenders decide on; `refused` and `bankrupt` say what is assumed otherwise. `body` is it in JSON."""

    route: Route
    uses: tuple[Use, ...]
    refused: Assumption
    bankrupt: Assumption
    reasons: str = ""

    @property
    def body(self) -> dict[str, JSON]:
        """Its JSON, whose hash names the plan."""
        return {
            "route": self.route.value,
            "tools": [
                {
                    "tool": use.tool.value,
                    "periods": use.periods,
                    "interest": use.interest.value,
                    "amount_cents": use.amount_cents,
                    "rate_annual": f"{use.rate_annual:f}",
                    "expires_on": use.expires_on.isoformat() if use.expires_on else None,
                }
                for use in self.uses
            ],
            "refused": _stated(self.refused),
            "bankrupt": _stated(self.bankrupt),
            "reasons": self.reasons,
        }

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The terms of a body."""
        return cls(
            route=Route(body["route"]),
            uses=tuple(
                Use(
                    tool=Tool(each["tool"]),
                    periods=each["periods"],
                    interest=HolidayInterest(each["interest"]),
                    amount_cents=each["amount_cents"],
                    rate_annual=Decimal(each["rate_annual"]),
                    expires_on=date.fromisoformat(each["expires_on"]) if each["expires_on"] else None,
                )
                for each in body["tools"]
            ),
            refused=_assumption(body["refused"]),
            bankrupt=_assumption(body["bankrupt"]),
            reasons=body["reasons"],
        )


def plan_hash(body: Mapping[str, JSON]) -> str:
    """The SHA-256 of a plan's body, in hex."""
    return hashlib.sha256(json_text(dict(body)).encode()).hexdigest()


def reckon(book: LoanBook, plan: PlanTerms, *, on: date, borrower_outstanding_cents: int) -> Proposal:
    """A plan's figures on a day.

    Refuses what `propose` refuses, `loan-has-a-plan` and `holiday-capitalisation-not-served`.
    """
    loan = book.loan
    if book.rebases:
        raise Refusal("loan-has-a-plan", loan_id=loan.loan_id)
    terms = Terms(
        principal_cents=loan.principal_cents,
        rate_annual=loan.rate_annual,
        starts_on=loan.agreed_on,
        first_due_on=loan.first_due_on,
        instalments=book.agreed_instalments,
        every=loan.every,
        kind=loan.kind,
        day_count=loan.day_count,
    )
    frame = Frame(
        terms=terms,
        scheme=loan.scheme,
        route=plan.route,
        on=on,
        borrower_outstanding_cents=borrower_outstanding_cents,
    )
    owed = [(claim, book.position_of(claim).outstanding_cents(on)) for claim in book.held_claims]
    draft = Draft(
        frame=frame,
        order=LAWFUL,
        events=tuple(_payments(book)),
        uses=plan.uses,
        lenders=tuple(Lender(claim.pledge_id, claim.principal_cents, claim_cents=cents) for claim, cents in owed),
        refused=plan.refused,
        bankrupt=plan.bankrupt,
        reasons=plan.reasons,
    )
    found = propose(draft)
    if found.changed.later_cents:
        raise Refusal("holiday-capitalisation-not-served")
    return found


def bring_into_effect(uow: UnitOfWork, book: LoanBook, plan: Proposal, *, on: date, evidence: str) -> None:
    """Post what the plan makes of each claim, drop what is unpaid of the old schedule, and ask for the new one."""
    cases = {case.holder: case for case in plan.lenders}
    number = len(book.rebases) + 1
    for claim in book.held_claims:
        for template, cents in _entries(cases[claim.pledge_id]):
            if cents:
                _post(uow, template, book, claim, cents, number=number, on=on, evidence=evidence)
    changed = plan.changed
    rebase(
        uow,
        book,
        CONCEDED if plan.is_distressed else EASED,
        on=on,
        evidence=evidence,
        rows=changed.after.rows,
        changes=[
            _change(cases[claim.pledge_id]) if claim.pledge_id in cases else ClaimChange() for claim in book.claims
        ],
        forgone_cents=changed.waived_cents + changed.capitalised_cents,
    )


def revive(uow: UnitOfWork, book: LoanBook, *, on: date, evidence: str) -> None:
    """The plan falls: the dues that it dropped are owed again, less what was paid since, the oldest first (art. XX.82).

    What was cut revives, and what was capitalised is interest again as far as it is still owed; shares stay shares.
    """
    fallen, number = book.rebases[-1], len(book.rebases)
    changes = []
    for claim, made in zip(book.claims, book.borne(fallen), strict=True):
        owed = book.position_of(claim).outstanding_cents(on)
        undone = min(made.capitalised_cents, owed + made.cut_cents)
        changes.append(ClaimChange(capitalised_cents=-undone, cut_cents=-made.cut_cents))
        for template, cents in (
            (postings.CLAIM_REVIVED, made.cut_cents),
            (postings.CAPITALISATION_UNDONE, undone),
        ):
            if cents:
                _post(uow, template, book, claim, cents, number=number, on=on, evidence=evidence)
    owed = book.position.outstanding_cents(on) + sum(change.cents for change in changes)
    paid_since = [each for each in book.instalments if each.n >= fallen.first_n and book.instalment_on(each.n, SETTLED)]
    interest = sum(each.interest_cents for each in paid_since)
    rows = _net([book.instalments[n - 1] for n in fallen.dropped], owed_cents=owed, interest_paid_cents=interest)
    rebase(uow, book, REVIVED, on=on, evidence=evidence, rows=rows, changes=changes)


def release(uow: UnitOfWork, book: LoanBook, *, on: date, evidence: str) -> None:
    """Nothing can revive any more what the plan cut: the borrower owes it no longer."""
    number = len(book.rebases)
    for claim, made in zip(book.claims, book.borne(book.rebases[-1]), strict=True):
        if made.cut_cents > 0:
            cut = made.cut_cents
            _post(uow, postings.CLAIM_RELEASED, book, claim, cut, number=number, on=on, evidence=evidence)


def figures(plan: Proposal) -> dict[str, JSON]:
    """What a plan was reckoned to bring each lender, in cents, by pledge, for the record."""
    return {
        case.holder: {
            name: {
                "cents": outcome.cents,
                "present_value_cents": outcome.present_value_cents,
                "tax_credit_cents": outcome.tax_credit_cents,
            }
            for name, outcome in (
                ("before", case.before),
                ("after", case.after),
                ("refused", case.refused),
                ("bankrupt", case.bankrupt),
            )
        }
        for case in plan.lenders
    }


def _post(
    uow: UnitOfWork, template: Template, book: LoanBook, claim: LenderClaim, cents: int, *, number: int, on: date,
    evidence: str,
) -> None:  # fmt: skip
    uow.post(postings.of_plan(template, book.loan, claim, number, cents, on=on, actor=uow.actor, evidence=evidence))


def _net(rows: Sequence[Instalment], *, owed_cents: int, interest_paid_cents: int) -> list[Instalment]:
    """Dues less what was paid of them, the oldest first, so that principal comes to what is owed."""
    gone, found, left = sum(row.principal_cents for row in rows) - owed_cents, [], owed_cents
    for row in rows if owed_cents else ():
        less, less_interest = min(gone, row.principal_cents), min(interest_paid_cents, row.interest_cents)
        gone, interest_paid_cents = gone - less, interest_paid_cents - less_interest
        principal, interest = row.principal_cents - less, row.interest_cents - less_interest
        left -= principal
        found.append(
            replace(
                row,
                interest_cents=interest,
                principal_cents=principal,
                total_cents=interest + principal,
                outstanding_cents=left,
            )
        )
    return found


def _payments(book: LoanBook) -> list[Event]:
    """Every instalment that was paid, as a repayment; one paid before its day counts on it."""
    found = []
    for each in book.instalments:
        paid_on = book.instalment_on(each.n, SETTLED)
        if paid_on is not None:
            on = max(paid_on, each.due_on)
            event = Event(event_id=str(each.n), on=on, kind=EventType.REPAYMENT, amount_cents=each.total_cents)
            found.append(event)
    return found


def _entries(case: LenderCase) -> list[tuple[Template, int]]:
    return [
        (postings.INTEREST_WAIVED, case.waived_cents),
        (postings.INTEREST_CAPITALISED, case.capitalised_cents),
        (postings.CLAIM_REDUCED, case.cut_cents),
        (postings.CLAIM_CONVERTED, case.converted_cents),
    ]


def _change(case: LenderCase) -> ClaimChange:
    return ClaimChange(
        capitalised_cents=case.capitalised_cents, cut_cents=case.cut_cents, converted_cents=case.converted_cents
    )


def _assumption(stated: Mapping[str, Any]) -> Assumption:
    return Assumption(Decimal(stated["share"]), stated["months"])


def _stated(assumed: Assumption) -> dict[str, JSON]:
    return {"share": f"{assumed.share:f}", "months": assumed.months}
