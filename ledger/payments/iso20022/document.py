"""A bank's XML file: opened without trust, checked against its official schema, and asked for its elements.

Refused before anything is read from it: a file that is too large, that is not well-formed, that has a DOCTYPE (and so
could declare entities), that is another message than the one expected, or that breaks its schema. Every refusal names
the line.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any, TypeAlias

from lxml import etree

from ledger.errors import Refusal
from ledger.money import EUR, MAX_MINOR

LARGEST_BYTES = 128 * 1024 * 1024
"""Above a file of 100,000 orders (80 MB with addresses), and far above a day's statement."""

Element: TypeAlias = Any
"""An element of lxml, which has no types."""

_DOCUMENT = re.compile(
    r"\{urn:iso:std:iso:20022:tech:xsd:(?P<name>(?P<message>[a-z]{4}\.[0-9]{3})\.001\.(?P<version>[0-9]{2}))\}Document"
)
_SCHEMAS = files("ledger.payments.iso20022") / "schemas"
_DOCTYPE = b"<!DOCTYPE"
_AMOUNT = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)")
_WHOLE = re.compile(r"[0-9]{1,18}")
_DATE_LENGTH = len("2026-11-26")
_MEGABYTE = 1024 * 1024
_SHOWN = 200

_OLDEST = {"camt.053": "02", "pain.001": "03", "pain.002": "03", "pain.008": "02"}
"""The first version of each message that has the elements which are read here."""

_WITHOUT_SCHEMA = frozenset({"pain.002"})
"""Messages of which a version without a bundled schema is read all the same: nothing is posted from them."""


def open_document(file: bytes, *messages: str) -> Element:
    """The message in `file`, one of `messages` (as `camt.053`), as its own element under `Document`.

    Refuses `bank-file-too-large`, `bank-file-declares-entities`, `bank-file-not-xml`, `bank-file-kind-unknown` and
    `bank-file-breaks-schema`.
    """
    _check_bytes(file)
    try:
        root = etree.fromstring(file, etree.XMLParser(**_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise _not_xml(error) from error
    schema = _schema_of(root, messages)
    if schema is not None and not schema.validate(root):
        first = schema.error_log[0]
        raise Refusal("bank-file-breaks-schema", line=first.line, detail=_plain(first.message))
    return _message_of(root)


def stream_elements(file: bytes, messages: tuple[str, ...], *, names: tuple[str, ...]) -> Iterator[Element]:
    """The elements with one of `names` as they end, for files too long for a tree; refuses as `open_document` does.

    Whoever takes an element may read it and what lies below it, and calls `forget` once it is done with. A break of
    the schema is only certain at the end: what was read before it counts for nothing.
    """
    _check_bytes(file)
    first = _first_element(file)
    schema = _schema_of(first, messages)
    tags = [f"{{*}}{name}" for name in (*names, name_of(first))]
    stream = etree.iterparse(BytesIO(file), events=("end",), tag=tags, schema=schema, **_STREAM_OPTIONS)
    is_whole = False
    try:
        for _, element in stream:
            is_whole = element.getparent() is None
            if not is_whole:
                yield element
    except etree.XMLSyntaxError as error:
        open_document(file, *messages)  # the stream does not know the line of a break; the tree does
        raise _not_xml(error) from error
    if not is_whole:
        open_document(file, *messages)
        raise Refusal("bank-file-not-xml", line=1, detail="no end")


def forget(element: Element) -> None:
    """Free an element of a stream, and its kind before it; its parent still has what else was there."""
    element.clear()
    before = element.getprevious()
    if before is not None and before.tag == element.tag:
        element.getparent().remove(before)


def children(element: Element, path: str) -> list[Element]:
    """The elements at `path` below `element`, in order of the file."""
    return list(element.findall(_spelled(path)))


def child(element: Element, path: str) -> Element | None:
    """The first element at `path`."""
    return element.find(_spelled(path))


def needed(element: Element, path: str) -> Element:
    """The element at `path`; refuses `bank-file-lacks-element`."""
    found = element.find(_spelled(path))
    if found is None:
        raise lacking(element, path)
    return found


def lacking(element: Element, path: str) -> Refusal:
    """The refusal that says what an element should have had, and the line where that element begins."""
    return Refusal("bank-file-lacks-element", line=line_of(element), element=f"{name_of(element)}/{path}")


def text(element: Element, *paths: str) -> str | None:
    """The text at the first of `paths` that has any, without space around it."""
    for path in paths:
        found = element.find(_spelled(path))
        if found is not None and found.text is not None and (stripped := found.text.strip()):
            return str(stripped)
    return None


def needed_text(element: Element, *paths: str) -> str:
    """The text at the first of `paths` that has any; refuses `bank-file-lacks-element`."""
    found = text(element, *paths)
    if found is None:
        raise lacking(element, paths[0])
    return found


def cents(element: Element) -> int:
    """The cents of an amount or a sum; refuses `bank-file-value-unreadable` where it is not a whole number of them."""
    stated = (element.text or "").strip()
    value = Decimal(stated) * 100 if _AMOUNT.fullmatch(stated) else None
    if value is None or value != int(value) or value > MAX_MINOR:
        raise unreadable(element)
    return int(value)


def whole_number(element: Element) -> int:
    """A count or a number in a sequence; refuses `bank-file-value-unreadable`."""
    stated = (element.text or "").strip()
    if _WHOLE.fullmatch(stated) is None:
        raise unreadable(element)
    return int(stated)


def euro_cents(amount: Element) -> int:
    """The cents of an amount that must be in euro; refuses `bank-file-currency-foreign`."""
    currency = amount.get("Ccy", "")
    if currency != EUR.code:
        raise Refusal("bank-file-currency-foreign", line=line_of(amount), currency=currency)
    return cents(amount)


def day(element: Element, *paths: str) -> date:
    """The date at the first of `paths` that stands there, a time taken as the bank's own day.

    Refuses `bank-file-lacks-element` and `bank-file-value-unreadable`.
    """
    for path in paths:
        found = child(element, path)
        if found is not None:
            try:
                return date.fromisoformat((found.text or "").strip()[:_DATE_LENGTH])
            except ValueError as error:
                raise unreadable(found) from error
    raise lacking(element, paths[0])


def unreadable(element: Element) -> Refusal:
    """The refusal of an element whose value cannot be taken."""
    value = (element.text or "").strip()[:_SHOWN]
    return Refusal("bank-file-value-unreadable", line=line_of(element), element=name_of(element), value=value)


def name_of(element: Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def line_of(element: Element) -> int:
    """The line of the file on which the element begins."""
    return int(element.sourceline or 1)


def _check_bytes(file: bytes) -> None:
    if len(file) > LARGEST_BYTES:
        raise Refusal("bank-file-too-large", line=1, megabytes=LARGEST_BYTES // _MEGABYTE)
    if (at := file.find(_DOCTYPE)) >= 0:
        raise Refusal("bank-file-declares-entities", line=1 + file.count(b"\n", 0, at))


def _first_element(file: bytes) -> Element:
    try:
        for _, element in etree.iterparse(BytesIO(file), events=("start",), **_OPTIONS):
            return element
    except etree.XMLSyntaxError as error:
        raise _not_xml(error) from error
    raise Refusal("bank-file-not-xml", line=1, detail="no element")


def _schema_of(root: Element, messages: tuple[str, ...]) -> etree.XMLSchema | None:
    """The schema of the message in `root`; None where there is none and the message is read without."""
    if root.getroottree().docinfo.internalDTD is not None:  # spelled in an encoding that hid it from the byte search
        raise Refusal("bank-file-declares-entities", line=1)
    found = _DOCUMENT.fullmatch(str(root.tag))
    if found is None or found["message"] not in messages or found["version"] < _OLDEST[found["message"]]:
        raise _other_kind(root, messages)
    schema = _schema(found["name"])
    if schema is None and found["message"] not in _WITHOUT_SCHEMA:
        raise _other_kind(root, messages)
    return schema


def _other_kind(root: Element, messages: tuple[str, ...]) -> Refusal:
    return Refusal("bank-file-kind-unknown", line=line_of(root), kind=str(root.tag)[:_SHOWN], expected=list(messages))


def _message_of(root: Element) -> Element:
    for element in root.iterchildren(tag=etree.Element):
        return element
    raise lacking(root, "*")


def _schema(name: str) -> etree.XMLSchema | None:
    """A schema of its own for each file: its list of errors is no place for two threads."""
    source = _schema_bytes(name)
    return None if source is None else etree.XMLSchema(etree.fromstring(source))


@cache
def _schema_bytes(name: str) -> bytes | None:
    file = _SCHEMAS / f"{name}.xsd"
    return file.read_bytes() if file.is_file() else None


@cache
def _spelled(path: str) -> str:
    """`path` with any namespace before each name: every version has its own."""
    return "/".join(f"{{*}}{name}" for name in path.split("/"))


def _not_xml(error: etree.XMLSyntaxError) -> Refusal:
    return Refusal("bank-file-not-xml", line=error.lineno or 1, detail=_plain(error.msg))


def _plain(message: str | None) -> str:
    """The parser's own words without namespaces and without the place, which the line gives."""
    short = re.sub(r"\{[^}]*\}|, line [0-9]+, column [0-9]+.*$", "", message or "")
    return short[:_SHOWN]


# A DOCTYPE is refused before anything in it could matter. With `resolve_entities` off and a schema, lxml 6.1 ends a
# stream at a fault without a word; that is also why a stream must have come to the end of its root.
_STREAM_OPTIONS = {
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_OPTIONS = {**_STREAM_OPTIONS, "resolve_entities": False}
