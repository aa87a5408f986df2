"""The dated jobs: what falls due with a date and not with an event.

Each job runs for each date in order, and a row says that it has. The services behind them work in units of their own
and do nothing twice, so a job that was cut short simply runs again. Days that the worker slept through are
caught up with.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from api.worker.tables import dated_job
from contracts.bonds import jobs as bond_jobs
from contracts.bonds import meetings as bond_meetings
from contracts.bonds import service as bonds
from contracts.bonds import spending as bond_spending
from contracts.loans import debits as loan_debits
from contracts.loans import dues as loan_dues
from contracts.loans import notices as loan_notices
from contracts.loans import service as loans
from contracts.pledges import amendments
from contracts.pledges import service as pledges
from contracts.secondchance import jobs as chance_jobs
from ledger.attest import attest, daily_key
from ledger.book import Book
from ledger.bridges import record_check
from ledger.payments.mandates import lapse_mandates
from ledger.rewrap import rewrap_when_due

logger = structlog.get_logger("bxl.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of dated work; `run` answers how many things it did on that date."""

    name: str
    run: Callable[[Book, date], int]


def attest_record(book: Book, on: date) -> int:
    """Attest the rows of the record that no entry tells of; a date has one state."""
    with book.unit_of_work(actor="job:attest") as unit:
        return attest(unit, key=daily_key(on))


def replace_wrapping_key(book: Book, _on: date) -> int:
    """Wrap the subject keys under a new key where the old one is 30 days old by the machine's clock."""
    return rewrap_when_due(book)


def check_bridges(book: Book, on: date) -> int:
    """Hold the bridges to other books against theirs, keep the finding, and raise the alarm for each difference."""
    found = record_check(book, on)
    for difference in found:
        logger.error("bridge-differs", **difference._asdict())
    return len(found)


JOBS: tuple[Job, ...] = (
    Job("firm-up-pledges", pledges.firm_up_pledges),
    Job("lapse-unpaid-pledges", pledges.lapse_unpaid_pledges),
    Job("cancel-uncorrected-offers", amendments.cancel_uncorrected_offers),
    Job("fail-cancelled-series", bonds.fail_cancelled_series),
    Job("close-offers", loans.close_due_offers),
    Job("close-series", bonds.close_due_series),
    Job("issue-series", bonds.issue_due_series),
    Job("plan-bond-runs", bond_jobs.plan_due_runs),
    Job("pay-bond-runs", bond_jobs.pay_due_runs),
    Job("enter-proceeds", bond_spending.enter_due_proceeds),
    Job("count-meetings", bond_meetings.count_due_resolutions),
    Job("lapse-mandates", lapse_mandates),
    Job("announce-debits", loan_debits.announce_debits),
    Job("announce-dues", loan_notices.announce_dues),
    Job("call-instalments", loan_dues.call_due_instalments),
    Job("distribute-parked", loan_debits.distribute_parked),
    Job("check-bridges", check_bridges),
    Job("remind-late-borrowers", loan_dues.remind_late_borrowers),
    Job("follow-dues", chance_jobs.follow_dues),
    Job("remind-voters", chance_jobs.remind_voters),
    Job("count-votes", chance_jobs.count_due_votes),
    Job("rewrap-keys", replace_wrapping_key),
    Job("attest", attest_record),
)
"""In this order: an offer is closed on money that has become firm the same day; the day's rows are attested last."""


def run_dated_jobs(book: Book, jobs: Sequence[Job] = JOBS) -> int:
    """Run every job of every day since the last one that was completed; gives how many jobs did anything."""
    with book.read() as connection:
        today = book.today_in(connection)
        last = connection.execute(_last_day(book.book_id, jobs)).scalar()
    day = today if last is None else last + timedelta(days=1)
    done = 0
    while day <= today:
        done += _live(book, jobs, day)
        day += timedelta(days=1)
    return done


def _live(book: Book, jobs: Sequence[Job], on: date) -> int:
    """Run what has not run on that date. Jobs that find nothing are noted together, before the last of the day."""
    with book.read() as connection:
        known = _done_on(connection, book.book_id, on)
    found: dict[str, int] = {}
    busy = 0
    for job in jobs:
        if job is jobs[-1]:
            _note(book, on, found)
            found = {}
        if job.name in known:
            continue
        found[job.name] = count = job.run(book, on)
        if count:
            _note(book, on, found)
            found = {}
            busy += 1
            logger.info("job-done", job=job.name, on=on.isoformat(), count=count)
    _note(book, on, found)
    return busy


def _note(book: Book, on: date, found: Mapping[str, int]) -> None:
    """Note how much each job did on that date; what another worker has noted stays."""
    if not found:
        return
    with book.unit_of_work(actor="system:jobs") as uow:
        known = _done_on(uow.connection, uow.book_id, on)
        rows = [
            {"book_id": uow.book_id, "on_date": on, "job": name, "outcome": str(count), "done_at": uow.now()}
            for name, count in found.items()
            if name not in known
        ]
        if rows:
            uow.connection.execute(dated_job.insert(), rows)


def _done_on(connection: sa.Connection, book_id: str, on: date) -> set[str]:
    rows = dated_job.c
    return set(connection.scalars(sa.select(rows.job).where(rows.book_id == book_id, rows.on_date == on)))


def _last_day(book_id: str, jobs: Sequence[Job]) -> sa.Select[Any]:
    """The newest day on which the last job of the day has run."""
    rows = dated_job.c
    newest = sa.func.max(rows.on_date, type_=rows.on_date.type)
    return sa.select(newest).where(rows.book_id == book_id, rows.job == jobs[-1].name)
