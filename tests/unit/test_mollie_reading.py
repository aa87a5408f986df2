"""Mollie's documented JSON as frozen values, and whatever is not as documented refused."""

from datetime import UTC, datetime

import pytest

from api.rails.mollie.reading import (
    read_balance_cents,
    read_chargeback,
    read_customer_id,
    read_mandate,
    read_method,
    read_movement,
    read_payment,
    read_settlement,
)
from ledger.payments.bodies import signed_cents_of
from ledger.payments.rail import (
    ProviderChargeback,
    ProviderMandate,
    ProviderMethod,
    ProviderMovement,
    ProviderSettlement,
)

AT, INSTANT = "2026-03-02T11:00:00+00:00", datetime(2026, 3, 2, 11, tzinfo=UTC)


def euro(value):
    return {"currency": "EUR", "value": value}


CHARGEBACK = {
    "resource": "chargeback",
    "id": "chb_ls7ahg12",
    "paymentId": "tr_abcdefgh12",
    "amount": euro("425.00"),
    "settlementAmount": euro("-425.00"),
    "createdAt": AT,
    "reversedAt": None,
    "reason": {"code": "MD06", "description": "Refund request by end customer"},
}
MOVEMENT = {
    "resource": "balance_transaction",
    "id": "baltr_QM24QwzUWR4ev4Xfgyt29A",
    "type": "refund",
    "initialAmount": euro("-10.00"),
    "deductions": euro("-0.25"),
    "resultAmount": euro("-10.25"),
    "createdAt": AT,
    "context": {"paymentId": "tr_abcdefgh12", "refundId": "re_abcdefgh12"},
}
SETTLEMENT = {
    "resource": "settlement",
    "id": "stl_jDk30akdN",
    "reference": "1234567.2603.03",
    "status": "paidout",
    "amount": euro("39.75"),
    "createdAt": AT,
    "settledAt": AT,
}


def test_a_chargeback_says_which_payment_why_and_whether_it_was_won_back():
    read = read_chargeback(CHARGEBACK)
    assert read == ProviderChargeback("chb_ls7ahg12", "tr_abcdefgh12", 42_500, "EUR", INSTANT, None, "MD06")
    won = read_chargeback(CHARGEBACK | {"reversedAt": AT, "reason": None})
    assert (won.reversed_at, won.reason_code) == (INSTANT, None)


def test_a_payment_carries_its_method_and_its_chargebacks():
    payment = {
        "id": "tr_abcdefgh12",
        "mode": "test",
        "status": "paid",
        "createdAt": AT,
        "paidAt": AT,
        "method": "wero",
        "amount": euro("425.00"),
        "amountChargedBack": euro("425.00"),
        "_embedded": {"refunds": [], "chargebacks": [CHARGEBACK]},
        "aFieldThatIsNew": {"of": ["any", "form"]},
    }
    read = read_payment(payment, whole=True)
    assert (read.method, read.charged_back_cents, read.chargebacks) == ("wero", 42_500, (read_chargeback(CHARGEBACK),))


def test_a_movement_states_what_moved_what_was_deducted_and_what_it_is_about():
    read = read_movement(MOVEMENT)
    assert read == ProviderMovement(
        "baltr_QM24QwzUWR4ev4Xfgyt29A", "refund", -1_000, 25, -1_025, INSTANT, "tr_abcdefgh12", "re_abcdefgh12"
    )
    nested = read_movement(MOVEMENT | {"context": {"refund": MOVEMENT["context"], "more": ["x"]}})
    assert nested == read
    plain = {key: value for key, value in MOVEMENT.items() if key not in {"deductions", "context"}}
    bare = read_movement(plain | {"type": "a-kind-of-tomorrow", "resultAmount": euro("-10.00")})
    assert (bare.kind, bare.deduction_cents, bare.payment_provider_id) == ("a-kind-of-tomorrow", 0, None)


@pytest.mark.parametrize(
    "change",
    [
        {"resultAmount": euro("-10.24")},
        {"resultAmount": euro("-10.250")},
        {"resultAmount": {"currency": "USD", "value": "-10.25"}},
        {"id": "tr_abcdefgh12"},
        {"type": None},
        {"createdAt": "2026-03-02"},
    ],
)
def test_a_movement_in_another_form_is_not_guessed_at(change):
    with pytest.raises((ValueError, TypeError)):
        read_movement(MOVEMENT | change)


def test_a_settlement_has_its_bank_reference_and_may_be_negative_or_of_a_new_status():
    read = read_settlement(SETTLEMENT)
    assert read == ProviderSettlement("stl_jDk30akdN", "1234567.2603.03", "paidout", 3_975, INSTANT, INSTANT)
    filling = SETTLEMENT | {"reference": None, "settledAt": None, "amount": euro("-4.10"), "status": "of-tomorrow"}
    read = read_settlement(filling)
    assert (read.reference, read.amount_cents, read.settled_at, read.status) == ("", -410, None, "of-tomorrow")
    with pytest.raises(ValueError, match="settlement's id"):
        read_settlement(SETTLEMENT | {"id": "open"})


def test_a_balance_is_what_is_available_and_what_is_pending():
    assert read_balance_cents({"availableAmount": euro("-1.50"), "pendingAmount": euro("20.00")}) == 1_850
    with pytest.raises(KeyError):
        read_balance_cents({"availableAmount": euro("1.00")})


def test_mandates_customers_and_methods_are_read():
    stated = {"id": "mdt_h3gAaD5zP9", "status": "pending", "mandateReference": "BXL-2026-7"}
    assert read_mandate(stated, "cst_8wmqcHMN4U") == ProviderMandate(
        "mdt_h3gAaD5zP9", "cst_8wmqcHMN4U", "pending", "BXL-2026-7"
    )
    assert read_customer_id({"id": "cst_8wmqcHMN4U", "name": "A", "email": None}) == "cst_8wmqcHMN4U"
    with pytest.raises(ValueError, match="customer's id"):
        read_customer_id({"id": "cst_../.."})
    kbc = {"id": "kbc", "minimumAmount": euro("0.01"), "maximumAmount": None}
    assert read_method(kbc) == ProviderMethod("kbc", 1, None)


@pytest.mark.parametrize("text", ["--1.00", "+1.00", "- 1.00", "-1.0", "-01.00", "1.000", ""])
def test_a_signed_amount_has_one_sign_and_two_decimals(text):
    with pytest.raises(ValueError, match="two decimals"):
        signed_cents_of(text)
