"""The group writer: requests that wait at the same time are posted in one commit.

    callers ──submit──> queue ──up to 500──> decide ─ write ─ seal ─ commit ──> answers
       └──post, and nobody else is there──────^

The disk is paid once for a group. A request that comes alone is posted at once, by its caller's own thread where it
waits for the answer anyway; where the group before was larger, the writer waits for as many again, five milliseconds at
most. Each request stands or falls alone, and answers are given after the commit. A failure that may pass (a lost
connection, a serialization failure, a commit of unknown outcome) is tried again whole: fact keys and idempotency keys
make that harmless. Any other failure splits the group in halves, so that one poisoned request is found and cannot block
a book.

One writer serves a process. Writers of several processes, and products' own units of work, meet at the book's head.
"""

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

import sqlalchemy as sa

from ledger import crash
from ledger.book import Book
from ledger.errors import Refusal
from ledger.posting import decide_requests, write_decision
from ledger.state import Request, Result
from ledger.storage.engine import write_on

MAX_GROUP = 500
MAX_WAITING = 20_000
WAIT_SECONDS = 0.005
TRIES = 5
_PASSING = ("40001", "40P01", "57P01", "57P02", "57P03")
"""SQLSTATE of what another try can mend: serialization failure, deadlock, a server that stops or starts."""

_Job = tuple[Request, "Future[Result]"]


class GroupWriter:
    """Posts requests for one book from a thread of its own until it is closed."""

    def __init__(self, book: Book, *, max_group: int = MAX_GROUP, wait_seconds: float = WAIT_SECONDS) -> None:
        self._book = book
        self._max_group = max_group
        self._wait_seconds = wait_seconds
        self._waiting: queue.Queue[_Job | None] = queue.Queue(MAX_WAITING)
        self._closed = False
        self._connection: sa.Connection | None = None  # kept between groups: fetching one costs as much as a statement
        self._door = threading.Lock()  # nobody comes in behind the end
        self._turn = threading.Lock()  # whoever posts holds it, and the connection with it
        self._last_group = 1
        self._thread = threading.Thread(target=self._run, name=f"writer-{book.book_id}", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> "Future[Result]":
        """Put `request` in the queue; the future gives its result after the commit.

        Refuses `book-is-busy` where 20,000 requests wait already, and `book-is-closing` after `close`.
        """
        answer: Future[Result] = Future()
        with self._door:
            if self._closed:
                raise Refusal("book-is-closing", book=self._book.book_id)
            try:
                self._waiting.put_nowait((request, answer))
            except queue.Full:
                raise Refusal("book-is-busy", book=self._book.book_id, retry_after_seconds=1) from None
        return answer

    def post(self, request: Request) -> Result:
        """The result of `request` after its commit; refuses as `submit` does."""
        if not self._take_turn():
            return self.submit(request).result()
        try:
            return self._post_with_patience([request])[0]
        finally:
            self._turn.release()

    def close(self) -> None:
        """Post what waits, then end."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _take_turn(self) -> bool:
        """Take the turn where the caller is alone: the thread of the writer would only cost two changes of thread."""
        with self._door:
            alone = not self._closed and self._last_group == 1 and self._waiting.empty()
            return alone and self._turn.acquire(blocking=False)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            with self._turn:
                group = self._collect(first)
                wanted = [job for job in group if job[1].set_running_or_notify_cancel()]  # else its caller has gone
                if wanted:
                    self._post_group(wanted)
                self._last_group = len(group)
        with self._turn:
            self._disconnect()

    def _collect(self, first: _Job) -> list[_Job]:
        """`first` and who waits behind it, at most as many as is allowed."""
        group, deadline = [first], time.monotonic() + self._wait_seconds
        while len(group) < self._max_group:
            wait_seconds = deadline - time.monotonic() if len(group) < self._last_group else 0
            try:
                job = self._waiting.get(timeout=wait_seconds) if wait_seconds > 0 else self._waiting.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)  # the end comes after this group
                break
            group.append(job)
        return group

    def _post_group(self, group: Sequence[_Job]) -> None:
        try:
            results = self._post_with_patience([request for request, _ in group])
        except Exception as error:  # noqa: BLE001 -- whatever it is belongs to one of the requests
            if len(group) > 1:
                middle = len(group) // 2
                self._post_group(group[:middle])
                self._post_group(group[middle:])
            else:
                group[0][1].set_exception(error)
            return
        for (_, answer), result in zip(group, results, strict=True):
            answer.set_result(result)

    def _post_with_patience(self, requests: Sequence[Request]) -> list[Result]:
        for _ in range(TRIES - 1):
            try:
                return self._post(requests)
            except sa.exc.DBAPIError as error:
                if not may_pass(error):
                    raise
        return self._post(requests)

    def _post(self, requests: Sequence[Request]) -> list[Result]:
        book = self._book
        if self._connection is None:
            self._connection = book.engine.connect()
        try:
            with write_on(self._connection):
                decision = decide_requests(
                    self._connection,
                    book.book_id,
                    requests,
                    clock=book.clock,
                    keys=book.keys,
                    late_refused=book.late_refused,
                )
                write_decision(self._connection, book.book_id, decision, commit=True)
        except BaseException:
            self._disconnect()
            raise
        crash.reach("posting.after-commit")
        return decision.results

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def may_pass(error: sa.exc.DBAPIError) -> bool:
    """Whether trying again can help: the connection was lost, or the database asks for another try."""
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state in _PASSING or isinstance(error, sa.exc.OperationalError)
