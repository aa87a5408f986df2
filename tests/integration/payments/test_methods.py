"""A way to pay that the provider has not switched on is shown to the operators and offered to nobody."""

import json

import sqlalchemy as sa

from ledger.payments import tables as t
from ledger.payments.availability import check_methods
from ledger.payments.queries import open_cases


def asked_methods(shop):
    """The methods in the newest frozen request."""
    shop.later(seconds=1)
    payment_id = shop.ask(f"pledge:{shop.clock.instant.timestamp()}")
    with shop.book.read() as connection:
        body = connection.execute(
            sa.select(t.provider_call.c.body).where(t.provider_call.c.call_id == payment_id)
        ).scalar_one()
    return json.loads(body)["method"]


def test_a_method_that_the_provider_has_not_switched_on_is_a_case_and_not_offered_until_it_is_back(shop):
    assert check_methods(shop.book, shop.rail) == 0
    assert "kbc" in asked_methods(shop)

    shop.control.set_limit("kbc", 50)
    assert [check_methods(shop.book, shop.rail) for _ in range(2)] == [1, 0]
    with shop.book.read() as connection:
        [case] = open_cases(connection, "main")
    assert (case.code, dict(case.facts)) == ("method-not-switched-on", {"method": "kbc"})
    assert asked_methods(shop) == ["bancontact", "belfius", "ideal", "wero", "creditcard"]

    shop.control.set_limit("kbc", 5_000_000)
    assert [check_methods(shop.book, shop.rail) for _ in range(2)] == [1, 0]
    assert (shop.cases(), "kbc" in asked_methods(shop)) == ([], True)
    shop.control.set_limit("kbc", 50)
    shop.later(hours=1)
    assert check_methods(shop.book, shop.rail) == 1
    assert shop.cases() == ["method-not-switched-on"]
