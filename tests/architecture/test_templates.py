"""Every entry of the programme comes from a template, and every template is listed, named and shown as it is."""

import ast
from collections.abc import Iterator

import pytest

from api.cli.templates import LANGUAGES, event_names
from api.receipts import purposes
from contracts.bonds import postings as bonds
from contracts.loans import postings as loans
from contracts.offers import postings as offers
from contracts.pledges import postings as pledges
from contracts.secondchance import postings as secondchance
from contracts.templates import BY_PART, NEVER_LATE, lateness_refused
from ledger import years
from ledger.accounts import Side, chart
from ledger.payments import debit_postings as debits
from ledger.payments import postings as payments
from ledger.payments import statement_postings as statements
from ledger.templates import Leg, Template
from tests.trees import nodes

MODULES = {
    "payments": payments,
    "statements": statements,
    "debits": debits,
    "offers": offers,
    "pledges": pledges,
    "loans": loans,
    "secondchance": secondchance,
    "bonds": bonds,
    "years": years,
}
EVENTS = [(part, template) for part, templates in BY_PART.items() for template in templates]
EACH_EVENT = pytest.mark.parametrize(("part", "template"), EVENTS, ids=[f"{p}-{t.purpose}" for p, t in EVENTS])


def calls_of(name: str, *folders: str) -> Iterator[str]:
    for path, node in nodes(ast.Call, *folders):
        if name in {getattr(node.func, f, "") for f in ("id", "attr")}:
            yield path


def test_no_product_and_no_payment_makes_an_entry_or_a_line_but_through_a_template() -> None:
    for name in ("JournalEntry", "Posting"):
        assert list(calls_of(name, "contracts", "ledger/payments", "api/worker", "api/webhooks", "frontend")) == []
        assert "ledger/templates.py" in calls_of(name, "ledger")


def test_every_template_is_declared_in_a_posting_module_and_listed() -> None:
    declared = set(calls_of("Template", "ledger", "contracts", "api", "frontend"))
    assert declared == {
        "ledger/payments/postings.py",
        "ledger/payments/debit_postings.py",
        "ledger/payments/statement_postings.py",
        "contracts/offers/postings.py",
        "contracts/pledges/postings.py",
        "contracts/loans/postings.py",
        "contracts/secondchance/postings.py",
        "contracts/bonds/postings.py",
        "ledger/years.py",
    }
    assert {part: module.TEMPLATES for part, module in MODULES.items()} == BY_PART
    for module in MODULES.values():
        named = [value for value in vars(module).values() if isinstance(value, Template)]
        assert named == list(module.TEMPLATES)


@pytest.mark.parametrize("part", BY_PART)
def test_a_part_declares_an_event_once(part: str) -> None:
    declared = [template.purpose for template in BY_PART[part]]
    assert sorted(set(declared)) == sorted(declared)


def test_events_of_one_purpose_agree_on_who_dates_them() -> None:
    dated = {(template.purpose, template.dated_by) for _, template in EVENTS}
    assert len(dated) == len({purpose for purpose, _ in dated})


def test_only_the_release_of_an_order_may_not_be_late() -> None:
    refused = sorted({template.purpose for _, template in EVENTS if lateness_refused(template.purpose)})
    assert refused == sorted(NEVER_LATE) == ["bank-refund-ordered", "payout-ordered", "transfer-ordered"]
    assert not lateness_refused("a purpose of an imported entry")


@EACH_EVENT
def test_every_account_is_a_row_of_the_chart_and_of_somebody_where_the_row_is_personal(
    part: str, template: Template
) -> None:
    for leg in template.legs:
        assert set(leg.codes) <= set(chart())
        assert leg.owner or not any(chart()[code].personal for code in leg.codes)
        assert all((code[:2] in {"01", "02"}) == (leg.asset != "EUR") for code in leg.codes)


@EACH_EVENT
def test_every_event_has_a_name_in_each_language(part: str, template: Template) -> None:
    names = event_names()[part][template.purpose]
    assert sorted(names) == sorted(LANGUAGES)
    assert len({name.strip() for name in names.values()} - {""}) == len(LANGUAGES)


def test_no_name_is_without_its_event() -> None:
    named = {(part, purpose) for part, names in event_names().items() for purpose in names}
    assert named == {(part, template.purpose) for part, template in EVENTS}


def test_whatever_stands_on_a_persons_account_has_words_for_her() -> None:
    personal = {template.purpose for _, template in EVENTS if template.is_personal}
    assert personal - set(purposes()) == set()
    between_books = {"bridge-transfer"}  # whoever sends names the accounts, as in a stated entry
    assert set(purposes()) - {template.purpose for _, template in EVENTS} == between_books


@pytest.mark.parametrize("part", BY_PART)
def test_the_table_in_a_posting_modules_docstring_is_its_templates(part: str) -> None:
    table = "\n".join(["| event | debit | credit | fact key |", "|---|---|---|---|", *rows(BY_PART[part])])
    assert table in (MODULES[part].__doc__ or ""), f"the table should be:\n{table}"


def rows(templates: tuple[Template, ...]) -> Iterator[str]:
    """The rows of a docstring's table: one for each asset of each template."""
    for template in templates:
        names = (template.purpose, template.key)
        for asset in template.assets:
            sides = [shown(template, side, asset) for side in (Side.DEBIT, Side.CREDIT)]
            yield f"| {names[0]} | {sides[0]} | {sides[1]} | {names[1]} |".replace("|  |", "| |")
            names = ("", "")


def shown(template: Template, side: Side, asset: str) -> str:
    return ", ".join(written(leg) for leg in template.legs if (leg.side, leg.asset) == (side, asset))


def written(leg: Leg) -> str:
    codes = " or ".join(leg.codes) + (" …" if leg.many else "")
    text = " ".join(filter(None, (codes, leg.owner, "" if leg.asset == "EUR" else f"({leg.asset})")))
    return f"[{text}]" if leg.optional else text
