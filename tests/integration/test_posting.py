"""Posting through a unit of work, on both databases."""
# ruff: noqa: E501 -- tables of cases read best one row a case

from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from ledger import balances
from ledger.accounts import AccountRef
from ledger.book import Book, create_book, open_book
from ledger.clock import FixedClock
from ledger.errors import InvariantError, Refusal
from ledger.facts import rule_change
from ledger.money import Asset
from ledger.posting import post_entries, post_requests
from ledger.state import Request
from ledger.storage import tables
from ledger.storage.dates import move_business_date
from ledger.storage.engine import open_engine, write_transaction
from tests.conftest import NOON, MakeEngine, make_book, make_keys
from tests.entries import BANK, ON, PLEDGES, back, entry, paid, post
from tests.oracle import check_everything, digest_of

LOAN = Asset("LOAN-L1", 2)


def test_entries_are_numbered_in_order_after_the_accounts_they_open(book: Book) -> None:
    results = post(book, paid("k1", 100), paid("k2", 50, citizen="c18"))
    assert [(r.key, r.n, r.duplicate) for r in results] == [("k1", 2, False), ("k2", 3, False)]
    with book.read() as connection:
        opened, first, second = balances.entries(connection, book.book_id, first_n=1)
    assert (opened.type, opened.lines) == ("accounts/1", ())
    assert [(str(line.account), line.debit, line.credit) for line in first.lines] == [(BANK, 100, 0), (PLEDGES, 0, 100)]
    assert (second.n, second.key, second.actor, second.effective_on) == (3, "k2", "system", ON)


def test_a_unit_of_work_that_fails_leaves_nothing(book: Book) -> None:
    before = digest_of(book)
    with pytest.raises(RuntimeError, match="half way"), book.unit_of_work(actor="s1") as unit:
        unit.post(paid("k1", 100))
        unit.emit("topic", "key", {})
        raise RuntimeError("half way")
    assert digest_of(book) == before
    with book.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.outbox)) == 0


def test_a_unit_of_work_that_is_over_takes_no_more_entries(sqlite_book: Book) -> None:
    with sqlite_book.unit_of_work(actor="s1") as unit:
        unit.post(paid("k1", 100))
    with pytest.raises(InvariantError, match="over"):
        unit.post(paid("k2", 100))


def test_the_same_fact_twice_is_one_entry(book: Book) -> None:
    [first] = post(book, paid("k1", 100))
    after = digest_of(book)
    [again] = post(book, paid("k1", 100))
    assert (again.n, again.duplicate) == (first.n, True)
    assert digest_of(book) == after


def test_the_same_fact_twice_in_one_batch_is_one_entry(book: Book) -> None:
    first, second, third = post(book, paid("k1", 100), paid("k1", 100), paid("k2", 1))
    assert (first.n, second.n, second.duplicate, third.n) == (2, 2, True, 3)


REFUSED: list[tuple[str, list[object], dict[str, object]]] = [
    ("fact-key-reused", [paid("k1", 99)], {"key": "k1"}),
    ("fact-key-reused", [paid("k9", 5), paid("k9", 6)], {"key": "k9"}),
    ("floor-breached", [back("k9", 101)], {"key": "k9", "account": BANK, "asset": "EUR", "rule": "550100/EUR v1", "missing_cents": 1}),
    ("floor-breached", [paid("k9", 1, citizen="c9"), back("k10", 2, citizen="c9")], {"key": "k10", "account": "489100:c9", "asset": "EUR", "rule": "489100:c9/EUR v1", "missing_cents": 1}),
    ("floor-breached", [entry("k9", ("020000:c17", 0, 7, "LOAN-L1"), ("021000:e5", 7, 0, "LOAN-L1"))], {"key": "k9", "account": "020000:c17", "asset": "LOAN-L1", "rule": "020000:c17/LOAN-L1 v1", "missing": 7}),
    ("unknown-asset", [entry("k9", (BANK, 1, 0, "USD"), (PLEDGES, 0, 1, "USD"))], {"key": "k9", "asset": "USD", "account": BANK}),
    ("account-not-in-chart", [entry("k9", ("990000", 1, 0), (PLEDGES, 0, 1))], {"key": "k9", "account": "990000"}),
    ("entry-reverses-unknown", [back("k9", 100, reverses="k8")], {"key": "k9", "reverses": "k8"}),
    ("entry-is-not-mirror", [back("k9", 99, reverses="k1")], {"key": "k9", "reverses": "k1"}),
    ("entry-already-reversed", [paid("k8", 500), back("k9", 40, reverses="k2")], {"key": "k9", "reverses": "k2"}),
    ("entry-already-reversed", [paid("k7", 9), back("k8", 9, reverses="k7"), back("k9", 9, reverses="k7")], {"key": "k9", "reverses": "k7"}),
    ("reversal-of-reversal", [paid("k9", 40, reverses="r2")], {"key": "k9", "reverses": "r2"}),
    ("reversal-of-reversal", [paid("k7", 9), back("k8", 9, reverses="k7"), paid("k9", 9, reverses="k8")], {"key": "k9", "reverses": "k8"}),
    ("balance-too-large", [paid(f"big{i}", 2**53 - 1) for i in range(1025)], {"key": "big1024", "account": BANK}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "entries", "facts"), REFUSED, ids=[f"{i}-{c}" for i, (c, _, _) in enumerate(REFUSED)])
def test_what_must_not_be_posted_is_refused_and_changes_nothing(
    book: Book, code: str, entries: list, facts: dict[str, object]
) -> None:
    with book.unit_of_work(actor="s1") as unit:
        unit.open_asset(LOAN)
        unit.post(paid("k1", 100))
        unit.post(paid("k2", 40))
        unit.post(back("r2", 40, reverses="k2"))
    before = digest_of(book)
    with pytest.raises(Refusal) as refused:
        post(book, *entries)
    assert (refused.value.code, dict(refused.value.facts)) == (code, facts)
    assert digest_of(book) == before


def test_a_refused_fact_can_be_posted_once_its_cause_is_gone(book: Book) -> None:
    with pytest.raises(Refusal, match="floor-breached"):
        post(book, back("k1", 100))
    post(book, paid("k0", 100))
    [result] = post(book, back("k1", 100))
    assert not result.duplicate


def test_a_reversal_undoes_its_entry_and_names_it(book: Book) -> None:
    [original] = post(book, paid("k1", 100))
    post(book, back("k2", 100, reverses="k1", on=date(2026, 3, 1)))
    with book.read() as connection:
        reversal = balances.entry_by_key(connection, book.book_id, "k2")
        assert balances.balance(connection, book.book_id, AccountRef(BANK)) == 0
    assert reversal is not None
    assert reversal.reverses == original.n


def test_a_reversal_may_stand_in_the_batch_of_its_entry(book: Book) -> None:
    _, reversal = post(book, paid("k1", 100), back("k2", 100, reverses="k1"))
    with book.read() as connection:
        posted = balances.entry_by_key(connection, book.book_id, "k2")
    assert posted is not None
    assert (posted.n, posted.reverses) == (reversal.n, reversal.n - 1)


def test_each_request_of_a_batch_stands_or_falls_alone(book: Book) -> None:
    requests = [
        [paid("k1", 100)],
        [paid("k2", 7, citizen="c9"), back("k3", 999, citizen="c9")],  # its first entry falls with its second
        [back("k4", 60), back("k5", 60)],
        [back("k6", 100)],
        [paid("k1", 100)],
    ]
    with write_transaction(book.engine) as connection:
        results = post_requests(
            connection, book.book_id, [Request(items) for items in requests], clock=book.clock, keys=book.keys
        )
    accepted, second, third, fourth, again = results
    assert isinstance(second, Refusal)
    assert isinstance(third, Refusal)
    assert (second.code, third.code) == ("floor-breached", "floor-breached")
    assert not isinstance(accepted, Refusal)
    assert not isinstance(fourth, Refusal)
    assert again == [accepted[0]._replace(duplicate=True)]
    assert [fourth[0].n, accepted[0].n] == [3, 2]
    with book.read() as connection:
        with pytest.raises(Refusal, match="account-unknown"):  # the refused request opened nothing
            balances.statement(connection, book.book_id, AccountRef.parse("489100:c9"))
        assert balances.entry_by_key(connection, book.book_id, "k2") is None


def test_assets_are_opened_once_and_keep_their_scale(book: Book) -> None:
    for _ in range(2):
        with book.unit_of_work(actor="s1") as unit:
            unit.open_asset(LOAN)
    with pytest.raises(Refusal) as refused, book.unit_of_work(actor="s1") as unit:
        unit.open_asset(Asset("LOAN-L1", 0))
    assert refused.value == Refusal("asset-scale-differs", asset="LOAN-L1", scale=2, stated=0)
    with book.read() as connection:
        assert balances.asset_scales(connection, book.book_id) == {"EUR": 2, "LOAN-L1": 2}
        assert balances.entry_count(connection, book.book_id) == 2


def test_accounts_opened_without_floors_keep_none_later(book: Book) -> None:
    with write_transaction(book.engine) as connection:
        post_entries(connection, "main", [back("k1", 100)], clock=book.clock, keys=book.keys, floors=False)
    post(book, back("k2", 100))
    with book.read() as connection:
        assert balances.balance(connection, book.book_id, AccountRef(BANK)) == -200


def test_the_booking_instant_never_goes_back(book: Book, clock: FixedClock) -> None:
    post(book, paid("k1", 1))
    clock.instant -= timedelta(hours=1)
    post(book, paid("k2", 1))
    with book.read() as connection:
        first, second = balances.statement(connection, book.book_id, AccountRef(BANK))
    assert second.booked_at == first.booked_at


def test_the_same_batches_give_the_same_bytes_on_both_databases(make_engine: MakeEngine, clock: FixedClock) -> None:
    digests = []
    for database in ("sqlite", "postgresql"):
        clock.instant = NOON
        book = make_book(make_engine(database), clock)
        with book.unit_of_work(actor="s1") as unit:
            unit.open_asset(LOAN)
            unit.post(paid("clé-ß-1", 100, purpose="Überweisung, März", evidence="ab" * 32))
        post(book, *(paid(f"k{i}", i, citizen=f"c{i % 7}") for i in range(1, 60)))
        clock.instant = clock.instant.replace(hour=12, microsecond=123456)
        post(book, back("r7", 7, citizen="c0", reverses="k7", on=date(1999, 12, 31)))
        post(
            book,
            entry("n", ("020000:c17", 5, 0, "LOAN-L1"), ("021000:e5", 0, 5, "LOAN-L1"), (BANK, 1, 0), (PLEDGES, 0, 1)),
        )
        check_everything(book)
        digests.append(digest_of(book))
    assert digests[0] == digests[1]


def test_two_books_in_one_database_do_not_meet(engine: sa.Engine, clock: FixedClock) -> None:
    one, other = make_book(engine, clock, "one"), make_book(engine, clock, "other")
    post(one, paid("k1", 100))
    [result] = post(other, paid("k1", 5))
    assert not result.duplicate
    for book, cents in ((one, 100), (other, 5)):
        check_everything(book)
        with book.read() as connection:
            assert balances.balance(connection, book.book_id, AccountRef(BANK)) == cents


def test_a_book_is_made_once_and_only_an_existing_one_opens(book: Book, clock: FixedClock) -> None:
    with pytest.raises(Refusal, match="book-exists"):
        make_book(book.engine, clock)
    with pytest.raises(Refusal, match="book-unknown"):
        open_book(book.engine, "other", clock=clock, keys=make_keys("other"))
    with pytest.raises(Refusal, match="book-unknown"), write_transaction(book.engine) as connection:
        post_entries(connection, "other", [paid("k", 1)], clock=clock, keys=make_keys("other"))
    assert open_book(book.engine, "main", clock=clock, keys=book.keys).today() == ON


def test_a_sandbox_moves_its_date_forward_only(engine: sa.Engine, clock: FixedClock) -> None:
    described = {"name": "n", "origin": "o", "policy_hash": bytes(32), "clock": clock, "keys": make_keys()}
    book = create_book(engine, "main", **described, business_date=ON)
    with book.unit_of_work(actor="s1") as unit:
        move_business_date(unit, date(2026, 4, 1))
        assert unit.today() == date(2026, 4, 1)
    with pytest.raises(Refusal) as refused, book.unit_of_work(actor="s1") as unit:
        move_business_date(unit, ON)
    facts = {"current_on": "2026-04-01", "to_on": "2026-03-02"}
    assert refused.value == Refusal("business-date-moves-forward-only", **facts)
    assert book.today() == date(2026, 4, 1)


def test_a_real_book_has_the_machines_date(book: Book, clock: FixedClock) -> None:
    with pytest.raises(Refusal, match="business-date-is-real"), book.unit_of_work(actor="s1") as unit:
        move_business_date(unit, date(2030, 1, 1))
    clock.business_date = date(2026, 5, 5)
    assert book.today() == date(2026, 5, 5)


def test_reading_cannot_write_and_sees_one_moment(book: Book) -> None:
    post(book, paid("k1", 1))
    with book.read() as connection:
        assert balances.balance(connection, book.book_id, AccountRef(BANK)) == 1
        post(book, paid("k2", 1))
        assert balances.balance(connection, book.book_id, AccountRef(BANK)) == 1
    with pytest.raises(sa.exc.DBAPIError), book.read() as connection:
        connection.execute(sa.insert(tables.business_date).values(book_id="main", current_on=ON))
    post(book, paid("k3", 1))  # the connection went back to the pool able to write


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "nonsense"])
def test_only_two_kinds_of_database_are_taken(url: str) -> None:
    with pytest.raises(Refusal, match="database-not-supported"):
        open_engine(url)


@pytest.mark.parametrize("batch", [1, 40])
def test_the_number_of_statements_does_not_grow_with_the_batch(
    book: Book, batch: int, count_statements: Callable[[sa.Engine], list[str]]
) -> None:
    post(book, *(paid(f"open{i}", 10, citizen=f"c{i}") for i in range(40)))
    statements = count_statements(book.engine)
    post(book, *(paid(f"k{i}", 1, citizen=f"c{i}") for i in range(batch)))
    assert len([s for s in statements if not s.startswith("PRAGMA")]) <= 10


@pytest.mark.parametrize("turned", [False, True])
def test_new_limits_and_the_entry_they_make_room_for_are_one_commit(book: Book, turned: bool) -> None:  # noqa: FBT001 -- a parameter of the case
    """Between two statements neither the old limits with the new balance nor the other way round would be allowed."""
    post(book, paid("k1", 100))
    bank = AccountRef(BANK)
    wider = rule_change("wider", bank, floor=-50, ceiling=None), back("k2", 120)
    narrower = paid("k3", 80, citizen="c18"), rule_change("narrower", bank, floor=60, ceiling=60)
    post(book, rule_change("owed", AccountRef.parse(PLEDGES), floor=-50, ceiling=None))
    post(book, *(wider if not turned else (*wider, *narrower)))
    with book.read() as connection:
        assert balances.balance(connection, "main", bank) == (60 if turned else -20)
    if turned:
        with pytest.raises(Refusal, match="ceiling-breached"):
            post(book, paid("k4", 1))
