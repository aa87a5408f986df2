"""Reading the JSON object that a command is given: strict, so that a mistyped field is refused and not passed over.

Amounts and counts are JSON integers, rates are text (a JSON number with a point has been through a float), dates are
ISO text. A field that is there and does not fit is `terms-field-malformed`, by its path, such as `events[2].on`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from ledger.errors import Refusal

MAX_INPUT_BYTES = 1_000_000
_LONGEST_NAME = 64
_FREQUENCIES = (1, 2, 3, 4, 6, 12)
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
D = TypeVar("D")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Reader(Generic[T_co]):
    """How a JSON value becomes one of ours: `convert` gives None where it does not fit what is `expected`."""

    convert: Callable[[object], T_co | None]
    expected: str


class Fields:
    """The fields of one JSON object; each is read once, and `done` refuses those that nobody read."""

    def __init__(self, members: Mapping[str, object], path: str = "") -> None:
        self._left, self._path = dict(members), path

    @classmethod
    def read(cls, raw: bytes) -> "Fields":
        """The object in `raw`; refuses `terms-not-an-object`."""
        try:
            value = json.loads(raw.decode("utf-8"), object_pairs_hook=_pairs)
        except (ValueError, RecursionError) as error:
            raise Refusal("terms-not-an-object", limit=MAX_INPUT_BYTES) from error
        if not isinstance(value, dict) or len(raw) > MAX_INPUT_BYTES:
            raise Refusal("terms-not-an-object", limit=MAX_INPUT_BYTES)
        return cls(value)

    def need(self, name: str, reader: Reader[T]) -> T:
        """The value of a field; refuses `terms-field-missing` and `terms-field-malformed`."""
        if name not in self._left:
            raise Refusal("terms-field-missing", field=self._path + name)
        value = reader.convert(self._left.pop(name))
        if value is None:
            raise Refusal("terms-field-malformed", field=self._path + name, expected=reader.expected)
        return value

    def get(self, name: str, reader: Reader[T], otherwise: D) -> T | D:
        """The value of a field, or `otherwise` where it is missing or null."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return otherwise
        return self.need(name, reader)

    def object(self, name: str) -> "Fields":
        """The fields of an object that is a field."""
        return Fields(self.need(name, _OBJECT), f"{self._path}{name}.")

    def objects(self, name: str) -> Iterator["Fields"]:
        """The objects of a list; none where it is missing."""
        for n, member in enumerate(self.get(name, _LIST, [])):
            yield Fields({"": member}, f"{self._path}{name}[{n}]").object("")

    def has(self, name: str) -> bool:
        """Whether a field is there, read or not, and not null."""
        return self._left.get(name) is not None

    def done(self) -> None:
        """Refuses `terms-field-unknown` for a field that was not read."""
        for name in self._left:
            raise Refusal("terms-field-unknown", field=self._path + name[:_LONGEST_NAME])


def word(words: type[E]) -> Reader[E]:
    """One of the words of an enumeration."""
    by_value: Mapping[object, E] = {member.value: member for member in words}
    return Reader(lambda value: by_value.get(value) if isinstance(value, str) else None, ", ".join(words))


def integer(expected: str = "a whole number") -> Reader[int]:
    """A JSON integer."""
    return Reader(lambda value: value if type(value) is int else None, expected)


def day(example: str = "2026-03-02") -> Reader[date]:
    """A date of the years 1900 to 2199."""
    return Reader(_date, f"a date such as {example}")


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _decimal(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def _date(value: object) -> date | None:
    try:
        read = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read if read and read.isoformat() == value and _FIRST_DAY <= read <= _LAST_DAY else None


CENTS: Reader[int] = Reader(
    lambda value: value if type(value) is int and value >= 0 else None, "a whole number of cents, not negative"
)
FREQUENCY: Reader[int] = Reader(
    lambda value: 12 // value if type(value) is int and value in _FREQUENCIES else None, "1, 2, 3, 4, 6 or 12"
)
"""Coupons a year, read as the months of a coupon period."""
FLAG = Reader(lambda value: value if isinstance(value, bool) else None, "true or false")
DECIMAL = Reader(_decimal, 'a fraction as text, such as "0.035"')
_OBJECT: Reader[dict[str, object]] = Reader(lambda value: value if isinstance(value, dict) else None, "an object")
_LIST: Reader[list[object]] = Reader(lambda value: value if isinstance(value, list) else None, "a list")
