"""What a webhook may do to the books: nothing by itself, and nothing twice. Scenarios 1 to 5, 9 to 12 and 31."""

import json
import socket
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from contracts.agreements import write_due_agreements
from contracts.dispatch import resolve_credit
from contracts.loans.model import DocumentDesk
from contracts.pledges import service as pledges
from contracts.pledges.model import PledgeState
from ledger.errors import Refusal
from ledger.payments import queries
from ledger.payments import tables as t
from ledger.payments.inbox import process_inbox
from ledger.payments.model import PaymentState
from ledger.payments.queries import payment, refunds_of_payment
from ledger.payments.service import close_case
from tests.payments_kit import FakeRail, Shop, alter_payment, serve_webhooks, wait_until
from tests.products_kit import DAY

FORM = "application/x-www-form-urlencoded"


def knock(url, body, *, method="POST", kind=FORM):
    """The status that a webhook call is answered with."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0  # the server closed the connection while the body was still coming


def at_provider(town, payment_id):
    with town.book.read() as connection:
        return payment(connection, town.book.book_id, payment_id).provider_id


def seen(shop):
    with shop.book.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(t.payment_inbox)).scalar_one()


def notices(shop, topic):
    """What was told to the products about a topic, by key."""
    from ledger.storage.tables import outbox

    with shop.book.read() as connection:
        rows = connection.execute(sa.select(outbox.c.body).where(outbox.c.topic == topic).order_by(outbox.c.key))
        return list(rows.scalars())


def test_1_the_same_paid_webhook_twenty_times_in_parallel_gives_one_posting_one_mail_one_certificate(town, tmp_path):
    ada = town.citizen("Ada")
    offer_id = town.open_offer(town.enterprise(), minimum_cents=100_000, maximum_cents=100_000)
    made = town.pledge(offer_id, ada, 100_000)
    town.settle()
    provider_id = at_provider(town, made.payment_id)
    town.rail.decide(provider_id, "paid")
    with serve_webhooks(town.book) as url, ThreadPoolExecutor(8) as connections:
        answers = list(connections.map(lambda _: knock(url, urlencode({"id": provider_id})), range(20)))
    assert answers == [200] * 20
    with ThreadPoolExecutor(3) as workers:
        facts = workers.map(lambda _: process_inbox(town.book, town.rail, resolve_credit=resolve_credit), range(3))
        assert sum(facts) == 1
    town.settle()
    assert town.balance(f"489100:{ada}") == -100_000
    assert [template for template, _ in town.mails] == ["pledge-made", "pledge-paid"]
    town.go_to(DAY + timedelta(days=5))
    desk = DocumentDesk(keys_dir=tmp_path, licence_holder="O", verify_address="https://town.example", sandbox=True)
    assert (write_due_agreements(town.book, desk), write_due_agreements(town.book, desk)) == (1, 0)


def test_2_a_webhook_before_our_create_call_returns_is_answered_and_the_payment_recognised_later(shop):
    shop.control.add_standing_payer("c1")
    shop.control.add_fault("late", path="/v2/payments", seconds=0.6)
    with serve_webhooks(shop.book) as url:
        shop.configure(url)
        payment_id = shop.ask()
        create = threading.Thread(target=shop.send)
        create.start()
        wait_until(lambda: seen(shop) == 1)
        assert create.is_alive()
        [paid] = shop.control.payments()
        assert knock(url, f"id={paid['id']}") == 200
        assert shop.process() == 1  # recognised by its metadata while our own call is still under way
        create.join()
    assert shop.view(payment_id).state is PaymentState.PAID
    assert shop.process() == 0
    assert shop.entries() == {"payment-received": 1}


def test_3_when_the_provider_says_404_three_times_after_the_webhook_the_payment_is_posted_once(sqlite_shop):
    payment = sqlite_shop.open()
    sqlite_shop.control.pay(payment.provider_id)
    sqlite_shop.control.add_fault("404", method="GET", path="/v2/payments/", count=3)
    with serve_webhooks(sqlite_shop.book) as url:
        assert knock(url, f"id={payment.provider_id}") == 200
    for _ in range(3):
        assert sqlite_shop.process() == 0
        assert sqlite_shop.process() == 0  # it waits its pause
        sqlite_shop.later(seconds=30)
    assert sqlite_shop.process() == 1
    assert sqlite_shop.entries() == {"payment-received": 1}


def sweep_finds_everything(shop, payments):
    """The sweep alone brings four payments to their ends, and a second one nothing."""
    assert shop.sweep() == 4
    assert shop.process() == 4
    assert (shop.sweep(), shop.process()) == (0, 0)
    states = [shop.view(p.payment_id).state.value for p in payments]
    assert states == ["paid", "failed", "expired", "paid"]
    assert shop.balance("580100") == 100_000


def four_payments(shop):
    """Two that were paid, one that failed and one that expired."""
    payments = [shop.open(f"pledge:p{n}", payer=f"c{n}") for n in range(1, 5)]
    for each, outcome in zip(payments, ("paid", "failed", "expired", "paid"), strict=True):
        shop.control.decide(each.provider_id, outcome)
    return payments


def test_4_when_all_webhooks_of_a_day_are_dropped_the_sweeper_posts_everything_and_a_second_sweep_nothing(shop):
    shop.control.drop_webhooks()
    sweep_finds_everything(shop, four_payments(shop))


def test_5_when_our_endpoint_is_down_for_27_hours_the_sweeper_posts_everything_and_a_second_sweep_nothing(sqlite_shop):
    shop = sqlite_shop
    with socket.socket() as closed:  # nobody listens there, and nobody else takes the port meanwhile
        closed.bind(("127.0.0.1", 0))
        shop.configure(f"http://127.0.0.1:{closed.getsockname()[1]}/webhooks/mollie")
        payments = four_payments(shop)
        for _ in range(28):
            wait_until(shop.control.is_idle)
            shop.control.advance(timedelta(hours=1))
        wait_until(lambda: [tries for kind, tries in webhook_calls(shop) if kind == "webhook-given-up"] == [10] * 4)
    assert seen(shop) == 0
    sweep_finds_everything(shop, payments)


def webhook_calls(shop):
    """Each call of our webhook that failed or was given up, with the number of its tries."""
    return [
        (event["event"], event["tries"]) for event in shop.control.timeline() if event["event"].startswith("webhook")
    ]


def test_9_of_two_tabs_for_one_pledge_the_one_that_expires_later_changes_nothing(sqlite_shop):
    first, second = sqlite_shop.open(), sqlite_shop.open()
    sqlite_shop.control.pay(second.provider_id)
    assert (sqlite_shop.sweep(), sqlite_shop.process()) == (1, 1)
    sqlite_shop.control.decide(first.provider_id, "expired")
    assert (sqlite_shop.sweep(), sqlite_shop.process()) == (1, 1)
    assert sqlite_shop.view(second.payment_id).state is PaymentState.PAID
    assert sqlite_shop.balance("489100:c1") == -50_000
    assert [body["payment_id"] for body in notices(sqlite_shop, "payment.unusable")] == [first.payment_id]


def test_9_of_two_paid_tabs_for_one_pledge_the_second_goes_to_489400_and_is_refunded(town):
    ada = town.citizen("Ada")
    made = town.pledge(town.open_offer(town.enterprise()), ada, 50_000)
    town.settle()
    town.rail.decide(at_provider(town, made.payment_id), "expired")
    town.settle()
    with town.book.unit_of_work(actor=ada) as uow:
        other = pledges.request_new_payment(uow, made.pledge_id, on=town.today)
    town.pay(other)
    town.pay(made.payment_id)  # money that comes after `expired` is money all the same
    assert town.state(made.pledge_id) is PledgeState.PAID
    with town.book.read() as connection:
        [refund] = refunds_of_payment(connection, town.book.book_id, made.payment_id)
    assert (refund.amount_cents, refund.reference) == (50_000, f"excess:{made.payment_id}")
    assert [town.balance(a) for a in (f"489100:{ada}", f"489400:{ada}", "580100")] == [-50_000, 0, 50_000]
    assert "pledge-payment-failed" in {template for template, _ in town.mails}


@pytest.mark.parametrize("late", ["campaign closed", "cap reached"])
def test_10_what_is_paid_after_the_campaign_closed_or_the_cap_was_reached_is_sent_back(sqlite_town, late):
    town = sqlite_town
    ada, bob = town.citizen("Ada"), town.citizen("Bob")
    offer_id = town.open_offer(town.enterprise(), minimum_cents=100_000, maximum_cents=150_000)
    made = town.pledge(offer_id, ada, 50_000)
    town.settle()
    if late == "cap reached":
        town.go_to(DAY + timedelta(days=8))  # unpaid for a week, so that its place is free again
        town.pay_pledge(offer_id, bob, 150_000)
    else:
        town.pay_pledge(offer_id, bob, 100_000)
        town.go_to(DAY + timedelta(days=16))
    before = town.balance(f"489100:{bob}") + town.balance(f"489200:{bob}"), town.balance("580100")
    town.pay(made.payment_id)
    assert town.state(made.pledge_id) is PledgeState.REFUNDED
    assert len(town.rail.refunds_by_id) == 1
    assert [town.balance(f"{code}:{ada}") for code in ("489100", "489200", "489400")] == [0, 0, 0]
    assert (town.balance(f"489100:{bob}") + town.balance(f"489200:{bob}"), town.balance("580100")) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_cents": 5_000}, "payment-amount-differs"),
        ({"payer": "c9"}, "payment-metadata-differs"),
        ({"reference": "pledge:other"}, "payment-metadata-differs"),
        ({"book": "other"}, "payment-metadata-differs"),
    ],
)
def test_11_where_the_provider_states_another_amount_or_pledge_than_asked_a_case_is_opened_and_nothing_posted(
    sqlite_shop, sandbox, change, code
):
    payment = sqlite_shop.open()
    if "amount_cents" not in change:
        alter_payment(sandbox, payment.provider_id, lambda stored: stored["metadata"].update(change))
    sqlite_shop.control.pay(payment.provider_id, amount_cents=change.get("amount_cents"))
    assert sqlite_shop.sweep() == 1
    assert (sqlite_shop.process(), sqlite_shop.sweep()) == (0, 0)
    assert (sqlite_shop.cases(), sqlite_shop.entries()) == ([code], {})
    with sqlite_shop.book.read() as connection:
        [case] = queries.open_cases(connection, "main")
    assert case.payment_id == payment.payment_id
    with sqlite_shop.book.unit_of_work(actor="s1") as unit:
        close_case(unit, subject=case.subject, code=case.code, reason="sent back by hand")
    assert sqlite_shop.cases() == []
    with pytest.raises(Refusal, match="case-not-open"), sqlite_shop.book.unit_of_work(actor="s1") as unit:
        close_case(unit, subject=case.subject, code=case.code, reason="again")


def test_11_where_the_provider_states_another_currency_than_asked_a_case_is_opened_and_nothing_posted(
    sqlite_book, clock
):
    with pytest.warns(UserWarning, match="no money moves"):
        rail = FakeRail()
    shop = Shop(sqlite_book, rail, clock).configure()
    payment = shop.open()
    rail.decide(payment.provider_id, "paid")
    rail.payments_by_id[payment.provider_id] = replace(rail.payments_by_id[payment.provider_id], currency="USD")
    assert shop.sweep() == 1
    assert shop.process() == 0
    assert (shop.cases(), shop.entries()) == (["payment-currency-differs"], {})


@pytest.mark.parametrize(
    ("method", "kind", "body"),
    [
        ("POST", FORM, "id=tr_x/../../customers"),
        ("POST", FORM, "id=tr_abcdefgh?embed=payments"),
        ("POST", FORM, "id=re_abcdefgh"),
        ("POST", FORM, "id=tr_abcdefgh&id=tr_bcdefghi"),
        ("POST", FORM, "\xff\xfe"),
        ("POST", FORM, ""),
        ("POST", FORM, "id=" + "x" * 1_000_000),
        ("POST", "application/json", '{"id": "tr_abcdefgh"}'),
        ("GET", FORM, None),
    ],
)
def test_12_a_forged_webhook_is_refused_and_makes_no_outbound_call(sqlite_shop, method, kind, body):
    with serve_webhooks(sqlite_shop.book) as url:
        status = knock(url, body, method=method, kind=kind)
    assert status == 0 or 400 <= status < 500
    assert (sqlite_shop.process(), seen(sqlite_shop), sqlite_shop.control.requests()) == (0, 0, [])


def test_12_a_forged_webhook_with_an_unknown_id_is_answered_like_a_known_one_and_makes_no_outbound_call(sqlite_shop):
    payment = sqlite_shop.open()
    before = sqlite_shop.control.requests()
    with serve_webhooks(sqlite_shop.book) as url:
        assert knock(url, "id=tr_abcdefgh12") == 200
        assert sqlite_shop.process() == 0
        assert sqlite_shop.control.requests() == before
        assert knock(url, f"id={payment.provider_id}") == 200


def test_12_a_forged_webhook_leaks_nothing_but_that_it_names_no_payment(sqlite_shop):
    with serve_webhooks(sqlite_shop.book) as url:
        request = urllib.request.Request(url, b"id=tr_x/../../customers", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value as answer:
            problem = json.load(answer)
    assert (answer.code, problem["code"], problem["facts"]) == (400, "webhook-malformed", {})


@pytest.mark.parametrize(
    ("change", "facts", "cases"),
    [
        ({"status": "processing-at-bank"}, 0, ["provider-status-unknown"]),
        ({"status": "paid", "method": "wero", "paidAt": "2026-03-02T12:00:00+01:00"}, 1, []),
        ({"status": "paid", "paidAt": "2026-03-02T12:00:00+01:00", "metadata": {"new": {"of": ["any"]}}}, 1, []),
    ],
)
def test_31_a_new_status_method_or_field_of_the_provider_crashes_nothing_and_is_reviewed(
    sqlite_shop, sandbox, change, facts, cases
):
    payment = sqlite_shop.open()

    def alter(stored):
        stored["metadata"] |= change.pop("metadata", {})
        stored |= change

    alter_payment(sandbox, payment.provider_id, alter)
    with serve_webhooks(sqlite_shop.book) as url:
        assert knock(url, f"id={payment.provider_id}") == 200
    assert sqlite_shop.process() == facts
    assert sqlite_shop.cases() == cases
    assert sqlite_shop.balance("489100:c1") == -50_000 * facts
