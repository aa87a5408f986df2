"""A plan on a loan of which dues are open, were paid late, or were to be repaid at once: payments are for their own."""

from datetime import date

import pytest

from contracts.loans.early import ask_early_repayment
from contracts.loans.quotes import asked_quote, quote
from contracts.secondchance import service
from contracts.secondchance.model import State
from contracts.secondchance.tools import HolidayInterest, Tool, Use
from tests.chance_kit import late_loan
from tests.oracle import check_everything
from tests.products_kit import Town

WAIVER, CARRY = Use(tool=Tool.WAIVER), Use(tool=Tool.CARRY_FORWARD)


@pytest.mark.parametrize(("paid", "waived_cents"), [(2, 3_150), (3, 4_200)])
def test_one_of_two_open_dues_is_paid_and_a_plan_follows(sqlite_town: Town, paid: int, waived_cents: int) -> None:
    """1,500.00 in five years at 3.5 %: dues of 42.00 and 31.50 of interest, with 300.00 each; 900.00 is left."""
    town, chance = sqlite_town, late_loan(sqlite_town)
    town.jump_to(date(2029, 3, 7))
    town.jump_to(date(2029, 3, 17))
    chance.observe()
    town.pay_due(chance.loan_id, paid)
    chance.check()
    _, found = chance.do(service.publish_plan, chance.plan(WAIVER, CARRY))
    assert (found.changed.before.principal_cents, found.changed.waived_cents) == (90_000, waived_cents)
    assert sorted(case.claim_cents for case in found.lenders) == [30_000, 60_000]
    assert chance.vote() is State.PERFORMING_UNDER_PLAN
    chance.check()
    check_everything(town.book)


def test_an_early_repayment_that_was_asked_for_ends_with_the_terms_it_was_reckoned_on(sqlite_town: Town) -> None:
    town, chance = sqlite_town, late_loan(sqlite_town, early_repayment=True)
    chance.observe()
    town.pay_due(chance.loan_id, 2)
    on = date(2029, 3, 6)
    found = quote(chance.book(), on, today=town.today)
    with town.book.unit_of_work(actor=town.maker) as uow:
        ask_early_repayment(uow, chance.loan_id, on=on, amount_cents=found.total_cents)
    asked = asked_quote(chance.book(), town.today)
    assert asked is not None
    assert asked.total_cents == found.total_cents
    chance.accept(chance.plan(Use(tool=Tool.HOLIDAY, periods=1, interest=HolidayInterest.PAID)))
    assert chance.book().dropped == {3, 4, 5}
    assert asked_quote(chance.book(), town.today) is None
    assert quote(chance.book(), on, today=town.today).n == 6
    check_everything(town.book)
