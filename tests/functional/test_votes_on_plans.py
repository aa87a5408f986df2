"""The lenders' vote on a plan, from the notice to what the count makes of the file; no outcome comes from elsewhere."""

import inspect
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from contracts.secondchance import jobs, service
from contracts.secondchance.model import Procedure, Route, State
from contracts.secondchance.tools import Tool, Use
from contracts.votes import queries, tables
from contracts.votes.lifecycle import VoteState
from contracts.votes.tally import Choice
from ledger.clock import brussels_date
from tests.chance_kit import NOTICE, Chance, late_loan, spec_of_vote
from tests.oracle import check_everything
from tests.products_kit import Town, refused

DAY = timedelta(days=1)
WAIVER, CARRY = Use(tool=Tool.WAIVER), Use(tool=Tool.CARRY_FORWARD)


def proposed(town: Town, *uses: Use, route: Route = Route.VOLUNTARY) -> Chance:
    """A loan with two lenders, of 800 and 400 euro still, and a plan that waits for their vote."""
    chance = late_loan(town)
    chance.observe()
    chance.do(service.publish_plan, chance.plan(*uses or (WAIVER, CARRY), route=route))
    return chance


def lenders(chance: Chance) -> tuple[str, str]:
    """The larger one and the smaller one."""
    large, small = sorted(chance.book().claims, key=lambda claim: -claim.principal_cents)
    return large.lender, small.lender


def outcome_mails(town: Town) -> list[str]:
    return [template for template, _ in town.mails if template.startswith("vote-")]


def test_a_vote_is_called_with_claims_of_the_ledger_reminded_counted_and_followed(town: Town) -> None:
    chance = proposed(town, route=Route.JUDICIAL)
    town.mails.clear()
    chance.call_vote(closes_on=town.today + NOTICE + timedelta(days=7))
    spec, plan = spec_of_vote(chance), chance.file().plans[-1]
    assert (spec.terms_sha256, spec.record_on, spec.rule.kind.value) == (plan.sha256, town.today, "sme")
    assert [(each.voters, each.cents) for each in spec.classes] == [(2, 120_000)]
    large, small = lenders(chance)
    assert {body["to"]: body["facts"]["amount_cents"] for _, body in town.mails} == {large: 80_000, small: 40_000}
    assert {body["path"] for _, body in town.mails} == {f"/loans/{chance.loan_id}/vote"}
    town.jump_to(brussels_date(spec.opens_at))
    chance.cast(large)
    town.mails.clear()
    town.jump_to(brussels_date(spec.closes_at) - 3 * DAY)
    assert [(template, body["to"]) for template, body in town.mails] == [("vote-closing", small)]
    jobs.remind_voters(town.book, town.today)
    town.settle()
    assert len(town.mails) == 1
    town.jump_to(brussels_date(spec.closes_at))
    assert chance.file().state is State.HOMOLOGATION_PENDING
    assert outcome_mails(town)[1:] == ["vote-to-court"] * 3
    with town.book.read() as connection:
        assert chance.file().history[-1].evidence == queries.result_sha256(connection, "main", spec.vote_id)
    check_everything(town.book)


def test_outside_a_court_a_plan_needs_every_lender(sqlite_town: Town) -> None:
    chance = proposed(sqlite_town)
    for answers, state in (
        ({0: Choice.YES}, State.EARLY_WARNING),
        ({0: Choice.YES, 1: Choice.NO}, State.EARLY_WARNING),
        ({0: Choice.YES, 1: Choice.YES}, State.PERFORMING_UNDER_PLAN),
    ):
        if chance.file().state is State.EARLY_WARNING:
            chance.do(service.publish_plan, chance.plan(WAIVER, CARRY))
        chance.call_vote()
        sqlite_town.jump_to(sqlite_town.today + NOTICE)
        for n, choice in answers.items():
            chance.cast(lenders(chance)[n], choice)
        sqlite_town.jump_to(sqlite_town.today + DAY)
        assert chance.file().state is state
    assert outcome_mails(sqlite_town).count("vote-carried") == 3
    assert outcome_mails(sqlite_town).count("vote-not-carried") == 6


def test_a_large_debtor_is_voted_by_class(sqlite_town: Town) -> None:
    chance = proposed(sqlite_town, route=Route.JUDICIAL)
    chance.call_vote(procedure=Procedure.LARGE)
    assert spec_of_vote(chance).rule.by_class
    large, small = lenders(chance)
    sqlite_town.jump_to(sqlite_town.today + NOTICE)
    chance.cast(large)
    chance.cast(small, Choice.NO)
    sqlite_town.jump_to(sqlite_town.today + DAY)
    assert chance.file().state is State.HOMOLOGATION_PENDING


def test_a_plan_that_carried_and_cannot_be_carried_out_any_more_falls(sqlite_town: Town) -> None:
    chance = proposed(sqlite_town)
    chance.call_vote()
    sqlite_town.pay_due(chance.loan_id, 2)
    sqlite_town.jump_to(sqlite_town.today + NOTICE)
    chance.cast_all(Choice.YES)
    sqlite_town.jump_to(sqlite_town.today + DAY)
    last = chance.file().history[-1]
    assert (last.event, last.to_state, last.facts) == ("vote-failed", "early_warning", {"code": "waiver-exceeds-due"})
    assert outcome_mails(sqlite_town)[-3:] == ["vote-not-carried"] * 3


def test_a_vote_ends_uncounted_when_the_borrower_becomes_insolvent(sqlite_town: Town) -> None:
    chance = proposed(sqlite_town)
    chance.call_vote()
    chance.do(service.report_insolvency)
    with sqlite_town.book.read() as connection:
        view = queries.vote_view(connection, "main", chance.file().vote_id)
    assert (view.state, chance.file().state) == (VoteState.WITHDRAWN, State.DEFAULTED)
    assert jobs.count_due_votes(sqlite_town.book, sqlite_town.today + timedelta(days=99)) == 0


def test_nothing_but_the_count_says_what_a_vote_came_to(sqlite_town: Town) -> None:
    chance = proposed(sqlite_town)
    with refused(sqlite_town, "move-not-allowed"):
        chance.do(service.count_vote)
    chance.call_vote()
    with refused(sqlite_town, "vote-not-over"):
        chance.do(service.count_vote)
    for event in ("consented", "passed-to-court", "vote-failed"):
        with refused(sqlite_town, "move-not-allowed"):
            chance.do(service.follow, event)
    assert set(inspect.signature(service.count_vote).parameters) == {"uow", "loan_id", "on"}


@pytest.mark.parametrize("days", [14, 15])
def test_notice_is_fifteen_days_and_given_today(sqlite_town: Town, days: int) -> None:
    chance = proposed(sqlite_town)
    opens_on = sqlite_town.today + timedelta(days=days)
    if days < NOTICE.days:
        with refused(sqlite_town, "notice-too-short"):
            chance.call_vote(opens_on=opens_on)
        for stated, code in ((DAY, "date-not-reached"), (-DAY, "date-too-early")):
            with refused(sqlite_town, code):
                chance.call_vote(on=sqlite_town.today + stated)
    else:
        chance.call_vote(opens_on=opens_on)
        assert chance.file().state is State.VOTE


def test_two_ballots_of_one_voter_at_once_are_both_kept_and_the_later_counts(town: Town) -> None:
    chance = proposed(town)
    vote_id = chance.call_vote()
    town.jump_to(town.today + NOTICE)
    large, small = lenders(chance)
    chance.cast(small)
    together, numbers, failures = threading.Barrier(2), [], []

    def cast(choice: Choice) -> None:
        together.wait()
        try:
            numbers.append((chance.cast(large, choice), choice))
        except Exception as error:  # noqa: BLE001 -- whatever a thread meets is shown by the test
            failures.append(error)

    threads = [threading.Thread(target=cast, args=(choice,)) for choice in (Choice.YES, Choice.NO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(number for number, _ in numbers) == [1, 2]
    town.jump_to(town.today + DAY)
    b = tables.vote_ballot.c
    with town.book.read() as connection:
        kept = sa.select(sa.func.count()).where(b.vote_id == vote_id, b.voter == large)
        assert connection.scalar(kept) == 2
    carried = max(numbers)[1] is Choice.YES
    assert chance.file().state is (State.PERFORMING_UNDER_PLAN if carried else State.EARLY_WARNING)
    check_everything(town.book)


def test_a_file_follows_its_dues_by_itself_day_by_day(sqlite_town: Town) -> None:
    chance = late_loan(sqlite_town)
    assert jobs.follow_dues(sqlite_town.book, sqlite_town.today) == 2
    assert chance.file().state is State.EARLY_WARNING
    assert jobs.follow_dues(sqlite_town.book, sqlite_town.today) == 0
    sqlite_town.jump_to(sqlite_town.today + timedelta(days=60))
    assert jobs.follow_dues(sqlite_town.book, sqlite_town.today) == 1
    assert chance.file().state is State.DEFAULTED
    assert jobs.follow_dues(sqlite_town.book, sqlite_town.today) == 0
