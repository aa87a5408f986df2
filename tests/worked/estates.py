"""What can be done in a worked book to the claims of a lender who dies, or who gives."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from tests.estates_kit import book_of, die, give, inherit


def _dies(runner: Any, on: date, name: str) -> None:
    die(runner.town, runner.names[name], on)


def _passes(runner: Any, _on: date, name: str, shares: str) -> None:
    inherit(runner.town, runner.names[name], _shares(runner, shares))


def _gives(runner: Any, _on: date, name: str, shares: str) -> None:
    loan_id, lender = runner.loan_id(), runner.names[name]
    number = next(claim.number for claim in book_of(runner.town, loan_id).held_claims if claim.lender == lender)
    give(runner.town, loan_id, number, _shares(runner, shares))


def _shares(runner: Any, text: str) -> dict[str, str]:
    """`Dora 1/3; Eli 2/3`: who was not there before is registered now."""
    found = {}
    for each in text.split("; "):
        name, share = each.split(" ")
        if name not in runner.names:
            runner.names[name] = runner.town.citizen(name)
        found[runner.names[name]] = share
    return found


ESTATE_ACTIONS: Mapping[str, Callable[..., None]] = {
    r"The death of (\w+) is recorded": _dies,
    r"The estate of (\w+) passes to (.+)": _passes,
    r"(\w+) gives the claim to (.+)": _gives,
}
