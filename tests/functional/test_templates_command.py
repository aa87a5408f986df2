"""`bxl templates` as a shell sees it: every business event with its lines, accounts, fact key and date."""

import json
import subprocess
import sys

import pytest

from contracts.templates import BY_PART
from ledger.accounts import chart
from tests.commands import run_bxl

EVENTS = [(part, template.purpose) for part, templates in BY_PART.items() for template in templates]


def bxl(*arguments: str) -> str:
    result = run_bxl("templates", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_every_event_is_printed_with_the_names_of_its_accounts() -> None:
    blocks = bxl().strip().split("\n\n")
    assert [block.partition(":")[0] for block in blocks] == [f"{purpose} ({part})" for part, purpose in EVENTS]
    [distributed] = [block for block in blocks if block.startswith("instalment-distributed")]
    assert distributed.splitlines() == [
        "instalment-distributed (loans): Instalment distributed to a lender, withholding tax kept",
        "  debit  489600  Instalments received, to be distributed; EUR, gross, of loan",
        "  credit 489300  Lenders, interest and principal to be paid; EUR, net, of lender",
        "  credit 453000  Withholding tax kept; EUR, tax, of borrower, if any",
        "  debit  021000  Claim owed by the borrower; claim, principal, of borrower, if any",
        "  credit 020000  Lender's claim; claim, principal, of lender, if any",
        "  key    due:<loan>:<n>:<pledge>",
        "  date   the day of what it follows; in a closed period it is allowed",
    ]
    [failed] = [block for block in blocks if block.startswith("campaign-failed")]
    assert failed.splitlines()[1:3] == [
        "  debit  489200  Lenders, money committed to an issue; EUR, amount, of lender",
        "    or   489100  Lenders, money in the reflection period; EUR, amount, of lender",
    ]


@pytest.mark.parametrize("language", ["fr", "nl", "en"])
def test_the_json_states_every_leg_of_every_event_in_the_language_asked_for(language: str) -> None:
    stated = json.loads(bxl("--json", "--language", language))
    assert [(event["part"], event["purpose"]) for event in stated] == EVENTS
    for event, template in zip(stated, (t for each in BY_PART.values() for t in each), strict=True):
        assert list(event) == ["part", "purpose", "name", "key", "late", "dated_by", "legs"]
        assert (event["key"], event["dated_by"]) == (template.key, template.dated_by)
        assert event["late"] == ("refused" if template.late_refused else "allowed")
        for leg, declared in zip(event["legs"], template.legs, strict=True):
            names = [{"code": code, "name": chart()[code].names[language]} for code in declared.codes]
            assert leg == {
                "side": declared.side,
                "accounts": names,
                "owner": declared.owner or None,
                "asset": declared.asset,
                "amount": declared.amount,
                "optional": declared.optional,
                "many": declared.many,
            }


def test_an_order_is_the_one_event_that_is_never_late() -> None:
    stated = json.loads(bxl("--json"))
    assert [event["purpose"] for event in stated if event["late"] == "refused"] == [
        "transfer-ordered",
        "payout-ordered",
        "bank-refund-ordered",
    ]


def test_a_language_that_is_not_spoken_is_a_fault_of_usage() -> None:
    command = [sys.executable, "-m", "api.cli.main", "templates", "--language", "de"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (3, "")
    assert "'de' is not one of 'fr', 'nl', 'en'" in result.stderr
