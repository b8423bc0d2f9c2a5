"""A report as a page for a browser: one file with everything in it, without scripts.

Here is worked out where each bar, line and label of its charts goes; ``templates/report.html`` draws them.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, floor, fsum, log10
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from broker.program.escape import escape_text
from monitor.formatting import format_kwh
from monitor.report.content import EnergyBars, EnergySeries, Report, ReportTable
from monitor.text_table import Column

MAX_SITES = 6
OTHERS = "other sites"
TOP_PX, LEFT_PX, BOTTOM_PX = 10, 60, 24
LETTER_PX = 6.5
LABEL_GAP_PX = 12
MAX_LINES = 6
# Of the room of an hour or a day, what its bars take.
BAR_SHARE = 0.8


def _escape(value: object) -> object:
    """Escape what could turn the direction of writing; Jinja itself escapes what would be markup."""
    return value if isinstance(value, Markup) else escape_text(str(value))


_TEMPLATES = Environment(
    loader=PackageLoader("monitor.report"), autoescape=True, finalize=_escape, undefined=StrictUndefined
)


def render_html(report: Report) -> str:
    """Write a report."""
    template = _TEMPLATES.get_template("report.html")
    return template.render(report=report, charts=draw_charts, numbers=numbers_table) + "\n"


class Bar(NamedTuple):
    """A bar, and the text for those who point at it."""

    series: int
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    title: str


class Label(NamedTuple):
    """A text at an axis."""

    at_px: float
    text: str


class Drawing(NamedTuple):
    """A chart in one size; a page shows the one that fits."""

    name: str
    width_px: int
    height_px: int
    bars: Sequence[Bar] = ()
    lines: Sequence[Label] = ()
    labels: Sequence[Label] = ()
    left_px: int = LEFT_PX


SIZES = (Drawing("wide", 1100, 300), Drawing("narrow", 350, 240))


class Chart(NamedTuple):
    """What is drawn, in which CSS colours, a summary for those who do not see it, and it in each size."""

    series: Sequence[EnergySeries]
    colours: Sequence[str]
    summary: str
    drawings: Sequence[Drawing]


def draw_charts(bars: EnergyBars) -> Iterator[Chart]:
    """Draw energy by time and, if there are several sites, by time and site."""
    name, energy_kwh = bars.periods[-1]
    highest = max(range(len(bars.starts)), key=lambda position: energy_kwh[position] or 0.0)
    most = f"{format_kwh(energy_kwh[highest] or 0.0)} kWh"
    summary = f"Energy used in {name}; the highest bar is {bars.starts[highest]} with {most}"
    drawings = [_draw(size, bars.periods, bars.starts, is_stacked=False) for size in SIZES]
    colours = ("var(--before)", "var(--now)")[-len(bars.periods) :]
    yield Chart(bars.periods, colours, summary, drawings)
    if sites := site_series(bars):
        summary = f"Energy in kWh used in {name} by site: {', '.join(each.name for each in sites)}"
        drawings = [_draw(size, sites, bars.starts, is_stacked=True) for size in SIZES]
        yield Chart(sites, [f"var(--s{number})" for number in range(len(sites))], summary, drawings)


def numbers_table(bars: EnergyBars) -> ReportTable:
    """The same numbers as a table."""
    series = [*bars.periods, *site_series(bars)]
    columns = [Column("From"), *(Column(f"{each.name}, kWh", is_number=True) for each in series)]
    most_kwh = max((value or 0.0 for each in series for value in each.energy_kwh), default=0.0)
    rows = [
        (start, *("" if value is None else format_kwh(value, most_kwh) for value in values))
        for start, *values in zip(bars.starts, *(each.energy_kwh for each in series), strict=True)
    ]
    return ReportTable(columns, rows)


def site_series(bars: EnergyBars) -> list[EnergySeries]:
    """The sites, one upon the other, if there are several; if too many, those that used least are one."""
    sites = [*bars.sites]
    if len(sites) > MAX_SITES:
        others = zip(*(each.energy_kwh for each in sites[MAX_SITES - 1 :]), strict=True)
        sites[MAX_SITES - 1 :] = [EnergySeries(OTHERS, [_sum(values) for values in others])]
    return sites if len(sites) > 1 else []


def _draw(
    size: Drawing, series: Sequence[EnergySeries], starts: Sequence[str], *, is_stacked: bool
) -> Drawing:
    columns = list(zip(*(each.energy_kwh for each in series), strict=True))
    tops = [_sum(values) if is_stacked else max(value or 0.0 for value in values) for values in columns]
    lines_kwh = _round_numbers(max(top or 0.0 for top in tops))
    floor_px, room_px = size.height_px - BOTTOM_PX, (size.width_px - LEFT_PX) / len(starts)
    px_per_kwh = (floor_px - TOP_PX) / lines_kwh[-1]
    width_px = room_px * BAR_SHARE / (1 if is_stacked else len(series))
    bars = []
    for position, values in enumerate(columns):
        left_px, below_kwh = LEFT_PX + (position + (1 - BAR_SHARE) / 2) * room_px, 0.0
        for number, value in enumerate(values):
            if value is not None:
                x_px = left_px + (0.0 if is_stacked else number * width_px)
                top_px = floor_px - (below_kwh + value) * px_per_kwh
                title = f"{starts[position]}, {series[number].name}: {format_kwh(value)} kWh"
                height_px = round(value * px_per_kwh, 1)
                x_px, y_px = round(x_px, 1), round(top_px, 1)
                bars.append(Bar(number, x_px, y_px, round(width_px, 1), height_px, title))
                below_kwh += value if is_stacked else 0.0
    step = ceil((max(map(len, starts)) * LETTER_PX + LABEL_GAP_PX) / room_px)
    labels = [
        Label(round(LEFT_PX + (position + 0.5) * room_px, 1), starts[position])
        for position in range(0, len(starts), step)
    ]
    lines = [Label(round(floor_px - kwh * px_per_kwh, 1), f"{kwh:,.6g}") for kwh in lines_kwh]
    return size._replace(bars=bars, lines=lines, labels=labels)


def _round_numbers(most_kwh: float) -> list[float]:
    """Some round numbers from 0 on, the last of them not below ``most_kwh``."""
    if most_kwh <= 0:
        return [0.0, 1.0]
    power = 10 ** floor(log10(most_kwh / MAX_LINES))
    step = next(power * each for each in (1, 2, 5, 10) if power * each * MAX_LINES >= most_kwh)
    return [step * number for number in range(ceil(most_kwh / step) + 1)]


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) if known else None
