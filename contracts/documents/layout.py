"""How a paper looks: A4, wide margins, one serif for headings, one sans for text, tables with aligned figures.

Every mark on the page is either content of a structure element or an artifact, so that a screen reader hears the paper
in order and nothing else.
"""

import functools
import io
import math
from collections.abc import Iterator
from typing import Any, assert_never

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, PageTemplate, Spacer
from typing_extensions import override

from contracts.documents import archive
from contracts.documents.design import (
    ARTICLE,
    BLUE,
    BODY,
    BOTTOM,
    BULLET,
    DASH,
    IRIS,
    MARGIN,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    PALE,
    PART,
    QUIET,
    RULE,
    SANS,
    SANS_BOLD,
    SMALL,
    SUBTITLE,
    TITLE,
    TOP,
    WIDTH,
    register_fonts,
    wrapped,
)
from contracts.documents.flowables import (
    BarsFlowable,
    FactsFlowable,
    NoticeFlowable,
    SignaturesFlowable,
    TableFlowable,
    Text,
)
from contracts.documents.paper import Bars, Block, Bullets, Facts, Heading, Notice, Paper, Prose, Signatures, Table
from contracts.documents.tagging import Element, PdfCanvas, artifact


def render(paper: Paper) -> bytes:
    """Draw `paper`, then finish it for archive and accessibility."""
    register_fonts()
    document = Element("Document")
    story = _story(paper, document)
    out = io.BytesIO()
    template = BaseDocTemplate(
        out,
        pagesize=A4,
        title=paper.title,
        lang=f"{paper.language}-BE",
        invariant=1,
        pageCompression=1,
        initialFontName=SANS,
        allowSplitting=1,
    )
    frame = Frame(MARGIN, BOTTOM, WIDTH, PAGE_HEIGHT - TOP - BOTTOM, 0, 0, 0, 0)
    template.addPageTemplates(PageTemplate(frames=[frame], onPage=functools.partial(_ground, paper=paper)))
    template.build(story, canvasmaker=functools.partial(_PaperCanvas, paper=paper))
    return archive.finish(out.getvalue(), paper, document)


# The page -----------------------------------------------------------------------------------------------------------


class _PaperCanvas(Canvas):  # type: ignore[misc] # ReportLab has no types
    """A canvas that hands out numbers of marked content and draws footers when the number of pages is known."""

    def __init__(self, *args: Any, paper: Paper, **kwargs: Any) -> None:  # noqa: ANN401 -- ReportLab's own arguments
        kwargs["initialFontName"] = SANS
        super().__init__(*args, **kwargs)
        self._paper = paper
        self._pages: list[dict[str, Any]] = []
        self._mcid = 0

    def next_mcid(self) -> int:
        """The next number on this page."""
        self._mcid += 1
        return self._mcid - 1

    @override
    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()
        self._mcid = 0

    @override
    def save(self) -> None:
        pages = self._pages
        for number, page in enumerate(pages, start=1):
            self.__dict__.update(page)
            with artifact(self, "Footer"):
                _footer(self, self._paper, number=number, count=len(pages))
            super().showPage()
        super().save()


def _ground(canvas: PdfCanvas, _template: object, *, paper: Paper) -> None:
    """What lies under the text of a page: a watermark, and from the second page on a running head."""
    if paper.watermark:
        with artifact(canvas, "Watermark"):
            canvas.saveState()
            canvas.setFillColor(PALE)
            canvas.setFont(SANS_BOLD, 64)
            canvas.translate(PAGE_WIDTH / 2, PAGE_HEIGHT / 2)
            canvas.rotate(52)
            canvas.drawCentredString(0, -20, paper.watermark)
            canvas.restoreState()
    with artifact(canvas, "Header"):
        canvas.saveState()
        _head(canvas, paper, first=canvas.getPageNumber() == 1)
        canvas.restoreState()


def _head(canvas: PdfCanvas, paper: Paper, *, first: bool) -> None:
    y = PAGE_HEIGHT - 15 * mm
    canvas.setFillColor(IRIS)
    canvas.rect(MARGIN, y - 1.2, 3.2 * mm, 8.2, stroke=0, fill=1)
    canvas.setFillColor(BLUE)
    canvas.setFont(SANS_BOLD, 8.6)
    canvas.drawString(MARGIN + 5 * mm, y, paper.issuer)
    canvas.setFillColor(QUIET)
    canvas.setFont(SANS, 7.6)
    canvas.drawRightString(MARGIN + WIDTH, y, paper.kind if first else f"{paper.kind} · {paper.identifier}")


def _footer(canvas: PdfCanvas, paper: Paper, *, number: int, count: int) -> None:
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, 19 * mm, MARGIN + WIDTH, 19 * mm)
    canvas.setFillColor(QUIET)
    canvas.setFont(SANS, 7.2)
    y = 19 * mm - 11
    for line in wrapped(paper.footer, SANS, 7.2, WIDTH - 62):
        canvas.drawString(MARGIN, y, line)
        y -= 9.6
    canvas.drawRightString(MARGIN + WIDTH, 19 * mm - 11, paper.page_label.format(number=number, count=count))


# The story ----------------------------------------------------------------------------------------------------------


def _story(paper: Paper, document: Element) -> list[Flowable]:
    story: list[Flowable] = [
        Spacer(0, 6),
        Text(paper.title, TITLE, document.add("H1")),
        Text(paper.subtitle, SUBTITLE, document.add("P")),
    ]
    for block in paper.blocks:
        story.extend(_flowables(block, document))
    return list(_kept_with_next(story))


def _kept_with_next(story: list[Flowable]) -> Iterator[Flowable]:
    """Break the page before headings that would stand at its foot without the beginning of what they announce."""
    for index, flowable in enumerate(story):
        if _announces(flowable) and not (index and _announces(story[index - 1])):
            need = 0
            for following in story[index:]:
                need += _least_height(following)
                if not _announces(following):
                    break
            yield CondPageBreak(need)
        yield flowable


def _announces(flowable: Flowable) -> bool:
    return isinstance(flowable, Text) and flowable.style in {PART, ARTICLE, SMALL}


def _least_height(flowable: Flowable) -> int:
    """The height, rounded up, without which nothing of `flowable` may stand on a page."""
    height: float = flowable.wrap(WIDTH, PAGE_HEIGHT)[1]
    if isinstance(flowable, Text) and flowable.style is BODY:
        height = min(height, 3 * BODY.leading)  # a longer paragraph leaves two lines here and takes two along
    elif isinstance(flowable, TableFlowable):
        height = min(height, 60)  # its header and three rows
    height += flowable.getSpaceBefore() + flowable.getSpaceAfter()
    return math.ceil(height)


def _flowables(block: Block, document: Element) -> list[Flowable]:
    match block:
        case Heading(text, 1):
            return [Text(text, PART, document.add("H2"))]
        case Heading(text, _):
            return [Text(text, ARTICLE, document.add("H3"))]
        case Prose(text, small):
            return [Text(text, SMALL if small else BODY, document.add("P"))]
        case Bullets(items):
            listing = document.add("L")
            return [Text(item, BULLET, listing.add("LI").add("LBody"), bullet=DASH) for item in items] + [Spacer(0, 3)]
        case Facts():
            return [_spaced(FactsFlowable(block, document.add("Table")), 0, 8)]
        case Table():
            return [_spaced(TableFlowable(block, document.add("Table")), 0, 9)]
        case Notice():
            return [_spaced(NoticeFlowable(block, document.add("Div")), 4, 9)]
        case Signatures():
            return [_spaced(SignaturesFlowable(block, document), 4, 6)]
        case Bars():
            figure = document.add("Figure", alt=f"{block.title}. {block.description}")
            return [_spaced(BarsFlowable(block, figure), 0, 6)]
        case _:
            assert_never(block)


def _spaced(flowable: Flowable, before: int, after: int) -> Flowable:
    flowable.spaceBefore, flowable.spaceAfter = before, after
    return flowable
