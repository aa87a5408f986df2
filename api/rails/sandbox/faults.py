"""What the sandbox can be told to do wrong: a queue of rules, each for a method, a path and some requests.

| fault | what the client sees | done? |
|---|---|---|
| `timeout-before`, `timeout-after` | silence for `seconds`, then a closed connection | no, yes |
| `reset-before`, `reset-after` | a closed connection at once | no, yes |
| `500-before`, `500-after` | 500 | no, yes |
| `502-html` | 502 with HTML | no |
| `503`, `404` | that status | no |
| `429` | 429 with `Retry-After` of `pause_seconds` | no |
| `422-without-detail` | 422 with a body that lacks `detail` | no |
| `late` | the answer after `seconds` | yes |
| `webhook-first` | the answer after the payment's webhook was called | yes |
| `unknown-status`, `unknown-method`, `unknown-type` | words that a later version of the API may bring | yes |
| `extra-fields` | fields that nobody asked for | yes |
| `stale` | a payment as it was when it was made | yes |
| `wrong-profile`, `live-mode` | an object of another profile, or of the live mode | yes |
"""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from api.rails.sandbox.checks import Object
from api.rails.sandbox.http import Answer, Silence, json_answer

_BEFORE = frozenset({
    "timeout-before", "reset-before", "500-before", "502-html", "503", "404", "429", "422-without-detail",
})  # fmt: skip
_AFTER = frozenset({"timeout-after", "reset-after", "500-after", "late", "webhook-first"})
_ALWAYS = 100
_OUTCOMES = ("paidAt", "failedAt", "canceledAt", "expiredAt", "amountRefunded", "amountRemaining", "amountChargedBack")


@dataclass
class FaultRule:
    """The next `count` requests of `method` whose path begins with `path` end in `kind`.

    `*` in the path stands for anything, `*` as method for every one. With a `percent` below 100 chance decides for each
    request, the same way in every run with the same `seed`.
    """

    kind: str
    method: str = "POST"
    path: str = "/v2/"
    count: int = 1
    seconds: float = 15.0
    pause_seconds: int = 1
    percent: int = _ALWAYS
    seed: int = 0
    chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _BEFORE | _AFTER | TWISTS.keys():
            raise ValueError(f"no such fault: {self.kind}")
        self.chance = random.Random(self.seed)  # noqa: S311 -- reproducible misfortune, no secret

    @property
    def is_after(self) -> bool:
        """Whether the request takes effect all the same."""
        return self.kind not in _BEFORE

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request falls under the rule, and chance wills it."""
        if self.method not in {"*", method} or not fnmatchcase(path, f"{self.path}*"):
            return False
        return self.percent >= _ALWAYS or self.chance.randrange(_ALWAYS) < self.percent


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force."""
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
                if rule.strikes(method, path):
                    rule.count -= 1
                    if rule.count == 0:
                        self._rules.remove(rule)
                    return rule
        return None


def misbehave(rule: FaultRule, done: Answer | None) -> Answer:
    """The answer that the fault makes of what was `done`, if anything was; raises `Silence`."""
    kind = rule.kind
    if kind.startswith(("timeout", "reset")):
        raise Silence(rule.seconds if kind.startswith("timeout") else 0)
    if kind == "502-html":
        return Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
    if kind == "422-without-detail":
        return json_answer(422, {"status": 422, "title": "Unprocessable Entity"})
    if kind[:3].isdecimal():
        status = int(kind[:3])
        headers = {"Retry-After": str(rule.pause_seconds)} if kind == "429" else {}
        told = {"status": status, "title": "Fault", "detail": "As the sandbox was told."}
        return json_answer(status, told, headers=headers)
    assert done is not None, "what is answered late or twisted was done"
    return _twisted(done, TWISTS[kind]) if kind in TWISTS else done


def _twisted(answer: Answer, twist: Callable[[Object], None]) -> Answer:
    """The answer with every object in it changed."""
    if not answer.body:
        return answer
    document = json.loads(answer.body)
    for found in _objects(document):
        twist(found)
    return Answer(answer.status, json.dumps(document).encode(), answer.kind, answer.headers)


def _objects(document: Any) -> list[Object]:  # noqa: ANN401 -- any JSON
    """Every object of the API in a document: those with a `resource`."""
    if isinstance(document, list):
        return [found for item in document for found in _objects(item)]
    if not isinstance(document, dict):
        return []
    inner = [found for value in document.values() for found in _objects(value)]
    return [document, *inner] if "resource" in document else inner


def _replace(name: str, value: str) -> Callable[[Object], None]:
    def twist(found: Object) -> None:
        if name in found:
            found[name] = value

    return twist


def _add_fields(found: Object) -> None:
    found["nextGenerationRisk"] = {"score": 7, "labels": ["new"]}
    found["_links"] = found.get("_links", {}) | {"future": None}


def _as_made(found: Object) -> None:
    if found["resource"] == "payment":
        found["status"] = "open"
        found["_embedded"] = {name: [] for name in found.get("_embedded", {})}
        for name in _OUTCOMES:
            found.pop(name, None)


TWISTS: dict[str, Callable[[Object], None]] = {
    "unknown-status": _replace("status", "processing-at-bank"),
    "unknown-method": _replace("method", "pay-by-tomorrow"),
    "unknown-type": _replace("type", "reserve-of-tomorrow"),
    "extra-fields": _add_fields,
    "stale": _as_made,
    "wrong-profile": _replace("profileId", "pfl_somebodyelse"),
    "live-mode": _replace("mode", "live"),
}
