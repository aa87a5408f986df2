"""Dated jobs of the runs that pay a series' holders. One run that is refused keeps no other from being paid.

What is refused is a case for the operator, named `run:<series>:<run>`; it closes by itself once the run is paid.
"""

from collections.abc import Callable
from datetime import date
from functools import partial

from contracts.bonds import queries as q
from contracts.bonds.funds import REFERENCE
from contracts.bonds.model import RunState, SeriesState
from contracts.bonds.runs import pay_run, plan_run, planned_runs
from contracts.bonds.service import JOB
from ledger.book import Book
from ledger.errors import Refusal
from ledger.payments.rows import close_cases, open_case


def plan_due_runs(book: Book, on: date) -> int:
    """Dated job: every run whose record date is over is planned, and its funds are asked of the issuer."""
    with book.read() as connection:
        found = q.series_ids(connection, book.book_id, SeriesState.RUNNING)
    return sum(_plan_runs_of(book, series_id, on) for series_id in found)


def pay_due_runs(book: Book, on: date) -> int:
    """Dated job: every run that is due and whose funds are at the bank is paid; what lacks a cent waits."""
    with book.read() as connection:
        due = [
            run
            for series_id in q.series_ids(connection, book.book_id, SeriesState.RUNNING)
            for run, state in q.runs(connection, book.book_id, series_id).values()
            if state is not RunState.PAID and run.paid_on <= on
        ]
    return sum(_tried(book, run.run_id, partial(pay_run, book, run.series_id, run.run, on=on)) for run in due)


def _plan_runs_of(book: Book, series_id: str, on: date) -> int:
    with book.read() as connection:
        record = q.series_record(connection, book.book_id, series_id)
        known = q.runs(connection, book.book_id, series_id)
    terms, done = record.series.terms, 0
    for each in planned_runs(record):
        if each.name not in known and terms.record_on(each.paid_on) < on:
            done += _tried(book, f"{series_id}:{each.name}", partial(_plan, book, series_id, each.name, on))
    return done


def _plan(book: Book, series_id: str, name: str, on: date) -> None:
    with book.unit_of_work(actor=JOB) as uow:
        plan_run(uow, series_id, name, on=on)


def _tried(book: Book, run_id: str, act: Callable[[], object]) -> int:
    """Do it, or show the operator why it is refused; how many things were done."""
    try:
        act()
    except Refusal as refusal:
        with book.unit_of_work(actor=JOB) as uow:
            open_case(uow, f"{REFERENCE}{run_id}", refusal, payment_id=None, recurs=True)
        return 0
    with book.unit_of_work(actor=JOB) as uow:
        close_cases(uow, f"{REFERENCE}{run_id}", None, reason="done")
    return 1
