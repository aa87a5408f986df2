"""Every night the foreign programs are asked, once, and what they say becomes an entry of the record."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.bootstrap import search_path
from api.worker.nightly import NightlyReferees, record_verdicts
from ledger.audit.referees import Difference, Outcome, Verdict, ask_referees, doubtful_verdicts
from ledger.book import Book
from ledger.findings import newest_finding
from ledger.log.leaf import VERDICT
from tests.entries import paid, post


def verdict(referee: str, outcome: Outcome) -> Verdict:
    differences = (Difference("550100", "EUR", 5, 4),) if outcome is Outcome.DIFFERS else ()
    return Verdict(referee, "1.0", outcome, 2, differences, "ab" * 32)


def newest(book: Book):
    with book.read() as connection:
        return newest_finding(connection, book.book_id, VERDICT), doubtful_verdicts(connection, book.book_id)


def run_until_recorded(step: NightlyReferees) -> None:
    while not step():
        threading.Event().wait(0.01)


def test_the_three_programs_are_asked_at_night_and_their_word_is_an_entry(book: Book, clock) -> None:
    post(book, paid("k1", 100), paid("k2", 250, citizen="c18"))
    step = NightlyReferees(book, search_path=search_path())
    clock.instant = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)  # half past two in Brussels
    assert step() == 0
    assert newest(book) == (None, [])
    clock.instant = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    run_until_recorded(step)
    found, doubtful = newest(book)
    assert (found.key, doubtful) == ("verdict:2026-03-03", [])
    assert [(line["referee"], line["outcome"]) for line in found.lines] == [
        (referee, "agrees") for referee in ("beancount", "hledger", "ledger")
    ]
    assert all(line["compared"] == 3 for line in found.lines)
    assert (step(), step()) == (0, 0)
    assert newest(book)[0].n == found.n  # once a night
    clock.instant = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
    run_until_recorded(step)
    assert newest(book)[0].key == "verdict:2026-03-04"


def test_a_verdict_that_differs_and_one_that_was_not_given_alarm_until_the_next_is_good(sqlite_book: Book) -> None:
    bad = [
        verdict("beancount", Outcome.DIFFERS),
        verdict("hledger", Outcome.NOT_RUN),
        verdict("ledger", Outcome.AGREES),
    ]
    record_verdicts(sqlite_book, bad, key="verdict:2026-03-02")
    assert newest(sqlite_book)[1] == [("beancount", "differs"), ("hledger", "not-run")]
    record_verdicts(sqlite_book, [verdict("beancount", Outcome.AGREES)], key="verdict:2026-03-03")
    assert newest(sqlite_book)[1] == []


def test_a_missing_program_is_recorded_as_not_run(sqlite_book: Book, tmp_path: Path) -> None:
    post(sqlite_book, paid("k1", 100))
    record_verdicts(sqlite_book, ask_referees(sqlite_book, search_path=str(tmp_path)), key="verdict:2026-03-02")
    assert [outcome for _, outcome in newest(sqlite_book)[1]] == ["not-run"] * 3


def test_a_failure_of_the_asking_is_raised_and_asked_again(sqlite_book: Book, clock) -> None:
    answers = [RuntimeError("no disk"), [verdict("ledger", Outcome.AGREES)]]

    def ask(_book: Book, *, search_path: str) -> list[Verdict]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    step = NightlyReferees(sqlite_book, search_path="", ask=ask)
    with pytest.raises(RuntimeError, match="no disk"):
        run_until_recorded(step)
    run_until_recorded(step)
    assert newest(sqlite_book)[0] is not None
