"""Payouts of many: approved once, ordered and filed part by part, the same bytes wherever the run is killed."""

import itertools
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from contracts import payouts
from contracts.events import PAYOUT_ORDER
from contracts.parties import service as parties
from contracts.parties import tables as parties_tables
from ledger import approvals, balances, outbox
from ledger.accounts import AccountRef
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.journal import JournalEntry, Posting
from ledger.payments import payees, run_files, transfer_runs, transfers
from ledger.payments.iso20022.model import Account
from ledger.payments.iso20022.totals import read_totals
from ledger.payments.model import CLIENT_BANK, RunState, TransferState
from ledger.payments.queries import transfer_orders
from ledger.payments.rail import PayeeAnswer, PayeeMatch
from ledger.storage.base import JSON
from ledger.storage.engine import schema_transaction
from ledger.storage.tables import head
from tests.commands import run_module
from tests.conftest import DATABASES, MakeEngine
from tests.oracle import check_everything
from tests.payout_kit import (
    PAID_ON,
    SINCE,
    ask_for_payouts,
    files_of,
    iban_of,
    order_payouts,
    owed_to,
    payout_town,
    serve_payouts,
    token_of,
)
from tests.products_kit import snapshot

MANY, A_FILE = 1_103, 400
"""Three units of work, the last of them short; three files."""
FEW = 7
SEAL, COMMIT, A_FILE_MADE, ALL_RELEASED = (
    "posting.after-seal",
    "posting.after-commit",
    "file.before-commit",
    "files.before-commit",
)
KILLS = (
    (1, SEAL), (2, COMMIT), (3, SEAL), (3, A_FILE_MADE), (3, COMMIT), (2, A_FILE_MADE), (4, A_FILE_MADE),
    (4, ALL_RELEASED),
)  # fmt: skip
"""At which crash point each process dies, counted from where the one before it left the run."""


def balance(book: Book, account: str) -> int:
    with book.read() as connection:
        return balances.balance(connection, book.book_id, AccountRef.parse(account))


def post(book: Book, key: str, *legs: Posting) -> None:
    with book.unit_of_work(actor="kit") as uow:
        uow.post(JournalEntry(key, SINCE, "test", legs))


def parked(book: Book, run_id: str) -> list[tuple[str, int, str]]:
    with book.read() as connection:
        return [tuple(line) for line in transfer_runs.parked_lines(connection, book.book_id, run_id)]


def totals(book: Book, run_id: str) -> list[tuple[int, int]]:
    read = [read_totals(file) for _, file in files_of(book, run_id)]
    return [(each.count, each.total_cents) for each in read]


@pytest.mark.parametrize("database", DATABASES)
def test_a_run_that_is_killed_and_started_again_gives_the_same_record_and_the_same_file_bytes(
    database, make_engine: MakeEngine, monkeypatch
):
    unbroken, killed = (asked_town(make_engine(database), monkeypatch) for _ in range(2))
    monkeypatch.setattr(run_files, "LARGEST_FILE", A_FILE)
    run_id = serve_payouts(unbroken)
    url = killed.engine.url.render_as_string(hide_password=False)
    done = [run_module("tests.payout_kit", url, kill_at, A_FILE) for kill_at, _ in KILLS]
    assert [(run.returncode, run.stdout) for run in done] == [(-signal.SIGKILL, point) for _, point in KILLS]
    assert run_module("tests.payout_kit", url, 0, A_FILE).returncode == 0
    files = files_of(unbroken, run_id)
    assert files_of(killed, run_id) == files
    assert [state for state, _ in files] == ["released"] * 3
    assert heads(killed) == heads(unbroken)
    owed = [owed_to(n) for n in range(MANY)]
    assert totals(unbroken, run_id) == [
        (len(part), sum(part)) for part in (owed[i : i + A_FILE] for i in range(0, MANY, A_FILE))
    ]
    assert balance(killed, "580400") == -sum(owed)
    assert balance(killed, f"489300:{token_of(MANY - 1)}") == 0
    check_everything(killed)


def asked_town(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Book:
    """The same town each time, to the last identifier, with a run that was approved."""
    numbers = itertools.count()
    monkeypatch.setattr(UnitOfWork, "new_id", lambda _unit, prefix: f"{prefix}{next(numbers):09d}")
    book = payout_town(engine, MANY)
    ask_for_payouts(book)
    return book


def heads(book: Book) -> list[sa.Row]:
    with book.read() as connection:
        return list(connection.execute(sa.select(head)))


def test_who_cannot_be_paid_is_parked_with_the_reason_and_paid_by_a_later_run(few):
    small, returned, frozen, changed, *paid = (token_of(n) for n in range(FEW))
    with few.unit_of_work(actor="kit") as uow:
        payees.block_account(uow, returned, Account("Zoé 1 Étienne", iban_of(1)), reason="AC04")
        uow.connection.execute(parties_tables.party.insert().values(
            book_id="main", party_id="cnoaccount", kind="natural", registered_at=uow.now(), actor="kit"
        ))  # fmt: skip
    post(few, "owed", Posting(CLIENT_BANK, debit=900), Posting(AccountRef("489300", "cnoaccount"), credit=900))
    post(few, "charged", Posting(AccountRef("416200", frozen), debit=5), Posting(CLIENT_BANK, credit=5))
    asked = ask_for_payouts(few, smallest_cents=owed_to(0) + 1)
    with few.unit_of_work(actor="forger") as uow:
        seq = parties.change_iban(uow, changed, iban_of(99), valid_from=PAID_ON, evidence="a forged mail")
    with few.unit_of_work(actor="checker") as uow:
        parties.verify_iban(uow, changed, seq, evidence="not looked at")
    post(few, "more", Posting(CLIENT_BANK, debit=5), Posting(AccountRef("489300", paid[0]), credit=5))
    run_id = order_payouts(few, asked)
    assert parked(few, run_id) == [
        (small, owed_to(0), "too-small"),
        (returned, owed_to(1), "account-in-doubt"),
        (frozen, owed_to(2), "frozen"),
        (changed, owed_to(3), "account-changed"),
        ("cnoaccount", 900, "no-account"),
    ]
    with few.read() as connection:
        assert {each.payee for each in transfer_orders(connection, "main")} == set(paid)
        run = transfer_runs.transfer_run(connection, "main", run_id)
    assert (run.ordered, run.ordered_cents, run.left_cents) == (3, sum(owed_to(n) for n in (4, 5, 6)), 0)
    assert [balance(few, f"489300:{token}") for token in (small, paid[0])] == [-owed_to(0), -5]
    again = order_payouts(few, ask_for_payouts(few))
    assert [row[0] for row in parked(few, again) if row[2] == "paid-today"] == [paid[0]]
    with few.read() as connection:
        assert len(transfer_orders(connection, "main")) == 3 + 2


@pytest.mark.parametrize("database", DATABASES)
def test_cash_that_is_a_cent_short_is_refused_with_nothing_done_when_ordered_and_when_filed(
    database, make_engine: MakeEngine
):
    book = payout_town(make_engine(database), FEW)
    asked = ask_for_payouts(book)
    takes = (Posting(AccountRef("657000"), debit=1), Posting(CLIENT_BANK, credit=1))
    gives = (Posting(CLIENT_BANK, debit=1), Posting(AccountRef("657000"), credit=1))
    post(book, "taken", *takes)
    with refused(book, "cash-rule-not-met", missing_cents=1):
        order_payouts(book, asked)
    assert balance(book, "580400") == 0
    post(book, "given", *gives)
    run_id = order_payouts(book, asked)
    post(book, "taken again", *takes)
    with refused(book, "cash-rule-not-met", missing_cents=1, made=True):
        payouts.file_payouts(book, run_id, actor="maker")
    assert [state for state, _ in files_of(book, run_id)] == ["made"]
    post(book, "given again", *gives)
    assert [each.count for each in payouts.file_payouts(book, run_id, actor="maker")] == [FEW]
    assert payouts.file_payouts(book, run_id, actor="maker") == []
    check_everything(book)


def test_a_run_that_has_begun_keeps_its_money_from_every_other_transfer(few, monkeypatch):
    monkeypatch.setattr(transfer_runs, "UNIT", 2)
    asked = ask_for_payouts(few)
    with few.unit_of_work(actor="maker") as uow:
        assert len(payouts.order_payouts(uow, approval_id=asked, on=PAID_ON)) == 2
        run_id = payouts.run_of(uow.connection, uow.book_id, asked)
    with few.unit_of_work(actor="maker") as uow:
        transfers.refuse_uncovered(uow, 0)
    with refused(few, "cash-rule-not-met", missing_cents=1), few.unit_of_work(actor="maker") as uow:
        transfers.refuse_uncovered(uow, 1)
    with refused(few, "transfer-run-not-finished", run_id=run_id):
        ask_for_payouts(few)
    with refused(few, "transfer-run-not-ordered", run_id=run_id):
        payouts.file_payouts(few, run_id, actor="maker")
    emitted = 0
    while deliver(few, payouts.continue_payouts):
        emitted += 1
    assert emitted == 3
    with few.read() as connection:
        assert transfer_runs.transfer_run(connection, "main", run_id).state is RunState.ORDERED
    with few.unit_of_work(actor="maker") as uow:
        payouts.continue_payouts(uow, {"run_id": run_id})
    assert balance(few, "580400") == -sum(owed_to(n) for n in range(FEW))


def test_a_transfer_that_comes_back_is_owed_again_and_goes_with_the_next_run(few):
    run_id = order_payouts(few, ask_for_payouts(few))
    [_] = payouts.file_payouts(few, run_id, actor="maker")
    with few.read() as connection:
        first = min(transfer_orders(connection, "main"), key=lambda order: order.payee)
    for record in (transfers.confirm_booked, transfers.record_returned):
        reason = {"reason": "MS03"} if record is transfers.record_returned else {}
        with few.unit_of_work(actor="maker") as uow:
            record(uow, first.order_id, statement_reference="S1", evidence="ab" * 32, on=PAID_ON, **reason)
    assert balance(few, f"489300:{first.payee}") == -first.amount_cents
    again = order_payouts(few, ask_for_payouts(few))
    assert [each.total_cents for each in payouts.file_payouts(few, again, actor="maker")] == [first.amount_cents]


def test_an_account_that_the_bank_was_not_asked_about_waits_for_a_file_of_its_own(few):
    with few.unit_of_work(actor="kit") as uow:
        seq = parties.change_iban(uow, token_of(2), iban_of(50), valid_from=SINCE, evidence="a letter")
    with few.unit_of_work(actor="checker") as uow:
        parties.verify_iban(uow, token_of(2), seq, evidence="a call")
    run_id = order_payouts(few, ask_for_payouts(few))
    assert [each.count for each in payouts.file_payouts(few, run_id, actor="maker")] == [FEW - 1]
    with few.unit_of_work(actor="kit") as uow:
        payees.record_check(uow, token_of(2), PayeeAnswer(iban_of(50), "Zoé 2 Étienne", PayeeMatch.MATCH))
    [late] = payouts.file_payouts(few, run_id, actor="maker")
    assert (late.count, late.total_cents) == (1, owed_to(2))
    assert len(files_of(few, run_id)) == 2
    with few.read() as connection:
        assert {order.state for order in transfer_orders(connection, "main")} == {TransferState.ORDERED}


def test_nobody_lets_go_what_was_not_approved_or_what_she_made_herself(few):
    asked = ask_for_payouts(few)
    with few.unit_of_work(actor="maker") as uow:
        stranger = approvals.request(uow, action="another", body={}, reason="x")
    for approval_id, code in (("a0", "approval-unknown"), (stranger, "approval-body-changed")):
        with refused(few, code), few.unit_of_work(actor="maker") as uow:
            payouts.order_payouts(uow, approval_id=approval_id, on=PAID_ON)
    with refused(few, "transfer-run-not-known"):
        payouts.order_rest(few, "r0", actor="maker")
    with refused(few, "payment-amount-not-positive"):
        ask_for_payouts(few, smallest_cents=0)
    run_id = order_payouts(few, asked)
    with refused(few, "approver-makes-no-files", run_id=run_id):
        payouts.file_payouts(few, run_id, actor="checker")
    assert files_of(few, run_id) == []
    with refused(few, "nothing-to-pay-out"):
        ask_for_payouts(few)


def test_lines_that_are_not_those_that_were_approved_are_not_paid(few):
    asked = ask_for_payouts(few)
    with schema_transaction(few.engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER transfer_run_line_final_update")
        connection.exec_driver_sql("UPDATE transfer_run_line SET amount_cents = amount_cents + 1 WHERE number = 1")
        connection.exec_driver_sql("UPDATE transfer_run_line SET amount_cents = amount_cents - 1 WHERE number = 2")
    with refused(few, "transfer-run-altered"):
        order_payouts(few, asked)
    assert balance(few, "580400") == 0


@pytest.fixture
def few(make_engine: MakeEngine) -> Book:
    return payout_town(make_engine("sqlite"), FEW)


@contextmanager
def refused(book: Book, code: str, *, made: bool = False, **facts: object) -> Iterator[None]:
    """The same refusal, and not a row more than before; where a file was `made` first, that alone stays."""
    before = None if made else snapshot(book)
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code
    assert facts.items() <= dict(caught.value.facts).items()
    assert before is None or snapshot(book) == before


def deliver(book: Book, handle: Callable[[UnitOfWork, Mapping[str, JSON]], None]) -> bool:
    """Hand over the oldest waiting row of the outbox; whether there was one."""
    with book.unit_of_work(actor="relay") as uow:
        found = outbox.take_due(uow.connection, book.book_id, topics=[PAYOUT_ORDER], now=uow.now(), limit=1)
        for row in found:
            handle(uow, row.body)
            outbox.complete(uow.connection, book.book_id, row.topic, row.key, now=uow.now())
    return bool(found)
