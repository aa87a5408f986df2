"""The vote on a plan: by which rule, from when to when, and what lenders are told of it.

    called ── 15 days at least ──▶ opens ── ballots ──▶ last days: whoever is silent is reminded ──▶ counted

A plan that a court homologates is voted by the law's rule for the debtor's size. Any other binds whoever agrees to it:
the loan agreement knows no majority, so that every lender must take part and nobody may say no.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from contracts.events import emit_mails
from contracts.loans.model import Loan
from contracts.loans.steps import mail
from contracts.secondchance import lifecycle as life
from contracts.secondchance.model import Procedure, Route
from contracts.votes.queries import spec_of
from contracts.votes.rules import MeetingRules, RuleKind, VoteRule, rule_of_law, rule_of_terms
from contracts.votes.tally import Outcome
from ledger.book import UnitOfWork
from ledger.clock import BRUSSELS, brussels_date

CARRIED = frozenset({Outcome.PASSED, Outcome.CROSS_CLASS})
"""Outcomes on which a plan goes on; across classes it does so to the court alone."""
REMIND_DAYS = 3
CALLED_MAIL, CLOSING_MAIL = "vote-called", "vote-closing"
OUTCOME_MAILS: Mapping[str, str] = {
    life.CONSENTED: "vote-carried",
    life.PASSED_TO_COURT: "vote-to-court",
    life.VOTE_FAILED: "vote-not-carried",
}
_EVERYBODY = MeetingRules(quorum_first=Fraction(1), majority=Fraction(1), exempt=True)
_SOURCE = "loan agreement, without a clause on majorities: it binds who agrees (Civil Code, art. 5.69 and 5.70)"


def rule_for(route: Route, procedure: Procedure, on: date) -> VoteRule:
    """The rule by which a plan is decided; refuses `no-rule-for-date`.

    >>> rule_for(Route.JUDICIAL, Procedure.SME, date(2026, 3, 2)).heads_above
    Fraction(1, 2)
    >>> rule_for(Route.VOLUNTARY, Procedure.SME, date(2026, 3, 2)).quorum_from
    Fraction(1, 1)
    """
    if route is Route.JUDICIAL:
        return rule_of_law(RuleKind(procedure.value), on)
    return replace(rule_of_terms(_EVERYBODY), source=_SOURCE)


def midnight(day: date) -> datetime:
    """The beginning of a day in Brussels."""
    return datetime.combine(day, time(), BRUSSELS)


def reminded_on(opens_at: datetime, closes_at: datetime) -> date:
    """The day on which whoever is silent is reminded: three days before the count, and not before the vote is open.

    >>> reminded_on(midnight(date(2026, 3, 20)), midnight(date(2026, 3, 21))).isoformat()
    '2026-03-20'
    """
    return max(brussels_date(opens_at), brussels_date(closes_at) - timedelta(days=REMIND_DAYS))


def tell_voters(uow: UnitOfWork, loan: Loan, template: str, vote_id: str, whom: Iterable[tuple[str, int]]) -> None:
    """Write to each of `whom` (party and cents of her claims) about the vote, once a template."""
    spec = spec_of(uow.connection, uow.book_id, vote_id)
    opens_on, closes_on = brussels_date(spec.opens_at), brussels_date(spec.closes_at)
    days = {"opens_on": opens_on.isoformat(), "last_on": (closes_on - timedelta(days=1)).isoformat()}
    mails = [mail(loan, f"{vote_id}:{party}", party, amount_cents=cents, **days) for party, cents in whom]
    path = f"/loans/{loan.loan_id}/vote"
    emit_mails(uow, template, [each if each.to == loan.borrower else replace(each, path=path) for each in mails])
