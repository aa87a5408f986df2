"""What every `PaymentRail` must do beyond the laws of all rails, run by every payment subject of `rail_subjects`."""

import json
from datetime import date, timedelta

import pytest

from ledger.payments.bodies import customer_body, mandate_body, recurring_body, refund_body
from ledger.payments.model import Mode
from ledger.payments.rail import CallRefusedError, NotAtProviderError, OutcomeUnknownError
from tests.conformance.rail_subjects import METADATA, PAYMENT_SUBJECTS, asked
from tests.payments_kit import DAY


@pytest.fixture(params=PAYMENT_SUBJECTS)
def desk(request):
    with PAYMENT_SUBJECTS[request.param]() as subject:
        yield subject


def back(cents, op="r1"):
    return refund_body(amount_cents=cents, description="back", metadata={"op": op})


def paid(desk, cents=50_000, key="k1"):
    payment = desk.rail.create_payment(asked(cents), key)
    desk.decide(payment.provider_id, "paid")
    return desk.rail.payment(payment.provider_id)


def test_a_new_payment_is_open_says_what_was_asked_and_where_to_pay(desk):
    payment = desk.rail.create_payment(asked(), "k1")
    assert (payment.status, payment.amount_cents, payment.currency) == ("open", 50_000, "EUR")
    assert payment.mode == desk.rail.mode == Mode.TEST
    assert dict(payment.metadata) == METADATA
    assert payment.checkout_url.startswith("http")
    assert payment.paid_at is None
    assert desk.rail.payment(payment.provider_id) == payment


@pytest.mark.parametrize(
    "provider_id", ["tr_notthere99", "tr_x/../../customers", "tr_abcdefgh?embed=x", "", "re_abcdefgh"]
)
def test_what_the_provider_does_not_have_is_not_there(desk, provider_id):
    with pytest.raises(NotAtProviderError):
        desk.rail.payment(provider_id)


@pytest.mark.parametrize("outcome", ["failed", "canceled", "expired"])
def test_an_ending_is_stated_by_its_name(desk, outcome):
    payment = desk.rail.create_payment(asked(), "k1")
    desk.decide(payment.provider_id, outcome)
    stated = desk.rail.payment(payment.provider_id)
    assert (stated.status, stated.paid_at, stated.checkout_url) == (outcome, None, None)


def test_a_paid_payment_carries_its_instant_and_its_refunds(desk):
    payment = paid(desk)
    assert payment.status == "paid"
    assert payment.paid_at.date() == DAY
    refund = desk.rail.create_refund(payment.provider_id, back(20_000), "k2")
    assert (refund.status, refund.amount_cents, refund.payment_provider_id) == ("pending", 20_000, payment.provider_id)
    assert refund.metadata["op"] == "r1"
    assert desk.rail.payment(payment.provider_id).refunds == (refund,)
    desk.set_refund(refund.provider_id, "failed")
    assert desk.rail.payment(payment.provider_id).refunds[0].status == "failed"


def test_the_same_key_refunds_once(desk):
    payment = paid(desk)
    first = desk.rail.create_refund(payment.provider_id, back(20_000), "k2")
    assert desk.rail.create_refund(payment.provider_id, back(20_000), "k2").provider_id == first.provider_id
    assert len(desk.rail.newest_refunds(since=DAY)) == 1


def test_no_more_is_refunded_than_remains(desk):
    payment = paid(desk)
    with pytest.raises(CallRefusedError):
        desk.rail.create_refund(payment.provider_id, back(50_001), "k2")
    unpaid = desk.rail.create_payment(asked(), "k3")
    with pytest.raises(CallRefusedError):
        desk.rail.create_refund(unpaid.provider_id, back(1), "k4")
    assert desk.rail.newest_refunds(since=DAY) == []


def test_a_refund_that_is_not_under_way_can_be_stopped_and_stays_so(desk):
    payment = paid(desk)
    refund = desk.rail.create_refund(payment.provider_id, back(20_000), "k2")
    for _ in range(2):
        desk.rail.cancel_refund(payment.provider_id, refund.provider_id)
        assert desk.rail.payment(payment.provider_id).refunds[0].status == "canceled"


def test_a_refund_that_is_under_way_or_unknown_can_not_be_stopped(desk):
    payment = paid(desk)
    refund = desk.rail.create_refund(payment.provider_id, back(20_000), "k2")
    desk.set_refund(refund.provider_id, "processing")
    with pytest.raises(CallRefusedError):
        desk.rail.cancel_refund(payment.provider_id, refund.provider_id)
    for other in ("re_notthere99", "re_x/../../customers"):
        with pytest.raises(NotAtProviderError):
            desk.rail.cancel_refund(payment.provider_id, other)


def debited(desk, cents=42_500):
    """A recurring payment under a mandate of a new customer."""
    customer = desk.rail.create_customer(customer_body(name="Levain SRL", metadata={"party": "e1"}), "c1")
    signed = mandate_body(name="Levain SRL", iban="BE71096123456769", signed_on=DAY, reference="BXL-1")
    mandate = desk.rail.create_mandate(customer, signed, "m1")
    body = recurring_body(
        amount_cents=cents,
        description="Instalment 1",
        webhook_url="http://127.0.0.1:9/webhooks/mollie",
        customer=customer,
        mandate=mandate.provider_id,
        metadata=METADATA,
    )
    return customer, mandate, body


def test_a_mandate_is_made_once_under_its_key_and_listed_with_its_reference(desk):
    customer, mandate, _ = debited(desk)
    assert (mandate.status, mandate.reference, mandate.customer_provider_id) == ("valid", "BXL-1", customer)
    signed = mandate_body(name="Levain SRL", iban="BE71096123456769", signed_on=DAY, reference="BXL-1")
    assert desk.rail.create_mandate(customer, signed, "m1") == mandate
    assert desk.rail.create_customer(customer_body(name="Levain SRL", metadata={"party": "e1"}), "c1") == customer
    assert desk.rail.mandates(customer) == [mandate]


def test_what_is_debited_under_a_mandate_is_pending_and_leads_nobody_to_a_page(desk):
    _, _, body = debited(desk)
    payment = desk.rail.create_payment(body, "k1")
    assert (payment.status, payment.amount_cents, payment.checkout_url) == ("pending", 42_500, None)
    assert (payment.method, dict(payment.metadata)) == ("directdebit", METADATA)
    desk.decide(payment.provider_id, "paid")
    assert desk.rail.payment(payment.provider_id).status == "paid"


def test_nothing_is_debited_under_a_mandate_that_was_revoked(desk):
    customer, mandate, body = debited(desk)
    desk.rail.revoke_mandate(customer, mandate.provider_id)
    assert [each for each in desk.rail.mandates(customer) if each.status == "valid"] == []
    with pytest.raises((CallRefusedError, NotAtProviderError)):
        desk.rail.create_payment(body, "k1")
    assert desk.rail.newest_payments(since=DAY) == []


@pytest.mark.parametrize("customer", ["cst_notthere99", "cst_x/../..", "tr_abcdefgh"])
def test_a_customer_that_is_not_there_has_no_mandates(desk, customer):
    signed = mandate_body(name="A", iban="BE71096123456769", signed_on=DAY, reference="BXL-1")
    with pytest.raises(NotAtProviderError):
        desk.rail.create_mandate(customer, signed, "m1")
    with pytest.raises(NotAtProviderError):
        desk.rail.mandates(customer)
    with pytest.raises(NotAtProviderError):
        desk.rail.revoke_mandate(customer, "mdt_abcdefgh")


def test_a_charged_back_payment_stays_paid_and_says_what_went_back_and_what_was_won_back(desk):
    payment = paid(desk)
    desk.charge_back(payment.provider_id, 20_000)
    stated = desk.rail.payment(payment.provider_id)
    [chargeback] = stated.chargebacks
    assert (stated.status, stated.charged_back_cents) == ("paid", 20_000)
    assert (chargeback.amount_cents, chargeback.payment_provider_id) == (20_000, payment.provider_id)
    assert (chargeback.created_at.date(), chargeback.reversed_at) == (DAY, None)
    assert desk.rail.newest_chargebacks(since=DAY) == [chargeback]
    assert desk.rail.newest_chargebacks(since=DAY + timedelta(days=1)) == []
    desk.win_back(chargeback.provider_id)
    stated = desk.rail.payment(payment.provider_id)
    assert (stated.status, stated.charged_back_cents) == ("paid", 0)
    assert stated.chargebacks[0].reversed_at.date() == DAY


def test_the_methods_are_those_by_which_the_amount_can_be_paid(desk):
    methods = {method.code: method for method in desk.rail.methods(50_000)}
    assert {"bancontact", "kbc"} <= set(methods)
    assert all(m.minimum_cents <= 50_000 and (m.maximum_cents or 50_000) >= 50_000 for m in methods.values())
    assert methods["bancontact"].maximum_cents == 150_000
    assert "bancontact" not in {method.code for method in desk.rail.methods(150_001)}


def test_a_call_that_was_lost_after_it_took_effect_is_answered_under_its_key(desk):
    desk.fault("lost-after")
    with pytest.raises(OutcomeUnknownError):
        desk.rail.create_payment(asked(), "k1")
    [made] = desk.rail.newest_payments(since=DAY)
    assert desk.rail.create_payment(asked(), "k1").provider_id == made.provider_id


def test_lists_are_newest_first_and_end_with_the_day_that_was_named(desk):
    days = [DAY + timedelta(days=n) for n in range(4)]
    for n, on in enumerate(days):
        desk.set_date(on)
        payment = desk.rail.create_payment(asked(op=f"y{n}"), f"k{n}")
        desk.decide(payment.provider_id, "paid")
        desk.rail.create_refund(payment.provider_id, back(100 + n, op=f"r{n}"), f"b{n}")
    listed = desk.rail.newest_payments(since=date(2026, 3, 4))
    assert [p.metadata["op"] for p in listed] == ["y3", "y2"]
    refunds = desk.rail.newest_refunds(since=date(2026, 3, 4))
    assert [r.metadata["op"] for r in refunds] == ["r3", "r2"]


def test_a_list_longer_than_a_page_is_read_to_its_end(desk):
    for n in range(260):
        desk.rail.create_payment(asked(op=f"y{n}"), f"k{n}")
    listed = desk.rail.newest_payments(since=DAY)
    assert [p.metadata["op"] for p in listed] == [f"y{n}" for n in reversed(range(260))]


def test_the_frozen_body_is_plain_ascii_json_with_two_decimals():
    body = json.loads(asked(cents=5).decode("ascii"))
    assert body["amount"] == {"currency": "EUR", "value": "0.05"}
    assert body["locale"] == "nl_BE"
