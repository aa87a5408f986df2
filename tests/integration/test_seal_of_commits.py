"""Attacks on a commit: what posting decided, altered before it is written, is not sealed, on both databases.

The fixture's oracle audits the book after every test, so a refused attack has also changed nothing.
"""
# ruff: noqa: E501 -- tables of cases read best one row a case

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.accounts import AccountRef
from ledger.book import Book
from ledger.decide import decide
from ledger.facts import Finding, Hold, PeriodClose, Release, ReleaseKind, rule_change
from ledger.lines import RuleRow, seal_block
from ledger.log.leaf import VERDICT
from ledger.posting import post_entries, write_decision
from ledger.reading import lock_and_read, state_of, subject_keys_of
from ledger.state import AccountState, Decision, Request
from ledger.storage import bulk, tables
from ledger.storage.engine import write_transaction
from tests.entries import back, paid, post
from tests.integration.test_seal import REFUSED, entry_row, for_dialect, full_book, head_of, posting_row

__all__ = ["full_book"]


def reseal(decision: Decision, book: Book, **changes: Any) -> Decision:
    """The decision with parts exchanged and a block that fits the entries as they are now."""
    changed = replace(decision, **changes)
    assert changed.block is not None
    assert decision.block is not None
    block = seal_block(
        book_id=book.book_id,
        block=decision.block.block,
        first_n=changed.entries[0].n,
        leaves=[e.leaf for e in changed.entries],
        postings=len(changed.postings),
        prev_hash=decision.block.prev_hash,
        sealed_at=decision.block.sealed_at,
    )
    return replace(changed, block=block)


def with_posting(decision: Decision, index: int, **changes: Any) -> list[Any]:
    return [p._replace(**changes) if i == index else p for i, p in enumerate(decision.postings)]


def moved(account: AccountState, **changes: Any) -> AccountState:
    copy = account.copy()
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


Forgery = Callable[[Decision, Book], Decision]

FORGERIES: dict[str, Forgery] = {
    "unbalanced": lambda d, b: replace(d, postings=with_posting(d, 0, debit=101)),
    "two-unbalanced-entries-that-balance-together": lambda d, b: replace(
        d, postings=[p._replace(debit=p.debit + 1) if i == 0 else p._replace(credit=p.credit + 1) if i == 3 else p for i, p in enumerate(d.postings)]
    ),
    "a-line-missing": lambda d, b: replace(d, postings=d.postings[:-2]),
    "a-line-missing-and-resealed": lambda d, b: reseal(d, b, postings=d.postings[:-2]),
    "a-line-too-many": lambda d, b: replace(d, postings=[*d.postings, d.postings[0]._replace(seq=77, line=77)]),
    "lines-too-many-and-resealed": lambda d, b: reseal(
        d, b, postings=[*d.postings, d.postings[0]._replace(seq=77, line=77), d.postings[1]._replace(seq=77, line=78)]
    ),
    "an-entry-missing": lambda d, b: replace(d, entries=d.entries[:-1]),
    "an-entry-missing-and-resealed": lambda d, b: reseal(d, b, entries=d.entries[:-1], postings=d.postings[:2]),
    "an-entry-more": lambda d, b: replace(d, entries=[*d.entries, d.entries[-1]._replace(n=d.entries[-1].n + 1, fact_key="x")]),
    "a-gap-in-the-entries": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(n=99)]),
    "an-account-missing": lambda d, b: replace(d, accounts=d.accounts[:-1], opened=d.opened[:-1], postings=d.postings[:2]),
    "an-account-more": lambda d, b: replace(d, accounts=[*d.accounts, d.accounts[0]._replace(account_id=99, owner="x", line=99)]),
    "a-block-too-far": lambda d, b: replace(d, block=d.block and d.block._replace(block=d.block.block + 1)),
    "a-block-again": lambda d, b: replace(d, block=d.block and d.block._replace(block=d.block.block - 1)),
    "a-block-after-another": lambda d, b: replace(d, block=d.block and d.block._replace(prev_hash=bytes(32))),
    "a-block-that-begins-late": lambda d, b: replace(d, block=d.block and d.block._replace(first_n=d.block.first_n + 1, entries=d.block.entries - 1)),
    "a-block-that-ends-early": lambda d, b: replace(d, block=d.block and d.block._replace(last_n=d.block.last_n - 1, entries=d.block.entries - 1)),
    "a-block-with-another-count": lambda d, b: replace(d, block=d.block and d.block._replace(entries=d.block.entries + 1)),
    "a-block-with-another-count-of-postings": lambda d, b: replace(d, block=d.block and d.block._replace(postings=d.block.postings + 1)),
    "a-key-used-twice": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(fact_key="k1")]),
    "an-entry-reversed-twice": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(reverses=3)]),
    "an-entry-without-a-key": lambda d, b: replace(d, entries=[*d.entries[:-1], d.entries[-1]._replace(fact_key=None)]),
    "an-account-that-is-not-there": lambda d, b: replace(d, postings=with_posting(d, 0, account_id=77), changed=[], opened=[]),
    "accounts-that-are-not-there": lambda d, b: replace(d, postings=[p._replace(account_id=77, seq=i + 1) for i, p in enumerate(d.postings)], changed=[], opened=[]),
    "a-line-of-another-entry": lambda d, b: replace(d, postings=[*d.postings[:1], d.postings[1]._replace(line=3), *d.postings[2:]]),
    "an-account-without-its-limits": lambda d, b: replace(d, rules=d.rules[:-1], opened=[]),
    "limits-without-an-entry": lambda d, b: replace(d, rules=[*d.rules, RuleRow(1, 3, None, None, d.entries[0].n, False, None)]),
    "limits-of-a-posting": lambda d, b: replace(d, rules=[*d.rules, RuleRow(1, 3, None, None, d.entries[-1].n, False, bytes(32))]),
    "a-balance-ahead-of-its-posting": lambda d, b: replace(d, opened=[moved(a, posted=a.posted - 1) for a in d.opened]),
    "a-balance-without-its-limits": lambda d, b: replace(d, opened=[moved(a, maximum=a.maximum and a.maximum + 1, minimum=-10**6) for a in d.opened]),
    "a-hold-without-an-entry": lambda d, b: replace(d, opened=[moved(a, held_debit=1) for a in d.opened]),
    "an-amount-beyond-2^53": lambda d, b: replace(d, postings=[d.postings[0]._replace(debit=2**53), d.postings[1]._replace(credit=2**53), *d.postings[2:]]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_commit_is_sealed(full_book: Book, name: str) -> None:
    batch = [Request([paid("f1", 100, citizen="c30"), paid("f2", 5, citizen="c31")])]
    with pytest.raises(REFUSED), write_transaction(full_book.engine) as connection:
        write_decision(connection, full_book.book_id, FORGERIES[name](decided(full_book, connection, batch), full_book))


OTHER_FORGERIES: dict[str, Forgery] = {
    "a-hold-without-a-line": lambda d, b: replace(d, hold_lines=d.hold_lines[:-1]),
    "a-hold-with-a-line-more": lambda d, b: replace(d, hold_lines=[*d.hold_lines, d.hold_lines[0]._replace(line=3)]),
    "a-line-of-a-hold-that-is-sealed": lambda d, b: replace(d, hold_lines=[d.hold_lines[0]._replace(hold_n=d.hold_steps[0].hold_n, line=2), *d.hold_lines[1:]]),
    "a-hold-that-is-not-there": lambda d, b: replace(d, holds=[], hold_lines=[]),
    "no-step-where-a-hold-is-settled": lambda d, b: replace(d, hold_steps=d.hold_steps[1:]),
    "no-step-where-a-hold-is-released": lambda d, b: replace(d, hold_steps=d.hold_steps[:1]),
    "a-step-of-another-hold": lambda d, b: replace(d, hold_steps=[d.hold_steps[0]._replace(hold_n=d.hold_steps[1].hold_n), d.hold_steps[1]]),
    "a-step-of-an-entry-that-settles-nothing": lambda d, b: replace(d, hold_steps=[d.hold_steps[0]._replace(n=d.entries[0].n), d.hold_steps[1]]),
    "a-hold-ended-twice": lambda d, b: replace(d, hold_steps=[d.hold_steps[0]._replace(kind="void", hold_n=d.hold_steps[1].hold_n, step=9), d.hold_steps[1]]),
    "limits-that-no-entry-has": lambda d, b: replace(d, rules=[]),
    "limits-of-two-accounts-in-one-entry": lambda d, b: replace(d, rules=[*d.rules, d.rules[0]._replace(account_id=2, version=2)]),
    "limits-other-than-the-rule": lambda d, b: replace(d, changed=[moved(a, maximum=99) if a.version > 1 else a for a in d.changed]),
    "no-period-where-one-is-closed": lambda d, b: replace(d, periods=[]),
    "a-period-closed-by-another-entry": lambda d, b: replace(d, periods=[d.periods[0]._replace(n=d.entries[0].n)]),
    "a-finding-missing": lambda d, b: replace(d, findings=d.findings[:-1]),
    "a-finding-more": lambda d, b: replace(d, findings=[*d.findings, d.findings[0]._replace(line=3)]),
    "a-head-without-its-period": lambda d, b: replace(d, head=d.head._replace(closed_on=date(2026, 1, 31))),
    "a-head-beyond-its-period": lambda d, b: replace(d, head=d.head._replace(closed_on=date(2027, 1, 31))),
    "an-answer-missing": lambda d, b: replace(d, requests=[]),
    "an-answer-more": lambda d, b: replace(d, requests=[*d.requests, d.requests[0]._replace(key="x", position=1)]),
    "an-answer-elsewhere": lambda d, b: replace(d, requests=[d.requests[0]._replace(position=1)]),
    "an-answer-of-another-block": lambda d, b: replace(d, requests=[d.requests[0]._replace(block=1)]),
    "an-answer-of-no-block": lambda d, b: replace(d, requests=[d.requests[0]._replace(block=None, position=None)]),
}  # fmt: skip


def everything() -> list[Request]:
    """A request with an item of each kind."""
    items = [
        Hold(back("h9", 10)),
        back("p1", 4, settles="h1"),
        Release("v2", "h2", ReleaseKind.VOID),
        rule_change("r9", AccountRef.parse("550100"), floor=-400, ceiling=9_000),
        PeriodClose("closed-2", date(2026, 2, 28)),
        Finding("found", VERDICT, [{"a": 1}, {"b": 2}]),
    ]
    return [Request(items, "key", "s1", bytes(32))]


@pytest.mark.parametrize("name", OTHER_FORGERIES)
def test_no_forged_hold_limit_period_finding_or_answer_is_sealed(full_book: Book, name: str) -> None:
    with pytest.raises(REFUSED), write_transaction(full_book.engine) as connection:
        forged = OTHER_FORGERIES[name](decided(full_book, connection, everything()), full_book)
        write_decision(connection, full_book.book_id, forged)


def test_a_balance_is_not_added_to_a_period_that_is_closed(full_book: Book) -> None:
    """Not even while another period is being closed: its balances belong to its own entry."""
    with write_transaction(full_book.engine) as connection:
        decision = decided(full_book, connection, everything())
        write_decision(connection, full_book.book_id, replace(decision, block=decision.block))
    n = decision.periods[0].n
    with pytest.raises(REFUSED), full_book.engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO period_balance VALUES ('main', 3, '2026-01-31', {n}, 1)")


def test_everything_unforged_is_sealed(full_book: Book) -> None:
    with write_transaction(full_book.engine) as connection:
        write_decision(connection, full_book.book_id, decided(full_book, connection, everything()))


def test_no_commit_goes_without_its_block(full_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    write = bulk.write

    def without_block(connection, book_id, changes, *, commit):
        write(connection, book_id, [change for change in changes if change.table is not tables.block], commit=commit)

    monkeypatch.setattr(bulk, "write", without_block)
    with pytest.raises(REFUSED):
        post(full_book, paid("f1", 100))


def test_the_same_commit_unforged_is_sealed(full_book: Book) -> None:
    with write_transaction(full_book.engine) as connection:
        write_decision(
            connection, full_book.book_id, decided(full_book, connection, [Request([paid("f1", 100, citizen="c30")])])
        )


def test_nothing_is_added_after_the_seal_in_the_same_commit(full_book: Book) -> None:
    with pytest.raises(REFUSED), write_transaction(full_book.engine) as connection:
        decision = decided(full_book, connection, [Request([paid("f1", 100)])])
        write_decision(connection, full_book.book_id, decision)
        n = decision.entries[-1].n
        for row in (posting_row(1, 900, n, 1, 7, 0), posting_row(2, 900, n, 2, 0, 7)):
            connection.exec_driver_sql(for_dialect(full_book, row))


def decided(book: Book, connection: sa.Connection, requests: list[Request]) -> Decision:
    found = lock_and_read(connection, book.book_id, requests)
    state = state_of(connection, book.book_id, found, requests, [])
    keys = subject_keys_of(connection, found, requests, book.keys, book.clock)
    return decide(state, requests, now=book.clock.now(), today=book.clock.today(), keys=keys)


def test_a_second_writer_cannot_slip_a_line_under_an_uncommitted_block(full_book: Book) -> None:
    outcome: list[BaseException | None] = []

    fake = entry_row(full_book, n=head_of(full_book).next_n + 1)

    def slip(n: int) -> None:
        statements = [fake, posting_row(1, 900, n, 8, 7, 0), posting_row(2, 900, n, 9, 0, 7)]
        try:
            with full_book.engine.begin() as connection:
                for statement in statements:
                    connection.exec_driver_sql(for_dialect(full_book, statement))
            outcome.append(None)
        except sa.exc.DBAPIError as error:
            outcome.append(error)

    with write_transaction(full_book.engine) as connection:
        decision = decided(full_book, connection, [Request([paid("f1", 100)])])
        write_decision(connection, full_book.book_id, decision)
        thread = threading.Thread(target=slip, args=(decision.entries[-1].n,))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits: for the head, or for SQLite's one writer
    thread.join(10)
    assert isinstance(outcome[0], REFUSED)


def test_what_sealing_reads_does_not_grow_with_the_record(full_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in rows and steps, not in time; the connection's plans were made while the tables were almost empty."""
    count_by_statement(full_book, monkeypatch)
    small = cost_of_one_commit(full_book, "small")
    for batch in range(4):
        post(full_book, *(paid(f"g{batch}-{i}", 1, citizen=f"c{i % 50}") for i in range(500)))
    post(full_book, *(Hold(back(f"gh-{i}", 1, citizen=f"c{i % 50}")) for i in range(100)))
    large = cost_of_one_commit(full_book, "large")
    assert small > 10
    assert large <= small * 3  # reading all would be 2,000 rows and more


READ: list[int] = []
"""Rows that sealing has read on PostgreSQL, one number a statement."""


def count_by_statement(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL, write each change by itself and count what its triggers read.

    The updates of balances are left out: their plan is the server's own choice, made anew when it has analysed.
    """
    if book.engine.dialect.name == "sqlite":
        return
    write = bulk.write

    def counting(connection, book_id, changes, *, commit):
        assert not commit, "what is read is counted before the commit"
        for change in changes:
            before = rows_read(connection)
            write(connection, book_id, [change])
            if change.table is not tables.balance:
                READ.append(rows_read(connection) - before)

    monkeypatch.setattr(bulk, "write", counting)


def rows_read(connection: sa.Connection) -> int:
    query = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
    return int(connection.exec_driver_sql(query).scalar())


def cost_of_one_commit(book: Book, key: str) -> int:
    """What it costs to post an entry and a hold: SQLite's virtual machine steps, or PostgreSQL's rows read to seal."""
    items = [paid(key, 1), Hold(back(f"{key}-h", 1)), Release(f"{key}-v", f"{key}-h", ReleaseKind.VOID)]
    READ.clear()
    with write_transaction(book.engine) as connection, sqlite_steps(connection) as steps:
        post_entries(connection, book.book_id, items, clock=book.clock, keys=book.keys)
    return steps[0] or sum(READ)


@contextmanager
def sqlite_steps(connection: sa.Connection) -> Iterator[list[int]]:
    cost = [0]

    def count() -> int:
        cost[0] += 1
        return 0

    if connection.dialect.name == "sqlite":
        driver = connection.connection.dbapi_connection
        driver.set_progress_handler(count, 1)
        yield cost
        driver.set_progress_handler(None, 0)
    else:
        yield cost
