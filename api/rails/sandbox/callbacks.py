"""The sandbox's webhook sender: the same body, again and again until it is answered with success.

Tries follow the provider's table of minutes, in the sandbox's own time. It can be told to drop calls, to delay them, to
hold and later release them in a shuffled order, and to send each several times.
Only addresses on this machine are called.
"""

import hashlib
import heapq
import hmac
import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.parse import urlencode

from typing_extensions import override

from api.rails.sandbox.checks import Object
from api.rails.sandbox.clock import VirtualClock
from api.rails.sandbox.timeline import Timeline

TRY_MINUTES = (0, 1, 3, 7, 15, 31, 60, 120, 240, 1560)
_ANSWER_SECONDS = 15.0
_SENDERS = 16
"""A shop that takes 50 ms for an answer is called 300 times a second."""
_GLANCE_SECONDS = 0.02


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer with 3xx is a failure: following it would turn the POST into a GET without its body."""

    @override
    def redirect_request(self, *_arguments: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent about an object, and where."""

    about: str
    url: str
    body: bytes
    headers: Mapping[str, str]


def form_about(payment_id: str, url: str) -> Letter:
    """The classic webhook: nothing but the payment's id."""
    kind = "application/x-www-form-urlencoded"
    return Letter(payment_id, url, urlencode({"id": payment_id}).encode(), {"Content-Type": kind})


def signed_event(event: Object, url: str, secret: str) -> Letter:
    """The webhook of the next generation: an event whose raw body is signed."""
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Mollie-Signature": f"sha256={signature}"}
    return Letter(str(event["entityId"]), url, body, headers)


@dataclass(order=True)
class _Call:
    due: datetime
    order: int
    letter: Letter = field(compare=False)
    tries: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Disorder:
    """What chance does to webhook calls, the same way for the same `seed`: per cent that are dropped, per cent that are
    made twice, and the most seconds of the sandbox's time by which one is late.
    """

    seed: int = 0
    drop_percent: int = 0
    repeat_percent: int = 0
    delay_seconds: int = 0


class Callbacks:
    """A queue of webhook calls and the threads that make them.

    The clock takes the store's lock, which whoever sends holds already: it is asked before the queue's lock is taken.
    """

    def __init__(self, clock: VirtualClock, timeline: Timeline) -> None:
        self.copies = 1
        self.dropped = False
        self.held = False
        self._disorder = Disorder()
        self._chance = random.Random(0)  # noqa: S311 -- reproducible disorder, no secret
        self._clock = clock
        self._timeline = timeline
        self._queue: list[_Call] = []
        self._waiting: list[Letter] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._busy = 0
        self._moves = 0
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(_SENDERS)]
        for thread in self._threads:
            thread.start()

    def send(self, letter: Letter) -> None:
        """Queue a call, unless calls are being dropped."""
        now = self._clock.now()
        with self._changed:
            if self.dropped or self._falls(self._disorder.drop_percent):
                self._timeline.add(now, "webhook-dropped", id=letter.about)
                return
            copies = self.copies + self._falls(self._disorder.repeat_percent)
            if self.held:
                self._waiting += [letter] * copies
            else:
                self._push([letter] * copies, now)

    def disturb(self, disorder: "Disorder") -> None:
        """Let chance drop, repeat and delay calls from now on."""
        with self._changed:
            self._disorder = disorder
            self._chance = random.Random(disorder.seed)  # noqa: S311 -- reproducible disorder, no secret

    def release(self, *, seed: int = 0) -> None:
        """Send what was held, in an order shuffled by `seed`."""
        now = self._clock.now()
        with self._changed:
            random.Random(seed).shuffle(self._waiting)  # noqa: S311 -- reproducible disorder, no secret
            self._push(self._waiting, now)
            self._waiting, self.held = [], False

    def is_idle(self) -> bool:
        """Whether no call is due or under way (one that waits for its next try does not count)."""
        now = self._clock.now()
        with self._changed:
            return not self._busy and not any(call.due <= now for call in self._queue)

    def wait_until_idle(self) -> None:
        """Wait for what is due now to be answered, or for the time that an answer may take."""
        deadline_seconds = time.monotonic() + _ANSWER_SECONDS
        while not self.is_idle() and time.monotonic() < deadline_seconds:
            time.sleep(_GLANCE_SECONDS)

    def time_moved(self) -> None:
        """Look again at what is due."""
        with self._changed:
            self._moves += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """End the threads; calls under way are finished."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _falls(self, percent: int) -> bool:
        return percent > 0 and self._chance.randrange(100) < percent

    def _push(self, letters: list[Letter], now: datetime) -> None:
        self._moves += 1
        for letter in letters:
            delay = timedelta(seconds=self._chance.randint(0, self._disorder.delay_seconds))
            heapq.heappush(self._queue, _Call(now + delay, next(self._order), letter))
        self._changed.notify(len(letters))

    def _run(self) -> None:
        while (call := self._next()) is not None:
            self._settle(call, is_delivered=self._deliver(call))

    def _settle(self, call: _Call, *, is_delivered: bool) -> None:
        """Count a try, and plan the next one where it failed."""
        call.tries += 1
        is_given_up = not is_delivered and call.tries == len(TRY_MINUTES)
        outcome = "delivered" if is_delivered else "given-up" if is_given_up else "failed"
        now = self._clock.now()
        self._timeline.add(now, f"webhook-{outcome}", id=call.letter.about, tries=call.tries)
        with self._changed:
            self._busy -= 1
            if outcome == "failed":
                call.due += timedelta(minutes=TRY_MINUTES[call.tries] - TRY_MINUTES[call.tries - 1])
                heapq.heappush(self._queue, call)
                self._changed.notify()

    def _next(self) -> _Call | None:
        while not self._stopped:
            moves, now = self._moves, self._clock.now()
            with self._changed:
                if self._queue and self._queue[0].due <= now:
                    self._busy += 1
                    return heapq.heappop(self._queue)
                pause_seconds = (self._queue[0].due - now).total_seconds() if self._queue else None
                if moves == self._moves and not self._stopped:
                    self._changed.wait(pause_seconds)
        return None

    def _deliver(self, call: _Call) -> bool:
        letter = call.letter
        headers = {"User-Agent": "sandbox-webhook", **letter.headers}
        request = urllib.request.Request(letter.url, letter.body, headers, method="POST")  # noqa: S310 -- checked: this machine only
        try:
            with self._opener.open(request, timeout=_ANSWER_SECONDS) as answer:
                return bool(200 <= answer.status < 300)  # noqa: PLR2004 -- any success
        except (urllib.error.URLError, HTTPException, OSError):
            return False
