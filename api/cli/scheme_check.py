"""`bxl scheme check`: whether one lender's part of one loan meets the conditions of a scheme."""

from decimal import Decimal
from typing import BinaryIO

import click

from api.cli.fields import CENTS, DECIMAL, FLAG, MAX_INPUT_BYTES, Fields, Reader, day, integer
from api.cli.rules import provisional_notes
from api.cli.terms import answer_in_json
from contracts.schemes.conditions import Application, BorrowerFacts, LenderFacts, check
from contracts.schemes.rules import schemes
from ledger.errors import Refusal
from ledger.money import MAX_MINOR

_LONGEST_WORD = 40
_WORD: Reader[str] = Reader(
    lambda value: value if isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD else None,
    f"a text of 1 to {_LONGEST_WORD} characters",
)


@click.command(name="check")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity: the answer is always JSON.")
def check_command(file: BinaryIO, *, _as_json: bool) -> int:
    """Check one lender's part of a loan against a scheme, from the JSON in FILE (default: standard input).

    Accepted, it prints the rows it rests on; refused, the first condition that fails.

    \b
    scheme            proxi.A, proxi.B, winwin, coup-de-pouce
    concluded_on      date; registered_on: date, left out while the loan is not registered
    principal_cents   this part; rate_annual: "0.035"; term_years: 5
    repayment         bullet, month, quarter, half-year, year
    lender            natural_person (true unless given), acts_in_trade, employee, spouse_or_cohabitant, director,
                      founder, proxi_borrower (false unless given), shareholding ("0" unless given: a fraction),
                      concluded_this_year_cents, outstanding_cents (without this part, 0 unless given)
    borrower          sme, established_in_region, funds_serve_activity, conduct_declared (true unless given),
                      excluded_sector, fossil_fuels (false unless given), outstanding_cents
    """  # noqa: D301 -- click keeps lines after this control character as they are
    return answer_in_json(lambda: _check_json(Fields.read(file.read(MAX_INPUT_BYTES + 1))))


def _check_json(fields: Fields) -> dict[str, object]:
    rules = check(_application(fields))
    return {"accepted": True, "rules": [row.id for row in rules], "notes": provisional_notes(rules)}


def _application(fields: Fields) -> Application:
    scheme, known = fields.need("scheme", _WORD), schemes("term_years")
    if scheme not in known:
        raise Refusal("scheme-unknown", scheme=scheme, known=known)
    concluded_on, registered_on = fields.need("concluded_on", day()), fields.get("registered_on", day(), None)
    amount, term_years = fields.need("principal_cents", CENTS), fields.need("term_years", integer())
    if not 0 < amount <= MAX_MINOR:
        raise Refusal("principal-out-of-range")
    rate, repayment = fields.need("rate_annual", DECIMAL), fields.need("repayment", _WORD)
    lender, borrower = fields.object("lender"), fields.object("borrower")
    application = Application(
        scheme=scheme,
        concluded_on=concluded_on,
        registered_on=registered_on,
        rate_annual=rate,
        term_years=term_years,
        repayment=repayment,
        amount_cents=amount,
        lender_concluded_cents=lender.get("concluded_this_year_cents", CENTS, 0),
        lender_outstanding_cents=lender.get("outstanding_cents", CENTS, 0),
        borrower_outstanding_cents=borrower.get("outstanding_cents", CENTS, 0),
        lender=_lender(lender),
        borrower=_borrower(borrower),
    )
    fields.done()
    return application


def _lender(fields: Fields) -> LenderFacts:
    facts = LenderFacts(
        is_natural_person=fields.get("natural_person", FLAG, otherwise=True),
        acts_in_trade=fields.get("acts_in_trade", FLAG, otherwise=False),
        is_employee=fields.get("employee", FLAG, otherwise=False),
        is_spouse_or_cohabitant=fields.get("spouse_or_cohabitant", FLAG, otherwise=False),
        is_director=fields.get("director", FLAG, otherwise=False),
        is_founder=fields.get("founder", FLAG, otherwise=False),
        shareholding=fields.get("shareholding", _SHARE, Decimal(0)),
        is_proxi_borrower=fields.get("proxi_borrower", FLAG, otherwise=False),
    )
    fields.done()
    return facts


def _borrower(fields: Fields) -> BorrowerFacts:
    facts = BorrowerFacts(
        is_sme=fields.get("sme", FLAG, otherwise=True),
        is_established_in_region=fields.get("established_in_region", FLAG, otherwise=True),
        is_in_excluded_sector=fields.get("excluded_sector", FLAG, otherwise=False),
        is_in_fossil_fuels=fields.get("fossil_fuels", FLAG, otherwise=False),
        funds_serve_activity=fields.get("funds_serve_activity", FLAG, otherwise=True),
        has_declared_conduct=fields.get("conduct_declared", FLAG, otherwise=True),
    )
    fields.done()
    return facts


def _fraction(value: object) -> Decimal | None:
    read = DECIMAL.convert(value)
    return read if read is not None and 0 <= read <= 1 else None


_SHARE = Reader(_fraction, 'a fraction from 0 to 1 as text, such as "0.10"')
