"""The structure of a tagged PDF while it is drawn: a tree of elements, each with its pieces of marked content.

Elements are made in reading order when the story is built; a piece is added when it is drawn, so a paragraph that
breaks over two pages is one element with two pieces (ISO 32000-1 §14.7, §14.8).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PdfCanvas = Any
"""ReportLab's canvas, which has no types."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Marked content `mcid` of the page with this index."""

    page: int
    mcid: int


@dataclass(eq=False, slots=True)
class Element:
    """A structure element: its type (P, H1, Table, TH…), attributes, and children in reading order."""

    kind: str
    alt: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: "list[Element | Piece]" = field(default_factory=list)

    def add(self, kind: str, *, alt: str | None = None, attributes: Mapping[str, str] | None = None) -> "Element":
        """A new child at the end."""
        child = Element(kind, alt, attributes or {})
        self.children.append(child)
        return child


@contextmanager
def marked(canvas: PdfCanvas, element: Element) -> Iterator[None]:
    """What is drawn inside belongs to `element`."""
    page = canvas.getPageNumber() - 1
    mcid = canvas.next_mcid()
    element.children.append(Piece(page, mcid))
    canvas.addLiteral(f"/{element.kind} <</MCID {mcid}>> BDC")
    yield
    canvas.addLiteral("EMC")


@contextmanager
def artifact(canvas: PdfCanvas, subtype: str | None = None) -> Iterator[None]:
    """What is drawn inside is decoration, or with `subtype` (Header, Footer, Watermark) repeated on each page."""
    opening = f"/Artifact <</Type /Pagination /Subtype /{subtype}>> BDC" if subtype else "/Artifact BMC"
    canvas.addLiteral(opening)
    yield
    canvas.addLiteral("EMC")
