"""What belongs to a commit beside entries: approvals, answers to requests, the outbox, subject keys."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import approvals, outbox, requests
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import InvariantError, Refusal
from ledger.storage import tables
from ledger.storage.base import Instant
from ledger.storage.keys import KeyRing, make_wrapping_key, read_wrapping_key
from tests.conftest import NOON
from tests.entries import paid, post

BODY = {"order": "t1", "amount_cents": 500}


def asked(book: Book, actor: str = "s1") -> str:
    with book.unit_of_work(actor=actor) as unit:
        return approvals.request(unit, action="release", body=BODY, reason="payout of March")


def given(book: Book, approval_id: str, actor: str = "s2") -> None:
    with book.unit_of_work(actor=actor) as unit:
        approvals.approve(unit, approval_id)


def needed(book: Book, approval_id: str, action: str = "release", body: object = BODY) -> None:
    with book.unit_of_work(actor="s1") as unit:
        approvals.require(unit, approval_id, action, body)


def test_two_different_people_are_needed(book: Book) -> None:
    approval_id = asked(book)
    with pytest.raises(Refusal, match="approval-not-given"):
        needed(book, approval_id)
    with pytest.raises(Refusal) as refused:
        given(book, approval_id, actor="s1")
    assert refused.value == Refusal("approver-is-requester", approval=approval_id, actor="s1")
    with book.read() as connection:
        [pending] = approvals.pending(connection, "main")
        assert (pending.approval_id, pending.body, pending.reason, pending.approver) == (
            approval_id,
            BODY,
            "payout of March",
            None,
        )
    given(book, approval_id)
    needed(book, approval_id)
    with book.read() as connection:
        assert approvals.pending(connection, "main") == []
        found = approvals.find(connection, "main", approval_id)
    assert found is not None
    assert (found.approver, found.given_at) == ("s2", NOON)


def test_an_approval_is_given_once(book: Book) -> None:
    approval_id = asked(book)
    given(book, approval_id)
    with pytest.raises(Refusal, match="approval-already-given"):
        given(book, approval_id, actor="s3")


def test_an_approval_is_for_exactly_what_was_asked(book: Book) -> None:
    approval_id = asked(book)
    given(book, approval_id)
    for action, body in (("release", BODY | {"amount_cents": 501}), ("other", BODY), ("release", BODY | {"more": 1})):
        with pytest.raises(Refusal, match="approval-body-changed"):
            needed(book, approval_id, action, body)
    needed(book, approval_id, body=dict(reversed(BODY.items())))


@pytest.mark.parametrize("was_given", [False, True])
def test_an_approval_expires(book: Book, clock: FixedClock, was_given: bool) -> None:  # noqa: FBT001 -- a parameter of the case
    approval_id = asked(book)
    if was_given:
        given(book, approval_id)
    clock.instant += approvals.VALID_FOR
    with pytest.raises(Refusal) as refused:
        (needed if was_given else given)(book, approval_id)
    assert refused.value == Refusal("approval-expired", approval=approval_id, expired_on="2026-03-09")
    with book.read() as connection:
        assert approvals.pending(connection, "main", now=clock.instant) == []


def test_an_unknown_approval_is_refused(book: Book) -> None:
    for act in (given, needed):
        with pytest.raises(Refusal, match="approval-unknown"):
            act(book, "a000000000")


def test_the_same_request_gets_the_same_answer(book: Book) -> None:
    with book.read() as connection:
        assert requests.recall(connection, "main", "r1", actor="c17", body_hash=b"1" * 32) is None
    with book.unit_of_work(actor="c17") as unit:
        unit.remember("r1", body_hash=b"1" * 32, outcome={"refusal": {"code": "offer-closed"}})
    with book.read() as connection:
        answer = requests.recall(connection, "main", "r1", actor="c17", body_hash=b"1" * 32)
        assert answer == {"refusal": {"code": "offer-closed"}}
        for actor, body_hash in (("c17", b"2" * 32), ("c18", b"1" * 32)):
            with pytest.raises(Refusal) as refused:
                requests.recall(connection, "main", "r1", actor=actor, body_hash=body_hash)
            assert refused.value == Refusal("idempotency-key-reused", key="r1")


def test_a_request_is_remembered_once(book: Book) -> None:
    with book.unit_of_work(actor="c17") as unit:
        unit.remember("r1", body_hash=b"1" * 32, outcome={})
    with pytest.raises(requests.AnsweredMeanwhile), book.unit_of_work(actor="c17") as unit:
        unit.remember("r1", body_hash=b"1" * 32, outcome={})


def emit(book: Book, *keys: str, topic: str = "t") -> None:
    with book.unit_of_work(actor="s1") as unit:
        for key in keys:
            unit.emit(topic, key, {"key": key})


def take(book: Book, *, after: timedelta = timedelta(0), **options) -> list[outbox.OutboxRow]:
    with book.unit_of_work(actor="worker") as unit:
        return outbox.take_due(unit.connection, "main", now=NOON + after, limit=10, **options)


def test_an_outbox_row_is_written_once_and_its_first_body_stays(book: Book) -> None:
    emit(book, "k1", "k2")
    with book.unit_of_work(actor="s1") as unit:
        unit.emit("t", "k1", {"key": "another"})
    assert [(row.key, row.body, row.attempts) for row in take(book)] == [
        ("k1", {"key": "k1"}, 1),
        ("k2", {"key": "k2"}, 1),
    ]


def test_a_row_under_lease_comes_back_when_the_lease_is_over(book: Book) -> None:
    emit(book, "k1")
    assert len(take(book)) == 1
    assert take(book, after=timedelta(seconds=59)) == []
    assert [row.attempts for row in take(book, after=timedelta(seconds=60))] == [2]


def test_a_row_is_settled_once(book: Book) -> None:
    emit(book, "k1", "k2", "k3", topic="a")
    emit(book, "k4", topic="b")
    assert [row.key for row in take(book, topics=["b"])] == ["k4"]
    assert len(take(book)) == 3
    with book.unit_of_work(actor="worker") as unit:
        at = unit.connection
        assert outbox.complete(at, "main", "a", "k1", now=NOON)
        assert not outbox.complete(at, "main", "a", "k1", now=NOON)
        assert outbox.give_up(at, "main", "a", "k2", error="no such loan")
        assert not outbox.complete(at, "main", "a", "k2", now=NOON)
        assert outbox.postpone(at, "main", "a", "k3", until=NOON + timedelta(hours=1), error="busy")
    with book.read() as connection:
        assert outbox.given_up(connection, "main") == [("a", "k2", "no such loan")]
        assert outbox.next_due_at(connection, "main") == NOON + timedelta(seconds=60)
    assert [row.key for row in take(book, after=timedelta(hours=2))] == ["k4", "k3"]
    with book.unit_of_work(actor="worker") as unit:
        assert outbox.retry(unit.connection, "main", "a", "k2", now=NOON)
        assert not outbox.retry(unit.connection, "main", "a", "k2", now=NOON)
    assert [row.key for row in take(book)] == ["k2"]


def test_two_relays_never_take_the_same_row(book: Book) -> None:
    emit(book, *(f"k{i}" for i in range(10)))
    if book.engine.dialect.name == "sqlite":  # its one writer makes them take turns
        assert (len(take(book)), len(take(book))) == (10, 0)
        return
    with book.unit_of_work(actor="one") as one:
        first = outbox.take_due(one.connection, "main", now=NOON, limit=4)
        with book.unit_of_work(actor="two") as two:
            second = outbox.take_due(two.connection, "main", now=NOON, limit=10)
    assert (len(first), len(second)) == (4, 6)
    assert not {row.key for row in first} & {row.key for row in second}


def test_personal_data_opens_with_its_owners_key_only(book: Book) -> None:
    with book.unit_of_work(actor="s1") as unit:
        sealed = book.keys.seal_personal(unit, "c17", "Zoë".encode())
        book.keys.seal_personal(unit, "c18", b"other")
    with book.read() as connection:
        assert book.keys.open_personal(connection, "c17", sealed).decode() == "Zoë"
        altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
        for owner, blob in (("c18", sealed), ("c17", altered), ("c17", b"")):
            with pytest.raises(Refusal) as refused:
                book.keys.open_personal(connection, owner, blob)
            assert refused.value == Refusal("personal-data-altered", owner=owner)
    with book.unit_of_work(actor="s1") as unit:
        unit.connection.execute(sa.delete(tables.subject_key).where(tables.subject_key.c.owner == "c17"))
    with book.read() as connection, pytest.raises(Refusal) as refused:
        book.keys.open_personal(connection, "c17", sealed)
    assert refused.value == Refusal("subject-key-destroyed", owner="c17")


def test_a_copy_of_the_database_with_another_wrapping_key_opens_nothing(book: Book) -> None:
    post(book, paid("k1", 1))
    other = KeyRing("main", bytes(32))
    with book.read() as connection, pytest.raises(Refusal) as refused:
        other.key_for(connection, "c17")
    assert refused.value == Refusal("wrapping-key-does-not-fit", book="main")


def test_the_wrapping_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "wrapping.key"
    with pytest.raises(Refusal, match="wrapping-key-missing"):
        read_wrapping_key(path)
    key = make_wrapping_key(path)
    assert (read_wrapping_key(path), path.stat().st_mode & 0o777) == (key, 0o600)
    with pytest.raises(Refusal, match="wrapping-key-exists"):
        make_wrapping_key(path)
    path.write_bytes(key[:-1])
    with pytest.raises(Refusal, match="wrapping-key-missing"):
        read_wrapping_key(path)


def test_a_naive_instant_is_a_defect() -> None:
    with pytest.raises(InvariantError, match="time zone"):
        Instant().process_bind_param(NOON.replace(tzinfo=None), None)


def test_identifiers_say_what_they_name(sqlite_book: Book) -> None:
    with sqlite_book.unit_of_work(actor="s1") as unit:
        tokens = {unit.new_id("c") for _ in range(100)}
        with pytest.raises(InvariantError, match="identifier"):
            unit.new_id("z")
    assert len(tokens) == 100
    assert all(len(token) == 10 and token[0] == "c" and token.isalnum() and token.islower() for token in tokens)
