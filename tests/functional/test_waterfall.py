"""Where each euro of a recovery went: cents by hand, against the entries, on the page, by the API and the command."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from api.cli import loan as loan_commands
from contracts.documents.model import AgreementData
from contracts.loans import service
from contracts.loans.simulation.dues import LAWFUL, Component
from contracts.loans.waterfall import Waterfall, waterfall
from ledger import balances
from ledger.payments.bank import configure_bank
from ledger.payments.iso20022.model import Account
from tests.camt_kit import CLIENT_IBAN, Bank, Move
from tests.estates_kit import book_of, die, inherit
from tests.oracle import check_everything
from tests.pages_kit import Enter
from tests.products_kit import EVIDENCE, Town
from tests.recovery_kit import digits, expected, lost_loan, receive


def falls(town: Town, loan_id: str, lender: str | None = None) -> Waterfall:
    with town.book.read() as connection:
        return waterfall(connection, town.book.book_id, book_of(town, loan_id), lender=lender)


def plain(page: str) -> str:
    """A page with ordinary spaces."""
    return page.replace("\xa0", " ")


def parts(found: Waterfall, n: int) -> list[tuple[int, int, int]]:
    """Lost before, part, lost after: the largest first, since claims are numbered in no order that is known here."""
    shown = found.recoveries[n - 1].parts
    return sorted(((part.lost_before_cents, part.part_cents, part.lost_after_cents) for part in shown), reverse=True)


def recovered_twice(town: Town) -> tuple[str, str, list[str]]:
    """Lost are 1,000.01, 500.00 and 250.00; 100.00 comes, then 1,750.01, which is 100.00 more than is lost then."""
    borrower, loan_id, lenders = lost_loan(town, 100_001, 50_000, 25_000)
    bank, first, second = Bank(), expected(town, loan_id, 10_000), expected(town, loan_id, 175_001)
    receive(town, bank, Move(10_000, ogm=digits(first)))
    receive(town, bank, Move(175_001, ogm=digits(second)))
    return borrower, loan_id, lenders


def test_each_euro_is_told_in_the_order_agreed_and_to_the_cent_of_the_entries(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, lenders = recovered_twice(town)
    found = falls(town, loan_id, lenders[1])
    first, second = found.recoveries
    # By hand: 10,000 cents over 100,001 + 50,000 + 25,000 = 175,001 are 5,714.31, 2,857.13 and 1,428.57; of the whole
    # cents 5,714 + 2,857 + 1,428 = 9,999 one is left, for the largest remainder, the third's.
    assert parts(found, 1) == [(100_001, 5_714, 94_287), (50_000, 2_857, 47_143), (25_000, 1_429, 23_571)]
    assert parts(found, 2) == [(94_287, 94_287, 0), (47_143, 47_143, 0), (23_571, 23_571, 0)]
    assert [(line.component, line.owed_cents, line.paid_cents, line.left_cents) for line in first.components] == [
        (Component.COSTS, 0, 0, 0),
        (Component.LATE_INTEREST, 0, 0, 0),
        (Component.INTEREST, 0, 0, 0),
        (Component.PRINCIPAL, 175_001, 10_000, 165_001),
    ]
    assert (first.received_cents, first.sent_back_cents, first.shared_cents) == (10_000, 0, 10_000)
    assert (second.received_cents, second.sent_back_cents, second.shared_cents) == (175_001, 10_000, 165_001)
    assert all(fall.is_shared_out for fall in found.recoveries)
    assert [part.part_cents for part in first.parts if part.own] == [2_857]
    for fall in found.recoveries:
        for part in fall.parts:
            with town.book.read() as connection:
                entry = balances.entry_by_key(connection, town.book.book_id, part.entry_key)
            assert entry is not None
            assert [line.credit for line in entry.lines if line.account.code == "489300"] == [part.part_cents]
    for lender in lenders:
        own = [part.part_cents for fall in falls(town, loan_id, lender).recoveries for part in fall.parts if part.own]
        assert town.balance(f"489300:{lender}") == -sum(own)
    check_everything(town.book)


def test_the_order_is_that_of_every_lenders_agreement() -> None:
    agreed = AgreementData.__dataclass_fields__["allocation_order"].default
    assert [part.value for part in LAWFUL if part.value in agreed] == list(agreed)
    assert [part.value for part in LAWFUL if part.value not in agreed] == ["costs", "late-interest"]


def test_page_interface_and_command_say_the_same(
    sqlite_town: Town, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = sqlite_town
    borrower, loan_id, [ada, bob, _] = recovered_twice(town)
    shown = enter(ada).get(f"/en/loans/{loan_id}").text
    for words in (
        "Where each euro went",
        "Your part: 57,14 €",
        "You had still lost 1.000,01 € of 1.750,01 €",
        "sent back",
    ):
        assert words in plain(shown)
    assert "Your part: 28,57 €" in plain(enter(bob).get(f"/en/loans/{loan_id}").text)
    for party in (borrower, town.maker):
        page = enter(party).get(f"/fr/loans/{loan_id}").text
        assert ("Où est allé chaque euro" in page, "Votre part" in page) == (True, False)
    asked = enter(bob).get(f"/v1/loans/{loan_id}/waterfall", headers={"Accept": "application/json"}).json()
    [own] = [part for part in asked["recoveries"][0]["parts"] if part["own"]]
    assert (own["part_cents"], own["posted_cents"], own["lost_after_cents"]) == (2_857, 2_857, 47_143)
    stranger = enter(town.citizen("Zoe")).get(f"/v1/loans/{loan_id}/waterfall")
    assert stranger.status_code == 404
    monkeypatch.setattr(loan_commands, "open_book", lambda _settings: town.book)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(loan_commands.waterfall_command, [loan_id, *arguments], standalone_mode=False)

    told = json.loads(run("--json").stdout)
    assert [fall["received_cents"] for fall in told["recoveries"]] == [10_000, 175_001]
    assert sorted(part["part_cents"] for part in told["recoveries"][0]["parts"]) == [1_429, 2_857, 5_714]
    text = run()
    assert (text.return_value, "        250.00         14.29        235.71" in text.stdout) == (0, True)
    assert f"sent back{'100.00':>35}" in text.stdout


def test_interest_that_was_called_is_cancelled_with_the_loss_and_has_no_part(sqlite_town: Town) -> None:
    town = sqlite_town
    with town.book.unit_of_work(actor="system") as uow:
        configure_bank(uow, Account("BXL Invest", CLIENT_IBAN))
    loan_id = town.fund({town.citizen("Ada"): 100_000}, town.enterprise())
    due = town.loan(loan_id).instalments[0]
    town.jump_to(due.due_on + timedelta(days=1))
    with town.book.unit_of_work(actor=town.maker) as uow:
        service.record_bankruptcy(uow, loan_id, on=town.today, evidence=EVIDENCE)
        service.write_off(uow, loan_id, on=town.today, evidence=EVIDENCE)
    town.settle()
    found = falls(town, loan_id)
    assert due.interest_cents > 0
    assert (found.cancelled_interest_cents, found.recoveries) == (due.interest_cents, ())
    receive(town, Bank(), Move(40_000, ogm=digits(expected(town, loan_id, 40_000))))
    [line] = [each for each in falls(town, loan_id).recoveries[0].components if each.paid_cents]
    assert (line.component, line.paid_cents, line.left_cents) == (Component.PRINCIPAL, 40_000, 60_000)


def test_an_heir_has_the_part_of_the_claim_that_came_to_her_between_two_recoveries(sqlite_town: Town) -> None:
    town = sqlite_town
    _, loan_id, [ada, _] = lost_loan(town, 60_000, 40_000)
    bank = Bank()
    receive(town, bank, Move(10_000, ogm=digits(expected(town, loan_id, 10_000))))
    die(town, ada, town.today)
    cem = town.citizen("Cem")
    inherit(town, ada, {cem: "1"})
    receive(town, bank, Move(9_000, ogm=digits(expected(town, loan_id, 9_000))))
    found = falls(town, loan_id, cem)
    assert parts(found, 1) == [(60_000, 6_000, 54_000), (40_000, 4_000, 36_000)]
    assert parts(found, 2) == [(54_000, 5_400, 48_600), (36_000, 3_600, 32_400)]
    assert [(part.number, part.part_cents) for part in found.recoveries[1].parts if part.own] == [(3, 5_400)]
