"""A simulated life behind group writers: what several callers are answered, and what stands in the end."""

import random
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import sqlalchemy as sa

from ledger.book import Book
from ledger.clock import FixedClock
from ledger.state import Replayed, Request, Result
from ledger.storage import tables
from ledger.writer import GroupWriter
from tests.conftest import NOON, make_book
from tests.model.answers import answer_of
from tests.model.naive import NaiveLedger
from tests.model.stories import LATE_REFUSED, Stories, add_trading_account
from tests.oracle import check_everything
from tests.simulator.faults import COMMIT_KINDS, STATEMENT_KINDS, Faults, inject
from tests.simulator.run import first_time

PATIENCE_SECONDS = 60
MOST_TRIES = 5


def begin(engine: sa.Engine) -> tuple[Book, Faults]:
    """A new book in `engine` with faults underneath."""
    add_trading_account()
    faults = Faults()
    inject(engine, faults)
    return replace(make_book(engine, FixedClock(NOON)), late_refused=LATE_REFUSED), faults


def live(engine: sa.Engine, seed: int, *, rounds: int, writers: int = 2) -> dict[str, int]:
    """`rounds` groups of requests dealt to two writers, each while one fault strikes; returns what struck."""
    book, faults = begin(engine)
    chance, naive = random.Random(seed), NaiveLedger(NOON, late_refused=LATE_REFUSED)
    stories, answered, struck = Stories(chance, naive), {}, {}
    at_work = [GroupWriter(book, wait_seconds=0.001) for _ in range(writers)]
    for _ in range(rounds):
        stories.jump()
        book.clock.instant = stories.now
        requests = [replace(r, key=r.key or f"q{stories.made}-{i}") for i, r in enumerate(stories.batch(most=20))]
        naive.post(requests, now=stories.now, today=book.clock.today(), assets=["LOAN-A"])
        kind, before = chance.choice(STATEMENT_KINDS + COMMIT_KINDS), faults.struck
        with faults.armed_with(kind, chance.randint(1, 25)):
            answers = deliver(at_work, requests)
        struck[kind] = struck.get(kind, 0) + faults.struck - before
        for request, answer in zip(requests, answers, strict=True):
            same = (request.key, request.actor, request.body_hash)
            if answer[0] != "idempotency-key-reused":
                assert answered.setdefault(same, answer) == answer
    for writer in at_work:
        writer.close()
    check_answers(book, {key: answer for (key, _, _), answer in answered.items()})
    check_everything(book)
    return struck


def deliver(writers: Sequence[GroupWriter], requests: Sequence[Request]) -> list:
    """The answers as callers hear them who ask until they are answered."""
    answers: dict[int, object] = {}
    errors: list[str] = []
    for _ in range(MOST_TRIES):
        waiting: dict[int, Future[Result]] = {
            i: writers[i % len(writers)].submit(request) for i, request in enumerate(requests) if i not in answers
        }
        for i, future in waiting.items():
            error = future.exception(PATIENCE_SECONDS)
            if isinstance(error, sa.exc.DBAPIError):
                errors.append(str(error))
            else:
                answers[i] = first_time(answer_of(future.result()))
        if len(answers) == len(requests):
            return [answers[i] for i in range(len(requests))]
    raise AssertionError(f"a fault strikes once, so asking again is answered, not {errors}")


def check_answers(book: Book, answered: dict[str, object]) -> None:
    """What was acknowledged is what is kept, and what was said to be posted stands under its number, once."""
    with book.read() as connection:
        request, entry = tables.request.c, tables.entry.c
        kept = connection.execute(sa.select(request.key, request.outcome).where(request.book_id == book.book_id)).all()
        numbers = connection.execute(sa.select(entry.fact_key, entry.n).where(entry.book_id == book.book_id)).all()
    stored = {row.key: first_time(answer_of(Replayed(row.outcome))) for row in kept}
    assert stored == answered
    facts = {row.fact_key: row.n for row in numbers if row.fact_key is not None}
    said = [each for answer in answered.values() if isinstance(answer, list) for each in answer]
    assert {key: n for key, n, _ in said} == facts
    assert sorted(key for key, _, duplicate in said if not duplicate) == sorted(facts)
