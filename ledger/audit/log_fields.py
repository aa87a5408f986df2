"""The lines of a log export: canonical JSON, one record each, read strictly and in order.

A record is an object with one member, whose name is the record's kind: `{"block":{…}}`. What is wrong is refused with
the line's number and the field.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import BinaryIO, NoReturn

from ledger.errors import Fact, Refusal
from ledger.lines import instant_text
from ledger.log.encoding import b64, from_b64
from ledger.log.leaf import JSON, canonical_json, parse_canonical

FORMAT = "bxl-log/1"
LOG, KEY, ROW, BLOCK, ENTRY, ANSWER, END = "log", "key", "row", "block", "entry", "answer", "end"
MAX_LINE_BYTES = 16_000_000
_MAC = b"log export, version 1"


class Mac:
    """The authentication of a whole file: HMAC-SHA-256 over every line before the last, under the file's key."""

    def __init__(self, transport_key: bytes) -> None:
        self._mac = hmac.new(hmac.digest(transport_key, _MAC, "sha256"), digestmod="sha256")

    def add(self, line: bytes) -> None:
        """Take in a line with its end."""
        self._mac.update(line)

    def text(self) -> str:
        """The code so far, in base64."""
        return b64(self._mac.digest())


def record_line(kind: str, value: Mapping[str, JSON]) -> bytes:
    """One line of the file."""
    return canonical_json({kind: dict(value)}) + b"\n"


class Records:
    """The records of a file, one at a time."""

    def __init__(self, source: BinaryIO, transport_key: bytes) -> None:
        self._source = source
        self._mac = Mac(transport_key)
        self._next: tuple[str, Fields] | None = None
        self.number = 0

    def next_of(self, kind: str) -> "Fields":
        """The next record, which must be of this kind; refuses `log-out-of-order`."""
        found, fields = self._peek()
        if found != kind:
            raise Refusal("log-out-of-order", line=self.number, field=found, expected=kind)
        self._next = None
        return fields

    def while_of(self, kind: str) -> Iterator["Fields"]:
        """The records up to the first of another kind."""
        while self._peek()[0] == kind:
            yield self.next_of(kind)

    def finish(self) -> None:
        """The last line holds the code of all lines before it, and nothing follows; refuses `log-altered`."""
        expected = self._mac.text()
        end = self.next_of(END)
        stated = end.text("mac")
        end.end()
        if not hmac.compare_digest(stated, expected) or self._source.read(1):
            raise Refusal("log-altered", line=self.number, field="end.mac")

    def _peek(self) -> tuple[str, "Fields"]:
        if self._next is None:
            raw = self._source.readline(MAX_LINE_BYTES)
            self.number += 1
            self._next = self._parse(raw)
            if self._next[0] != END:
                self._mac.add(raw)
        return self._next

    def _parse(self, raw: bytes) -> tuple[str, "Fields"]:
        if not raw.endswith(b"\n"):
            code = "log-line-malformed" if len(raw) == MAX_LINE_BYTES else "log-ends-early"
            raise Refusal(code, line=self.number, field="")
        try:
            value = parse_canonical(raw[:-1])
        except Refusal as refusal:
            raise Refusal("log-line-malformed", line=self.number, field="") from refusal
        if not isinstance(value, dict) or len(value) != 1:
            raise Refusal("log-line-malformed", line=self.number, field="")
        [(kind, members)] = value.items()
        return kind, Fields(members, line=self.number, path=kind)


class Fields:
    """The members of one object, each read once; `end` refuses what nobody has asked for."""

    def __init__(self, value: JSON, *, line: int, path: str) -> None:
        self.line = line
        self._path = path
        if not isinstance(value, dict):
            raise Refusal("field-has-wrong-type", line=line, field=path, expected="object")
        self._left: dict[str, JSON] = dict(value)

    def refuse(self, code: str, name: str, **facts: Fact) -> NoReturn:
        """Refuse with the line and the field `name`."""
        raise Refusal(code, **{**facts, "line": self.line, "field": self._at(name)})

    @contextmanager
    def located(self) -> Iterator[None]:
        """Add the line and this object to a refusal that names none."""
        try:
            yield
        except Refusal as refusal:
            if "line" in refusal.facts:
                raise
            raise Refusal(refusal.code, **{**refusal.facts, "line": self.line, "field": self._path}) from refusal

    def end(self) -> None:
        """Refuses `field-unknown`."""
        for name in self._left:
            self.refuse("field-unknown", name)

    def text(self, name: str) -> str:
        """A text."""
        value = self._take(name)
        if not isinstance(value, str):
            self.refuse("field-has-wrong-type", name, expected="string")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text, where it is there."""
        return self.text(name) if name in self._left else None

    def one_of(self, name: str, word: str) -> bool:
        """Whether `name` is there; it can only be `word`."""
        found = self.text_or_none(name)
        if found not in (None, word):
            self.refuse("field-has-wrong-type", name, expected=word)
        return found is not None

    def integer(self, name: str) -> int:
        """A whole number."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse("field-has-wrong-type", name, expected="integer")
        return value

    def integer_or_none(self, name: str) -> int | None:
        """A whole number, where it is there."""
        return self.integer(name) if name in self._left else None

    def flag(self, name: str) -> bool:
        """Whether `name` is there; it can only be true."""
        if name not in self._left:
            return False
        if self._take(name) is not True:
            self.refuse("field-has-wrong-type", name, expected="true")
        return True

    def octets(self, name: str) -> bytes:
        """Bytes in base64."""
        with self._located_at(name):
            return from_b64(self.text(name))

    def octets_or_none(self, name: str) -> bytes | None:
        """Bytes in base64, where they are there."""
        return self.octets(name) if name in self._left else None

    def octets_list(self, name: str) -> list[bytes]:
        """A list of bytes in base64."""
        if name not in self._left:
            self.refuse("field-missing", name)
        with self._located_at(name):
            return [from_b64(text) for text in self.list_of_texts(name)]

    def day_or_none(self, name: str) -> date | None:
        """A date, where it is there."""
        return self.day(name) if name in self._left else None

    def day(self, name: str) -> date:
        """A date in ISO form."""
        text = self.text(name)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text:
            self.refuse("date-malformed", name, date=text[:40])
        return day

    def instant(self, name: str) -> datetime:
        """An instant in UTC to the microsecond."""
        text = self.text(name)
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None or instant_text(instant) != text:
            self.refuse("field-has-wrong-type", name, expected="instant")
        return instant

    def instant_or_none(self, name: str) -> datetime | None:
        """An instant, where it is there."""
        return self.instant(name) if name in self._left else None

    def object(self, name: str) -> Mapping[str, JSON]:
        """An object as it is."""
        value = self._take(name)
        if not isinstance(value, dict):
            self.refuse("field-has-wrong-type", name, expected="object")
        return value

    def fields(self, name: str) -> "Fields":
        """An object to be read."""
        return Fields(self._take(name), line=self.line, path=self._at(name))

    def each(self, name: str) -> list["Fields"]:
        """A list of objects to be read."""
        listed = enumerate(self._list(name))
        return [Fields(value, line=self.line, path=f"{self._at(name)}[{index}]") for index, value in listed]

    def objects(self, name: str) -> list[Mapping[str, JSON]]:
        """A list of objects as they are."""
        found: list[Mapping[str, JSON]] = []
        for index, value in enumerate(self._list(name)):
            if not isinstance(value, dict):
                self.refuse("field-has-wrong-type", f"{name}[{index}]", expected="object")
            found.append(value)
        return found

    def list_of_texts(self, name: str) -> list[str]:
        """A list of texts; none where it is not there."""
        found: list[str] = []
        for index, value in enumerate(self._list(name) if name in self._left else ()):
            if not isinstance(value, str):
                self.refuse("field-has-wrong-type", f"{name}[{index}]", expected="string")
            found.append(value)
        return found

    def texts(self, name: str) -> Mapping[str, str]:
        """Texts by name; none where it is not there."""
        found: dict[str, str] = {}
        for member, value in (self.object(name) if name in self._left else {}).items():
            if not isinstance(value, str):
                self.refuse("field-has-wrong-type", f"{name}.{member}", expected="string")
            found[member] = value
        return found

    def _list(self, name: str) -> Sequence[JSON]:
        value = self._take(name)
        if not isinstance(value, list):
            self.refuse("field-has-wrong-type", name, expected="list")
        return value

    @contextmanager
    def _located_at(self, name: str) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            if "line" in refusal.facts:
                raise
            self.refuse(refusal.code, name, **refusal.facts)

    def _take(self, name: str) -> JSON:
        if name not in self._left:
            self.refuse("field-missing", name)
        return self._left.pop(name)

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if name else self._path
