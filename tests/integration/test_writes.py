"""Requests that are repeated, also at the same time: one effect, one answer, on both databases."""

import threading
from collections.abc import Mapping

import pytest

from api.writes import Answer, write_once
from ledger.balances import entries
from ledger.book import Book, UnitOfWork
from ledger.errors import Refusal
from ledger.storage.base import JSON
from tests.entries import paid


def pay(uow: UnitOfWork) -> Mapping[str, JSON]:
    uow.post(paid("pay:1", 100))
    return {"paid": 100}


def ask(book: Book, key: str = "key-00000001", request: Mapping[str, JSON] | None = None) -> Answer:
    return write_once(book, actor="c17", key=key, request=request or {"amount": 100}, do=pay)


def posted(book: Book) -> int:
    with book.read() as connection:
        return sum(entry.type == "posting/1" for entry in entries(connection, book.book_id))


def test_many_at_the_same_time_have_one_effect_and_one_answer(book: Book) -> None:
    answers: list[Answer] = []
    gate = threading.Barrier(6)

    def one() -> None:
        gate.wait()
        answers.append(ask(book))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.outcome for answer in answers] == [{"paid": 100}] * 6
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True, True, True]
    assert posted(book) == 1


def test_another_request_under_the_key_is_refused_and_keeps_the_first(book: Book) -> None:
    ask(book)
    with pytest.raises(Refusal, match="idempotency-key-reused"):
        ask(book, request={"amount": 200})
    assert ask(book).replayed
    assert posted(book) == 1


def test_a_refusal_is_kept_although_its_unit_of_work_was_rolled_back(book: Book) -> None:
    calls: list[int] = []

    def refuse(uow: UnitOfWork) -> Mapping[str, JSON]:
        calls.append(1)
        uow.post(paid("pay:2", 100))
        raise Refusal("offer-closed", closes_on="2026-03-31")

    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            write_once(book, actor="c17", key="key-00000002", request={}, do=refuse)
        assert (caught.value.code, dict(caught.value.facts)) == ("offer-closed", {"closes_on": "2026-03-31"})
    assert (len(calls), posted(book)) == (1, 0)


def test_a_refusal_at_posting_is_kept_too(book: Book) -> None:
    def overdraw(uow: UnitOfWork) -> Mapping[str, JSON]:
        uow.post(paid("pay:3", 100))
        uow.post(paid("pay:3", 200))
        return {"never": True}

    for _ in range(2):
        with pytest.raises(Refusal):
            write_once(book, actor="c17", key="key-00000003", request={}, do=overdraw)
    assert posted(book) == 0


def test_a_defect_uses_no_key_up(book: Book) -> None:
    def break_down(_uow: UnitOfWork) -> Mapping[str, JSON]:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        write_once(book, actor="c17", key="key-00000001", request={"amount": 100}, do=break_down)
    assert not ask(book).replayed
    assert posted(book) == 1
