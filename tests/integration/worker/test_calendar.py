"""Dated jobs run once per date, in order, also for days that were slept through; the date is walked, never jumped."""

import threading
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from api.worker import dates
from api.worker.jobs import Job, run_dated_jobs
from api.worker.loop import Step, run_loop, run_round, run_until_idle
from ledger.book import Book
from ledger.clock import FixedClock
from ledger.errors import Refusal
from ledger.storage.tables import business_date

DAY = date(2026, 3, 2)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


class Diary:
    """Jobs that note on which dates they ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, date]] = []
        self.fails_on: date | None = None
        self.jobs = (Job("first", self._job("first")), Job("second", self._job("second")))

    def _job(self, name: str) -> Callable[[Book, date], int]:
        def run(_book: Book, on: date) -> int:
            if name == "first" and on == self.fails_on:
                raise RuntimeError("not today")
            self.ran.append((name, on))
            return 1

        return run


@pytest.fixture
def diary() -> Diary:
    return Diary()


def make_sandbox(book: Book, on: date = DAY) -> None:
    with book.unit_of_work(actor="test") as uow:
        uow.connection.execute(business_date.insert().values(book_id=book.book_id, current_on=on))


def test_jobs_run_once_a_day_and_catch_up_in_order(book: Book, clock: FixedClock, diary: Diary) -> None:
    run_dated_jobs(book, diary.jobs)
    assert run_dated_jobs(book, diary.jobs) == 0
    clock.business_date = DAY + timedelta(days=3)
    run_dated_jobs(book, diary.jobs)
    run_dated_jobs(book, diary.jobs)
    assert diary.ran == [(name, on) for on in days(DAY, DAY + timedelta(days=3)) for name in ("first", "second")]


def test_a_job_that_fails_holds_the_days_after_it(book: Book, clock: FixedClock, diary: Diary) -> None:
    run_dated_jobs(book, diary.jobs)
    diary.ran.clear()
    clock.business_date = DAY + timedelta(days=2)
    diary.fails_on = DAY + timedelta(days=1)
    with pytest.raises(RuntimeError):
        run_dated_jobs(book, diary.jobs)
    assert diary.ran == []
    diary.fails_on = None
    run_dated_jobs(book, diary.jobs)
    assert [on for name, on in diary.ran if name == "first"] == [DAY + timedelta(days=1), DAY + timedelta(days=2)]


def test_the_date_is_walked_day_by_day_and_the_provider_is_told_each(book: Book, diary: Diary) -> None:
    make_sandbox(book)
    told: list[date] = []
    target = DAY + timedelta(days=5)
    with book.unit_of_work(actor="sofia") as uow:
        dates.request_move(uow, target)
    under_way = dates.latest_move(book)
    assert under_way is not None
    assert (under_way.days, under_way.days_done, under_way.finished_at) == (5, 0, None)
    while dates.advance(book, tell=told.append, settle=lambda: run_until_idle([jobs_step(book, diary)])):
        pass
    assert told == days(DAY, target)
    assert [on for name, on in diary.ran if name == "second"] == days(DAY, target)
    finished = dates.latest_move(book)
    assert finished is not None
    assert (finished.days_done, finished.today, finished.requested_by) == (5, target, "sofia")
    assert finished.finished_at is not None


def test_a_day_that_can_not_come_to_rest_is_not_left(book: Book) -> None:
    make_sandbox(book)
    with book.unit_of_work(actor="nadia") as uow:
        dates.request_move(uow, DAY + timedelta(days=2))

    def stuck() -> None:
        raise RuntimeError("the provider does not answer")

    with pytest.raises(RuntimeError):
        dates.advance(book, tell=lambda _: None, settle=stuck)
    assert book.today() == DAY
    while dates.advance(book, tell=lambda _: None, settle=lambda: None):
        pass
    assert book.today() == DAY + timedelta(days=2)


def test_a_later_wish_replaces_a_move_under_way(book: Book) -> None:
    make_sandbox(book)
    for target in (DAY + timedelta(days=30), DAY + timedelta(days=2)):
        with book.unit_of_work(actor="nadia") as uow:
            dates.request_move(uow, target)
    while dates.advance(book, tell=lambda _: None, settle=lambda: None):
        pass
    assert book.today() == DAY + timedelta(days=2)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (DAY, "business-date-moves-forward-only"),
        (DAY - timedelta(days=1), "business-date-moves-forward-only"),
        (DAY + timedelta(days=733), "business-date-too-far"),
    ],
)
def test_a_move_that_can_not_be_is_refused(book: Book, target: date, code: str) -> None:
    make_sandbox(book)
    with pytest.raises(Refusal, match=code), book.unit_of_work(actor="nadia") as uow:
        dates.request_move(uow, target)
    assert dates.latest_move(book) is None


def test_the_date_of_a_real_book_is_not_moved(book: Book) -> None:
    with pytest.raises(Refusal, match="business-date-is-real"), book.unit_of_work(actor="nadia") as uow:
        dates.request_move(uow, DAY + timedelta(days=1))


def test_a_step_that_fails_waits_and_the_others_go_on() -> None:
    done: list[str] = []

    def fail() -> int:
        done.append("fail")
        raise RuntimeError("down")

    def work() -> int:
        done.append("work")
        return 0

    broken, healthy = Step("broken", fail), Step("healthy", work, every=0.0)
    stop = threading.Event()
    for _ in range(3):
        run_round([broken, healthy], stop)
    assert done == ["fail", "work", "work", "work"]
    assert (broken.failures, broken.next_at > healthy.next_at) == (1, True)


def test_a_step_that_is_paced_waits_after_work_too() -> None:
    done: list[str] = []

    def work(name: str) -> int:
        done.append(name)
        return 1

    steps = [Step("paced", lambda: work("paced"), pace=60.0), Step("eager", lambda: work("eager"))]
    stop = threading.Event()
    assert [run_round(steps, stop) for _ in range(3)] == [2, 1, 1]
    assert done == ["paced", "eager", "eager", "eager"]


def test_the_loop_ends_when_it_is_told_to() -> None:
    stop = threading.Event()
    turns: list[int] = []

    def work() -> int:
        turns.append(1)
        stop.set()
        return 1

    run_loop([Step("work", work), Step("after", lambda: pytest.fail("a step ran after the signal"))], stop)
    assert turns == [1]


def jobs_step(book: Book, diary: Diary) -> Step:
    return Step("jobs", lambda: run_dated_jobs(book, diary.jobs))
