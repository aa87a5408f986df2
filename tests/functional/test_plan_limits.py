"""Limits on plans in a town with two loans in difficulty: what is proposed has its place reserved."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from api.refusals import sentence
from contracts.schemes.rules import Rule, rule
from contracts.secondchance import limits, requests, service
from contracts.secondchance.model import Route, State
from contracts.secondchance.tools import Tool, Use
from frontend.i18n import LANGUAGES
from ledger.errors import Refusal
from tests.chance_kit import Chance, late_loan
from tests.products_kit import Town

CARRY = Use(tool=Tool.CARRY_FORWARD)
EXTENSION = Use(tool=Tool.EXTENSION, periods=1)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as found:
        act()
    assert all(sentence(found.value, language) for language in LANGUAGES)
    return found.value.code


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`free(cents)`: as if so much were free in any case."""
    known: dict[str, int] = {}

    def row(scheme: str, param: str, on: date) -> Rule:
        found = rule(scheme, param, on)
        return replace(found, value=known["cents"]) if param == "plan_free_cents" else found

    monkeypatch.setattr(limits, "rule", row)
    return lambda cents: known.update(cents=cents)


def test_a_plan_is_refused_a_cent_outside_the_limit_and_passes_on_it(
    sqlite_town: Town, free: Callable[[int], None]
) -> None:
    town = sqlite_town
    firm = town.enterprise("Firm other", number="0200.362.210")
    other = Chance(town, town.fund({town.citizen("Zoe"): 100_000}, firm))
    first = late_loan(town, (150_000,), paid=0)
    other.open()
    plan, update_on = first.plan(CARRY), town.today + timedelta(days=10)
    owed = first.book().position.outstanding_cents(town.today)
    for chance in (first, other):
        chance.observe()
    assert first.file().state is other.file().state is State.EARLY_WARNING
    free(owed - 1)
    before = town.entries(), first.file()
    assert code_of(lambda: first.do(service.publish_plan, plan)) == "plan-limit-exceeded"
    with pytest.raises(Refusal, match="plan-limit-exceeded"), town.book.unit_of_work(actor=town.maker) as uow:
        requests.request_publication(uow, first.loan_id, plan, update_on=update_on, reason="asked")
    assert (town.entries(), first.file()) == before
    free(owed)
    first.do(service.publish_plan, plan)
    first.do(service.publish_plan, plan)  # its next version takes its own place
    assert code_of(lambda: other.do(service.publish_plan, other.plan(CARRY))) == "plan-limit-exceeded"
    court = other.plan(EXTENSION, route=Route.JUDICIAL)
    other.do(service.publish_plan, court)
    assert other.file().state is State.PROPOSAL, "what a court decides on is never refused"
    assert code_of(lambda: first.do(service.publish_plan, plan)) == "plan-limit-exceeded", "and counts all the same"
    free(owed + 100_000)
    first.do(service.publish_plan, plan)
    other.do(service.withdraw_plan)
    free(owed)
    first.do(service.publish_plan, plan)
    rank = first.plan(Use(tool=Tool.SUBORDINATION))
    free(0)
    first.do(service.publish_plan, rank)
    assert len(first.file().plans) == 5
