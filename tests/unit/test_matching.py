"""What a line of a bank statement is: every rule, and the order in which they are asked."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ledger.payments.iso20022.model import StatementLine
from ledger.payments.matching import (
    Decision,
    ExpectedTransfer,
    Handling,
    Known,
    OwnOrder,
    Reason,
    match_lines,
    settlement_references,
)

DAY = date(2026, 3, 2)
ADA, BOB, OWN = "BE-ada", "BE-bob", "BE-own"
LINE = StatementLine("k", 10_000, DAY, DAY, "PMNT-RCDT-ESCT", "r")


def asked(payment_id: str, payer: str, cents: int, *, is_open: bool = True, own: bool = True) -> ExpectedTransfer:
    return ExpectedTransfer(
        payment_id=payment_id, payer=payer, amount_cents=cents, is_open=is_open, own_account_only=own
    )


KNOWN = Known(
    expected={
        "111": asked("y1", "ada", 10_000),
        "222": asked("y2", "bob", 20_000),
        "333": asked("y3", "bob", 5_000),
        "444": asked("y4", "firm", 10_000, own=False),
        "555": asked("y5", "ada", 10_000, is_open=False),
    },
    payer_ibans={"ada": ADA, "bob": BOB, "firm": "BE-firm"},
    settlements={"1234567.2611.03": 70_000},
    orders={"t1": OwnOrder(order_id="t1", amount_cents=9_000)},
    returnable={"t0": OwnOrder(order_id="t0", amount_cents=9_000)},
    debits={"d1": OwnOrder(order_id="d1", amount_cents=4_000)},
    own_iban=OWN,
)


def suspense(reason: Reason, *proposal: str) -> Decision:
    return Decision(Handling.SUSPENSE, reason=reason, proposal=proposal)


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        (
            {"end_to_end_id": "t0", "return_reason": "AC04", "amount_cents": 9_000},
            Decision(Handling.RETURNED_ORDER, "t0"),
        ),
        ({"end_to_end_id": "t0", "is_reversal": True, "amount_cents": 9_000}, Decision(Handling.RETURNED_ORDER, "t0")),
        ({"end_to_end_id": "t0", "return_reason": "AC04"}, suspense(Reason.RETURN_NOT_KNOWN)),
        ({"return_reason": "AC04", "structured_reference": "111"}, suspense(Reason.RETURN_NOT_KNOWN)),
        (
            {"end_to_end_id": "d1", "return_reason": "MD06", "amount_cents": -4_000},
            Decision(Handling.RETURNED_DEBIT, "d1"),
        ),
        ({"end_to_end_id": "d9", "return_reason": "MD06", "amount_cents": -4_000}, Decision(Handling.UNKNOWN_DEBIT)),
        (
            {"remittance": "MOLLIE 1234567.2611.03 PAYOUT", "amount_cents": 70_000},
            Decision(Handling.SETTLEMENT, "1234567.2611.03"),
        ),
        ({"remittance": "1234567.2611.03", "amount_cents": 70_001}, suspense(Reason.SETTLEMENT_NOT_ANNOUNCED)),
        ({"end_to_end_id": "t1", "amount_cents": -9_000}, Decision(Handling.ORDER, "t1")),
        ({"end_to_end_id": "t1", "amount_cents": -9_001}, Decision(Handling.UNKNOWN_DEBIT)),
        (
            {"end_to_end_id": "d1", "mandate_reference": "M1", "amount_cents": 4_000},
            Decision(Handling.COLLECTED, "d1"),
        ),
        ({"end_to_end_id": "d1", "amount_cents": 4_000}, suspense(Reason.NOT_IDENTIFIED)),
        ({"structured_reference": "111", "counterparty_iban": ADA}, Decision(Handling.EXPECTED, "y1")),
        ({"structured_reference": "111"}, Decision(Handling.EXPECTED, "y1")),
        ({"structured_reference": "111", "counterparty_iban": BOB}, suspense(Reason.ACCOUNT_OF_ANOTHER, "y1")),
        ({"structured_reference": "444", "counterparty_iban": BOB}, Decision(Handling.EXPECTED, "y4")),
        ({"structured_reference": "111", "amount_cents": 9_999}, suspense(Reason.AMOUNT_DIFFERS, "y1")),
        (
            {"structured_reference": "222", "amount_cents": 25_000, "counterparty_iban": BOB},
            suspense(Reason.AMOUNT_DIFFERS, "y2", "y3"),
        ),
        ({"structured_reference": "555"}, suspense(Reason.PAID_ALREADY)),
        ({"structured_reference": "999", "counterparty_iban": ADA}, suspense(Reason.KNOWN_ACCOUNT, "y1")),
        ({"counterparty_iban": BOB, "amount_cents": 25_000}, suspense(Reason.KNOWN_ACCOUNT, "y2", "y3")),
        ({"counterparty_iban": BOB, "amount_cents": 24_999}, suspense(Reason.NOT_IDENTIFIED)),
        ({"counterparty_iban": OWN, "structured_reference": "111"}, Decision(Handling.TOP_UP)),
        ({"amount_cents": -350, "bank_code": "ACMT-MDOP-CHRG"}, Decision(Handling.CHARGE)),
        ({"amount_cents": -350}, Decision(Handling.UNKNOWN_DEBIT)),
        ({}, suspense(Reason.NOT_IDENTIFIED)),
    ],
)
def test_a_line_is_matched_by_the_first_rule_that_fits(said: dict[str, Any], decision: Decision) -> None:
    assert match_lines([replace(LINE, **said)], KNOWN) == [decision]


def test_what_one_line_has_paid_is_not_open_for_the_next() -> None:
    line = replace(LINE, structured_reference="111", counterparty_iban=ADA)
    first, second, third = match_lines([line, line, replace(line, structured_reference=None)], KNOWN)
    assert first == Decision(Handling.EXPECTED, "y1")
    assert second == suspense(Reason.PAID_ALREADY)
    assert third == suspense(Reason.NOT_IDENTIFIED)


def test_two_open_items_of_one_amount_are_not_guessed_between() -> None:
    known = replace(KNOWN, expected={"1": asked("y1", "ada", 10_000), "2": asked("y2", "ada", 10_000)})
    [decision] = match_lines([replace(LINE, counterparty_iban=ADA)], known)
    assert decision == suspense(Reason.NOT_IDENTIFIED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ref 1234567.2611.03", ["1234567.2611.03"]),
        ("123.2611.03 1234.261.03 91.1234.2611.03", []),
        ("1234.2611.03.1", []),
    ],
)
def test_a_settlement_reference_has_four_digits_or_more_then_four_then_two(text: str, found: list[str]) -> None:
    assert settlement_references(replace(LINE, remittance=text)) == found
