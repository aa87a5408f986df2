"""A borrower's return of the tax withheld on interest: a tagged PDF, and a file in the shape of declaration 273.

The shape is that of the tax administration's XML for declarations of withholding tax (namespace and elements of the
schema in use since 1 October 2021): one initial declaration of type 273 for each day of attribution, amounts in cents.
What is not known is left out and never made up: the code of the income, and who received it, whose national register
numbers are not kept. So the file is provisional; a person completes it before it is filed.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

from contracts.documents.changes import event_name
from contracts.documents.model import Language
from contracts.documents.paper import Block, Column, Facts, Heading, Prose, Table
from contracts.documents.text import Wording, figure, long_date, money, number, percent, short_date, wording
from contracts.documents.yearly import WithheldRow, WithholdingData
from contracts.documents.yearly_frame import enterprise_facts, reserve, stands_on, yearly_paper

NAMESPACE = "http://withholding.minfin.fgov.be/"
DECLARATION = "273"
_PREFIX = "rv"


def render_withholding_return(data: WithholdingData, language: Language) -> bytes:
    """The return, the same bytes for the same data."""
    words = wording(language)
    doubts = [words.say("withholding.provisional")] if data.provisional else []
    if data.rows:
        doubts.append(words.say("withholding.form_unknown"))
    blocks = (
        Facts(stands_on(data.frame, words)),
        Heading(words.say("withholding.part_debtor"), 1),
        enterprise_facts(data.borrower, words),
        *_rows(data, words),
        *_changes(data, words),
        *_account(data, words),
        *reserve(words, *doubts, rules=data.rules),
    )
    return yearly_paper(data.frame, words, "withholding", blocks).render()


def declaration_273(data: WithholdingData, language: Language) -> bytes | None:
    """The file, or None where nothing can be declared: no interest, or a debtor whose number was erased."""
    number_of = data.borrower.enterprise_number.replace(".", "")
    rows = [row for row in data.rows if row.rate is not None]
    if not rows or not number_of:
        return None
    ET.register_namespace(_PREFIX, NAMESPACE)
    root = ET.Element(_name("withholdingTaxFile"))
    ET.SubElement(_under(root, "taxPayer"), _name("belgianCompany"), {_name("companyNumber"): number_of})
    for reference, (on, of_day) in enumerate(groupby(rows, key=lambda row: row.attributed_on), 1):
        declared = list(of_day)
        day = _under(root, "initialDeclaration")
        _under(day, "declarationType", DECLARATION)
        for row in declared:
            _income(day, row)
        _under(day, "totalTaxAmountDue", str(sum(row.tax_cents for row in declared)))
        _under(day, "attributionDate", on.isoformat())
        if language != "en":
            _under(day, "preferredLanguage", language)
        _under(day, "declarationUniqueReference", str(reference))
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def _income(day: ET.Element, row: WithheldRow) -> None:
    income = _under(day, "income")
    _under(income, "grossAmount", str(row.gross_cents))
    _under(income, "taxableAmount", str(row.gross_cents))
    _under(income, "rate", _percent(row.rate or Decimal(0)))
    _under(income, "taxAmount", str(row.tax_cents))
    _under(income, "finalTaxAmount", str(row.tax_cents))


def _percent(rate: Decimal) -> str:
    """A fraction as the schema writes rates: per cent, with a point.

    >>> _percent(Decimal("0.30")), _percent(Decimal("0.125"))
    ('30', '12.5')
    """
    text = f"{rate * 100:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _under(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, _name(name))
    child.text = text
    return child


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _rows(data: WithholdingData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    yield Heading(say("withholding.part_rows"), 1)
    if not data.rows:
        yield Prose(say("withholding.no_rows"))
        return
    none = say("common.no_value")
    yield Table(
        columns=(
            Column(say("withholding.column_on"), 14),
            Column(say("withholding.column_kind"), 22),
            Column(say("withholding.column_lenders"), 10, figures=True),
            Column(say("withholding.column_gross"), 13, figures=True),
            Column(say("withholding.column_rate"), 8, figures=True),
            Column(say("withholding.column_tax"), 12, figures=True),
            Column(say("withholding.column_net"), 13, figures=True),
            Column(say("withholding.column_pay_by"), 14),
        ),
        rows=tuple(
            (
                short_date(row.attributed_on),
                _kind(row, words),
                number(row.lenders, language),
                figure(row.gross_cents, language),
                none if row.rate is None else percent(row.rate, language),
                figure(row.tax_cents, language),
                figure(row.net_cents, language),
                none if row.pay_by_on is None else short_date(row.pay_by_on),
            )
            for row in data.rows
        ),
        total=(
            say("statement.total"),
            "",
            "",
            figure(data.gross_cents, language),
            "",
            figure(data.tax_cents, language),
            figure(data.net_cents, language),
            "",
        ),
    )


def _kind(row: WithheldRow, words: Wording) -> str:
    kind = "unknown" if row.holder_kind is None else row.holder_kind.value.replace("-", "_")
    return words.say(f"withholding.kind_{kind}")


def _changes(data: WithholdingData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    if not data.changes:
        return
    yield Heading(say("withholding.part_changes"), 1)
    yield Table(
        columns=(
            Column(say("changes.column_on"), 14),
            Column(say("statement.column_loan"), 26),
            Column(say("changes.column_event"), 34),
            Column(say("withholding.column_lenders"), 12, figures=True),
            Column(say("changes.column_amount"), 14, figures=True),
        ),
        rows=tuple(
            (
                short_date(change.on),
                change.title,
                event_name(change.event, words),
                str(change.lenders),
                figure(change.amount_cents, language),
            )
            for change in data.changes
        ),
    )
    yield Prose(say("withholding.changes_note"), small=True)


def _account(data: WithholdingData, words: Wording) -> Iterator[Block]:
    say, language = words.say, words.language
    last_on = long_date(date(data.frame.year, 12, 31), language)
    yield Heading(say("withholding.part_account"), 1)
    yield Facts(
        (
            (say("withholding.withheld"), money(data.tax_cents, language)),
            (say("withholding.paid_in"), money(data.paid_in_cents, language)),
            (say("withholding.unpaid", day=last_on), money(data.unpaid_cents, language)),
        ),
        figures=True,
    )
