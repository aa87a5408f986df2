"""What can be done in a worked book to a loan in difficulty."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.secondchance import service
from contracts.secondchance.model import Route, Stay
from contracts.secondchance.tools import HolidayInterest, Tool, Use
from contracts.votes.tally import Choice
from tests.chance_kit import Chance


def _chance(runner: Any) -> Chance:
    return Chance(runner.town, runner.loan_id())


def _open(runner: Any, _on: date) -> None:
    _chance(runner).open()
    _chance(runner).observe()


def _observe(runner: Any, _on: date) -> None:
    _chance(runner).observe()


def _stay(runner: Any, on: date, until: str) -> None:
    _chance(runner).do(service.grant_moratorium, Stay(on, date.fromisoformat(until)))


def _propose(runner: Any, _on: date, route: str, tools: str) -> None:
    """The plan is published and the lenders have notice of the vote."""
    chance, reasons = _chance(runner), "stated in the plan"
    plan = chance.plan(*(_use(each) for each in tools.split("; ")), route=Route(route), reasons=reasons)
    chance.do(service.publish_plan, plan)
    chance.call_vote()


def _vote(runner: Any, _on: date, answer: str) -> None:
    """Every lender sends her ballot; the vote is counted as the next day begins."""
    _chance(runner).cast_all(Choice.YES if answer == "accept" else Choice.NO)


def _simply(act: Callable[..., Any], **more: Any) -> Callable[..., None]:
    return lambda runner, _on, *_: _chance(runner).do(act, **more)


def _use(text: str) -> Use:
    """`haircut 600.00`, `holiday of 1 deferred`, `extension of 2`, `rate-cut to 1.00 %`, `better-fortune until …`."""
    name, *words = text.split()
    tool = Tool(name)
    match tool:
        case Tool.HOLIDAY:
            return Use(tool=tool, periods=int(words[1]), interest=HolidayInterest(words[2]))
        case Tool.EXTENSION:
            return Use(tool=tool, periods=int(words[1]))
        case Tool.RATE_CUT:
            return Use(tool=tool, rate_annual=Decimal(words[1]) / 100)
        case Tool.BETTER_FORTUNE:
            return Use(tool=tool, expires_on=date.fromisoformat(words[1]))
        case _:
            return Use(tool=tool, amount_cents=int(Decimal(words[0].replace(",", "")) * 100) if words else None)


CHANCE_ACTIONS: Mapping[str, Callable[..., None]] = {
    r"A file is opened": _open,
    r"The file follows the dues": _observe,
    r"The court grants a stay until ([0-9-]+)": _stay,
    r"The stay ends": _simply(service.end_standstill),
    r"A (voluntary|judicial) plan is put to the vote: (.+)": _propose,
    r"The lenders (accept|refuse)": _vote,
    r"The court homologates": _simply(service.homologate),
    r"A payment of the plan is missed": _simply(service.fail_plan, is_revoked=False),
    r"The court revokes the plan": _simply(service.fail_plan, is_revoked=True),
    r"(\w+) is insolvent": _simply(service.report_insolvency),
    r"The plan is performed": _simply(service.perform_plan),
    r"The clause of better fortune lapses": _simply(service.lapse_clause),
    r"The loan is cured": _simply(service.cure),
}
