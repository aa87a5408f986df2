"""What a lender needs in order to decide on a plan: before and after for her, calendar, ballot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from contracts.loans.books import loan_book
from contracts.secondchance.model import State
from contracts.secondchance.queries import ChanceFile, Plan, chance_file, loans_in
from contracts.secondchance.voting import CARRIED
from contracts.votes import queries as votes
from contracts.votes.lifecycle import VoteState
from contracts.votes.published import Spec
from contracts.votes.queries import OwnClaim, ProxyGiven, VoteView
from contracts.votes.tally import Outcome
from ledger.clock import brussels_date

CASES = ("before", "after", "refused", "bankrupt")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFigures:
    """What one case brings a lender, in cents: money, what it is worth today, tax credit."""

    cents: int = 0
    present_value_cents: int = 0
    tax_credit_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LenderVote:
    """A plan and its vote as a lender sees them; `cases` by the names of `CASES`. `last_on` is the last day to vote."""

    file: ChanceFile
    plan: Plan
    cases: dict[str, CaseFigures]
    view: VoteView
    claim: OwnClaim | None
    opens_on: date
    last_on: date
    today: date
    given: Sequence[ProxyGiven]
    held: Sequence[ProxyGiven]

    @property
    def spec(self) -> Spec:
        """What was announced."""
        return self.view.spec

    @property
    def is_open(self) -> bool:
        """Whether a ballot would be taken today."""
        return self.view.state is VoteState.ANNOUNCED and self.opens_on <= self.today <= self.last_on

    @property
    def is_carried(self) -> bool | None:
        """Whether it was carried; None before the count."""
        return None if self.view.result is None else Outcome(str(self.view.result["outcome"])) in CARRIED


def lender_vote(connection: sa.Connection, book_id: str, loan_id: str, lender: str, *, today: date) -> LenderVote:
    """The newest vote on a plan for the loan, as that lender sees it; refuses `file-not-open` and `vote-unknown`."""
    file = chance_file(connection, book_id, loan_id)
    view = votes.vote_view(connection, book_id, file.vote_id)
    plan = next(plan for plan in reversed(file.plans) if plan.sha256 == view.spec.terms_sha256)
    claims = votes.own_claims(connection, book_id, file.vote_id, lender)
    held = votes.proxies_held(connection, book_id, file.vote_id, lender)
    own = {claim.pledge_id for claim in loan_book(connection, book_id, loan_id).claims if claim.lender == lender}
    return LenderVote(
        file=file,
        plan=plan,
        cases={name: _sum([plan.figures[each][name] for each in own if each in plan.figures]) for name in CASES},
        view=view,
        claim=claims[0] if claims else None,
        opens_on=brussels_date(view.spec.opens_at),
        last_on=brussels_date(view.spec.closes_at) - timedelta(days=1),
        today=today,
        given=votes.proxies_given(connection, book_id, file.vote_id, lender),
        held=held,
    )


def _sum(figures: Sequence[Any]) -> CaseFigures:
    names = ("cents", "present_value_cents", "tax_credit_cents")
    return CaseFigures(**{name: sum(int(each[name]) for each in figures) for name in names})


def votes_of(connection: sa.Connection, book_id: str, lender: str) -> list[str]:
    """The loans on whose plan a lender may vote or will, or on whose plan somebody gave her a proxy."""
    found = []
    for loan_id in loans_in(connection, book_id, State.VOTE):
        vote_id = chance_file(connection, book_id, loan_id).vote_id
        if votes.own_claims(connection, book_id, vote_id, lender) or votes.proxies_held(
            connection, book_id, vote_id, lender
        ):
            found.append(loan_id)
    return found
