"""The Belgian ways to pay: offered by kind and amount from dated rows, each with its words."""

from datetime import date

import pytest

from frontend.i18n import LANGUAGES, tongue
from ledger.payments import methods
from ledger.payments.methods import Method, PaymentKind, at_provider, methods_on, offered

DAY = date(2026, 12, 1)


def codes(kind: PaymentKind, cents: int, on: date = DAY) -> list[str]:
    return [method.code for method in offered(kind, cents, on)]


def test_a_pledge_is_paid_by_every_way_that_takes_its_amount() -> None:
    every = ["bancontact", "kbc", "belfius", "ideal", "wero", "creditcard", "banktransfer"]
    assert codes(PaymentKind.PLEDGE, 50_000) == every
    assert codes(PaymentKind.PLEDGE, 1) == every[1:]
    assert codes(PaymentKind.PLEDGE, 1_000_000) == every
    assert codes(PaymentKind.PLEDGE, 1_000_001) == [code for code in every if code != "creditcard"]
    assert codes(PaymentKind.PLEDGE, 5_000_001) == ["bancontact", "wero", "banktransfer"]


def test_a_due_is_never_paid_by_card_since_it_is_shared_out_long_before_a_card_can_not_take_it_back() -> None:
    assert "creditcard" not in codes(PaymentKind.DUE, 50_000)
    assert {"bancontact", "kbc", "banktransfer"} <= set(codes(PaymentKind.DUE, 50_000))


@pytest.mark.parametrize(("cents", "found"), [(100_000, ["directdebit"]), (100_001, []), (0, [])])
def test_only_a_debit_is_debited_and_only_up_to_its_limit(cents: int, found: list[str]) -> None:
    assert codes(PaymentKind.DEBIT, cents) == found


def test_transfers_go_past_the_provider() -> None:
    assert "banktransfer" not in at_provider(offered(PaymentKind.PLEDGE, 50_000, DAY))
    assert offered(PaymentKind.DEBIT, 50_000, DAY, by_transfer=False) == offered(PaymentKind.DEBIT, 50_000, DAY)
    without = [method.code for method in offered(PaymentKind.PLEDGE, 50_000, DAY, by_transfer=False)]
    assert without == at_provider(offered(PaymentKind.PLEDGE, 50_000, DAY))


def test_a_way_is_offered_from_its_day_on_and_a_later_row_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "wero" not in codes(PaymentKind.PLEDGE, 50_000, date(2025, 12, 31))
    assert "wero" in codes(PaymentKind.PLEDGE, 50_000, date(2026, 1, 1))
    both = frozenset({PaymentKind.PLEDGE})
    rows = (
        Method("kbc", both, 1, "later", date(2027, 1, 1), maximum_cents=100),
        Method("wero", both, 1, "now", date(2026, 1, 1)),
        Method("kbc", both, 1, "now", date(2026, 1, 1), maximum_cents=200),
    )
    monkeypatch.setattr(methods, "_rows", lambda: rows)
    assert {m.code: m.maximum_cents for m in methods_on(DAY)} == {"wero": None, "kbc": 200}
    assert {m.code: m.maximum_cents for m in methods_on(date(2027, 1, 1))} == {"kbc": 100, "wero": None}


def test_every_row_names_its_source_and_every_way_that_a_page_shows_has_words() -> None:
    for method in methods_on(DAY):
        assert method.source
        if method.kinds != {PaymentKind.DEBIT}:
            assert all(tongue(language).text(f"pay.method-{method.code}") for language in LANGUAGES)
