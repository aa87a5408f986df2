"""The sandbox's state: dictionaries in memory, each change one line of a file, so that a killed process loses nothing.

A line is a JSON list of `[collection, key, value]`, written whole: what belongs together is in one line. At start the
file is read, a torn last line is left out, and the file is written anew with one line an object.
"""

import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Change = tuple[str, str, Any]


class Store:
    """Collections of JSON values by key; `lock` is held by whoever reads and then writes."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self._collections: dict[str, dict[str, Any]] = defaultdict(dict)
        self._descriptor: int | None = None
        self._gathered: list[Change] | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._load(path)
            self._write_anew(path)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)

    def put(self, *changes: Change) -> None:
        """Apply changes that belong together; the value None takes the key away."""
        with self.lock:
            for change in changes:
                self._apply(change)
            if self._gathered is not None:
                self._gathered += changes
            else:
                self._write(list(changes))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write every change of the block as one line at its end, whether it ends well or not."""
        with self.lock:
            if self._gathered is not None:
                yield
                return
            self._gathered = []
            try:
                yield
            finally:
                gathered, self._gathered = self._gathered, None
                self._write(gathered)

    def get(self, collection: str, key: str) -> Any:  # noqa: ANN401 -- whatever JSON was put there
        """One value, or None; a copy, so that only `put` changes the state."""
        with self.lock:
            value = self._collections[collection].get(key)
            return None if value is None else json.loads(json.dumps(value))

    def values(self, collection: str, where: Callable[[Any], bool] | None = None) -> list[Any]:
        """The values of a collection, or those of it that are wanted, oldest first; copies."""
        with self.lock:
            chosen = [value for value in self._collections[collection].values() if where is None or where(value)]
            values: list[Any] = json.loads(json.dumps(chosen)) if chosen else []
            return values

    def newest(self, collection: str, where: Callable[[Any], bool] | None = None) -> list[Any]:
        """The values of a collection, or those of it that are wanted, newest first; to be read only, no copies."""
        with self.lock:
            found = reversed(self._collections[collection].values())
            return [value for value in found if where is None or where(value)]

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _load(self, path: Path) -> None:
        if not path.exists():
            return
        for line in path.read_bytes().split(b"\n")[:-1]:
            for collection, key, value in json.loads(line):
                self._apply((collection, key, value))

    def _apply(self, change: Change) -> None:
        collection, key, value = change
        if value is None:
            self._collections[collection].pop(key, None)
        else:
            self._collections[collection][key] = value

    def _write(self, changes: list[Change]) -> None:
        if self._descriptor is not None and changes:
            os.write(self._descriptor, _line(changes))

    def _write_anew(self, path: Path) -> None:
        fresh = path.with_name(path.name + ".new")
        with fresh.open("wb") as file:
            for collection, values in self._collections.items():
                for key, value in values.items():
                    file.write(_line([(collection, key, value)]))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _line(changes: list[Change]) -> bytes:
    return json.dumps(changes, separators=(",", ":")).encode() + b"\n"
