"""Commands on what the law and an agreement say: the rows of a scheme on a date, and the schedule that terms make."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, TypeVar

import click

from api.cli.main import EXIT_REFUSED, show_refusal
from contracts.schemes.rules import Rule, rules_of
from contracts.terms.dates import add_months
from contracts.terms.daycount import DayCount
from contracts.terms.schedule import Every, RepaymentKind, Schedule, Terms, schedule
from contracts.terms.taeg import taeg_of
from ledger.errors import Refusal

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_MAX_INPUT_BYTES = 1_000_000

T = TypeVar("T")


@click.group(name="scheme")
def scheme() -> None:
    """Rules of law and of schemes, as dated rows."""


@scheme.command(name="show")
@click.argument("name", metavar="SCHEME")
@click.option("--on", "on", type=_DAY, required=True, help="The date whose rules are wanted.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def show_command(name: str, on: datetime, *, as_json: bool) -> None:
    """Print the rows of SCHEME (proxi.B, BE, ECSPR) in force on a date, with their sources and their status."""
    rows = rules_of(name, on.date())
    if as_json:
        click.echo(json.dumps([_rule_json(row) for row in rows]))
        return
    for row in rows:
        until = f" to {row.valid_to}" if row.valid_to else ""
        click.echo(f"{row.param:<40} {_shown(row):<30} {row.unit}")
        click.echo(f"    from {row.valid_from}{until}, {row.status.value}, confidence {row.confidence.value}")
        click.echo(f"    {row.source}")


@click.group(name="terms")
def terms() -> None:
    """Financial mathematics on the command line."""


@terms.command(name="schedule")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def schedule_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Print the schedule of the terms in FILE (JSON; default standard input) as JSON.

    Fields: principal_cents, rate_annual (text, "0.035"), starts_on, first_due_on (default: one period after the start),
    instalments, every (month, quarter, half-year, year), kind (annuity, linear, bullet), day_count (30E/360,
    ACT/ACT ICMA; default 30E/360).
    """
    try:
        plan = schedule(read_terms(file.read(_MAX_INPUT_BYTES + 1)))
    except Refusal as refusal:
        show_refusal(refusal, as_json=True)
        return EXIT_REFUSED
    click.echo(json.dumps(schedule_json(plan)))
    return 0


def read_terms(raw: bytes) -> Terms:
    """Terms from JSON; refuses `terms-not-an-object`, `terms-field-unknown`, `-missing`, `-malformed`; see `Terms`."""
    fields = _object(raw)
    starts_on = _field(fields, "starts_on", _date, "a date such as 2026-03-02")
    every = _field(fields, "every", Every, ", ".join(Every))
    fields.setdefault("first_due_on", add_months(starts_on, every.months).isoformat())
    fields.setdefault("day_count", DayCount.THIRTY_E_360.value)
    made = Terms(
        principal_cents=_field(fields, "principal_cents", _integer, "a whole number of cents"),
        rate_annual=_field(fields, "rate_annual", _decimal, 'a fraction as text, such as "0.035"'),
        starts_on=starts_on,
        first_due_on=_field(fields, "first_due_on", _date, "a date such as 2026-04-02"),
        instalments=_field(fields, "instalments", _integer, "a whole number"),
        every=every,
        kind=_field(fields, "kind", RepaymentKind, ", ".join(RepaymentKind)),
        day_count=_field(fields, "day_count", DayCount, ", ".join(DayCount)),
    )
    for name in fields:
        if name not in Terms.__dataclass_fields__:
            raise Refusal("terms-field-unknown", field=name[:64])
    return made


def schedule_json(plan: Schedule) -> dict[str, object]:
    """A schedule as the command prints it."""
    names = ("n", "days", "interest_cents", "principal_cents", "total_cents", "outstanding_cents")
    totals = ("interest_cents", "principal_cents", "total_cents")
    return {
        "instalments": [
            {"due_on": row.due_on.isoformat()} | {name: getattr(row, name) for name in names}
            for row in plan.instalments
        ],
        "totals": {name: getattr(plan.totals, name) for name in totals},
        "taeg": str(taeg_of(plan)),
    }


def _object(raw: bytes) -> dict[str, object]:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        raise Refusal("terms-not-an-object", limit=_MAX_INPUT_BYTES) from error
    if not isinstance(value, dict) or len(raw) > _MAX_INPUT_BYTES:
        raise Refusal("terms-not-an-object", limit=_MAX_INPUT_BYTES)
    return value


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _field(fields: Mapping[str, object], name: str, convert: Callable[[str], T], expected: str) -> T:
    if name not in fields:
        raise Refusal("terms-field-missing", field=name)
    raw = fields[name]
    is_whole = isinstance(raw, int) and not isinstance(raw, bool)
    try:
        if is_whole == (convert is _integer) and (is_whole or isinstance(raw, str)):
            return convert(str(raw))
    except (ValueError, InvalidOperation):
        pass
    raise Refusal("terms-field-malformed", field=name, expected=expected)


def _integer(text: str) -> int:
    return int(text)


def _decimal(text: str) -> Decimal:
    return Decimal(text)


def _date(text: str) -> date:
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError
    return day


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
