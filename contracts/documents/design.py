"""The design of every paper: measures, colours, fonts and styles, and the strokes that all parts share."""

import functools
from collections.abc import Sequence
from importlib.resources import as_file, files

from reportlab import rl_config
from reportlab.graphics import shapes
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from contracts.documents.tagging import PdfCanvas, artifact

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
FONT_FILES = {
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


@functools.cache
def register_fonts() -> None:
    """Make the three fonts of the package data known to ReportLab, once."""
    for name, file in FONT_FILES.items():
        with as_file(files("contracts.documents.fonts").joinpath(file)) as path:
            pdfmetrics.registerFont(TTFont(name, path))


def broken_lines(text: str, font: str, size: float, width: float) -> list[str]:
    """`text` with its own line breaks kept, each part wrapped."""
    return [line for part in text.split("\n") for line in wrapped(part, font, size, width)]


def wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """`text` over as many lines as it needs, broken at plain spaces only: dates and amounts stay whole."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if pdfmetrics.stringWidth(longer, font, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def write_lines(
    canvas: PdfCanvas,
    lines: Sequence[str],
    at: tuple[float, float],
    font: tuple[str, float, float],
    colour: Color,
    *,
    right: bool = False,
) -> None:
    """Write `lines` downwards from the baseline `at`, to the left or the right of it; `font` is name, size, leading."""
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


def hairline(canvas: PdfCanvas, y: float, *, strong: bool = False) -> None:
    """A thin rule over the width of the text; it is decoration, not content."""
    with artifact(canvas):
        canvas.setStrokeColor(BLUE if strong else RULE)
        canvas.setLineWidth(0.7 if strong else 0.4)
        canvas.line(0, y, WIDTH, y)
