"""Every night, programs that nobody here wrote compute every balance; their verdict becomes an entry of the record.

They run in a thread of their own, since a large book keeps them busy for minutes and payments must not wait. A verdict
that differs, or a program that did not run, is an alarm: it is logged as an error, counted in the metrics, and shown
among the auditor's exceptions until the next verdict is good.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date

import structlog

from ledger.audit.referees import VERDICT_KEY, Outcome, Verdict, ask_referees, verdict_facts
from ledger.book import Book
from ledger.clock import BRUSSELS
from ledger.facts import Finding
from ledger.findings import newest_finding
from ledger.log.leaf import VERDICT

NIGHT_HOUR = 3
ACTOR = "worker:referees"
logger = structlog.get_logger("bxl.referees")


class NightlyReferees:
    """A step of the worker: asks once a day, from three in the morning on, and records the answer when it is there."""

    def __init__(self, book: Book, *, search_path: str, ask: Callable[..., Sequence[Verdict]] = ask_referees) -> None:
        self._book = book
        self._search_path = search_path
        self._ask = ask
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="referees")
        self._asked: tuple[date, Future[Sequence[Verdict]]] | None = None

    def __call__(self) -> int:
        """1 when verdicts were recorded."""
        if self._asked is not None:
            day, answer = self._asked
            if not answer.done():
                return 0
            self._asked = None
            record_verdicts(self._book, answer.result(), key=_key(day))
            return 1
        local = self._book.clock.now().astimezone(BRUSSELS)
        if local.hour >= NIGHT_HOUR and not self._stands(_key(local.date())):
            asked = self._threads.submit(self._ask, self._book, search_path=self._search_path)
            self._asked = (local.date(), asked)
        return 0

    def _stands(self, key: str) -> bool:
        with self._book.read() as connection:
            newest = newest_finding(connection, self._book.book_id, VERDICT, VERDICT_KEY)
        return newest is not None and newest.key >= key


def record_verdicts(book: Book, verdicts: Sequence[Verdict], *, key: str) -> int:
    """Enter the verdicts as one verdict/1 entry; its number. Whatever does not agree is logged as an error."""
    with book.unit_of_work(actor=ACTOR) as unit:
        unit.post(Finding(key, VERDICT, verdict_facts(verdicts), ACTOR))
    for verdict in verdicts:
        if verdict.outcome is not Outcome.AGREES:
            logger.error("referee-does-not-agree", referee=verdict.referee, outcome=verdict.outcome.value)
    return unit.results[0].n


def _key(day: date) -> str:
    return f"{VERDICT_KEY}{day.isoformat()}"
