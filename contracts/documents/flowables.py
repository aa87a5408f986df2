"""The parts of a page, each drawn with its tags: text, facts, tables, notices, signatures, charts."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics import renderPDF, shapes
from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.lib.colors import Color
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import Flowable, Paragraph
from typing_extensions import override

from contracts.documents.design import (
    ARTICLE,
    BLUE,
    BODY,
    INK,
    IRIS,
    PALE,
    QUIET,
    RULE,
    SANS,
    SANS_BOLD,
    SMALL,
    TINT,
    WIDTH,
    broken_lines,
    hairline,
    wrapped,
    write_lines,
)
from contracts.documents.paper import Bars, Facts, Notice, Signatures, Table
from contracts.documents.tagging import Element, artifact, marked


class Text(Paragraph):  # type: ignore[misc] # ReportLab has no types
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


class FactsFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """Labels on the left, values on the right, hairlines between."""

    SIZE, LEADING, PAD, LABEL = 8.8, 12, 2.9, 0.43

    def __init__(self, block: Facts, element: Element) -> None:
        super().__init__()
        self.figures = block.figures
        self.rows = [
            (
                wrapped(label, SANS, self.SIZE, WIDTH * (0.7 if block.figures else self.LABEL) - 10),
                broken_lines(
                    value, SANS_BOLD if label in block.strong else SANS, self.SIZE, WIDTH * (1 - self.LABEL) - 4
                ),
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
        hairline(canvas, y)
        for (label, value, strong), (header, cell), height in zip(self.rows, self.cells, self.heights, strict=True):
            base = y - self.PAD - self.SIZE
            with marked(canvas, header):
                write_lines(canvas, label, (0, base), (SANS, self.SIZE, self.LEADING), QUIET)
            with marked(canvas, cell):
                font = (SANS_BOLD if strong else SANS, self.SIZE, self.LEADING)
                x = WIDTH - 3 if self.figures else WIDTH * self.LABEL
                write_lines(canvas, value, (x, base), font, INK, right=self.figures)
            y -= height
            hairline(canvas, y)


class TableFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
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
            broken_lines(text, font, self.SIZE, width - 2 * self.GAP)
            for text, width in zip(texts, self.widths, strict=True)
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
            hairline(canvas, y, strong=is_total)
            self._draw_row(cells, tags, y, SANS_BOLD if is_total else SANS, INK)
            y -= self._height(cells)
        hairline(canvas, y, strong=True)

    def _draw_row(
        self, cells: list[list[str]], tags: list[Element] | None, top: float, font: str, colour: Color
    ) -> None:
        x = 0.0
        for index, (lines, width) in enumerate(zip(cells, self.widths, strict=True)):
            right = self.columns[index].figures
            at = (x + width - self.GAP if right else x + self.GAP, top - self.PAD - self.SIZE)
            if tags is None:
                write_lines(self.canv, lines, at, (font, self.SIZE, self.LEADING), colour, right=right)
            else:
                with marked(self.canv, tags[index]):
                    write_lines(self.canv, lines, at, (font, self.SIZE, self.LEADING), colour, right=right)
            x += width


class NoticeFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """A tinted box with a bar at its left; it never breaks over a page."""

    INSET = 12

    def __init__(self, block: Notice, element: Element) -> None:
        super().__init__()
        self.parts = [Text(block.title, ARTICLE, element.add("H3"))]
        self.parts += [Text(text, BODY, element.add("P")) for text in block.paragraphs]

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


class SignaturesFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
    """Boxes side by side; the electronic signatures themselves are invisible fields of the file."""

    GAP, PAD = 14, 10

    def __init__(self, block: Signatures, document: Element) -> None:
        super().__init__()
        self.width_each = (WIDTH - self.GAP * (len(block.boxes) - 1)) / len(block.boxes)
        self.boxes = [
            [
                Text(box.capacity, SMALL, document.add("P")),
                Text(box.name, ARTICLE, document.add("P")),
                Text(box.note, SMALL, document.add("P")),
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


class BarsFlowable(Flowable):  # type: ignore[misc] # ReportLab has no types
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
