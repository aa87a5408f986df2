"""A paper before it is drawn: blocks of plain text and figures in reading order.

Content modules (`agreement`, `receipt`, `statement`) build a `Paper`; `layout` draws it. Text is plain, never markup,
so that a name with an ampersand is a name with an ampersand.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from contracts.documents.model import Language


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 (part) or 2 (article)."""

    text: str
    level: Literal[1, 2] = 2


@dataclass(frozen=True, slots=True)
class Prose:
    """One paragraph."""

    text: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without order."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels with their values, one below the other; `strong` rows are bold, `figures` are aligned at the right."""

    rows: tuple[tuple[str, str], ...]
    strong: frozenset[str] = frozenset()
    figures: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its header, its share of the width, and whether its cells are figures (right-aligned)."""

    header: str
    share: int
    figures: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers, with a total in the last line where there is one. The header repeats on each page."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning that must not be overlooked."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignatureBox:
    """The place of one signature: whose, in what capacity, and how it was put there."""

    capacity: str
    name: str
    note: str


@dataclass(frozen=True, slots=True)
class Signatures:
    """The boxes of all who sign, side by side."""

    boxes: tuple[SignatureBox, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart of two series in cents over `labels`; `description` says in words what it shows."""

    title: str
    description: str
    labels: tuple[str, ...]
    names: tuple[str, str]
    series: tuple[tuple[int, ...], tuple[int, ...]]


Block = Heading | Prose | Bullets | Facts | Table | Notice | Signatures | Bars


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the PDF; `relation` is its AFRelationship of PDF/A-3 (ISO 19005-3 §6.8)."""

    name: str
    media_type: str
    description: str
    body: bytes
    relation: Literal["Data", "Source", "Supplement"] = "Data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Everything the layout needs. `footer` stands on every page beside the page number; `watermark` under its text."""

    language: Language
    title: str
    subtitle: str
    kind: str
    issuer: str
    identifier: str
    issued_on: date
    footer: str
    page_label: str
    blocks: tuple[Block, ...]
    attachments: tuple[Attachment, ...] = ()
    watermark: str | None = None

    def render(self) -> bytes:
        """The paper as a tagged PDF, the same bytes for the same paper."""
        from contracts.documents import layout  # noqa: PLC0415 -- ReportLab takes a second to load

        return layout.render(self)
