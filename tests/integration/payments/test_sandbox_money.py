"""The sandbox's money: mandates and debits, chargebacks, its balance, fees, queued refunds and settlements."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.error import HTTPError

import pytest

from tests.integration.payments.test_sandbox import ASKED, ask
from tests.payments_kit import DAY, TEST_KEY

ACCESS_TOKEN = "access_" + "t" * 30


class Merchant:
    """Calls the API of a sandbox and reads its answers."""

    def __init__(self, base, credential=TEST_KEY):
        self.base = base
        self.credential = credential

    def call(self, verb, path, expect=200, /, **body):
        headers = {"Authorization": f"Bearer {self.credential}", "Content-Type": "application/json"}
        sent = json.dumps(body).encode() if body else None
        status, _, text = ask(f"{self.base}/v2/{path}", method=verb, body=sent, headers=headers)
        assert status == expect, text
        return json.loads(text) if text else {}

    def get(self, path, expect=200):
        return self.call("GET", path, expect)

    def post(self, path, expect=201, /, **body):
        return self.call("POST", path, expect, **body)

    def payment(self, **changed):
        return self.post("payments", **(ASKED | changed))

    def listed(self, path, name):
        return self.get(path)["_embedded"][name]


@pytest.fixture
def merchant(sandbox, control):
    return Merchant(sandbox.base)


@pytest.fixture
def books(sandbox, control):
    return Merchant(sandbox.base, ACCESS_TOKEN)


def euro(value):
    return {"currency": "EUR", "value": value}


def paid(merchant, control, value="500.00", method=None, **changed):
    payment = merchant.payment(amount=euro(value), **changed)
    control.pay(payment["id"], method=method)
    return payment["id"]


def mandate_of(merchant, **changed):
    customer = merchant.post("customers", name="A. Borrower", email="a@borrower.example")
    signed = {"method": "directdebit", "consumerName": "A. Borrower", "consumerAccount": "BE71 0961 2345 6769"}
    return merchant.post(f"customers/{customer['id']}/mandates", **(signed | changed))


def debit(merchant, mandate, value="425.00", expect=201, **changed):
    asked = {"amount": euro(value), "description": "Instalment 3", "sequenceType": "recurring"}
    return merchant.post(f"customers/{mandate['customerId']}/payments", expect, **(asked | changed))


def test_a_first_payment_gives_a_mandate_under_which_a_debit_is_collected_after_three_target_days(merchant, control):
    customer = merchant.post("customers", name="A. Borrower", email="a@borrower.example")
    first = merchant.payment(customerId=customer["id"], sequenceType="first")
    control.pay(first["id"])
    [mandate] = merchant.listed(f"customers/{customer['id']}/mandates", "mandates")
    assert (mandate["status"], mandate["method"], mandate["details"]["consumerName"]) == (
        "valid",
        "directdebit",
        "A. Borrower",
    )
    made = debit(merchant, {"customerId": customer["id"]})
    assert (made["status"], made["dueDate"], made["mandateId"]) == ("pending", "2026-03-05", mandate["id"])
    assert "checkout" not in made["_links"]
    control.set_date(date(2026, 3, 4))
    assert merchant.get(f"payments/{made['id']}")["status"] == "pending"
    control.set_date(date(2026, 3, 5))
    assert merchant.get(f"payments/{made['id']}")["status"] == "paid"
    listed = merchant.listed(f"customers/{customer['id']}/payments", "payments")
    assert [p["id"] for p in listed] == [made["id"], first["id"]]


def test_a_mandate_signed_elsewhere_has_its_own_unique_reference_and_can_be_revoked(merchant, control):
    mandate = mandate_of(merchant, mandateReference="UMR-7", signatureDate="2026-03-01")
    path = f"customers/{mandate['customerId']}/mandates"
    assert mandate["mandateReference"] == "UMR-7"
    assert merchant.get(f"{path}/{mandate['id']}") == mandate
    merchant.call("DELETE", f"{path}/{mandate['id']}", 204)
    assert merchant.get(f"{path}/{mandate['id']}")["status"] == "invalid"
    assert debit(merchant, mandate, expect=422)["detail"] == "No suitable mandates found for customer."


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"consumerAccount": "BE71096123456760"}, "consumerAccount"),
        ({"consumerName": ""}, "consumerName"),
        ({"method": "bancontact"}, "method"),
        ({"signatureDate": "2026-03-03"}, "signatureDate"),
        ({"signatureDate": "soon"}, "signatureDate"),
        ({"mandateReference": "U" * 36}, "mandateReference"),
    ],
)
def test_a_mandate_that_no_bank_would_take_is_refused(merchant, changed, field):
    customer = merchant.post("customers", name="A. Borrower", email="a@borrower.example")
    signed = {"method": "directdebit", "consumerName": "A. Borrower", "consumerAccount": "BE71096123456769"}
    problem = merchant.post(f"customers/{customer['id']}/mandates", 422, **(signed | changed))
    assert problem["field"] == field


def test_a_debit_above_the_limit_is_refused_and_one_that_bounces_says_why(merchant, control):
    mandate = mandate_of(merchant)
    assert debit(merchant, mandate, "1000.01", expect=422)["field"] == "amount"
    control.set_limit("directdebit", 500_000)
    made = debit(merchant, mandate, "1000.01")
    control.decide(made["id"], "failed", reason="AM04")
    stated = merchant.get(f"payments/{made['id']}")
    assert (stated["status"], stated["details"]["bankReasonCode"]) == ("failed", "AM04")
    control.set_date(date(2026, 4, 1))
    assert merchant.get(f"payments/{made['id']}")["status"] == "failed"


def test_a_debit_that_was_shown_as_paid_can_still_fail_and_takes_its_money_along(merchant, control, books):
    made = debit(merchant, mandate_of(merchant))
    control.pay(made["id"])
    assert control.balance_cents() == 42_500 - 35
    control.decide(made["id"], "failed", reason="AC04")
    assert merchant.get(f"payments/{made['id']}")["status"] == "failed"
    assert control.balance_cents() == -35 - 95
    kinds = [m["type"] for m in books.listed("balances/primary/transactions", "balance_transactions")]
    assert kinds == ["failed-payment", "payment"]


def test_a_chargeback_leaves_the_payment_paid_and_can_be_won(merchant, control, books):
    made = debit(merchant, mandate_of(merchant))
    control.pay(made["id"])
    control.charge_back(made["id"], at=datetime(2026, 4, 26, 9, tzinfo=UTC))
    assert merchant.listed("chargebacks", "chargebacks") == []
    control.set_date(date(2026, 4, 26))
    [chargeback] = merchant.listed(f"payments/{made['id']}/chargebacks", "chargebacks")
    assert chargeback["reason"]["code"] == "MD06"
    assert chargeback["createdAt"] == "2026-04-26T11:00:00+02:00"
    stated = merchant.get(f"payments/{made['id']}?embed=chargebacks,refunds")
    assert (stated["status"], stated["amountChargedBack"]) == ("paid", euro("425.00"))
    assert stated["_embedded"]["chargebacks"] == [chargeback]
    control.reverse_chargeback(chargeback["id"])
    won = merchant.get(f"payments/{made['id']}/chargebacks/{chargeback['id']}")
    assert won["reversedAt"] == "2026-04-26T12:00:00+02:00"
    assert "amountChargedBack" not in merchant.get(f"payments/{made['id']}")
    kinds = [m["type"] for m in books.listed("balances/primary/transactions", "balance_transactions")]
    assert kinds[:2] == ["chargeback-reversal", "chargeback"]


def test_no_more_is_charged_back_than_was_paid(merchant, control):
    payment = paid(merchant, control, "50.00")
    control.charge_back(payment, amount_cents=2_000)
    control.charge_back(payment, amount_cents=3_000)
    with pytest.raises(Exception, match="422"):
        control.charge_back(payment)
    assert merchant.get(f"payments/{payment}")["amountChargedBack"] == euro("50.00")


def test_settlements_and_balances_need_the_organisations_token(merchant, books):
    for path in ("settlements", "settlements/next", "balances", "balances/primary/transactions"):
        assert merchant.get(path, 403)["title"] == "Forbidden"
        books.get(path)


def test_money_is_settled_on_the_target_day_of_its_method_less_its_fee(merchant, control, books):
    payment = paid(merchant, control, method="bancontact")  # Monday; available after 2 TARGET days
    paid(merchant, control, method="creditcard")  # after 4
    assert books.get("balances/primary")["pendingAmount"] == euro("990.36")
    control.set_date(date(2026, 3, 4))
    [settlement] = books.listed("settlements", "settlements")
    assert settlement["amount"] == euro("499.61")
    assert (settlement["status"], settlement["reference"]) == ("paidout", "1234567.2603.01")
    assert settlement["settledAt"] == "2026-03-04T10:00:00+01:00"
    for name in (settlement["id"], settlement["reference"]):
        assert books.get(f"settlements/{name}") == settlement
        assert [p["id"] for p in books.listed(f"settlements/{name}/payments", "payments")] == [payment]
    [line] = settlement["periods"]["2026"]["03"]["costs"]
    assert (line["amountNet"]["value"], line["rate"]["fixed"]["value"]) == ("0.3900", "0.3900")
    [payout] = control.payouts(date(2026, 3, 4))
    assert (payout["reference"], payout["amount_cents"]) == ("1234567.2603.01", 49_961)
    assert control.payouts(date(2026, 3, 5)) == []
    assert control.balance_cents() == 49_075
    assert books.get("settlements/next")["amount"] == euro("0.00")
    control.set_date(date(2026, 3, 5))
    assert books.get("settlements/next")["amount"] == euro("490.75")
    control.set_date(date(2026, 3, 6))
    assert [p["amount_cents"] for p in control.payouts(date(2026, 3, 6))] == [49_075]
    assert control.balance_cents() == 0


def test_nothing_is_settled_on_a_day_on_which_target_is_closed(merchant, control):
    control.set_date(date(2026, 12, 23))
    paid(merchant, control, method="bancontact")  # Thursday 24, then Monday 28
    for on in (24, 25, 26, 27):
        control.set_date(date(2026, 12, on))
        assert control.settlements() == []
    control.set_date(date(2026, 12, 28))
    assert [s["settledAt"][:10] for s in control.settlements()] == ["2026-12-28"]


def test_a_settlement_of_less_than_nothing_is_carried_to_the_next(merchant, control, books):
    payment = paid(merchant, control, method="bancontact")
    control.set_date(date(2026, 3, 5))
    control.charge_back(payment)
    paid(merchant, control, "100.00", method="bancontact")
    control.set_date(date(2026, 3, 9))
    assert len(control.settlements()) == 1
    assert books.get("settlements/open")["amount"] == euro("-407.89")
    paid(merchant, control, "1000.00", method="bancontact")
    control.set_date(date(2026, 3, 11))
    latest = books.listed("settlements", "settlements")[0]
    assert latest["amount"]["value"] == str(Decimal(1000) - Decimal("0.39") - Decimal("407.89"))
    assert [c["paymentId"] for c in books.listed(f"settlements/{latest['id']}/chargebacks", "chargebacks")] == [payment]


def test_a_settlement_that_the_bank_sends_back_is_failed_and_paid_again_later(merchant, control, books):
    paid(merchant, control, method="bancontact")
    control.fail_settlement()
    control.set_date(date(2026, 3, 4))
    assert [s["status"] for s in books.listed("settlements", "settlements")] == ["failed"]
    assert control.payouts(date(2026, 3, 4)) == []
    assert control.balance_cents() == 49_961
    kinds = [m["type"] for m in books.listed("balances/primary/transactions", "balance_transactions")]
    assert kinds == ["returned-transfer", "outgoing-transfer", "payment"]
    control.set_date(date(2026, 3, 5))
    assert [p["amount_cents"] for p in control.payouts(date(2026, 3, 5))] == [49_961]
    assert control.balance_cents() == 0


def test_a_settlement_can_be_on_its_way_for_days_before_it_turns_out_that_it_never_arrived(control, merchant, books):
    paid(merchant, control, method="bancontact")
    control.fail_settlement(after_days=2)
    control.set_date(date(2026, 3, 5))
    assert [s["status"] for s in books.listed("settlements", "settlements")] == ["paidout"]
    assert control.balance_cents() == 0
    assert control.payouts(date(2026, 3, 4)) == []
    control.set_date(date(2026, 3, 6))
    assert [s["status"] for s in books.listed("settlements", "settlements")] == ["failed"]
    control.set_date(date(2026, 3, 9))
    assert [s["status"] for s in books.listed("settlements", "settlements")] == ["paidout", "failed"]
    arrived = control.settlements()[0]["id"]
    control.set_date(date(2026, 3, 10))
    with pytest.raises(HTTPError, match="422"):
        control.fail_settlement(arrived)


def test_the_balance_is_the_sum_of_its_transactions_whatever_happens(merchant, control, books):
    mandate = mandate_of(merchant)
    payments = [paid(merchant, control, value) for value in ("12.34", "1400.00", "2500.00")]
    control.pay(debit(merchant, mandate)["id"])
    merchant.post(f"payments/{payments[2]}/refunds", amount=euro("1000.00"), description="back")
    control.charge_back(payments[0])
    control.add_movement("rolling-reserve-of-tomorrow", -777)
    for day in range(3, 20):
        control.set_date(date(2026, 3, day))
        movements = books.listed("balances/primary/transactions?limit=250", "balance_transactions")
        total = sum(Decimal(m["resultAmount"]["value"]) for m in movements)
        balance = books.get("balances/primary")
        assert total == Decimal(balance["availableAmount"]["value"]) + Decimal(balance["pendingAmount"]["value"])
    out = sum(Decimal(m["resultAmount"]["value"]) for m in movements if m["type"] == "outgoing-transfer")
    assert out == -sum(Decimal(s["amount"]["value"]) for s in books.listed("settlements", "settlements"))
    assert "rolling-reserve-of-tomorrow" in {m["type"] for m in movements}


def test_what_rounding_each_fee_took_too_much_comes_back_the_next_month(merchant, control, books):
    control.set_fee("bancontact", fixed="0.3950")  # 0.40 is deducted each time
    for n in range(7):
        paid(merchant, control, f"{10 + n}.00", method="bancontact")
    control.set_date(date(2026, 3, 31))
    assert all(m["type"] != "invoice-rounding-compensation" for m in control.movements())
    control.set_date(date(2026, 4, 1))
    [back] = [m for m in control.movements() if m["type"] == "invoice-rounding-compensation"]
    assert back["result_cents"] == 4  # 7 times 0.0050 = 0.0350
    costs = books.get("settlements/1234567.2603.01")["periods"]["2026"]["03"]["costs"]
    assert costs[0]["amountNet"]["value"] == "2.7650"


def test_a_refund_that_the_balance_does_not_cover_waits_until_it_does(merchant, control):
    control.set_balance_strict(strict=True)
    payment = paid(merchant, control, method="bancontact")
    refund = merchant.post(f"payments/{payment}/refunds", amount=euro("500.00"), description="back")
    assert refund["status"] == "queued"
    assert control.balance_cents() == 49_961
    paid(merchant, control, "10.00")
    assert merchant.get(f"payments/{payment}/refunds/{refund['id']}")["status"] == "pending"
    assert control.balance_cents() == 49_961 + 961 - 50_025


def test_a_refund_is_executed_after_two_hours_arrives_the_next_day_and_can_fail_after_that(merchant, control):
    payment = paid(merchant, control)
    path = f"payments/{payment}/refunds"
    refund = merchant.post(path, amount=euro("200.00"), description="back")
    control.advance(timedelta(hours=2))
    assert merchant.get(f"{path}/{refund['id']}")["status"] == "processing"
    merchant.call("DELETE", f"{path}/{refund['id']}", 422)
    control.set_date(DAY + timedelta(days=1))
    assert merchant.get(f"{path}/{refund['id']}")["status"] == "refunded"
    before = control.balance_cents()
    control.set_refund(refund["id"], "failed")
    assert control.balance_cents() == before + 20_000
    assert merchant.get(f"payments/{payment}")["amountRemaining"] == euro("500.00")


@pytest.mark.parametrize(("method", "days"), [("bancontact", 180), ("kbc", 365)])
def test_a_payment_is_refunded_within_the_window_of_its_method_only(merchant, control, method, days):
    payment = paid(merchant, control, method=method)
    control.set_date(DAY + timedelta(days=days))
    merchant.post(f"payments/{payment}/refunds", amount=euro("1.00"), description="back")
    control.set_date(DAY + timedelta(days=days + 1))
    problem = merchant.post(f"payments/{payment}/refunds", 422, amount=euro("1.01"), description="back")
    assert "period" in problem["detail"]


def test_a_refund_of_the_same_amount_is_refused_for_an_hour(merchant, control):
    payment = paid(merchant, control)
    path = f"payments/{payment}/refunds"
    merchant.post(path, amount=euro("1.00"), description="back")
    merchant.post(path, 409, amount=euro("1.00"), description="back")
    control.advance(timedelta(minutes=59, seconds=50))
    merchant.post(path, 409, amount=euro("1.00"), description="back")
    control.advance(timedelta(seconds=10))
    merchant.post(path, amount=euro("1.00"), description="back")


def test_a_bank_transfer_of_a_wrong_amount_goes_back_and_the_right_one_pays(merchant, control):
    payment = merchant.payment(method="banktransfer", dueDate="2026-03-07")
    assert payment["dueDate"] == "2026-03-09"  # a Saturday, moved to Monday
    reference = payment["details"]["transferReference"]
    assert reference.startswith("RF")
    assert int(f"{reference[4:]}2715{reference[2:4]}") % 97 == 1
    control.transfer(payment["id"], amount_cents=49_999)
    assert merchant.get(f"payments/{payment['id']}")["status"] == "open"
    assert [e["event"] for e in control.timeline()].count("transfer-returned") == 1
    control.transfer(payment["id"], amount_cents=50_000)
    assert merchant.get(f"payments/{payment['id']}")["status"] == "paid"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"method": "bancontact", "amount": euro("1500.01")}, "amount"),
        ({"method": "cheque"}, "method"),
        ({"method": "directdebit"}, "method"),
        ({"sequenceType": "first"}, "customerId"),
        ({"sequenceType": "monthly"}, "sequenceType"),
        ({"method": "banktransfer", "dueDate": "2026-03-02"}, "dueDate"),
        ({"method": "banktransfer", "dueDate": "2026-06-12"}, "dueDate"),
        ({"lines": [{"totalAmount": euro("499.99")}]}, "lines"),
    ],
)
def test_what_the_method_or_the_sequence_does_not_allow_is_refused_with_its_field(merchant, changed, field):
    assert merchant.post("payments", 422, **(ASKED | changed))["field"] == field


def test_methods_are_those_that_take_the_amount(merchant, control):
    assert [m["id"] for m in merchant.listed("methods?amount[value]=1500.01&amount[currency]=EUR", "methods")] == [
        "kbc",
        "belfius",
        "ideal",
        "wero",
        "creditcard",
        "banktransfer",
    ]
    assert "directdebit" in [m["id"] for m in merchant.listed("methods?sequenceType=recurring", "methods")]
    assert merchant.get("methods/bancontact")["maximumAmount"] == euro("1500.00")
    control.set_limit("bancontact", 200_000)
    assert merchant.get("methods/bancontact")["maximumAmount"] == euro("2000.00")


def test_a_payment_may_be_renamed_but_its_amount_stands(merchant, control):
    payment = merchant.payment()
    path = f"payments/{payment['id']}"
    changed = merchant.call("PATCH", path, description="Another name", metadata={"payer": "c2"})
    assert (changed["description"], changed["metadata"]) == ("Another name", {"payer": "c2"})
    assert merchant.get(path) == changed
    assert merchant.call("PATCH", path, 422, amount=euro("1.00"))["field"] == "amount"


def test_lists_run_both_ways_and_refuse_a_cursor_they_do_not_know(merchant):
    made = [merchant.payment()["id"] for _ in range(5)]
    assert [p["id"] for p in merchant.listed("payments?sort=asc&limit=2", "payments")] == made[:2]
    page = merchant.get(f"payments?limit=2&from={made[2]}")
    assert [p["id"] for p in page["_embedded"]["payments"]] == [made[2], made[1]]
    assert page["_links"]["previous"]["href"].endswith(f"from={made[4]}&limit=2")
    assert page["_links"]["next"]["href"].endswith(f"from={made[0]}&limit=2")
    assert merchant.get("payments?from=tr_unknownunknown", 400)["field"] == "from"
    assert merchant.get("payments?limit=251", 400)["field"] == "limit"
    assert merchant.get("payments?sort=up", 400)["field"] == "sort"


def test_payments_expire_after_the_time_of_their_method_if_the_sandbox_is_told_so(merchant, control):
    waiting = merchant.payment(method="ideal")["id"]
    control.expire_payments()
    payment = merchant.payment(method="ideal")["id"]
    control.advance(timedelta(minutes=14, seconds=50))
    assert merchant.get(f"payments/{payment}")["status"] == "open"
    control.advance(timedelta(seconds=10))
    assert merchant.get(f"payments/{payment}")["status"] == "expired"
    assert merchant.get(f"payments/{waiting}")["status"] == "open"
