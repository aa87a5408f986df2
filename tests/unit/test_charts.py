"""Charts: drawn without styles or scripts, read aloud, told apart without colour, and true to their figures."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from frontend.charts import Bar, GaugeFigures, Label, gauge, nice_ceiling, paired, progress, stacked

LABEL = Label("c", "Schedule & more", "What <it> shows")
CENTS = st.integers(min_value=0, max_value=10**9)


def write(cents: int) -> str:
    return f"{cents // 100} EUR"


MONEY = GaugeFigures(50_000, 30_000, 20_000, 60_000, 200_000)
CHARTS = {
    "gauge": gauge(
        GaugeFigures(50_000, 30_000, 20_000, 60_000, 200_000), LABEL, minimum_text="min", maximum_text="max"
    ),
    "progress": progress(30_000, 10_000, 100_000, LABEL),
    "stacked": stacked([Bar("2026", 8_000, 500), Bar("", 8_100, 400)], LABEL, write=write),
    "paired": paired([Bar("2026", 9_000, 9_000), Bar("2027", 9_000, 0)], LABEL, write=write),
    "nothing": stacked([], LABEL, write=write),
}
EACH = pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)


@EACH
def test_a_chart_has_a_title_and_a_description_and_nothing_a_strict_policy_refuses(chart: Markup) -> None:
    drawn = ET.fromstring(f"<p>{chart}</p>")
    (image,) = [each for each in drawn.iter("svg") if each.get("role") == "img"]
    assert [image.findtext("title"), image.findtext("desc")] == ["Schedule & more", "What <it> shows"]
    assert image.get("aria-labelledby") == "c-t c-d"
    for element in drawn.iter():
        assert element.tag not in {"script", "style", "foreignObject"}
        assert not {name for name in element.attrib if name == "style" or name.startswith("on")}


def test_shades_differ_by_pattern_as_well_as_by_colour() -> None:
    drawn = str(CHARTS["gauge"])
    fills = re.findall(r'<rect x="[\d.]+%"[^>]*?(class="shade-a"|fill="url\(#c-\w+\)")', drawn)
    assert fills == ['class="shade-a"', 'fill="url(#c-reflection)"', 'fill="url(#c-promised)"']
    assert 'id="c-reflection"' in drawn
    assert 'id="c-promised"' in drawn


@given(CENTS, CENTS, CENTS, CENTS, CENTS)
def test_the_shades_of_a_gauge_never_leave_it(firm: int, reflection: int, promised: int, low: int, more: int) -> None:
    figures = GaugeFigures(firm, reflection, promised, low, low + more)
    drawn = str(gauge(figures, LABEL, minimum_text="", maximum_text=""))
    shades = re.findall(r'<rect x="([\d.]+)%" y="24" width="([\d.]+)%"', drawn)
    assert sum(float(width) for _, width in shades) <= 100.02
    assert all(float(start) <= 100 for start, _ in shades)


@given(st.integers(min_value=0, max_value=10**12))
def test_an_axis_ends_above_its_highest_bar_and_not_far_above(cents: int) -> None:
    ceiling = nice_ceiling(cents)
    assert max(cents, 100) <= ceiling <= max(2 * cents, 100)


@given(st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=96))
def test_bars_keep_within_the_plot_and_an_amount_is_never_invisible(amounts: list[tuple[int, int]]) -> None:
    drawn = str(stacked([Bar(str(n), *each) for n, each in enumerate(amounts)], LABEL, write=write))
    bars = re.findall(r'<rect x="([\d.]+)%" y="(-?\d+)" width="([\d.]+)%" height="(\d+)"', drawn)
    assert len(bars) == sum((first > 0) + (second > 0) for first, second in amounts)
    for left, top, width, height in bars:
        assert float(left) + float(width) <= 100.01
        assert int(height) >= 1
        assert int(top) >= 8
