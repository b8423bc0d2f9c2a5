"""The plots of a report, as SVG elements without scripts; their colours are those of the page."""

import sys
from collections.abc import Iterable, Sequence
from math import ceil, floor, fsum, log10
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

# pygal comes without types.
import pygal  # type: ignore[import-untyped]
from pygal.etree import etree  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from monitor.formatting import format_kwh
from monitor.report.content import EnergyBars

MOST_SITES = 6
OTHERS = "other sites"
FONT_PX = 12
LETTER_PX = 6.5
LABELS_PX = 60
LINES = 6

# Pygal's way to import its maps would make each failed import of the whole process a warning.
sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, pygal.PluginImportFixer)]
# Not lxml's, where that is there too: the elements become part of a tree of the standard library's.
etree.to_etree()


class Size(NamedTuple):
    """How large a plot is drawn; a page shows the one that fits.

    Attributes:
        name: The class of its element.
        width_px: Its width.
        height_px: Its height.
    """

    name: str
    width_px: int
    height_px: int


SIZES = (Size("wide", 1100, 300), Size("narrow", 350, 240))


class ChartSeries(NamedTuple):
    """What is drawn in one colour."""

    name: str
    energy_kwh: Sequence[float | None]


def time_series(bars: EnergyBars) -> list[ChartSeries]:
    """This time and the one before, if there was anything in it, side by side."""
    both = [ChartSeries(bars.name, bars.energy_kwh)]
    if any(each is not None for each in bars.before_kwh):
        # The days may differ in length, for an hour is put forward or back.
        both.insert(0, ChartSeries(bars.before_name, _as_long(bars.before_kwh, len(bars.starts))))
    return both


def site_series(bars: EnergyBars) -> list[ChartSeries]:
    """The sites, one upon the other; those that used least are one, if there are too many."""
    sites = [ChartSeries(*each) for each in bars.site_kwh.items()]
    if len(sites) <= MOST_SITES:
        return sites
    others = zip(*(each.energy_kwh for each in sites[MOST_SITES - 1 :]), strict=True)
    return [*sites[: MOST_SITES - 1], ChartSeries(OTHERS, [_sum(values) for values in others])]


def draw_charts(
    series: Sequence[ChartSeries], starts: Sequence[str], told: str, *, stacked: bool
) -> list[Element]:
    """Draw energy by time, once for each size.

    Args:
        series: What is drawn.
        starts: What each hour or day is called.
        told: What the plot shows, for those who do not see it.
        stacked: Whether the series are drawn one upon the other.
    """
    kind = pygal.StackedBar if stacked else pygal.Bar
    return [_plot(kind, size, series, starts, told) for size in SIZES]


def _plot(kind: Any, size: Size, series: Sequence[ChartSeries], starts: Sequence[str], told: str) -> Element:  # noqa: ANN401
    label_px = max(map(len, starts)) * LETTER_PX + FONT_PX
    lines_kwh = _lines(max(_heights(series, stacked=kind is pygal.StackedBar)))
    chart = kind(
        js=[],
        css=[],
        style=Style(label_font_size=FONT_PX, major_label_font_size=FONT_PX),
        width=size.width_px,
        height=size.height_px,
        margin=4,
        spacing=6,
        show_legend=False,
        x_labels_major_every=ceil(label_px * len(starts) / (size.width_px - LABELS_PX)),
        show_minor_x_labels=False,
        range=(0, lines_kwh[-1]),
        truncate_label=-1,
    )
    chart.x_labels = list(starts)
    chart.y_labels = [{"value": value, "label": f"{value:,.6g}"} for value in lines_kwh]
    for each in series:
        chart.add(each.name, list(each.energy_kwh))
    root: Element = chart.render_tree()
    root.attrib.clear()
    root.attrib |= {
        "class": f"chart {size.name}",
        "viewBox": f"0 0 {size.width_px} {size.height_px}",
        "role": "img",
        "aria-label": told,
    }
    _tidy(root)
    for each, drawn in zip(series, root.findall(".//g[@class='bars']"), strict=True):
        _explain(drawn, each, starts)
    return root


def _tidy(root: Element) -> None:
    """Take out the scripts, the styles, and what only they would use."""
    for parent in root.iter():
        for child in list(parent):
            is_needed = child.tag in {"svg", "g", "rect", "path", "text"}
            if not is_needed or child.get("class", "").endswith("overlay"):
                parent.remove(child)


def _explain(bars: Element, series: ChartSeries, starts: Sequence[str]) -> None:
    """Give each bar a text for those who point at it."""
    known = [
        (start, value) for start, value in zip(starts, series.energy_kwh, strict=True) if value is not None
    ]
    # A stacked bar is drawn where there is no reading too.
    every = [(start, value or 0.0) for start, value in zip(starts, series.energy_kwh, strict=True)]
    for bar, (start, value) in zip(bars, known if len(bars) == len(known) else every, strict=True):
        SubElement(bar, "title").text = f"{start}, {series.name}: {format_kwh(value)} kWh"


def _heights(series: Sequence[ChartSeries], *, stacked: bool) -> list[float]:
    if stacked:
        return [_sum(values) or 0.0 for values in zip(*(each.energy_kwh for each in series), strict=True)]
    return [value or 0.0 for each in series for value in each.energy_kwh]


def _lines(most_kwh: float) -> list[float]:
    """Some round numbers from 0 on, the last of them not below ``most_kwh``."""
    if most_kwh <= 0:
        return [0.0, 1.0]
    power = 10 ** floor(log10(most_kwh / LINES))
    step = next(power * each for each in (1, 2, 5, 10) if power * each * LINES >= most_kwh)
    return [step * number for number in range(ceil(most_kwh / step) + 1)]


def _as_long(values: Sequence[float | None], length: int) -> list[float | None]:
    return [*values, *[None] * length][:length]


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) if known else None
