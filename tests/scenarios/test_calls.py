"""Calls to the provider, each with one effect whatever the line, the provider or the process does. 6 to 8 and 30."""

import pytest

from ledger import approvals
from ledger.accounts import AccountRef
from ledger.errors import Refusal
from ledger.payments import queries
from ledger.payments.bodies import customer_body, mandate_body
from ledger.payments.model import PaymentState, RefundState
from ledger.payments.repeats import REPEAT, repeat_call, request_repeat
from ledger.payments.service import close_case, request_debit
from tests.conftest import make_book
from tests.payments_kit import DAY, Shop, kill_a_worker, sandbox_rail


def posts(shop):
    """What the provider was asked to create, in order."""
    return [request for request in shop.control.requests() if request["method"] == "POST"]


@pytest.mark.parametrize("fault", ["timeout-after", "reset-after", "500-after"])
def test_6_a_create_that_times_out_after_its_commit_is_retried_byte_for_byte_and_gives_the_same_id(
    sqlite_shop, sandbox, fault
):
    shop = sqlite_shop
    shop.rail = sandbox_rail(sandbox.base, clock=shop.clock, timeout=(1, 1))
    payment_id = shop.ask()
    shop.control.add_fault(fault, path="/v2/payments", seconds=3)
    assert shop.send() == 0
    assert shop.send() == 0  # its pause is not over
    shop.later(seconds=30)
    assert shop.send() == 1
    [at_provider] = shop.control.payments()
    assert shop.view(payment_id).provider_id == at_provider["id"]
    first, second = posts(shop)
    assert (first["body"], first["key"]) == (second["body"], second["key"])


def test_7_a_create_whose_process_was_killed_is_adopted_by_its_metadata_seventy_minutes_later(shop, sandbox):
    payment_id = shop.ask()
    kill_a_worker(shop, sandbox, at="call.after-send")
    shop.later(minutes=70)
    assert shop.send() == 1
    [at_provider] = shop.control.payments()
    assert shop.view(payment_id).provider_id == at_provider["id"]
    assert len(posts(shop)) == 1


def debit(shop, cents=42_500):
    """A recurring debit, asked for and not yet sent."""
    customer = shop.rail.create_customer(customer_body(name="Levain SRL", metadata={"party": "e1"}), "customer-e1")
    signed = mandate_body(name="Levain SRL", iban="BE71096123456769", signed_on=DAY, reference="BXL-1")
    mandate = shop.rail.create_mandate(customer, signed, "mandate-1")
    with shop.book.unit_of_work(actor="test") as unit:
        return request_debit(
            unit,
            reference="due:l1:1",
            payer="e1",
            amount_cents=cents,
            description="Instalment 1",
            credit=AccountRef("489600", "e1"),
            customer=customer,
            mandate=mandate.provider_id,
        )


def test_a_debit_above_the_limit_of_the_provider_is_not_asked_for(sqlite_shop):
    with pytest.raises(Refusal, match="debit-not-offered"):
        debit(sqlite_shop, cents=100_001)
    assert sqlite_shop.send() == 0


def agree(shop, call_id):
    """Two people agree that a call is made anew; gives the new operation."""
    with shop.book.unit_of_work(actor="s1") as unit:
        approval_id = request_repeat(unit, call_id, reason="the provider's desk shows nothing")
    with pytest.raises(Refusal, match="approver-is-requester"), shop.book.unit_of_work(actor="s1") as unit:
        approvals.approve(unit, approval_id)
    with pytest.raises(Refusal, match="approval-not-given"), shop.book.unit_of_work(actor="s1") as unit:
        repeat_call(unit, call_id, approval_id=approval_id)
    with shop.book.unit_of_work(actor="s2") as unit:
        approvals.approve(unit, approval_id)
        return repeat_call(unit, call_id, approval_id=approval_id)


@pytest.mark.parametrize("fault", ["reset-before", "reset-after"])
def test_8_a_recurring_debit_with_unknown_outcome_after_an_hour_is_not_made_again_without_two_people(
    sqlite_shop, fault
):
    shop = sqlite_shop
    payment_id = debit(shop)
    before = len(posts(shop))
    shop.control.add_fault(fault, path="/v2/payments")
    assert shop.send() == 0
    shop.later(minutes=70)
    assert shop.send() == 1
    assert len(posts(shop)) == before + 1
    if fault == "reset-after":  # it took effect, and is found
        assert (shop.view(payment_id).state, shop.cases()) == (PaymentState.OPEN, [])
        return
    assert (shop.view(payment_id).state, shop.cases()) == (PaymentState.REJECTED, ["debit-outcome-unknown"])
    for _ in range(3):
        shop.later(hours=3)
        assert (shop.send(), shop.sweep()) == (0, 0)
    assert len(posts(shop)) == before + 1

    again = agree(shop, payment_id)
    assert shop.cases() == []
    assert shop.send() == 1
    assert len(posts(shop)) == before + 2
    [made] = shop.control.payments()
    assert (made["metadata"]["op"], made["metadata"]["reference"]) == (again, "due:l1:1")
    with pytest.raises(Refusal, match="call-not-unknown"), shop.book.unit_of_work(actor="s1") as unit:
        request_repeat(unit, payment_id, reason="once more")


def test_8_a_refund_with_unknown_outcome_after_an_hour_is_not_made_again_without_two_people(sqlite_shop):
    shop = sqlite_shop
    payment = shop.paid()
    refund_id = shop.ask_refund(payment)
    shop.control.add_fault("reset-before", path="/v2/payments/")
    shop.send()
    shop.later(minutes=70)
    assert shop.send() == 1
    assert (shop.refunds(payment)[0].state, shop.cases()) == (RefundState.REJECTED, ["refund-outcome-unknown"])
    with pytest.raises(Refusal, match="refund-needs-decision"):
        shop.ask_refund(payment)
    assert (shop.send(), shop.control.refunds()) == (0, [])

    again = agree(shop, refund_id)
    assert (shop.send(), shop.process()) == (1, 1)
    [made] = shop.control.refunds()
    assert (made["metadata"]["op"], shop.balance("580100")) == (again, 0)


def test_8_a_case_that_was_closed_leaves_the_refund_to_two_people_all_the_same(sqlite_shop):
    shop = sqlite_shop
    payment = shop.paid()
    refund_id = shop.ask_refund(payment)
    shop.control.add_fault("reset-before", path="/v2/payments/")
    shop.send()
    shop.later(minutes=70)
    shop.send()
    with shop.book.unit_of_work(actor="s1") as unit:
        close_case(unit, subject=refund_id, code="refund-outcome-unknown", reason="paid back by bank")
    with pytest.raises(Refusal, match="refund-needs-decision"):
        shop.ask_refund(payment)
    with pytest.raises(Refusal, match="call-not-unknown"), shop.book.unit_of_work(actor="s1") as unit:
        request_repeat(unit, refund_id, reason="after all")
    with shop.book.read() as connection:
        assert [a for a in approvals.pending(connection, "main") if a.action == REPEAT] == []


def test_30_a_storm_of_429_during_a_run_slows_it_doubles_nothing_and_leaves_other_tenants_served(
    sqlite_shop, sandbox, make_engine
):
    shop = sqlite_shop
    for n in range(12):
        shop.ask(f"pledge:p{n}", payer=f"c{n}")
    shop.control.add_fault("429", path="/v2/payments", count=5)
    assert (shop.send(), len(posts(shop))) == (0, 1)  # told once to wait, it asks for nothing else
    assert (shop.send(), len(posts(shop))) == (0, 1)

    shop.control.clear_faults()
    other = Shop(
        make_book(make_engine("sqlite"), shop.clock, "other"), sandbox_rail(sandbox.base, clock=shop.clock), shop.clock
    )
    other.configure()
    other.ask("pledge:elsewhere")
    assert other.send() == 1

    shop.control.add_fault("429", path="/v2/payments", count=4)
    turns = 0
    while any(shop.view(each).state is PaymentState.REQUESTED for each in asked_of(shop)):
        shop.later(seconds=3)
        shop.send()
        turns += 1
        assert turns < 40, "the run does not end"
    assert turns > 4
    made = [p["metadata"]["reference"] for p in shop.control.payments()]
    assert sorted(made) == sorted([*(f"pledge:p{n}" for n in range(12)), "pledge:elsewhere"])
    assert len({request["key"] for request in posts(shop)}) == 13


def asked_of(shop):
    with shop.book.read() as connection:
        return [queries.payments_for(connection, "main", f"pledge:p{n}")[0].payment_id for n in range(12)]
