"""A request and an answer, without the sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from api.rails.sandbox.checks import ApiError, Object

HAL, JSON_TYPE, HTML, PLAIN = (
    "application/hal+json",
    "application/json",
    "text/html; charset=utf-8",
    "text/plain; charset=utf-8",
)
NOTHING_HERE = ApiError(404, "Not Found", "There is nothing at this address.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The address without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> Mapping[str, str]:
        """The query, the last of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> Mapping[str, str]:
        """The body as a form, the last of each name."""
        fields = parse_qs(self.body.decode("ascii", "replace"))
        return {name: values[-1] for name, values in fields.items()}

    def document(self) -> Object:
        """The body as a JSON object."""
        try:
            value = json.loads(self.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ApiError(400, "Bad Request", "The body is not JSON.") from error
        if not isinstance(value, dict):
            raise ApiError(400, "Bad Request", "The body is not a JSON object.")
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer."""

    status: int
    body: bytes = b""
    kind: str = HAL
    headers: Mapping[str, str] = field(default_factory=dict)


class Silence(Exception):  # noqa: N818 -- no fault of ours: the answer that never comes
    """No answer: after `seconds` the connection is closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def json_answer(status: int, document: Any, kind: str = HAL, headers: Mapping[str, str] | None = None) -> Answer:  # noqa: ANN401 -- any JSON
    """A document."""
    return Answer(status, json.dumps(document).encode(), kind, headers or {})


def problem(error: ApiError) -> Answer:
    """A refusal in the provider's form."""
    document: Object = {"status": error.status, "title": error.title, "detail": error.detail}
    if error.field is not None:
        document["field"] = error.field
    return json_answer(error.status, document)
