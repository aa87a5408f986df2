"""The programme's limits on plans: each passes on the cent and is refused one cent further."""

from datetime import date

import pytest

from contracts.schemes.rules import rule
from contracts.secondchance.limits import UnderPlan, check_limits
from contracts.secondchance.tools import Tool
from ledger.errors import Refusal

ON = date(2026, 3, 2)
FREE = rule("programme", "plan_free_cents", ON).integer()
TOTAL = 100 * FREE
CARRY = frozenset({Tool.CARRY_FORWARD})


def refusal(candidate: UnderPlan, *others: UnderPlan, total: int = TOTAL, on: date = ON) -> Refusal | None:
    try:
        check_limits(candidate, others, total_cents=total, on=on)
    except Refusal as found:
        return found
    return None


def test_all_plans_together_take_up_to_the_share_and_not_a_cent_more() -> None:
    limit = TOTAL // 4
    inside = [UnderPlan(CARRY, limit - 10), UnderPlan(frozenset({Tool.WAIVER}), 9)]
    assert refusal(UnderPlan(CARRY, 1), *inside) is None
    assert refusal(UnderPlan(CARRY, 2), *inside) == Refusal(
        "plan-limit-exceeded", used_cents=limit + 1, limit_cents=limit
    )


@pytest.mark.parametrize(
    ("tool", "percent"),
    [
        (Tool.EXTENSION, 15),
        (Tool.RATE_CUT, 15),
        (Tool.CAPITALISATION, 10),
        (Tool.HAIRCUT, 10),
        (Tool.PARTICIPATION, 5),
    ],
)
def test_a_tool_takes_up_to_its_own_share_whatever_else_is_in_the_plan(tool: Tool, percent: int) -> None:
    limit, tools = TOTAL * percent // 100, frozenset({tool, Tool.CARRY_FORWARD})
    other = UnderPlan(frozenset({tool}), limit - 1)
    assert refusal(UnderPlan(tools, 1), other) is None
    assert refusal(UnderPlan(tools, 2), other) == Refusal(
        "plan-tool-limit-exceeded", tool=tool.value, used_cents=limit + 1, limit_cents=limit
    )
    assert refusal(UnderPlan(CARRY, 2), other) is None, "another tool has room"


def test_a_small_portfolio_has_an_amount_free_in_any_case() -> None:
    tools = frozenset({Tool.PARTICIPATION})
    assert refusal(UnderPlan(tools, FREE), total=FREE) is None
    assert refusal(UnderPlan(tools, FREE), UnderPlan(CARRY, 1), total=FREE + 1).code == "plan-limit-exceeded"
    assert refusal(UnderPlan(tools, FREE + 1), total=4 * FREE + 4).code == "plan-tool-limit-exceeded"


def test_a_limit_that_is_no_whole_cent_is_held_exactly() -> None:
    assert refusal(UnderPlan(CARRY, TOTAL // 4), total=TOTAL + 3) is None
    assert refusal(UnderPlan(CARRY, TOTAL // 4 + 1), total=TOTAL + 3).code == "plan-limit-exceeded"
    assert refusal(UnderPlan(CARRY, TOTAL // 4 + 1), total=TOTAL + 4) is None


def test_a_day_without_a_limit_is_refused() -> None:
    assert refusal(UnderPlan(CARRY, 1), on=date(2023, 8, 31)).code == "no-rule-for-date"
