"""What the sandbox can be told to do wrong: a queue of rules, each for a method, a path prefix and some requests.

| fault | what the client sees | done? |
|---|---|---|
| `timeout-before`, `timeout-after` | silence for `seconds`, then a closed connection | no, yes |
| `reset-before`, `reset-after` | a closed connection at once | no, yes |
| `500-before`, `500-after` | 500 | no, yes |
| `502-html` | 502 with HTML | no |
| `503`, `429`, `404` | that status | no |
| `422-without-detail` | 422 with a body that lacks `detail` | no |
| `late` | the answer after `seconds` | yes |
"""

import threading
from dataclasses import dataclass

KINDS = frozenset({
    "timeout-before", "timeout-after", "reset-before", "reset-after", "500-before", "500-after",
    "502-html", "503", "429", "404", "422-without-detail", "late",
})  # fmt: skip


@dataclass
class FaultRule:
    """The next `count` requests of `method` whose path begins with `path` end in `kind`."""

    kind: str
    method: str = "POST"
    path: str = "/v2/"
    count: int = 1
    seconds: float = 15.0

    @property
    def is_after(self) -> bool:
        """Whether the request takes effect all the same."""
        return self.kind == "late" or self.kind.endswith("-after")


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force; an unknown kind is a `ValueError`."""
        if rule.kind not in KINDS:
            raise ValueError(f"no such fault: {rule.kind}")
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> FaultRule | None:
        """The rule that this request falls under, counted down."""
        with self._lock:
            for rule in self._rules:
                if rule.method == method and path.startswith(rule.path):
                    rule.count -= 1
                    if rule.count == 0:
                        self._rules.remove(rule)
                    return rule
        return None
