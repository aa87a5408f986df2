"""Every statement stays in one book: what lets books be spread over machines, and what keeps one from another."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ledger import approvals, balances, bridges, outbox
from ledger.audit.rows import audit_rows
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.facts import Hold
from ledger.state import Request
from ledger.storage.keys import KeyRing
from ledger.writer import GroupWriter
from tests.conftest import NOON, make_book
from tests.entries import back, lines, paid, post
from tests.functional.conftest import quiet_rail
from tests.one_book import unfiltered, watching
from tests.oracle import check_everything
from tests.products_kit import DAY, make_town
from tests.sealed_book import fill

IN_ONE_BOOK = [
    "SELECT n FROM entry WHERE book_id = ?",
    "SELECT n FROM entry WHERE entry.book_id = %(book_id_1)s::VARCHAR AND n > 5",
    "SELECT e.n FROM entry AS e JOIN posting p ON p.book_id = e.book_id AND p.n = e.n WHERE e.book_id = 'main'",
    "SELECT a.n FROM entry a, entry b WHERE a.book_id = b.book_id AND b.book_id = ?1",
    "SELECT n FROM entry WHERE book_id = ? AND EXISTS (SELECT 1 FROM posting WHERE posting.book_id = entry.book_id)",
    "SELECT n FROM entry WHERE book_id = ? UNION SELECT n FROM posting WHERE book_id = ?",
    "SELECT (SELECT max(n) FROM entry WHERE entry.book_id = %s) FROM head WHERE head.book_id = %s",
    "SELECT a.code FROM json_each(?1) w CROSS JOIN account a ON a.book_id = ?2 AND a.code = w.value",
    "UPDATE balance t SET posted = u.posted FROM unnest(%s::BIGINT[]) u (posted) WHERE t.book_id = %s",
    "INSERT INTO entry (book_id, n) VALUES (?, ?)",
    "INSERT INTO entry (book_id, n) SELECT %s, u.* FROM unnest(%s::BIGINT[]) u",
    "DELETE FROM session WHERE session.book_id = ? AND used = 1",
    "SELECT a.n FROM unnest(%s::text[]) w (code, asset) JOIN account a ON a.book_id = %s AND a.asset = w.asset",
    (
        "SELECT b.n FROM unnest(%s) w CROSS JOIN LATERAL (SELECT * FROM entry e WHERE e.book_id = %s LIMIT 1) a"
        " CROSS JOIN LATERAL (SELECT * FROM posting b WHERE b.book_id = a.book_id LIMIT 1) b"
    ),
    "SELECT 1",
    "BEGIN IMMEDIATE",
]
IN_ANY_BOOK = [
    "SELECT n FROM entry",
    "SELECT n FROM entry WHERE n = ?",
    "SELECT e.n FROM entry AS e JOIN posting p ON p.n = e.n WHERE e.book_id = 'main'",
    "SELECT e.n FROM entry AS e JOIN posting p ON p.book_id = e.book_id AND p.n = e.n",
    "SELECT a.n FROM entry a, entry b WHERE a.book_id = ?",
    "SELECT n FROM entry WHERE book_id = ? AND EXISTS (SELECT 1 FROM posting WHERE posting.n = entry.n)",
    "SELECT n FROM entry WHERE n IN (SELECT n FROM entry WHERE book_id = ?)",
    "SELECT n FROM entry WHERE book_id = ? UNION SELECT n FROM posting",
    "SELECT n FROM entry WHERE book_id <> ?",
    "SELECT n FROM entry WHERE book_id > ?",
    "SELECT a.n FROM (SELECT * FROM entry) a JOIN posting p ON p.book_id = a.book_id",
    "SELECT a.n FROM (account a JOIN posting p ON a.book_id = p.book_id) WHERE a.n = ?",
    "UPDATE balance SET posted = 0",
    "DELETE FROM session WHERE used = 1",
    "INSERT INTO entry (n) VALUES (?)",
    "INSERT INTO entry VALUES (?, ?)",
]


@pytest.mark.parametrize("sql", IN_ONE_BOOK)
def test_a_statement_in_one_book_is_seen_as_one(sql: str) -> None:
    assert unfiltered(sql) == []


@pytest.mark.parametrize("sql", IN_ANY_BOOK)
def test_a_statement_that_may_meet_other_books_is_seen(sql: str) -> None:
    assert unfiltered(sql)


@pytest.fixture
def other_book(book: Book) -> Book:
    """A second book in the same database, with a clock of its own."""
    return make_book(book.engine, FixedClock(NOON), "other")


def test_a_statement_without_its_book_is_caught_on_either_driver(book: Book) -> None:
    with watching(book.engine) as strays:
        post(book, paid("k1", 5))
        with book.read() as connection:
            connection.exec_driver_sql("SELECT n FROM posting WHERE n = 1")
            connection.connection.driver_connection.cursor().execute("SELECT line FROM posting WHERE n = 2")
    assert len(strays) == 2


def test_all_that_a_ledger_does_stays_in_its_book(book: Book, other_book: Book) -> None:
    with watching(book.engine) as strays:
        for each in (book, other_book):
            fill(each)
            use(each)
        for each in (book, other_book):
            check_everything(each)
    assert strays == []


def use(book: Book) -> None:
    """What reads and what waits: balances, statements, the group writer, the outbox, approvals, the audit."""
    with book.read() as connection:
        balances.trial_balance(connection, book.book_id, on=DAY)
    writer = GroupWriter(book)
    writer.post(Request([paid("grouped", 3), Hold(back("held", 2))], key="grouped", body_hash=bytes(32)))
    writer.post(Request([paid("grouped", 3)], key="grouped", body_hash=bytes(32)))
    writer.close()
    with book.unit_of_work(actor="s1") as unit:
        outbox.take_due(unit.connection, book.book_id, now=unit.now(), limit=5)
        approvals.request(unit, action="act", body={}, reason="because")
    audit_rows(book)


def test_a_transfer_between_two_books_touches_one_at_a_time(book: Book, other_book: Book) -> None:
    post(book, paid("k1", 100))
    with watching(book.engine) as strays:
        [out] = lines(("550100", 0, 40))
        transfer = bridges.Transfer("t1", out, out.account, NOON.date())
        bridges.send(book, other_book, transfer, actor="s1")
        bridges.sweep(book, other_book)
        for each in (book, other_book):
            bridges.record_check(each, NOON.date())
    assert strays == []
    check_everything(other_book)


def test_a_new_wrapping_of_the_keys_stays_in_its_book(book: Book, other_book: Book) -> None:
    fill(other_book)
    with watching(book.engine) as strays:
        with book.unit_of_work(actor="s1") as unit:
            KeyRing.subject_keys(book.keys, unit.connection, ["c40"], now=unit.now())
        post(book, *(paid(f"k{i}", 5) for i in range(5)))
        post(other_book, paid("more", 5))
    assert strays == []


def test_all_that_the_products_do_stays_in_their_book(book: Book, other_book: Book) -> None:
    with watching(book.engine) as strays:
        for each in (book, other_book):
            town = make_town(each, each.clock, quiet_rail())
            ada, borrower = town.citizen("Ada"), town.enterprise()
            offer_id = town.open_offer(borrower, maximum_cents=100_000)
            town.pay_pledge(offer_id, ada, 100_000)
            town.go_to(DAY + timedelta(days=5))
            loan_id = town.loan_of(offer_id)
            town.disburse(loan_id)
            [first, *_] = town.loan(loan_id, ada).instalments
            town.jump_to(first.due_on)
            town.pay_due(loan_id, 1)
            town.pay_out()
            town.portfolio(ada)
    assert strays == []


def test_the_books_of_one_database_do_not_meet(book: Book, other_book: Book) -> None:
    """The same keys, accounts and owners in both: each has its own numbers and balances."""
    fill(other_book)
    post(book, paid("k1", 5))
    for each in (book, other_book):
        check_everything(each)
    with book.read() as connection:
        posted = sa.text("SELECT posted FROM balance WHERE book_id = :book AND account_id = 1")
        assert connection.scalar(posted, {"book": "main"}) == 5
        assert connection.scalar(posted, {"book": "other"}) != 5
