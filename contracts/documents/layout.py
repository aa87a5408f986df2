"""How a paper looks: A4, wide margins, one serif for headings, one sans for text, tables with aligned figures.

Every mark on the page is either content of a structure element or an artifact, so that a screen reader hears the paper
in order and nothing else.
"""

import functools
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.resources import as_file, files
from typing import Any, assert_never
from xml.sax.saxutils import escape

from reportlab import rl_config
from reportlab.graphics import renderPDF, shapes
from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, PageTemplate, Paragraph, Spacer
from typing_extensions import override

from contracts.documents import archive
from contracts.documents.paper import (
    Bars,
    Block,
    Bullets,
    Facts,
    Heading,
    Notice,
    Paper,
    Prose,
    Signatures,
    Table,
)
from contracts.documents.tagging import Element, PdfCanvas, artifact, marked

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 25 * mm
TOP, BOTTOM = 24 * mm, 27 * mm
WIDTH = PAGE_WIDTH - 2 * MARGIN

INK = HexColor("#1d232a")
QUIET = HexColor("#57606a")
BLUE = HexColor("#17375e")
IRIS = HexColor("#d9a400")
RULE = HexColor("#c9cfd6")
TINT = HexColor("#f4f6f8")
PALE = HexColor("#eff1f4")

DASH = "\u2013"
SANS, SANS_BOLD, SERIF_BOLD = "BxlSans", "BxlSans-Bold", "BxlSerif-Bold"
_FONT_FILES = {
    SANS: "DejaVuSansCondensed.ttf",
    SANS_BOLD: "DejaVuSansCondensed-Bold.ttf",
    SERIF_BOLD: "DejaVuSerifCondensed-Bold.ttf",
}

rl_config.useA85 = 0  # streams are binary; text encoding makes them a quarter longer
# A chart begins by selecting this font; ReportLab's own default would leave one in the file that is not embedded.
shapes.STATE_DEFAULTS["fontName"] = SANS

BODY = ParagraphStyle(
    "body", fontName=SANS, bulletFontName=SANS, fontSize=9, leading=13.4, textColor=INK, spaceAfter=5.5
)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=7.6, leading=11, textColor=QUIET, spaceAfter=4)
BULLET = ParagraphStyle("bullet", parent=BODY, leftIndent=11, bulletIndent=1, spaceAfter=2.5)
PART = ParagraphStyle(
    "part", parent=BODY, fontName=SERIF_BOLD, fontSize=12, leading=16, textColor=BLUE, spaceBefore=13, spaceAfter=6
)
ARTICLE = ParagraphStyle(
    "article",
    parent=BODY,
    fontName=SANS_BOLD,
    fontSize=9.4,
    leading=13.4,
    textColor=BLUE,
    spaceBefore=8,
    spaceAfter=2.5,
)
TITLE = ParagraphStyle("title", parent=BODY, fontName=SERIF_BOLD, fontSize=20, leading=25, textColor=BLUE, spaceAfter=3)
SUBTITLE = ParagraphStyle("subtitle", parent=BODY, fontSize=10.5, leading=15, textColor=QUIET, spaceAfter=12)


def render(paper: Paper) -> bytes:
    """Draw `paper`, then finish it for archive and accessibility."""
    _register_fonts()
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


@functools.cache
def _register_fonts() -> None:
    for name, file in _FONT_FILES.items():
        with as_file(files("contracts.documents.fonts").joinpath(file)) as path:
            pdfmetrics.registerFont(TTFont(name, path))


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
    for line in _wrapped(paper.footer, SANS, 7.2, WIDTH - 62):
        canvas.drawString(MARGIN, y, line)
        y -= 9.6
    canvas.drawRightString(MARGIN + WIDTH, 19 * mm - 11, paper.page_label.format(number=number, count=count))


# The story ----------------------------------------------------------------------------------------------------------


def _story(paper: Paper, document: Element) -> list[Flowable]:
    story: list[Flowable] = [
        Spacer(0, 6),
        _Text(paper.title, TITLE, document.add("H1")),
        _Text(paper.subtitle, SUBTITLE, document.add("P")),
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
    return isinstance(flowable, _Text) and flowable.style in {PART, ARTICLE, SMALL}


def _least_height(flowable: Flowable) -> int:
    """The height, rounded up, without which nothing of `flowable` may stand on a page."""
    height: float = flowable.wrap(WIDTH, PAGE_HEIGHT)[1]
    if isinstance(flowable, _Text) and flowable.style is BODY:
        height = min(height, 3 * BODY.leading)  # a longer paragraph leaves two lines here and takes two along
    elif isinstance(flowable, _TableFlowable):
        height = min(height, 60)  # its header and three rows
    height += flowable.getSpaceBefore() + flowable.getSpaceAfter()
    return math.ceil(height)


def _flowables(block: Block, document: Element) -> list[Flowable]:
    match block:
        case Heading(text, 1):
            return [_Text(text, PART, document.add("H2"))]
        case Heading(text, _):
            return [_Text(text, ARTICLE, document.add("H3"))]
        case Prose(text, small):
            return [_Text(text, SMALL if small else BODY, document.add("P"))]
        case Bullets(items):
            listing = document.add("L")
            return [_Text(item, BULLET, listing.add("LI").add("LBody"), bullet=DASH) for item in items] + [Spacer(0, 3)]
        case Facts():
            return [_spaced(_FactsFlowable(block, document.add("Table")), 0, 8)]
        case Table():
            return [_spaced(_TableFlowable(block, document.add("Table")), 0, 9)]
        case Notice():
            return [_spaced(_NoticeFlowable(block, document.add("Div")), 4, 9)]
        case Signatures():
            return [_spaced(_SignaturesFlowable(block, document), 4, 6)]
        case Bars():
            figure = document.add("Figure", alt=f"{block.title}. {block.description}")
            return [_spaced(_BarsFlowable(block, figure), 0, 6)]
        case _:
            assert_never(block)


def _spaced(flowable: Flowable, before: int, after: int) -> Flowable:
    flowable.spaceBefore, flowable.spaceAfter = before, after
    return flowable


class _Text(Paragraph):  # type: ignore[misc] # ReportLab has no types
    """A paragraph of plain text that belongs to one element, on however many pages."""

    def __init__(self, text: str | None, style: ParagraphStyle, element: Element | None = None, **options: Any) -> None:  # noqa: ANN401 -- ReportLab splits by calling the class with its own arguments
        bullet = options.pop("bullet", None) or options.pop("bulletText", None)
        super().__init__(None if text is None else escape(text), style, bulletText=bullet, **options)
        self.element = element

    @override
    def split(self, availWidth: float, availHeight: float) -> list[Flowable]:
        parts: list[Flowable] = super().split(availWidth, availHeight)
        for part in parts:
            part.element = self.element
        return parts

    @override
    def draw(self) -> None:
        assert self.element is not None
        with marked(self.canv, self.element):
            super().draw()


class _FactsFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """Labels on the left, values on the right, hairlines between."""

    SIZE, LEADING, PAD, LABEL = 8.8, 12, 2.9, 0.43

    def __init__(self, block: Facts, element: Element) -> None:
        super().__init__()
        self.figures = block.figures
        self.rows = [
            (
                _wrapped(label, SANS, self.SIZE, WIDTH * (0.7 if block.figures else self.LABEL) - 10),
                _lines(value, SANS_BOLD if label in block.strong else SANS, self.SIZE, WIDTH * (1 - self.LABEL) - 4),
                label in block.strong,
            )
            for label, value in block.rows
        ]
        self.cells = [
            (row.add("TH", attributes={"Scope": "Row"}), row.add("TD"))
            for row in (element.add("TR") for _ in block.rows)
        ]

    @override
    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        self.heights = [max(len(a), len(b)) * self.LEADING + 2 * self.PAD for a, b, _ in self.rows]
        return availWidth, sum(self.heights)

    @override
    def draw(self) -> None:
        canvas, y = self.canv, sum(self.heights)
        _hairline(canvas, y)
        for (label, value, strong), (header, cell), height in zip(self.rows, self.cells, self.heights, strict=True):
            base = y - self.PAD - self.SIZE
            with marked(canvas, header):
                _write(canvas, label, (0, base), (SANS, self.SIZE, self.LEADING), QUIET)
            with marked(canvas, cell):
                font = (SANS_BOLD if strong else SANS, self.SIZE, self.LEADING)
                x = WIDTH - 3 if self.figures else WIDTH * self.LABEL
                _write(canvas, value, (x, base), font, INK, right=self.figures)
            y -= height
            _hairline(canvas, y)


class _TableFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """A table that breaks between rows; its header is content once and an artifact on the pages after."""

    SIZE, LEADING, PAD, GAP = 7.9, 10.4, 3.1, 3.5

    def __init__(self, block: Table, element: Element) -> None:
        super().__init__()
        shares = sum(column.share for column in block.columns)
        self.columns = block.columns
        self.widths = [WIDTH * column.share / shares for column in block.columns]
        self.header = self._cells([column.header for column in block.columns], SANS_BOLD)
        self.header_tags: list[Element] | None = self._tags(element, "TH")
        rows = [(self._cells(row, SANS), self._tags(element, "TD"), False) for row in block.rows]
        if block.total is not None:
            rows.append((self._cells(block.total, SANS_BOLD), self._tags(element, "TD"), True))
        self.rows = rows

    def _cells(self, texts: Sequence[str], font: str) -> list[list[str]]:
        return [
            _lines(text, font, self.SIZE, width - 2 * self.GAP) for text, width in zip(texts, self.widths, strict=True)
        ]

    def _tags(self, element: Element, kind: str) -> list[Element]:
        row = element.add("TR")
        scope = {"Scope": "Column"} if kind == "TH" else None
        return [row.add(kind, attributes=scope) for _ in self.columns]

    def _height(self, cells: list[list[str]]) -> float:
        return max(len(lines) for lines in cells) * self.LEADING + 2 * self.PAD

    @override
    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        self.total_height = self._height(self.header) + sum(self._height(cells) for cells, _, _ in self.rows)
        return availWidth, self.total_height

    @override
    def split(self, availWidth: float, availHeight: float) -> list[Flowable]:
        room, fit = availHeight - self._height(self.header), 0
        for cells, _, _ in self.rows:
            room -= self._height(cells)
            if room < 0:
                break
            fit += 1
        if fit == len(self.rows):
            return [self]
        fit = min(fit, len(self.rows) - 2)  # a total never stands alone on a page
        if fit < 2:  # noqa: PLR2004 -- nor does a single row under its header
            return []
        return [self._part(self.rows[:fit], self.header_tags), self._part(self.rows[fit:], None)]

    def _part(self, rows: list[tuple[list[list[str]], list[Element], bool]], tags: list[Element] | None) -> Flowable:
        part = object.__new__(type(self))
        Flowable.__init__(part)
        part.columns, part.widths, part.header = self.columns, self.widths, self.header
        part.rows, part.header_tags = rows, tags
        return part

    @override
    def draw(self) -> None:
        canvas, y = self.canv, self.total_height
        height = self._height(self.header)
        with artifact(canvas):
            canvas.setFillColor(TINT)
            canvas.rect(0, y - height, WIDTH, height, stroke=0, fill=1)
        if self.header_tags is None:
            with artifact(canvas):
                self._draw_row(self.header, None, y, SANS_BOLD, BLUE)
        else:
            self._draw_row(self.header, self.header_tags, y, SANS_BOLD, BLUE)
        y -= height
        for cells, tags, is_total in self.rows:
            _hairline(canvas, y, strong=is_total)
            self._draw_row(cells, tags, y, SANS_BOLD if is_total else SANS, INK)
            y -= self._height(cells)
        _hairline(canvas, y, strong=True)

    def _draw_row(
        self, cells: list[list[str]], tags: list[Element] | None, top: float, font: str, colour: Color
    ) -> None:
        x = 0.0
        for index, (lines, width) in enumerate(zip(cells, self.widths, strict=True)):
            right = self.columns[index].figures
            at = (x + width - self.GAP if right else x + self.GAP, top - self.PAD - self.SIZE)
            if tags is None:
                _write(self.canv, lines, at, (font, self.SIZE, self.LEADING), colour, right=right)
            else:
                with marked(self.canv, tags[index]):
                    _write(self.canv, lines, at, (font, self.SIZE, self.LEADING), colour, right=right)
            x += width


class _NoticeFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """A tinted box with a bar at its left; it never breaks over a page."""

    INSET = 12

    def __init__(self, block: Notice, element: Element) -> None:
        super().__init__()
        self.parts = [_Text(block.title, ARTICLE, element.add("H3"))]
        self.parts += [_Text(text, BODY, element.add("P")) for text in block.paragraphs]

    @override
    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        self.sizes = [part.wrap(availWidth - 2 * self.INSET, availHeight)[1] + 4 for part in self.parts]
        self.total_height = sum(self.sizes) + 14
        return availWidth, self.total_height

    @override
    def draw(self) -> None:
        canvas = self.canv
        with artifact(canvas):
            canvas.setFillColor(TINT)
            canvas.rect(0, 0, WIDTH, self.total_height, stroke=0, fill=1)
            canvas.setFillColor(IRIS)
            canvas.rect(0, 0, 3, self.total_height, stroke=0, fill=1)
        y = self.total_height - 8
        for part, size in zip(self.parts, self.sizes, strict=True):
            y -= size
            part.drawOn(canvas, self.INSET, y + 4)


class _SignaturesFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """Boxes side by side; the electronic signatures themselves are invisible fields of the file."""

    GAP, PAD = 14, 10

    def __init__(self, block: Signatures, document: Element) -> None:
        super().__init__()
        self.width_each = (WIDTH - self.GAP * (len(block.boxes) - 1)) / len(block.boxes)
        self.boxes = [
            [
                _Text(box.capacity, SMALL, document.add("P")),
                _Text(box.name, ARTICLE, document.add("P")),
                _Text(box.note, SMALL, document.add("P")),
            ]
            for box in block.boxes
        ]

    @override
    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        inner = self.width_each - 2 * self.PAD
        self.sizes = [[part.wrap(inner, availHeight)[1] + 3 for part in parts] for parts in self.boxes]
        self.total_height = max(sum(sizes) for sizes in self.sizes) + 2 * self.PAD
        return availWidth, self.total_height

    @override
    def draw(self) -> None:
        canvas = self.canv
        for index, (parts, sizes) in enumerate(zip(self.boxes, self.sizes, strict=True)):
            x = index * (self.width_each + self.GAP)
            with artifact(canvas):
                canvas.setStrokeColor(RULE)
                canvas.setLineWidth(0.7)
                canvas.rect(x, 0, self.width_each, self.total_height, stroke=1, fill=0)
            y = self.total_height - self.PAD
            for part, size in zip(parts, sizes, strict=True):
                y -= size
                part.drawOn(canvas, x + self.PAD, y + 3)


class _BarsFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """Two series of bars with a legend in words above them; the table beside it carries the same figures."""

    HEIGHT = 150

    def __init__(self, block: Bars, element: Element) -> None:
        super().__init__()
        self.block, self.element = block, element

    @override
    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        return availWidth, self.HEIGHT

    @override
    def draw(self) -> None:
        drawing = shapes.Drawing(WIDTH, self.HEIGHT)
        drawing.add(self._chart())
        x = 0.0
        for name, colour in zip(self.block.names, (RULE, BLUE), strict=True):
            drawing.add(
                shapes.Rect(x, self.HEIGHT - 10, 8, 8, fillColor=colour, strokeColor=None),
            )
            drawing.add(shapes.String(x + 12, self.HEIGHT - 9.4, name, fontName=SANS, fontSize=7.6, fillColor=INK))
            x += 12 + pdfmetrics.stringWidth(name, SANS, 7.6) + 16
        with marked(self.canv, self.element):
            renderPDF.draw(drawing, self.canv, 0, 0)

    def _chart(self) -> VerticalBarChart:
        chart = VerticalBarChart()
        chart.x, chart.y, chart.width, chart.height = 34, 26, WIDTH - 36, self.HEIGHT - 46
        chart.data = [list(values) for values in self.block.series]
        chart.groupSpacing, chart.barSpacing = 6, 1
        for index, colour in enumerate((RULE, BLUE)):
            chart.bars[index].fillColor = colour
            chart.bars[index].strokeColor = None
        chart.categoryAxis.categoryNames = list(self.block.labels)
        step, top = _axis(max(max(values, default=0) for values in self.block.series))
        chart.valueAxis.valueMin, chart.valueAxis.valueMax, chart.valueAxis.valueStep = 0, top, step
        chart.valueAxis.labelTextFormat = _whole_euro
        for axis in (chart.categoryAxis, chart.valueAxis):
            axis.labels.fontName, axis.labels.fontSize, axis.labels.fillColor = SANS, 7, QUIET
            axis.strokeColor, axis.strokeWidth = RULE, 0.5
        chart.valueAxis.gridStrokeColor, chart.valueAxis.gridStrokeWidth = PALE, 0.5
        chart.valueAxis.visibleGrid = 1
        return chart


def _axis(highest_cents: int) -> tuple[int, int]:
    """Step and end of an axis of about five steps of 1, 2 or 5 times a power of ten euro.

    >>> _axis(2702), _axis(123_456)
    ((1000, 3000), (50000, 150000))
    """
    step = 100
    for factor in itertools.cycle((Fraction(2), Fraction(5, 2), Fraction(2))):
        if highest_cents <= 5 * step:
            break
        step = int(step * factor)
    return step, max(1, -(-highest_cents // step)) * step


def _whole_euro(cents: Any) -> str:  # noqa: ANN401 -- the chart's axis steps may be of any number type
    return str(int(cents) // 100)


def _lines(text: str, font: str, size: float, width: float) -> list[str]:
    return [line for part in text.split("\n") for line in _wrapped(part, font, size, width)]


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """`text` over as many lines as it needs, broken at plain spaces only: dates and amounts stay whole."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if pdfmetrics.stringWidth(longer, font, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _write(
    canvas: PdfCanvas,
    lines: Sequence[str],
    at: tuple[float, float],
    font: tuple[str, float, float],
    colour: Color,
    *,
    right: bool = False,
) -> None:
    name, size, leading = font
    canvas.setFont(name, size)
    canvas.setFillColor(colour)
    x, y = at
    for line in lines:
        if right:
            canvas.drawRightString(x, y, line)
        else:
            canvas.drawString(x, y, line)
        y -= leading


def _hairline(canvas: PdfCanvas, y: float, *, strong: bool = False) -> None:
    with artifact(canvas):
        canvas.setStrokeColor(BLUE if strong else RULE)
        canvas.setLineWidth(0.7 if strong else 0.4)
        canvas.line(0, y, WIDTH, y)
