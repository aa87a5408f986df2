"""Acceptance scenarios of money that comes by bank: statements, suspense, amounts as typed, and a restored database."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.parties.service import change_iban
from contracts.pledges.model import PledgeState
from ledger.book import Book
from ledger.errors import Refusal
from ledger.payments.matching import Reason
from ledger.payments.references import printed_communication
from ledger.payments.statements import Imported
from ledger.storage.engine import open_engine
from tests.camt_kit import CLIENT_IBAN, Detail, Move, belgian_iban
from tests.oracle import check_everything
from tests.products_kit import DAY, Town
from tests.transfers_kit import Client, client_of

STRANGER = belgian_iban(666)


@pytest.fixture
def client(town: Town) -> Client:
    return client_of(town)


def test_24_files_that_repeat_overlap_skip_or_are_altered_give_the_right_books_or_a_refusal(client: Client) -> None:
    town, bank = client.town, client.bank
    ogms = [client.pledge(town.citizen(name), 20_000) for name in ("Ada", "Bob", "Cleo")]
    first = bank.statement(Move(20_000, ogm=ogms[0]), Move(99_999, status="PDNG", ogm=ogms[1]), day=DAY)
    assert client.take(first).lines == 1  # what is pending is no part of it
    entries = town.entries()
    assert client.take(first) == Imported(hashlib.sha256(first).hexdigest(), known_statements=1)
    for refusal, file in (
        ("statement-does-not-foot", first.replace(b">200.00<", b">200.01<", 1)),
        ("statement-altered", first.replace(b"<AcctSvcrRef>R", b"<AcctSvcrRef>S", 1)),
        ("statement-overlaps", first.replace(b"S2026-0001", b"S2026-0011", 1)),
        ("statement-of-another-account", first.replace(CLIENT_IBAN.encode(), b"BE38091215014572")),
    ):
        with pytest.raises(Refusal) as refused:
            client.take(file)
        assert refused.value.code == refusal
    assert (town.entries(), town.balance("550100")) == (entries, 20_000)

    sent_back = Detail(cents=-5_000, text="?", reason="AC04", end_to_end_id="unknown")
    batch = Move(15_000, details=(Detail(cents=20_000, ogm=ogms[1]), sent_back))
    client.take(bank.statement(batch, day=DAY, version="02"))
    assert client.take(bank.file(1, 2, version="08")).known_statements == 2  # the same in a newer version
    bank.statement(Move(0, status="INFO"), day=DAY)
    fourth = bank.statement(Move(20_000, ogm=ogms[2]), day=DAY)
    client.take(fourth)
    assert client.cases() == ["bank-debit-unknown", "statement-missing"]
    wrong = bank.file(3).replace(b">350.00<", b">350.01<")
    with pytest.raises(Refusal, match="statement-contradicts"):
        client.take(wrong)
    overlap = client.take(bank.file(2, 3, 4))
    assert (overlap.statements, overlap.known_statements) == (1, 2)
    assert client.cases() == ["bank-debit-unknown"]
    assert town.balance("550100") == bank.balance_cents == 55_000
    assert (town.balance("489100"), town.balance("499200")) == (0, 5_000)
    assert client.states() == [PledgeState.PAID] * 3


def test_25_a_transfer_that_does_not_fit_exactly_goes_to_suspense_with_the_right_proposal(sqlite_town: Town) -> None:
    client = client_of(sqlite_town)
    town = client.town
    people = [town.citizen(name, iban=False) for name in ("Ada", "Bob", "Cleo", "Dirk", "Emma", "Fred")]
    told = [belgian_iban(n) for n, _ in enumerate(people)]
    for person, iban in zip(people, told, strict=True):
        with town.book.unit_of_work(actor=person) as uow:
            change_iban(uow, person, iban, valid_from=DAY, evidence="card")
    ogms = [client.pledge(person, 10_000 + 1_000 * n) for n, person in enumerate(people)]
    client.pledge(people[4], 50_000)
    wrong_digit = f"{ogms[1][:-3]}{(int(ogms[1][-3]) + 1) % 10}{ogms[1][-2:]}"
    client.receive(
        Move(9_999, ogm=ogms[0], iban=told[0]),
        Move(11_000, text=printed_communication(wrong_digit), iban=told[1]),
        Move(12_000, text=f"mon prêt {printed_communication(ogms[2])}".replace("+", "*"), iban=told[2]),
        Move(13_000, ogm=ogms[3], iban=STRANGER, name="Tante Rosa"),
        Move(64_000, text="les deux", iban=told[4]),
    )
    assert client.states()[2] is PledgeState.PAID
    found = {item.amount_cents: item for item in client.suspended()}
    assert {cents: (r.reason, sorted(p.amount_cents for p in r.proposal)) for cents, r in found.items()} == {
        9_999: (Reason.AMOUNT_DIFFERS, [10_000]),
        11_000: (Reason.KNOWN_ACCOUNT, [11_000]),
        13_000: (Reason.ACCOUNT_OF_ANOTHER, [13_000]),
        64_000: (Reason.KNOWN_ACCOUNT, [14_000, 50_000]),
    }
    assert found[13_000].payers[0].name == "Tante Rosa"
    assert town.balance(f"499100:{found[9_999].item_id}") == -9_999
    assert (found[9_999].answer_by, found[9_999].return_by) == (DAY + timedelta(days=2), DAY + timedelta(days=10))

    with pytest.raises(Refusal, match="suspense-amount-differs"):
        client.assign(found[9_999])
    for cents in (11_000, 13_000):
        client.assign(found[cents])
    client.assign(found[64_000])
    assert [client.states()[n] for n in (0, 1, 3, 4, 6)] == [PledgeState.PLEDGED] + [PledgeState.PAID] * 4
    with pytest.raises(Refusal, match="suspense-item-not-open"):
        client.assign(found[64_000])
    client.receive(Move(13_000, ogm=ogms[3], iban=told[3]), Move(15_000, text="?", iban=told[5]))
    late = {item.amount_cents: item for item in client.suspended()}
    assert (late[13_000].reason, late[13_000].proposal) == (Reason.PAID_ALREADY, ())
    assert (late[15_000].reason, len(late[15_000].proposal)) == (Reason.KNOWN_ACCOUNT, 1)


def test_33_a_database_restored_from_yesterday_comes_to_the_same_trial_balance(
    sqlite_town: Town, tmp_path: Path
) -> None:
    client = client_of(sqlite_town)
    town = client.town
    made = town.pledge(client.offer_id, town.citizen("Ada"), 30_000)
    ogms = [client.pledge(town.citizen(name), 20_000) for name in ("Bob", "Cleo")]
    files = [client.bank.statement(Move(20_000, ogm=ogms[0]), day=DAY)]
    client.take(files[0])
    town.settle()
    yesterday = copy_of(town.book, tmp_path / "yesterday.sqlite3")

    town.go_to(DAY + timedelta(days=1))
    town.pay(made.payment_id)
    files.append(client.bank.statement(Move(20_000, ogm=ogms[1]), Move(7_500, text="?"), day=town.today))
    client.take(files[1])
    town.go_to(DAY + timedelta(days=6))
    lost = town.trial()

    town.book = yesterday
    assert town.trial() != lost
    for file in files:
        client.take(file)
    town.run_jobs()
    assert town.trial() == lost
    assert [item.amount_cents for item in client.suspended()] == [7_500]
    check_everything(yesterday)
    yesterday.engine.dispose()


def copy_of(book: Book, path: Path) -> Book:
    """The same book on a copy of its database, as a backup is."""
    with closing(sqlite3.connect(str(book.engine.url.database))) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return replace(book, engine=open_engine(f"sqlite:///{path}"))
