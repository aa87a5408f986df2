"""The dated jobs: what falls due with a date and not with an event. Each runs once per book and date.

A job is one unit of work with the row that says it has run, so that a process killed in between has done neither. Days
that the worker slept through are caught up with in order. Running a job again would change nothing: the services it
calls are keyed by facts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from api.worker.tables import dated_job
from ledger.book import Book, UnitOfWork

logger = structlog.get_logger("bxl.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of dated work; `run` answers how many things it did on that date."""

    name: str
    run: Callable[[UnitOfWork, date], int]


def run_dated_jobs(book: Book, jobs: Sequence[Job]) -> int:
    """Run every job of every day since the last one that was completed; gives how many jobs did anything."""
    with book.read() as connection:
        today = book.today_in(connection)
        last = connection.execute(_last_day(book.book_id, jobs)).scalar()
    day = today if last is None else last + timedelta(days=1)
    done = 0
    while day <= today:
        done += sum(_run(book, job, day) for job in jobs)
        day += timedelta(days=1)
    return done


def _run(book: Book, job: Job, on: date) -> int:
    named = {"book_id": book.book_id, "on_date": on, "job": job.name}
    known = sa.select(dated_job.c.job).where(*(dated_job.c[name] == value for name, value in named.items()))
    with book.read() as connection:
        if connection.execute(known).first():
            return 0
    with book.unit_of_work(actor=f"job:{job.name}") as uow:
        if uow.connection.execute(known).first():
            return 0
        count = job.run(uow, on)
        uow.connection.execute(dated_job.insert().values(**named, outcome=str(count), done_at=uow.now()))
    if count:
        logger.info("job-done", job=job.name, on=on.isoformat(), count=count)
    return int(count > 0)


def _last_day(book_id: str, jobs: Sequence[Job]) -> sa.Select[Any]:
    """The newest day on which the last job of the day has run."""
    rows = dated_job.c
    return sa.select(sa.func.max(rows.on_date, type_=rows.on_date.type)).where(
        rows.book_id == book_id, rows.job == jobs[-1].name
    )
