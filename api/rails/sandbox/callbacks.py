"""The sandbox's webhook sender: `id=tr_…` as a form, again and again until it is answered with success.

Pauses between tries follow the provider's table of minutes, in a unit that the sandbox is started with (a second by
default). It can be told to drop calls, to hold and later release them in a shuffled order, and to send each several
times.
Only addresses on this machine are called.
"""

import heapq
import itertools
import random
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import urlencode

from typing_extensions import override

PAUSES = (0, 1, 3, 7, 15, 31, 60, 120, 240, 1560)
_ANSWER_SECONDS = 15.0
_SENDERS = 4


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer with 3xx is a failure: following it would turn the POST into a GET without its body."""

    @override
    def redirect_request(self, *_arguments: object) -> None:
        return None


@dataclass(order=True)
class _Call:
    due: float
    order: int
    payment_id: str = field(compare=False)
    url: str = field(compare=False)
    tries: int = field(compare=False, default=0)


class Callbacks:
    """A queue of webhook calls and the threads that make them."""

    def __init__(self, *, unit_seconds: float = 1.0) -> None:
        self.copies = 1
        self.dropped = False
        self.held = False
        self._unit = unit_seconds
        self._queue: list[_Call] = []
        self._waiting: list[tuple[str, str]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._busy = 0
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(_SENDERS)]
        for thread in self._threads:
            thread.start()

    def send(self, payment_id: str, url: str | None) -> None:
        """Queue a call about a payment, unless calls are being dropped."""
        if url is None or self.dropped:
            return
        with self._changed:
            if self.held:
                self._waiting += [(payment_id, url)] * self.copies
            else:
                self._push([(payment_id, url)] * self.copies)

    def release(self, *, seed: int = 0) -> None:
        """Send what was held, in an order shuffled by `seed`."""
        with self._changed:
            random.Random(seed).shuffle(self._waiting)  # noqa: S311 -- reproducible disorder, no secret
            self._push(self._waiting)
            self._waiting, self.held = [], False

    def is_idle(self) -> bool:
        """Whether no call is due or under way (one that waits for its next try does not count)."""
        with self._changed:
            return not self._busy and not any(call.due <= time.monotonic() for call in self._queue)

    def stop(self) -> None:
        """End the threads; calls under way are finished."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _push(self, calls: list[tuple[str, str]]) -> None:
        for payment_id, url in calls:
            heapq.heappush(self._queue, _Call(time.monotonic(), next(self._order), payment_id, url))
        self._changed.notify_all()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            delivered = self._deliver(call)
            with self._changed:
                self._busy -= 1
                call.tries += 1
                if not delivered and call.tries < len(PAUSES):
                    call.due = time.monotonic() + (PAUSES[call.tries] - PAUSES[call.tries - 1]) * self._unit
                    heapq.heappush(self._queue, call)
                    self._changed.notify_all()

    def _next(self) -> _Call | None:
        with self._changed:
            while not self._stopped:
                pause = self._queue[0].due - time.monotonic() if self._queue else None
                if pause is not None and pause <= 0:
                    self._busy += 1
                    return heapq.heappop(self._queue)
                self._changed.wait(pause)
        return None

    def _deliver(self, call: _Call) -> bool:
        body = urlencode({"id": call.payment_id}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "sandbox-webhook"}
        request = urllib.request.Request(call.url, body, headers, method="POST")  # noqa: S310 -- checked: this machine only
        try:
            with self._opener.open(request, timeout=_ANSWER_SECONDS) as answer:
                return bool(200 <= answer.status < 300)  # noqa: PLR2004 -- any success
        except (urllib.error.URLError, HTTPException, OSError):
            return False
