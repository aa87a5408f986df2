"""Charts as SVG drawn on the server: pure functions from figures to markup.

Every chart has `role="img"`, a title and a description, tells its shades apart by pattern as well as by colour, and
carries no style attribute (the strict content policy refuses them). Widths are percentages and heights pixels, so that
a chart fills any screen while its letters keep their size. The page puts the same figures in a table right beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ledger.payments.transfer_code import transfer_code_svg

PLOT_HEIGHT = 200
AXIS_WIDTH = 62
_LABEL_HEIGHT = 26
_MOST_LABELS = 6
_BRANCH_GAP = 8
_BAR_WIDTH = 14

Write = Callable[[int], str]
"""How an amount in cents is written on an axis."""


@dataclass(frozen=True, slots=True)
class Label:
    """The words of a chart that is read aloud: its title and its description."""

    chart_id: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class GaugeFigures:
    """A campaign's money in three shades, each on top of the one before, and its two marks; in cents."""

    firm_cents: int
    reflection_cents: int
    promised_cents: int
    minimum_cents: int
    maximum_cents: int

    @property
    def committed_cents(self) -> int:
        """All three shades together."""
        return self.firm_cents + self.reflection_cents + self.promised_cents


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a stacked or paired chart: its label on the axis (may be empty) and two amounts in cents."""

    label: str
    first_cents: int
    second_cents: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of the money of `branching`, in cents; one without a `mark` leads nowhere yet."""

    mark: str
    done_cents: int
    waiting_cents: int


def gauge(figures: GaugeFigures, label: Label, *, minimum_text: str, maximum_text: str) -> Markup:
    """The campaign gauge: firm money, money in the reflection period, money promised, with both marks."""
    full = max(figures.maximum_cents, figures.committed_cents, 1)
    parts: list[Markup] = []
    start = 0
    shades = (
        (figures.firm_cents, "firm"),
        (figures.reflection_cents, "reflection"),
        (figures.promised_cents, "promised"),
    )
    for cents, name in shades:
        if cents > 0:
            parts.append(_rect(start, cents, full, 24, 22, _fill(label.chart_id, name)))
        start += cents
    at = _share(figures.minimum_cents, full)
    anchor = _anchor_of(figures.minimum_cents, full)
    marks = Markup(
        '<line class="mark-line" x1="{0}%" x2="{0}%" y1="19" y2="51"/>'
        '<text class="mark-text" x="{0}%" y="13" text-anchor="{1}">{2}</text>'
        '<line class="mark-line" x1="100%" x2="100%" y1="19" y2="51"/>'
        '<text class="mark-text" x="100%" y="68" text-anchor="end">{3}</text>'
    ).format(at, anchor, minimum_text, maximum_text)
    body = Markup('<rect class="shade-c" x="0" y="24" width="100%" height="22"/>') + Markup("").join(parts)
    frame = Markup('<rect class="outline" x="0" y="24" width="100%" height="22"/>')
    return _svg(label, 74, _patterns(label.chart_id) + body + frame + marks)


def transfer_code(text: str, title: str) -> Markup:
    """The square that a banking app scans; `text` is what it says, `title` what it is called."""
    return Markup(transfer_code_svg(text, title=title).replace("<svg ", '<svg role="img" ', 1))  # noqa: S704 -- segno escapes the title and draws the rest


def progress(done_cents: int, lost_cents: int, full_cents: int, label: Label) -> Markup:
    """One bar: what came back, and what is lost, of the whole."""
    full = max(full_cents, 1)
    body = Markup('<rect class="shade-c" x="0" y="1" width="100%" height="14"/>')
    if done_cents > 0:
        body += _rect(0, done_cents, full, 1, 14, Markup('class="shade-a"'))
    if lost_cents > 0:
        body += _rect(full - lost_cents, lost_cents, full, 1, 14, Markup('fill="url(#{}-lost)"').format(label.chart_id))
    frame = Markup('<rect class="outline" x="0" y="1" width="100%" height="14"/>')
    return _svg(label, 16, _lost_pattern(label.chart_id) + body + frame)


def stacked(bars: Sequence[Bar], label: Label, *, write: Write) -> Markup:
    """Two amounts on top of each other per bar: principal below (solid), interest above (iris)."""
    ceiling = nice_ceiling(max((bar.first_cents + bar.second_cents for bar in bars), default=0))
    slot = 100 / max(len(bars), 1)
    width = slot * (0.72 if len(bars) <= _MOST_LABELS * 4 else 0.86)
    shapes: list[Markup] = []
    for n, bar in enumerate(bars):
        left = slot * n + (slot - width) / 2
        first, second = _height(bar.first_cents, ceiling), _height(bar.second_cents, ceiling)
        shapes.append(_column(left, width, _top(first), first, Markup('class="shade-a"')))
        shapes.append(_column(left, width, _top(first + second), second, Markup('class="shade-b"')))
    return _framed(bars, Markup("").join(shapes), label, ceiling=ceiling, write=write)


def paired(bars: Sequence[Bar], label: Label, *, write: Write) -> Markup:
    """Two amounts side by side per bar: expected (hatched) and received (solid)."""
    ceiling = nice_ceiling(max((max(bar.first_cents, bar.second_cents) for bar in bars), default=0))
    slot = 100 / max(len(bars), 1)
    width = slot * 0.38
    shapes: list[Markup] = [_patterns(label.chart_id)]
    for n, bar in enumerate(bars):
        left = slot * n + slot * 0.12
        first, second = _height(bar.first_cents, ceiling), _height(bar.second_cents, ceiling)
        shapes.append(_column(left, width, _top(first), first, _fill(label.chart_id, "reflection")))
        shapes.append(_column(left + width, width, _top(second), second, Markup('class="shade-a"')))
    return _framed(bars, Markup("").join(shapes), label, ceiling=ceiling, write=write)


def branching(branches: Sequence[Branch], label: Label) -> Markup:
    """Money that parts: a bar of all of it, a bar for each branch, and of each branch what is done and what waits.

    Branches are told apart by the mark at their bar, which the table beside the chart has too; bands join the bars.
    """
    full = max(sum(each.done_cents + each.waiting_cents for each in branches), 1)
    height = PLOT_HEIGHT + _BRANCH_GAP * max(len(branches) - 1, 0)
    start, shapes, marks = 0, [_patterns(label.chart_id)], list[Markup]()
    for n, each in enumerate(branches):
        cents = each.done_cents + each.waiting_cents
        source, part = _scaled(start, full), _scaled(start + cents, full) - _scaled(start, full)
        done = _scaled(each.done_cents, full) if each.waiting_cents else part
        top, shade = source + n * _BRANCH_GAP, "reflection" if each.mark else "promised"
        shapes += [
            _band(16, 44, source, top, part),
            _bar(42, top, part, Markup('class="shade-b"') if each.mark else _fill(label.chart_id, shade)),
            *([_band(56, 84, top, top, part)] if each.mark else []),
            _bar(84, top, done, _fill(label.chart_id, "firm")),
            *([_bar(84, top + done, part - done, _fill(label.chart_id, shade))] if each.mark else []),
        ]
        marks.append(Markup('<text x="60%" y="{}">{}</text>').format(top + max(part // 2, 4) + 4, each.mark))
        start += cents
    whole = _bar(2, 0, PLOT_HEIGHT, Markup('class="shade-a"'))
    return _svg(label, height + 2, Markup("").join([whole, *shapes, *marks]))


def key(chart_id: str, name: str) -> Markup:
    """A square of the shade `name`, for a legend: firm, reflection, promised, interest, lost."""
    unique = f"{chart_id}-key"
    fill = Markup('class="shade-b"') if name == "interest" else _fill(unique, name)
    patterns = _lost_pattern(unique) if name == "lost" else _patterns(unique)
    patterns = Markup("") if name in {"firm", "interest"} else patterns
    return Markup(
        '<svg width="18" height="18" aria-hidden="true" focusable="false">{}'
        '<rect x="1" y="1" width="16" height="16" {}/><rect class="outline" x="1" y="1" width="16" height="16"/></svg>'
    ).format(patterns, fill)


def nice_ceiling(cents: int) -> int:
    """The top of an axis: the next 1, 2, 3, 4, 5, 6 or 8 times a power of ten, so that its half reads well.

    >>> nice_ceiling(23741), nice_ceiling(100000), nice_ceiling(0)
    (30000, 100000, 100)
    """
    power = 100
    while power * 10 <= cents:
        power *= 10
    return next((power * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if power * step >= cents), power * 10)


def axis_labels(labels: Sequence[str]) -> set[int]:
    """Which bars show their label so that labels never touch: at most six of those that have one, evenly spaced.

    >>> sorted(axis_labels(["2026", "", "", "2027", "", ""])), len(axis_labels([str(n) for n in range(30)]))
    ([0, 3], 6)
    >>> sorted(axis_labels(["2026", "2027"] + [""] * 22))
    [1]
    """
    named = [n for n, label in enumerate(labels) if label]
    if len(named) > 1 and (named[1] - named[0]) * _MOST_LABELS * 2 < len(labels):
        named = named[1:]
    step = -(-len(named) // _MOST_LABELS)
    return set(named[:: max(step, 1)])


def _framed(bars: Sequence[Bar], shapes: Markup, label: Label, *, ceiling: int, write: Write) -> Markup:
    ticks = [0, ceiling // 2, ceiling]
    axis = Markup("").join(
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
            AXIS_WIDTH - 8, _top(_height(t, ceiling)) + 4, write(t)
        )
        for t in ticks
    )
    grid = Markup("").join(
        Markup('<line class="{1}" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(
            _top(_height(t, ceiling)), "chart__grid" if t else "chart__base"
        )
        for t in ticks
    )
    slot = 100 / max(len(bars), 1)
    shown = axis_labels([bar.label for bar in bars])
    names = Markup("").join(
        Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>').format(
            _number(slot * n + (slot / 2 if len(bars) <= _MOST_LABELS else 0)),
            _top(0) + 19,
            "middle" if len(bars) <= _MOST_LABELS else "start",
            bar.label,
        )
        for n, bar in enumerate(bars)
        if n in shown
    )
    height = PLOT_HEIGHT + _LABEL_HEIGHT + 10
    plot = _svg(label, height, grid + shapes + names, css="chart__plot")
    return Markup(
        '<div class="chart__row"><svg width="{}" height="{}" aria-hidden="true" focusable="false">{}</svg>{}</div>'
    ).format(AXIS_WIDTH, height, axis, plot)


def _svg(label: Label, height: int, body: Markup, *, css: str = "") -> Markup:
    return Markup(
        '<svg class="{css}" width="100%" height="{height}" role="img" aria-labelledby="{id}-t {id}-d">'
        '<title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>{body}</svg>'
    ).format(css=css, height=height, id=label.chart_id, title=label.title, description=label.description, body=body)


def _patterns(chart_id: str) -> Markup:
    return Markup(
        '<defs><pattern id="{0}-reflection" width="7" height="7"'
        ' patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="hatch-ground" width="7" height="7"/>'
        '<line class="hatch-line" x1="0" y1="0" x2="0" y2="7"/></pattern>'
        '<pattern id="{0}-promised" width="7" height="7" patternUnits="userSpaceOnUse">'
        '<rect class="dot-ground" width="7" height="7"/>'
        '<circle class="dot" cx="3.5" cy="3.5" r="1.2"/></pattern></defs>'
    ).format(chart_id)


def _lost_pattern(chart_id: str) -> Markup:
    return Markup(
        '<defs><pattern id="{0}-lost" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<rect class="shade-bad" width="6" height="6"/><path class="outline" d="M0 0 6 6M6 0 0 6"/></pattern></defs>'
    ).format(chart_id)


def _fill(chart_id: str, name: str) -> Markup:
    return Markup('class="shade-a"') if name == "firm" else Markup('fill="url(#{}-{})"').format(escape(chart_id), name)


def _rect(start: int, cents: int, full: int, y: int, height: int, fill: Markup) -> Markup:
    return Markup('<rect x="{}%" y="{}" width="{}%" height="{}" {}/>').format(
        _share(start, full), y, _share(cents, full), height, fill
    )


def _column(left: float, width: float, y: int, height: int, fill: Markup) -> Markup:
    if height == 0:
        return Markup("")
    return Markup('<rect x="{}%" y="{}" width="{}%" height="{}" {}/>').format(
        _number(left), y, _number(width), height, fill
    )


def _bar(left: int, top: int, height: int, fill: Markup) -> Markup:
    """A bar of `branching`, which is not drawn where it has no height."""
    return _column(left, _BAR_WIDTH, top, height, fill)


def _band(left: int, right: int, start: int, end: int, height: int) -> Markup:
    """What joins two bars: from height `start` at the left to `end` at the right, percent across and pixels down."""
    if height == 0:
        return Markup("")
    deep = max(start, end) + height
    shape = f"0,{start} 100,{end} 100,{end + height} 0,{start + height}"
    return Markup(
        '<svg x="{}%" y="0" width="{}%" height="{}" viewBox="0 0 100 {}" preserveAspectRatio="none">'
        '<polygon class="band" points="{}"/></svg>'
    ).format(left, right - left, deep, deep, shape)


def _scaled(cents: int, full: int) -> int:
    """Pixels of the plot down to `cents` of `full`, in whole arithmetic."""
    return cents * PLOT_HEIGHT // full


def _share(cents: int, full: int) -> str:
    """`cents` of `full` as a percentage with two decimals, in whole arithmetic."""
    hundredths = (cents * 10_000 + full // 2) // full
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _anchor_of(cents: int, full: int) -> str:
    return "start" if cents * 5 < full else "end" if cents * 5 > full * 4 else "middle"


def _height(cents: int, ceiling: int) -> int:
    """Pixels of the plot; an amount that is not zero is at least one pixel high."""
    return max((cents * PLOT_HEIGHT + ceiling // 2) // ceiling, 1 if cents > 0 else 0)


def _top(height: int) -> int:
    return PLOT_HEIGHT - height + 10


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
