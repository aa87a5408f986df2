"""What happened in the sandbox, in order and in its own time, so that a run can be read and compared with another."""

import threading
from collections import deque
from datetime import datetime
from typing import Any

_MOST_KEPT = 100_000


class Timeline:
    """The newest events since the start, oldest first."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        self._lock = threading.Lock()

    def add(self, at: datetime, event: str, **facts: object) -> None:
        """Note an event; facts that are None are left out."""
        told = {name: value for name, value in facts.items() if value is not None}
        with self._lock:
            self._events.append({"at": at.isoformat(), "event": event} | told)

    def events(self) -> list[dict[str, Any]]:
        """Every event that is kept."""
        with self._lock:
            return list(self._events)


def line_of(event: dict[str, Any]) -> str:
    """An event as a line.

    >>> line_of({"at": "2026-03-02T12:00:00+01:00", "event": "payment-paid", "id": "tr_a", "cents": 500})
    '2026-03-02T12:00:00+01:00  payment-paid  id=tr_a cents=500'
    """
    facts = " ".join(f"{name}={value}" for name, value in event.items() if name not in {"at", "event"})
    return f"{event['at']}  {event['event']}  {facts}".rstrip()
