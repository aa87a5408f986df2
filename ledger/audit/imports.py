"""Journal entries from a file: one JSON object a line, read strictly and in flat memory.

    {"key": "k1", "effective_on": "2026-01-31", "purpose": "...", "postings": [
        {"account": "550100", "asset": "EUR", "debit": 100000},
        {"account": "489100:c17", "asset": "EUR", "credit": 100000}]}
    {"asset": "TREES", "scale": 0}

The second form declares an asset before its first use. What is wrong with a line is refused with the line's number
(`line`, from 1) and the `field`; nothing of its batch is posted, and earlier batches stay.

A batch ends with its entries, and sooner where it holds 100,000 postings: memory is bounded whatever the file holds.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, NoReturn

from ledger.accounts import AccountRef
from ledger.errors import Fact, Refusal
from ledger.journal import JournalEntry, Posting, is_plain_text
from ledger.money import Asset, is_asset_code

MAX_LINE_BYTES = 1_000_000
MAX_BATCH_POSTINGS = 100_000
_LONGEST_NUMBER, _BEYOND_ANY_AMOUNT = 30, 10**30
_LONGEST_FACT = 200
_BOM = b"\xef\xbb\xbf"
_ENTRY_FIELDS = {"key", "effective_on", "purpose", "postings", "evidence", "reverses"}
_ENTRY_REQUIRED = ("key", "effective_on", "purpose", "postings")
_POSTING_FIELDS = {"account", "asset", "debit", "credit"}
_ASSET_FIELDS = {"asset", "scale"}
_FIELD_OF_CODE = {
    "asset-scale-out-of-range": "scale",
    "asset-scale-differs": "scale",
    "key-malformed": "key",
    "purpose-malformed": "purpose",
    "date-out-of-range": "effective_on",
    "evidence-malformed": "evidence",
}
"""Which field a refusal from below is about; any other of a line is about what its reader was at."""


@dataclass
class Batch:
    """What one unit of work posts: assets declared, entries, and the line that each fact key stands on."""

    assets: list[Asset] = field(default_factory=list)
    entries: list[JournalEntry] = field(default_factory=list)
    line_by_key: dict[str, int] = field(default_factory=dict)
    line_by_asset: dict[str, int] = field(default_factory=dict)
    postings: int = 0

    def is_full(self, size: int) -> bool:
        """Whether nothing more fits: entries or assets up to `size`, and a bound on postings."""
        return max(len(self.entries), len(self.assets)) >= size or self.postings >= MAX_BATCH_POSTINGS

    def add(self, parsed: Asset | JournalEntry, line: int) -> None:
        """Take in what stands on `line`; a repeat is reported on the line where it stood first."""
        if isinstance(parsed, Asset):
            self.assets.append(parsed)
            self.line_by_asset.setdefault(parsed.code, line)
        else:
            self.entries.append(parsed)
            self.postings += len(parsed.postings)
            self.line_by_key.setdefault(parsed.key, line)

    def located(self, refusal: Refusal) -> Refusal:
        """The refusal of one of these entries or assets, with its line and the field it is about."""
        facts = refusal.facts
        if "key" in facts:
            line, lines_field = self.line_by_key.get(str(facts["key"])), "key"
            if "account" in facts or "asset" in facts:
                lines_field = "postings"
            elif "reverses" in facts:
                lines_field = "reverses"
        else:
            line, lines_field = self.line_by_asset.get(str(facts.get("asset"))), "asset"
        return refusal if line is None else _at(refusal, line, lines_field)


def read_batches(stream: BinaryIO, *, size: int) -> Iterator[Batch]:
    """The file's content in batches of at most `size` entries; an asset's declaration begins a new batch."""
    batch = Batch()
    for number, parsed in _read_lines(stream):
        if isinstance(parsed, Asset) and batch.entries:
            yield batch
            batch = Batch()
        batch.add(parsed, number)
        if batch.is_full(size):
            yield batch
            batch = Batch()
    if batch.entries or batch.assets:
        yield batch


def _read_lines(stream: BinaryIO) -> Iterator[tuple[int, Asset | JournalEntry]]:
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise Refusal("line-too-long", line=number, field="", limit=MAX_LINE_BYTES)
        if number == 1 and raw.startswith(_BOM):
            raise Refusal("file-has-byte-order-mark", line=number, field="")
        if raw.strip():
            yield number, _Line(number).parse(raw)


class _Line:
    """One line of the file on its way to an asset or an entry."""

    def __init__(self, number: int) -> None:
        self._number = number

    def parse(self, raw: bytes) -> Asset | JournalEntry:
        value = self._decode(raw)
        if not isinstance(value, dict):
            self._refuse("line-not-an-object", "")
        if "postings" not in value and "scale" in value:
            return self._asset(value)
        return self._entry(value)

    def _decode(self, raw: bytes) -> object:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self._refuse("line-not-utf8", "", position=error.start)
        if "\0" in text:  # UTF-16 of plain letters is valid UTF-8 with zeros in it
            self._refuse("line-not-utf8", "", position=raw.index(b"\0"))
        try:
            return json.loads(
                text,
                object_pairs_hook=self._object,
                parse_int=_integer,
                parse_float=_NotAnInteger,
                parse_constant=_NotAnInteger,
            )
        except (ValueError, RecursionError) as error:
            self._refuse("line-not-json", "", problem=str(error))

    def _object(self, pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
        value: dict[str, object] = {}
        for name, item in pairs:
            if name in value:
                self._refuse("field-repeated", name)
            value[name] = item
        return value

    def _asset(self, value: Mapping[str, object]) -> Asset:
        self._check_fields(value, _ASSET_FIELDS, ("asset", "scale"), "")
        code, scale = self._text(value, "asset", ""), value["scale"]
        if isinstance(scale, bool) or not isinstance(scale, int):
            self._refuse("field-has-wrong-type", "scale", expected="integer")
        with _Located(self._number, "asset"):
            return Asset(code, scale)

    def _entry(self, value: Mapping[str, object]) -> JournalEntry:
        self._check_fields(value, _ENTRY_FIELDS, _ENTRY_REQUIRED, "")
        postings = value["postings"]
        if not isinstance(postings, list):
            self._refuse("field-has-wrong-type", "postings", expected="array")
        effective_on = self._date(value)
        lines = tuple(self._posting(posting, f"postings[{i}]") for i, posting in enumerate(postings))
        key, purpose = self._text(value, "key", ""), self._text(value, "purpose", "")
        evidence, reverses = (
            self._text(value, name, "") if name in value else None for name in ("evidence", "reverses")
        )
        if reverses is not None and not is_plain_text(reverses):  # no entry has such a key, and no database takes it
            self._refuse("entry-reverses-unknown", "reverses", key=key, reverses=reverses)
        with _Located(self._number, "postings"):
            return JournalEntry(key, effective_on, purpose, lines, "import", evidence, reverses)

    def _posting(self, value: object, where: str) -> Posting:
        if not isinstance(value, dict):
            self._refuse("field-has-wrong-type", where, expected="object")
        self._check_fields(value, _POSTING_FIELDS, ("account", "asset"), f"{where}.")
        asset = self._text(value, "asset", f"{where}.")
        if not is_asset_code(asset):
            self._refuse("asset-code-malformed", f"{where}.asset", asset=asset)
        with _Located(self._number, f"{where}.account"):
            account = AccountRef.parse(self._text(value, "account", f"{where}."), asset)
        sides = {side: value.get(side, 0) for side in ("debit", "credit")}
        given = next((side for side in sides if side in value), "debit")
        for side, amount in sides.items():
            if isinstance(amount, bool) or not isinstance(amount, int):
                self._refuse("amount-not-an-integer", f"{where}.{side}", account=str(account), side=side)
        with _Located(self._number, f"{where}.{given}"):
            return Posting(account, **sides)

    def _check_fields(self, value: Mapping[str, object], known: set[str], required: Sequence[str], prefix: str) -> None:
        for name in required:
            if name not in value:
                self._refuse("field-missing", prefix + name)
        for name in value:
            if name not in known:
                self._refuse("field-unknown", prefix + name)

    def _text(self, value: Mapping[str, object], name: str, prefix: str) -> str:
        text = value[name]
        if not isinstance(text, str):
            self._refuse("field-has-wrong-type", prefix + name, expected="string")
        return text

    def _date(self, value: Mapping[str, object]) -> date:
        text = self._text(value, "effective_on", "")
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or day.isoformat() != text:
            self._refuse("date-malformed", "effective_on", date=text[:40])
        return day

    def _refuse(self, code: str, where: str, **facts: Fact) -> NoReturn:
        raise _at(Refusal(code, **facts), self._number, where)


def _integer(text: str) -> int:
    """The number; one with more digits than any amount has is refused as too large without being computed."""
    if len(text) <= _LONGEST_NUMBER:
        return int(text)
    return -_BEYOND_ANY_AMOUNT if text.startswith("-") else _BEYOND_ANY_AMOUNT


class _NotAnInteger:
    """Stands where a line has a number that is no integer, so that the field can be named."""

    def __init__(self, text: str) -> None:
        self.text = text


class _Located:
    """Adds line and field to a refusal from below."""

    def __init__(self, line: int, where: str) -> None:
        self._line = line
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Refusal) and "line" not in error.facts:
            raise _at(error, self._line, self._where) from error


def _at(refusal: Refusal, line: int, where: str) -> Refusal:
    """The refusal with line and field, fit to be shown: its facts may quote the file."""
    facts = {**refusal.facts, "field": _FIELD_OF_CODE.get(refusal.code, where)}
    return Refusal(refusal.code, **{name: _shown(fact) for name, fact in facts.items()}, line=line)


def _shown(fact: Fact) -> Fact:
    """Text without control or bidirectional characters and lone surrogates, cut to what a message can hold."""
    if not isinstance(fact, str):
        return fact
    text = fact[:_LONGEST_FACT]
    return text if text.isprintable() else ascii(text)[1:-1][:_LONGEST_FACT]
