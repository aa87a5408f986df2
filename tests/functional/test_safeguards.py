"""Article 21 of Regulation (EU) 2020/1503 before a pledge: knowledge test, loss simulation, warning with consent."""

from datetime import date, timedelta

import pytest

from contracts.parties import service as parties
from contracts.parties.model import Attribute
from contracts.parties.queries import dated_attribute
from contracts.parties.safeguards import LossSimulation, WarningRecord
from contracts.pledges import knowledge, safeguards
from contracts.pledges.safeguards import Consent
from ledger.errors import Refusal
from tests.products_kit import DAY, refused

DECLARED = {name: words[0] for name, words in knowledge.DECLARED.items()}
WRONG = dict.fromkeys(knowledge.RIGHT, "a")


def take(town, lender, answers=knowledge.RIGHT, *, acknowledged=False, on=DAY):
    with town.book.unit_of_work(actor=lender) as uow:
        return safeguards.take_knowledge_test(
            uow, lender, answers=answers, declared=DECLARED, acknowledged=acknowledged, on=on
        )


def simulate(town, lender, bearable_loss_cents=None, *, on=DAY):
    with town.book.unit_of_work(actor=lender) as uow:
        safeguards.acknowledge_simulation(uow, lender, bearable_loss_cents=bearable_loss_cents, on=on)


def standing(town, lender, on=DAY):
    with town.book.read() as connection:
        return safeguards.standing(connection, town.book, lender, on)


def kept(town, lender, attribute, *, about="", on=DAY):
    with town.book.read() as connection:
        return dated_attribute(connection, town.book, lender, attribute, on, about=about)


def test_nobody_pledges_before_the_test_and_the_simulation(sqlite_town):
    town = sqlite_town
    ada, offer_id = town.citizen("Ada", safe=False), town.open_offer(town.enterprise())
    with refused(town, "knowledge-test-needed"):
        town.pledge(offer_id, ada, 50_000)
    take(town, ada)
    with refused(town, "loss-simulation-needed"):
        town.pledge(offer_id, ada, 50_000)
    simulate(town, ada)
    assert standing(town, ada).is_ready
    town.pledge(offer_id, ada, 50_000)


def test_a_test_holds_for_two_years_and_a_simulation_for_one(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada")
    assert standing(town, ada, date(2027, 3, 1)).is_ready
    a_year_on = standing(town, ada, date(2027, 3, 2))
    assert (a_year_on.is_ready, a_year_on.simulation, a_year_on.simulation_ends_on) == (False, None, date(2027, 3, 2))
    simulate(town, ada, on=date(2027, 3, 2))
    assert standing(town, ada, date(2028, 3, 1)).is_ready
    two_years_on = standing(town, ada, date(2028, 3, 2))
    assert (two_years_on.test, two_years_on.test_ends_on) == (None, date(2028, 3, 2))


def test_a_test_that_is_failed_counts_once_its_warning_is_acknowledged(sqlite_town):
    town = sqlite_town
    ada, offer_id = town.citizen("Ada", safe=False), town.open_offer(town.enterprise())
    simulate(town, ada)
    with refused(town, "knowledge-test-failed", right=2, of=6, needed=5):
        take(town, ada, WRONG)
    taken = take(town, ada, WRONG, acknowledged=True)
    assert (taken.is_passed, taken.acknowledged, taken.right) == (False, True, 2)
    town.pledge(offer_id, ada, 50_000)
    with refused(town, "understanding-not-shown", threshold_cents=100_000):
        town.pledge(offer_id, ada, 100_001)
    assert take(town, ada).is_passed
    town.pledge(offer_id, ada, 100_001)


@pytest.mark.parametrize(
    ("answers", "declared", "question"),
    [
        ({**knowledge.RIGHT, "exit": "d"}, DECLARED, "exit"),
        ({"loss": "a"}, DECLARED, "rank"),
        (knowledge.RIGHT, {**DECLARED, "objective": ""}, "objective"),
        ({**knowledge.RIGHT, "other": "a"}, DECLARED, ""),
    ],
)
def test_every_question_is_answered(answers, declared, question):
    with pytest.raises(Refusal, match="knowledge-answer-missing") as caught:
        knowledge.mark(answers, declared, acknowledged=True)
    assert caught.value.facts["question"] == question


@pytest.mark.parametrize(
    ("bearable", "threshold"),
    [(None, 100_000), (0, 100_000), (200_000, 100_000), (200_001, 100_001), (500_000, 250_000)],
)
def test_above_the_threshold_a_pledge_needs_warning_and_consent_to_the_cent(sqlite_town, bearable, threshold):
    town = sqlite_town
    ada, borrower = town.citizen("Ada", safe=False), town.enterprise()
    offer_id = town.open_offer(borrower)
    take(town, ada)
    simulate(town, ada, bearable)
    town.pledge(offer_id, ada, threshold, consent=Consent())
    assert kept(town, ada, Attribute.RISK_WARNING, about=borrower) is None
    for consent in (Consent(), Consent(warned=True), Consent(consents=True)):
        with refused(town, "pledge-warning-needed", threshold_cents=threshold):
            town.pledge(offer_id, ada, threshold + 1, consent=consent)
    made = town.pledge(offer_id, ada, threshold + 1, consent=Consent(warned=True, consents=True))
    record = WarningRecord(made.pledge_id, threshold + 1, threshold).to_json()
    for attribute in (Attribute.RISK_WARNING, Attribute.RISK_CONSENT, Attribute.RISK_UNDERSTANDING):
        assert kept(town, ada, attribute, about=borrower) == (record, DAY)


def test_a_sophisticated_lender_is_asked_nothing(sqlite_town):
    town = sqlite_town
    ada, offer_id = town.citizen("Ada", safe=False), town.open_offer(town.enterprise())
    with town.book.unit_of_work(actor=town.maker) as uow:
        parties.record_attribute(
            uow, ada, Attribute.SOPHISTICATION, "sophisticated", valid_from=DAY, evidence="request of 2 March"
        )
    town.pledge(offer_id, ada, 500_000, consent=Consent())


def test_the_newest_simulation_decides_and_none_is_overwritten(sqlite_town):
    town = sqlite_town
    ada = town.citizen("Ada", safe=False)
    simulate(town, ada, 900_000)
    later = DAY + timedelta(days=30)
    simulate(town, ada, 300_000, on=later)
    assert standing(town, ada).threshold_cents == 450_000
    assert standing(town, ada, later).threshold_cents == 150_000
    assert kept(town, ada, Attribute.LOSS_SIMULATION) == (LossSimulation(900_000).to_json(), DAY)
