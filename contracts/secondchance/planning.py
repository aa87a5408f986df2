"""A plan for a loan on record: reckoned from its book, brought into effect, and undone where it falls.

The plan's tools are fixed when it is published, under a hash; on the day of its effect they are used on what is then
owed, so that what was paid meanwhile counts. Payments are the replay's repayments, each on its date of effect.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Self

from contracts.events import LOAN_PLAN
from contracts.loans.books import LoanBook
from contracts.loans.lifecycle import CONCEDED, EASED, REVIVED, SETTLED
from contracts.loans.model import ClaimChange, Numbered, Rebase
from contracts.loans.passing import causes, change_of
from contracts.loans.rebasing import NewTerms, rebase
from contracts.loans.simulation.dues import LAWFUL, CalledDue, Component, parts
from contracts.loans.simulation.replay import Replay
from contracts.loans.steps import chunk, emit_rest, lock_loan
from contracts.loans.uncalled import not_called
from contracts.secondchance import postings
from contracts.secondchance.engine import owed
from contracts.secondchance.model import Route
from contracts.secondchance.proposal import Assumption, Draft, Lender, LenderCase, Proposal, propose
from contracts.secondchance.tools import Frame, HolidayInterest, Tool, Use
from contracts.terms.amortisation import Amortisation, Instalment
from ledger.balances import entries_by_key
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
    """A plan's figures on a day, on the loan as earlier plans left it.

    Refuses what `propose` refuses, `holiday-capitalisation-not-served`, and `loan-under-plan` for a loan whose earlier
    plan is on record without its terms.
    """
    loan = book.loan
    frame = Frame(
        terms=loan.terms,
        scheme=loan.scheme,
        route=plan.route,
        on=on,
        borrower_outstanding_cents=borrower_outstanding_cents,
    )
    new_year = date(on.year - 1, 12, 31)
    opening_cents = book.position.outstanding_cents(new_year) if new_year >= loan.agreed_on else 0
    claims = [(claim, book.position_of(claim).outstanding_cents(on)) for claim in book.held_claims]
    draft = Draft(
        frame=frame,
        order=LAWFUL,
        events=(),
        uses=plan.uses,
        lenders=tuple(
            Lender(
                claim.pledge_id,
                claim.principal_cents,
                claim_cents=cents,
                came_by=causes(book.passings, claim.number),
            )
            for claim, cents in claims
        ),
        refused=plan.refused,
        bankrupt=plan.bankrupt,
        reasons=plan.reasons,
        standing=standing(book, on),
        opening_cents=opening_cents,
    )
    found = propose(draft)
    if found.changed.later_cents:
        raise Refusal("holiday-capitalisation-not-served")
    return found


def bring_into_effect(uow: UnitOfWork, book: LoanBook, plan: Proposal, *, on: date, evidence: str) -> None:
    """Post what the plan makes of each claim, drop what is unpaid of the old schedule, and ask for the new one.

    Refuses `plan-under-way`.
    """
    _refuse_under_way(uow, book)
    cases, changed = {case.holder: case for case in plan.lenders}, plan.changed
    own = [cases.get(claim.pledge_id) for claim in book.claims]  # none of a claim that passed to others
    terms = NewTerms(
        rows=changed.after.rows,
        changes=[_change(case) if case else ClaimChange() for case in own],
        amortisation=changed.amortisation,
        forgone_cents=changed.waived_cents + changed.capitalised_cents,
        waived_cents=[case.waived_cents if case else 0 for case in own],
    )
    made = Rebase(on=on, first_n=0, dropped=(), changes=tuple(terms.changes), waived_cents=tuple(terms.waived_cents))
    _post_chunk(uow, book, [*book.rebases, made], Run(len(book.rebases) + 1, evidence))
    rebase(uow, book, CONCEDED if plan.is_distressed else EASED, terms, on=on, evidence=evidence)


def standing(book: LoanBook, on: date) -> Replay:
    """The loan as it stands at the end of a day: what was asked by then and is unpaid, and what is not called yet."""
    asked = [due for due in book.position.dues if due.is_asked(on) and not due.is_settled(on) and due.due_on <= on]
    return _replay(book, [book.instalments[due.n - 1] for due in asked], not_called(book, on))


def _replay(book: LoanBook, called: Sequence[Instalment], plan: Amortisation) -> Replay:
    loan = Replay(book.loan.terms, LAWFUL)
    loan.plan, loan.disbursed = plan, book.loan.principal_cents
    loan.dues = [CalledDue(row, row.interest_cents, row.principal_cents) for row in called]
    return loan


def revive(uow: UnitOfWork, book: LoanBook, *, on: date, evidence: str) -> None:
    """The plans that were not performed fall: the dues of before them are owed again, less what was paid since.

    What was paid counts against the oldest first (art. XX.82). What was cut revives, and what was capitalised is
    interest again as far as it is still owed; shares stay shares. Refuses `plan-under-way`.
    """
    _refuse_under_way(uow, book)
    changes, borne = [], book.borne()
    for claim in book.claims:
        own = [changed[claim.number - 1] for _, changed in borne]
        cut, added = sum(made.cut_cents for made in own), sum(made.capitalised_cents for made in own)
        undone = min(added, book.position_of(claim).outstanding_cents(on) + cut)
        changes.append(ClaimChange(capitalised_cents=-undone, cut_cents=-cut))
    made = Rebase(on=on, first_n=0, dropped=(), changes=tuple(changes), is_revival=True)
    _post_chunk(uow, book, [*book.rebases, made], Run(len(book.rebases) + 1, evidence))
    owed_cents = book.position.outstanding_cents(on) + sum(change.cents for change in changes)
    loan = _fallen_back(book, book.plans_in_force[0], on, owed_cents)
    rows = owed(loan).rows if owed_cents else ()
    terms = NewTerms(rows=rows, changes=changes, amortisation=loan.plan.to_state())
    rebase(uow, book, REVIVED, terms, on=on, evidence=evidence)


def _fallen_back(book: LoanBook, first: Numbered, on: date, owed_cents: int) -> Replay:
    """The loan as if the plans since the `first` had not been made, with what was paid since, and `owed_cents` owed."""
    number, plan = first
    called = [book.instalments[n - 1] for n in plan.dropped if book.instalments[n - 1].due_on <= on]
    loan = _replay(book, called, not_called(book, on, changes=number - 1))
    since = [each for each in book.instalments if each.n >= plan.first_n and book.instalment_on(each.n, SETTLED)]
    paid, gone = sum(each.interest_cents for each in since), loan.principal - owed_cents
    for part in parts(loan.dues, [Component.INTEREST], paid):
        part.due.pay(Component.INTEREST, part.interest)
        paid -= part.interest
    for part in parts(loan.dues, [Component.PRINCIPAL], gone):
        part.due.pay(Component.PRINCIPAL, part.principal)
        gone -= part.principal
    if gone:
        loan.plan.move(max(on, loan.plan.opens_on), -gone)
    if paid and loan.is_running:
        loan.plan.carry(-min(paid, next((row.interest_cents for row in loan.rest()), 0)))
    return loan


def release(uow: UnitOfWork, book: LoanBook, *, on: date, evidence: str) -> None:
    """Nothing can revive any more what the plans cut: the borrower owes it no longer. Refuses `plan-under-way`."""
    _refuse_under_way(uow, book)
    _post_chunk(uow, book, book.rebases, Run(0, evidence, released_on=on))


@dataclass(frozen=True, slots=True)
class Run:
    """Entries that are posted lender by lender, from number `first` on: of a change of terms by its number, or 0:
    of the release of everything that plans cut.
    """

    number: int
    evidence: str
    first: int = 1
    released_on: date | None = None


def continue_entries(uow: UnitOfWork, body: Mapping[str, JSON]) -> None:
    """Handle the next chunk of lenders of a plan's entries."""
    book, on = lock_loan(uow, str(body["loan_id"])), body["released_on"]
    run = Run(
        number=int(str(body["number"])),
        evidence=str(body["evidence"]),
        first=int(str(body["first"])),
        released_on=None if on is None else date.fromisoformat(str(on)),
    )
    _post_chunk(uow, book, book.rebases, run)


_Entry = tuple[int, Template, int]
"""What is posted of one claim: the number of the plan that it is of, the template, cents."""


def _post_chunk(uow: UnitOfWork, book: LoanBook, rebases: Sequence[Rebase], run: Run) -> None:
    """Post a chunk of lenders' entries; the rest is left to the outbox."""
    on, entries = run.released_on or rebases[run.number - 1].on, _entries(book, rebases, run.number)
    for claim in chunk(book, run.first):
        for number, template, cents in entries[claim.number - 1]:
            entry = postings.of_plan(
                template, book.loan, claim, number, cents, on=on, actor=uow.actor, evidence=run.evidence
            )
            uow.post(entry)
    facts: dict[str, JSON] = {"number": run.number, "evidence": run.evidence}
    facts |= {"released_on": None if run.released_on is None else run.released_on.isoformat()}
    emit_rest(uow, LOAN_PLAN, book, run.first, key=f"{book.loan.loan_id}:{run.number}", **facts)


def _entries(book: LoanBook, rebases: Sequence[Rebase], number: int) -> list[list[_Entry]]:
    """What is posted of each claim, in their order; see `Run` for `number`.

    Of a change of terms it is what each was then, even where a claim has passed to others since.
    """
    places = range(len(book.claims))
    if number == 0:
        found = [[(k, postings.CLAIM_RELEASED, borne[i].cut_cents) for k, borne in book.borne()] for i in places]
    elif rebases[number - 1].is_revival:
        fallen, revival = book.borne(before=number), rebases[number - 1]
        found = [_undone([(k, borne[i]) for k, borne in fallen], change_of(revival, i + 1)) for i in places]
    else:
        found = [_made(number, rebases[number - 1], i) for i in places]
    return [[each for each in own if each[2]] for own in found]


def _made(number: int, plan: Rebase, place: int) -> list[_Entry]:
    changed = change_of(plan, place + 1)
    return [
        (number, postings.INTEREST_WAIVED, plan.waived_cents[place] if place < len(plan.waived_cents) else 0),
        (number, postings.INTEREST_CAPITALISED, changed.capitalised_cents),
        (number, postings.CLAIM_REDUCED, changed.cut_cents),
        (number, postings.CLAIM_CONVERTED, changed.converted_cents),
    ]


def _undone(fallen: Sequence[tuple[int, ClaimChange]], revival: ClaimChange) -> list[_Entry]:
    found, left = list[_Entry](), -revival.capitalised_cents
    for number, made in fallen:
        part = min(left, made.capitalised_cents)
        left -= part
        found += [(number, postings.CLAIM_REVIVED, made.cut_cents), (number, postings.CAPITALISATION_UNDONE, part)]
    return found


def _refuse_under_way(uow: UnitOfWork, book: LoanBook) -> None:
    """Refuses `plan-under-way` until every lender's entries of the last change of terms are posted."""
    if not book.rebases:
        return
    entries = _entries(book, book.rebases, len(book.rebases))
    wanted = [
        postings.plan_key(template, book.loan, claim, plan)
        for claim, own in zip(book.claims, entries, strict=True)
        for plan, template, _ in own
    ]
    if wanted and wanted[-1] not in entries_by_key(uow.connection, uow.book_id, wanted[-1:]):
        raise Refusal("plan-under-way", loan_id=book.loan.loan_id)


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


def _change(case: LenderCase) -> ClaimChange:
    return ClaimChange(
        capitalised_cents=case.capitalised_cents, cut_cents=case.cut_cents, converted_cents=case.converted_cents
    )


def _assumption(stated: Mapping[str, Any]) -> Assumption:
    return Assumption(Decimal(stated["share"]), stated["months"])


def _stated(assumed: Assumption) -> dict[str, JSON]:
    return {"share": f"{assumed.share:f}", "months": assumed.months}
