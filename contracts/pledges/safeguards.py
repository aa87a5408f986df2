"""What article 21 of Regulation (EU) 2020/1503 asks of a non-sophisticated lender before a pledge, with its evidence.

| paragraph | what | kept as |
|---|---|---|
| 1 to 4 | an entry knowledge test, every two years | `knowledge-test` |
| 5, 6 | that the result of a loss simulation was seen, every year; it never bars a pledge | `loss-simulation` |
| 7 | above the threshold: a warning, an explicit consent, and a proof of understanding | `risk-…`, one row each |

Apart from the Regulation, whoever pledges to an enterprise that begins again after a failure has agreed to do so ahead:
the second-chance pool. Its consent, `second-chance-consent`, holds from its day until it is withdrawn, and is asked of
everybody for as long as lenders are told of the failure (`contracts.restarts`).

The rows are attributes of the lender (`contracts.parties`), dated and sealed under her key. The threshold follows from
the declared result of the simulation where she gave it, else it is the fixed amount; income and wealth are never sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from contracts.parties.model import Attribute
from contracts.parties.queries import Keeper, attribute_as_of, dated_attribute
from contracts.parties.safeguards import KnowledgeTest, LossSimulation, WarningRecord
from contracts.parties.service import record_attribute
from contracts.pledges.knowledge import mark
from contracts.restarts import told_until
from contracts.schemes.ecspr import knowledge_test_ends_on, loss_simulation_ends_on, warning_threshold_cents
from ledger.book import UnitOfWork
from ledger.errors import Refusal

OWN_DECLARATION = "own answers on the platform"
_AGREES = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a lender confirms of a pledge above her threshold: that she was warned, and that she consents."""

    warned: bool = False
    consents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a lender stands on a day; a test or a simulation that is missing or too old is None.

    `…_ends_on` is the first day on which it must be made again. A pledge above `threshold_cents` needs a consent.
    `in_pool_since` is the day of the consent to fund enterprises that begin again; None where there is none.
    """

    is_sophisticated: bool
    test: KnowledgeTest | None
    test_ends_on: date | None
    simulation: LossSimulation | None
    simulation_ends_on: date | None
    threshold_cents: int
    in_pool_since: date | None

    @property
    def is_ready(self) -> bool:
        """Whether the lender may pledge, small amounts at least."""
        return self.is_sophisticated or (self.test is not None and self.simulation is not None)


def standing(connection: sa.Connection, keeper: Keeper, lender: str, on: date) -> Standing:
    """The lender's tests and threshold as they hold on that day."""
    sophistication = attribute_as_of(connection, keeper, lender, Attribute.SOPHISTICATION, on)
    taken = dated_attribute(connection, keeper, lender, Attribute.KNOWLEDGE_TEST, on)
    seen = dated_attribute(connection, keeper, lender, Attribute.LOSS_SIMULATION, on)
    test_ends_on = None if taken is None else knowledge_test_ends_on(taken[1])
    simulation_ends_on = None if seen is None else loss_simulation_ends_on(seen[1])
    test = None if taken is None or test_ends_on is None or on >= test_ends_on else KnowledgeTest.from_json(taken[0])
    is_fresh = seen is not None and simulation_ends_on is not None and on < simulation_ends_on
    simulation = LossSimulation.from_json(seen[0]) if seen is not None and is_fresh else None
    return Standing(
        is_sophisticated=sophistication == "sophisticated",
        test=test,
        test_ends_on=test_ends_on,
        simulation=simulation,
        simulation_ends_on=simulation_ends_on,
        threshold_cents=warning_threshold_cents(on, simulation.bearable_loss_cents if simulation else None),
        in_pool_since=_in_pool_since(connection, keeper, lender, on),
    )


def take_knowledge_test(
    uow: UnitOfWork,
    lender: str,
    *,
    answers: Mapping[str, str],
    declared: Mapping[str, str],
    acknowledged: bool,
    on: date,
) -> KnowledgeTest:
    """Mark the answers and keep the test; refuses `knowledge-answer-missing` and `knowledge-test-failed`."""
    test = mark(answers, declared, acknowledged=acknowledged)
    _record(uow, lender, Attribute.KNOWLEDGE_TEST, test, on, OWN_DECLARATION)
    return test


def acknowledge_simulation(uow: UnitOfWork, lender: str, *, bearable_loss_cents: int | None, on: date) -> None:
    """Keep that the lender saw the result of a loss simulation, and the result where she gives it."""
    _record(uow, lender, Attribute.LOSS_SIMULATION, LossSimulation(bearable_loss_cents), on, OWN_DECLARATION)


def join_pool(uow: UnitOfWork, lender: str, *, joins: bool, on: date) -> None:
    """Keep that the lender agrees, or agrees no more, to fund enterprises that begin again; what she lent stays."""
    value = _AGREES if joins else "no"
    record_attribute(uow, lender, Attribute.SECOND_CHANCE_CONSENT, value, valid_from=on, evidence=OWN_DECLARATION)


def needs_pool(connection: sa.Connection, keeper: Keeper, lender: str, *, borrower: str, on: date) -> bool:
    """Whether the borrower begins again and the lender has not agreed to fund such enterprises."""
    begins_again = told_until(connection, keeper.book_id, borrower, on) is not None
    return begins_again and _in_pool_since(connection, keeper, lender, on) is None


def require_safeguards(
    uow: UnitOfWork, *, lender: str, borrower: str, pledge_id: str, amount_cents: int, on: date, consent: Consent
) -> None:
    """Check the pool and article 21 for a pledge, and keep its three records above the threshold; she is locked.

    Refuses `second-chance-consent-needed`, `knowledge-test-needed`, `loss-simulation-needed`, `pledge-warning-needed`
    and `understanding-not-shown`.
    """
    if needs_pool(uow.connection, uow, lender, borrower=borrower, on=on):
        raise Refusal("second-chance-consent-needed")
    now = standing(uow.connection, uow, lender, on)
    if now.is_sophisticated:
        return
    if now.test is None:
        raise Refusal("knowledge-test-needed")
    if now.simulation is None:
        raise Refusal("loss-simulation-needed")
    if amount_cents <= now.threshold_cents:
        return
    if not now.test.is_passed:  # the test is the proof of understanding (art. 21(7)(c)); one that failed proves nothing
        raise Refusal("understanding-not-shown", threshold_cents=now.threshold_cents)
    if not (consent.warned and consent.consents):
        raise Refusal("pledge-warning-needed", threshold_cents=now.threshold_cents)
    record = WarningRecord(pledge_id, amount_cents, now.threshold_cents)
    for attribute in (Attribute.RISK_WARNING, Attribute.RISK_CONSENT, Attribute.RISK_UNDERSTANDING):
        _record(uow, lender, attribute, record, on, f"pledge:{pledge_id}", about=borrower)


def _record(
    uow: UnitOfWork,
    lender: str,
    attribute: Attribute,
    value: KnowledgeTest | LossSimulation | WarningRecord,
    on: date,
    evidence: str,
    *,
    about: str = "",
) -> None:
    record_attribute(uow, lender, attribute, value.to_json(), valid_from=on, evidence=evidence, about=about)


def _in_pool_since(connection: sa.Connection, keeper: Keeper, lender: str, on: date) -> date | None:
    stated = dated_attribute(connection, keeper, lender, Attribute.SECOND_CHANCE_CONSENT, on)
    return stated[1] if stated is not None and stated[0] == _AGREES else None
