"""The relay: each row of the outbox has its effect once, whatever dies, and what can't succeed is given up visibly."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from api.worker.relay import ATTEMPTS, Together, relay
from ledger import outbox
from ledger.book import Book, UnitOfWork
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.outbox import OutboxRow
from ledger.storage.tables import outbox_delivery
from tests.entries import paid

Effect = Callable[[UnitOfWork, OutboxRow], None]


def emit(book: Book, *keys: str) -> None:
    with book.unit_of_work(actor="test") as uow:
        for key in keys:
            uow.emit("thing.done", key, {"key": key})


def post(uow: UnitOfWork, row: OutboxRow) -> None:
    uow.post(paid(f"effect:{row.key}", 100))


def states(book: Book) -> dict[str, str]:
    with book.read() as connection:
        rows = connection.execute(sa.select(outbox_delivery.c.key, outbox_delivery.c.state)).all()
    return {row.key: row.state for row in rows}


def effects(book: Book) -> int:
    from ledger.balances import entries

    with book.read() as connection:
        return sum(each.type == "posting/1" for each in entries(connection, book.book_id))


def test_rows_are_delivered_once_in_order(book: Book) -> None:
    seen: list[str] = []

    def note(uow: UnitOfWork, row: OutboxRow) -> None:
        seen.append(row.key)
        post(uow, row)

    emit(book, "a", "b", "c")
    assert relay(book, {"thing.done": note}) == 3
    assert relay(book, {"thing.done": note}) == 0
    assert (seen, effects(book)) == (["a", "b", "c"], 3)
    assert set(states(book).values()) == {"delivered"}


def test_a_topic_nobody_handles_is_done_with(book: Book) -> None:
    emit(book, "a")
    assert relay(book, {}) == 1
    assert states(book) == {"a": "delivered"}


def test_a_row_that_another_process_settled_meanwhile_has_no_second_effect(book: Book) -> None:
    emit(book, "a")

    def settled_elsewhere(uow: UnitOfWork, row: OutboxRow) -> None:
        post(uow, row)
        outbox.complete(uow.connection, uow.book_id, row.topic, row.key, now=uow.now())

    assert relay(book, {"thing.done": settled_elsewhere}) == 0
    assert effects(book) == 0


@pytest.mark.parametrize("error", [Refusal("account-malformed", account="x"), ValueError("no")])
def test_a_handler_that_fails_changes_nothing_and_is_given_up_after_ten_times(
    book: Book, clock: FixedClock, error: Exception
) -> None:
    def fail(uow: UnitOfWork, row: OutboxRow) -> None:
        post(uow, row)
        raise error

    emit(book, "bad", "good")
    handlers: dict[str, Effect] = {"thing.done": lambda uow, row: (fail if row.key == "bad" else post)(uow, row)}
    for attempt in range(ATTEMPTS):
        assert states(book)["bad"] == "waiting", attempt
        relay(book, handlers)
        clock.instant += timedelta(hours=2)
    assert states(book) == {"bad": "given-up", "good": "delivered"}
    assert effects(book) == 1
    with book.read() as connection:
        ((topic, key, said),) = outbox.given_up(connection, book.book_id)
    assert (topic, key) == ("thing.done", "bad")
    assert str(error) in said


def test_a_row_under_lease_is_left_alone_until_the_lease_is_over(book: Book, clock: FixedClock) -> None:
    emit(book, "a")
    with book.unit_of_work(actor="test") as uow:
        outbox.take_due(uow.connection, uow.book_id, now=uow.now(), limit=1)
    assert relay(book, {"thing.done": post}) == 0
    clock.instant += timedelta(minutes=2)
    assert relay(book, {"thing.done": post}) == 1
    assert effects(book) == 1


def by_first_letter(handle: Callable[[UnitOfWork, Sequence[OutboxRow]], None]) -> Together:
    """Rows are about what their keys begin with; those of `z` go alone."""
    return Together("thing.done", object_of=lambda row: None if row.key[0] == "z" else row.key[0], handle=handle)


def test_rows_about_different_objects_are_delivered_together(book: Book) -> None:
    groups: list[list[str]] = []

    def post_all(uow: UnitOfWork, rows: Sequence[OutboxRow]) -> None:
        groups.append([row.key for row in rows])
        for row in rows:
            post(uow, row)

    emit(book, "a1", "a2", "b1", "z1")
    assert relay(book, {"thing.done": post}, together=by_first_letter(post_all)) == 4
    assert groups == [["a1", "b1"]]
    assert effects(book) == 4
    assert set(states(book).values()) == {"delivered"}


def test_one_row_that_fails_among_others_is_the_only_one_not_delivered(book: Book) -> None:
    def post_good(uow: UnitOfWork, row: OutboxRow) -> None:
        post(uow, row)
        if row.key == "bad":
            raise ValueError("no")

    def post_all(uow: UnitOfWork, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            post_good(uow, row)

    emit(book, "a", "bad", "c")
    assert relay(book, {"thing.done": post_good}, together=by_first_letter(post_all)) == 2
    assert states(book) == {"a": "delivered", "bad": "waiting", "c": "delivered"}
    assert effects(book) == 2


def test_rows_of_which_another_process_settled_one_are_not_had_twice(book: Book) -> None:
    def settled_elsewhere(uow: UnitOfWork, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            post(uow, row)
        outbox.complete(uow.connection, uow.book_id, rows[0].topic, rows[0].key, now=uow.now())

    emit(book, "a", "b")
    assert relay(book, {"thing.done": post}, together=by_first_letter(settled_elsewhere)) == 2
    assert effects(book) == 2
