"""`bxl templates`: the business events that are posted, with their accounts."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import click

from contracts.templates import BY_PART
from ledger.accounts import chart_row
from ledger.templates import DatedBy, Leg, Template

LANGUAGES = ("fr", "nl", "en")
_DATES = {
    DatedBy.OUTSIDE: "the day on which it happened outside",
    DatedBy.AGREEMENT: "the day that was agreed, or that the law sets",
    DatedBy.CAUSE: "the day of what it follows",
    DatedBy.RELEASE: "the day of its release",
}


@click.command(name="templates")
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of all names.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def templates_command(language: str, *, as_json: bool) -> None:
    """List the business events that are posted: lines, accounts, fact key, and whether they may be late.

    Every entry of the programme is made from one of these; only imported entries, and entries stated through the JSON
    API, name a purpose of their own.

    \b
    With --json, an array of events in the order in which the parts declare them:
      {"part": "loans", "purpose": "loan-issued", "name": "Loan issued, …", "key": "issue:<loan>:<pledge>",
       "late": "allowed", "dated_by": "agreement",
       "legs": [{"side": "debit", "accounts": [{"code": "489200", "name": "Lenders, …"}], "owner": "lender",
                 "asset": "EUR", "amount": "principal", "optional": false,
                 "many": false}, …]}
    Of several accounts, a line has one. "owner" is null for an account without one; "asset" is a code, or the word
    "claim" for the loan's own; "amount" is a name: lines with the same one have the same amount; an "optional" line
    is left out where its amount is 0; of "many" there are any number, on accounts that begin with the code.
    "dated_by" is outside, agreement, cause or release.
    """  # noqa: D301 -- Click wants the backspace itself
    if as_json:
        click.echo(json.dumps([event_json(*event, language) for event in _events()], ensure_ascii=False))
        return
    for part, template in _events():
        click.echo("\n".join([*_lines(part, template, language), ""]))


def event_json(part: str, template: Template, language: str) -> dict[str, object]:
    """An event as the command prints it."""
    return {
        "part": part,
        "purpose": template.purpose,
        "name": event_names()[part][template.purpose][language],
        "key": template.key,
        "late": _late(template),
        "dated_by": template.dated_by.value,
        "legs": [_leg_json(leg, language) for leg in template.legs],
    }


@cache
def event_names() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """What each event is called: part, purpose, language."""
    return tomllib.loads(files("api").joinpath("events.toml").read_text("utf-8"))


def _events() -> Iterator[tuple[str, Template]]:
    return ((part, template) for part, templates in BY_PART.items() for template in templates)


def _leg_json(leg: Leg, language: str) -> dict[str, object]:
    return {
        "side": leg.side.value,
        "accounts": [{"code": code, "name": chart_row(code).names[language]} for code in leg.codes],
        "owner": leg.owner or None,
        "asset": leg.asset,
        "amount": leg.amount,
        "optional": leg.optional,
        "many": leg.many,
    }


def _late(template: Template) -> str:
    return "refused" if template.late_refused else "allowed"


def _lines(part: str, template: Template, language: str) -> Iterator[str]:
    yield f"{template.purpose} ({part}): {event_names()[part][template.purpose][language]}"
    for leg in template.legs:
        side, facts = leg.side.value, [leg.asset, leg.amount, *([f"of {leg.owner}"] if leg.owner else [])]
        for code in leg.codes:
            yield f"  {side:<7}{code}  {chart_row(code).names[language]}; {', '.join(facts)}" + (
                ", if any" if leg.optional else ""
            )
            side = "  or"
    yield f"  key    {template.key}"
    yield f"  date   {_DATES[template.dated_by]}; in a closed period it is {_late(template)}"
