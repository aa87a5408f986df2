"""What an order file of ours says, read by the twin's own reader: pain.001 and pain.008, any version.

Names are looked up without their namespace, amounts must have the form of euros and cents; what can't be read is a
`FileUnreadableError`, what can be read but not done is for `rules`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from xml.etree import ElementTree as ET

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:(pain\.00[18]\.001\.[0-9]{2})")
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,2}))?")


class FileUnreadableError(ValueError):
    """No order file at all; the text says what was missing."""


@dataclass(frozen=True, slots=True)
class Order:
    """One transfer or debit; `iban` and `name` are the other party's, `cents` is None where the amount is no amount."""

    end_to_end_id: str
    cents: int | None
    currency: str
    name: str
    iban: str
    has_free_address: bool = False
    reference: str | None = None
    text: str = ""
    mandate: str | None = None
    signed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One payment information block: the same account of ours, day, and scheme."""

    block_id: str
    on: date
    iban: str
    is_batch: bool
    count: int | None
    cents: int | None
    orders: tuple[Order, ...]
    scheme: str = ""
    sequence_type: str = ""
    creditor_identifier: str = ""


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A file as handed in; `kind` is its message name (pain.001.001.09)."""

    message_id: str
    kind: str
    count: int | None
    cents: int | None
    blocks: tuple[Block, ...]
    sha256: str

    @property
    def is_collection(self) -> bool:
        """Whether it collects direct debits instead of sending transfers."""
        return self.kind.startswith("pain.008")


def read_file(content: bytes) -> OrderFile:
    """An order file."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise FileUnreadableError("a document type is not accepted")
    try:
        root = ET.fromstring(content)  # noqa: S314 -- no document type, so nothing to expand or to fetch
    except ET.ParseError as error:
        raise FileUnreadableError(f"no XML: {error}") from error
    namespace = _NAMESPACE.match(root.tag[1:].partition("}")[0])
    if namespace is None or not len(root):
        raise FileUnreadableError("neither pain.001 nor pain.008")
    head = _need(root[0], "GrpHdr")
    return OrderFile(
        message_id=_text(head, "MsgId"),
        kind=namespace[1],
        count=_count(head),
        cents=_cents(_text(head, "CtrlSum")),
        blocks=tuple(_block(each, namespace[1]) for each in _all(root[0], "PmtInf")),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _block(found: ET.Element, kind: str) -> Block:
    collects = kind.startswith("pain.008")
    ours = "Cdtr" if collects else "Dbtr"
    on = _text(found, "ReqdColltnDt") if collects else _text(found, "ReqdExctnDt", "Dt") or _text(found, "ReqdExctnDt")
    orders = _all(found, "DrctDbtTxInf" if collects else "CdtTrfTxInf")
    return Block(
        block_id=_text(found, "PmtInfId"),
        on=_date(on),
        iban=_text(found, f"{ours}Acct", "Id", "IBAN"),
        is_batch=_text(found, "BtchBookg") != "false",
        count=_count(found),
        cents=_cents(_text(found, "CtrlSum")),
        orders=tuple(_debit(each) if collects else _transfer(each) for each in orders),
        scheme=_text(found, "PmtTpInf", "LclInstrm", "Cd"),
        sequence_type=_text(found, "PmtTpInf", "SeqTp"),
        creditor_identifier=_text(found, "CdtrSchmeId", "Id", "PrvtId", "Othr", "Id"),
    )


def _transfer(found: ET.Element) -> Order:
    amount = _find(found, "Amt", "InstdAmt")
    return Order(**_common(found, "Cdtr", amount))  # type: ignore[arg-type]  # the values have the fields' types


def _debit(found: ET.Element) -> Order:
    signed = _text(found, "DrctDbtTx", "MndtRltdInf", "DtOfSgntr")
    return Order(
        **_common(found, "Dbtr", _find(found, "InstdAmt")),  # type: ignore[arg-type]  # the values have the fields' types
        mandate=_text(found, "DrctDbtTx", "MndtRltdInf", "MndtId") or None,
        signed_on=_date(signed) if signed else None,
    )


def _common(found: ET.Element, theirs: str, amount: ET.Element | None) -> dict[str, object]:
    address = _find(found, theirs, "PstlAdr")
    free = address is not None and not (_text(address, "TwnNm") and _text(address, "Ctry"))
    return {
        "end_to_end_id": _text(found, "PmtId", "EndToEndId"),
        "cents": None if amount is None else _cents(amount.text or ""),
        "currency": "" if amount is None else amount.get("Ccy", ""),
        "name": _text(found, theirs, "Nm"),
        "iban": _text(found, f"{theirs}Acct", "Id", "IBAN"),
        "has_free_address": free,
        "reference": _text(found, "RmtInf", "Strd", "CdtrRefInf", "Ref") or None,
        "text": _text(found, "RmtInf", "Ustrd"),
    }


def _count(found: ET.Element) -> int | None:
    text = _text(found, "NbOfTxs")
    return int(text) if text.isdecimal() else None


def _cents(text: str) -> int | None:
    """Cents of a decimal text; None for what is none."""
    match = _AMOUNT.fullmatch(text.strip())
    return None if match is None else int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise FileUnreadableError(f"no date: {text[:20]!r}") from error


def _text(found: ET.Element, *path: str) -> str:
    end = _find(found, *path)
    return "" if end is None else (end.text or "").strip()


def _find(found: ET.Element, *path: str) -> ET.Element | None:
    here: ET.Element | None = found
    for name in path:
        here = None if here is None else next(_all(here, name), None)
    return here


def _need(found: ET.Element, name: str) -> ET.Element:
    child = _find(found, name)
    if child is None:
        raise FileUnreadableError(f"no {name}")
    return child


def _all(found: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in found if child.tag.rpartition("}")[2] == name)
