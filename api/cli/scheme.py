"""Commands on what the law says: the rows of a scheme on a date, and a lender's tax credits by them."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import BinaryIO

import click

from api.cli.fields import CENTS, FLAG, MAX_INPUT_BYTES, Fields, Reader, day, word
from api.cli.rules import provisional_notes
from api.cli.scheme_check import check_command
from api.cli.terms import answer_in_json
from contracts.schemes.conditions import regime
from contracts.schemes.credit import CreditPart, credit_of_parts, stopped, stopped_for_lender
from contracts.schemes.loss import Haircut, Loss, LossEvent, LostLoan, loss_credit
from contracts.schemes.rules import Rule, rules_of
from ledger.errors import Refusal

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_LONGEST_ID = 100
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_YEAR: Reader[int] = Reader(
    lambda value: value if type(value) is int and _FIRST_YEAR <= value <= _LAST_YEAR else None,
    "a year",
)
_TEXT: Reader[str] = Reader(
    lambda value: value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID else None,
    f"a text of 1 to {_LONGEST_ID} characters",
)


@click.group(name="scheme")
def scheme() -> None:
    """Rules of law and of schemes, as dated rows."""


scheme.add_command(check_command)


@scheme.command(name="show")
@click.argument("name", metavar="SCHEME")
@click.option("--on", "on", type=_DAY, required=True, help="The date whose rules are wanted.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def show_command(name: str, on: datetime, *, as_json: bool) -> None:
    """Print the rows of SCHEME in force on a date, with their sources and their status.

    Schemes: proxi.A, proxi.B, winwin, coup-de-pouce, BE (federal law), ECSPR (crowdfunding).
    """
    rows = rules_of(name, on.date())
    if as_json:
        click.echo(json.dumps([_rule_json(row) for row in rows]))
        return
    for row in rows:
        until = f" to {row.valid_to}" if row.valid_to else ""
        click.echo(f"{row.param:<40} {_shown(row):<30} {row.unit}")
        click.echo(f"    from {row.valid_from}{until}, {row.status.value}, confidence {row.confidence.value}")
        click.echo(f"    {row.source}")


@scheme.command(name="tax-credit")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def tax_credit_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print a lender's credit of a tax period as JSON, from the JSON in FILE (default: standard input).

    \b
    scheme            proxi.A, proxi.B, winwin, coup-de-pouce
    tax_period        the year
    brussels_resident true unless given: resident of the scheme's region in the period
    lender_died_on    date
    loans             [{"id", "started_on", "registered_on", "balances": {"1 Jan", "31 Dec"} in cents,
                        "proof_filed", "accelerated_on", "deregistered_on"}]
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _credit_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


@scheme.command(name="loss-credit")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def loss_credit_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print a lender's one-off credit on lost principal as JSON, from the JSON in FILE (default: standard input).

    \b
    scheme, tax_period
    loans             [{"id", "term_ends_on", "concluded_on", "event": {"type": bankruptcy, insolvency, dissolution or
                        liquidation, "on"}, "called_on", "deregistered_on", "brussels_resident", "exemplary",
                        "outstanding_cents", "losses": [{"on", "cents"}], "haircuts": [{"on", "cents", "final_on"}]}]
    """  # noqa: D301 -- as above
    return answer_in_json(lambda: _loss_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


def _credit_json(fields: Fields) -> dict[str, object]:
    scheme_name, tax_period = fields.need("scheme", _TEXT), fields.need("tax_period", _YEAR)
    personal = stopped_for_lender(
        tax_period,
        resident=fields.get("brussels_resident", FLAG, otherwise=True),
        died_on=fields.get("lender_died_on", day(), None),
    )
    notes: list[dict[str, object]] = []
    parts = []
    for loan in fields.objects("loans"):
        part = _part(loan, scheme_name, tax_period, notes)
        parts.append(CreditPart(part.loan_id, part.started_on, part.mean_cents, personal or part.ground))
    fields.done()
    _refuse_twice(part.loan_id for part in parts)
    credit = credit_of_parts(scheme_name, tax_period, parts)
    notes += [{"loan": loan_id, "code": ground.value} for loan_id, ground in credit.grounds.items()]
    return {
        "credit_cents": credit.credit_cents,
        "base_first_cents": credit.base_first_cents,
        "base_later_cents": credit.base_later_cents,
        "by_loan": dict(credit.by_loan),
        "notes": notes + provisional_notes(credit.rules),
        "rules": [row.id for row in credit.rules],
    }


def _part(fields: Fields, scheme_name: str, tax_period: int, notes: list[dict[str, object]]) -> CreditPart:
    loan_id, started_on = fields.need("id", _TEXT), fields.need("started_on", day())
    registered_on = fields.get("registered_on", day(), None)
    balances = fields.object("balances")
    opening, closing = balances.need("1 Jan", CENTS), balances.need("31 Dec", CENTS)
    balances.done()
    ground = stopped(
        tax_period,
        started_on,
        has_proof=fields.get("proof_filed", FLAG, otherwise=True),
        accelerated_on=fields.get("accelerated_on", day(), None),
        deregistered_on=fields.get("deregistered_on", day(), None),
    )
    fields.done()
    if started_on.year > tax_period:
        raise Refusal("terms-field-malformed", field="started_on", expected=f"a date until {tax_period}")
    if started_on.year == tax_period and opening:
        notes.append({"loan": loan_id, "code": "opening-balance-of-first-year-is-zero"})
        opening = 0
    if (other := regime(scheme_name, registered_on)) != scheme_name:
        notes.append({"loan": loan_id, "code": "other-regime", "scheme": other})
    return CreditPart(loan_id, started_on, Fraction(opening + closing, 2), ground)


def _loss_json(fields: Fields) -> dict[str, object]:
    scheme_name, tax_period = fields.need("scheme", _TEXT), fields.need("tax_period", _YEAR)
    loans = [_lost(loan) for loan in fields.objects("loans")]
    fields.done()
    _refuse_twice(loan.loan_id for loan in loans)
    credit = loss_credit(scheme_name, tax_period, loans)
    notes: list[dict[str, object]] = [
        {"loan": loan_id, "code": ground.value} for loan_id, ground in credit.grounds.items()
    ]
    return {
        "credit_cents": credit.credit_cents,
        "base_cents": credit.base_cents,
        "by_loan": dict(credit.by_loan),
        "notes": notes + provisional_notes(credit.rules),
        "rules": [row.id for row in credit.rules],
    }


def _lost(fields: Fields) -> LostLoan:
    loan_id, ends_on = fields.need("id", _TEXT), fields.need("term_ends_on", day())
    event: tuple[LossEvent | None, date | None] = (None, None)
    for stated in _optional(fields, "event"):
        event = stated.need("type", word(LossEvent)), stated.need("on", day())
        stated.done()
    lost = LostLoan(
        loan_id=loan_id,
        term_ends_on=ends_on,
        concluded_on=fields.get("concluded_on", day(), None),
        event=event[0],
        event_on=event[1],
        called_on=fields.get("called_on", day(), None),
        deregistered_on=fields.get("deregistered_on", day(), None),
        is_resident=fields.get("brussels_resident", FLAG, otherwise=True),
        is_exemplary=fields.get("exemplary", FLAG, otherwise=False),
        outstanding_cents=fields.get("outstanding_cents", CENTS, None),
        losses=tuple(_loss(each) for each in fields.objects("losses")),
        haircuts=tuple(_haircut(each) for each in fields.objects("haircuts")),
    )
    fields.done()
    return lost


def _optional(fields: Fields, name: str) -> list[Fields]:
    """The object that is a field, if there is one."""
    return [fields.object(name)] if fields.has(name) else []


def _loss(fields: Fields) -> Loss:
    loss = Loss(fields.need("on", day()), fields.need("cents", CENTS))
    fields.done()
    return loss


def _haircut(fields: Fields) -> Haircut:
    on, cents = fields.need("on", day()), fields.need("cents", CENTS)
    haircut = Haircut(on, cents, fields.get("final_on", day(), None))
    fields.done()
    return haircut


def _refuse_twice(loan_ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for loan_id in loan_ids:
        if loan_id in seen:
            raise Refusal("terms-field-malformed", field="loans", expected="each id once")
        seen.add(loan_id)


def _rule_json(row: Rule) -> dict[str, object]:
    """A row as JSON: decimals as text, sets as arrays."""
    value: object = row.value
    if isinstance(row.value, Decimal):
        value = str(row.value)
    if isinstance(row.value, tuple):
        value = list(row.value)
    return {
        "id": row.id,
        "scheme": row.scheme,
        "param": row.param,
        "value": value,
        "unit": row.unit,
        "anchor": row.anchor.value,
        "source": row.source,
        "confidence": row.confidence.value,
        "status": row.status.value,
        "valid_from": row.valid_from.isoformat(),
        "valid_to": row.valid_to.isoformat() if row.valid_to else None,
    }


def _shown(row: Rule) -> str:
    return ", ".join(str(member) for member in row.value) if isinstance(row.value, tuple) else str(row.value)
