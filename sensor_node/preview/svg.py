"""Draws a curve as SVG: small, without scripts, readable on light and dark pages."""

from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from sensor_node.preview.curve import HOURS_UP_TO_S, axis_kw, mean_power_kw, ticks
from sensor_node.profiles.load import Edges
from sensor_node.profiles.rng import Values

WIDTH_PX, HEIGHT_PX = 860, 260
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 56, 10, 30, 26
FONT_PX, LETTER_PX = 12, 7
AREA_WIDTH_PX, AREA_HEIGHT_PX = WIDTH_PX - LEFT_PX - RIGHT_PX, HEIGHT_PX - TOP_PX - BOTTOM_PX
LINES = 5
# Of medium lightness: visible on white and on black.
SIZES = {
    "width": WIDTH_PX,
    "height": HEIGHT_PX,
    "left": LEFT_PX,
    "right": WIDTH_PX - RIGHT_PX,
    "top": TOP_PX,
    "bottom": HEIGHT_PX - BOTTOM_PX,
    "font": FONT_PX,
    "ink": "#7d8590",
    "grid": "#7d859055",
    "curve": "#2f81f7",
}


def to_svg(title: str, edges_s: Edges, energy_kwh: Values, zone: ZoneInfo) -> str:
    """Draw mean power over time; for the arguments see ``draw``."""
    power_kw = mean_power_kw(edges_s, energy_kwh)
    lines_kw = axis_kw(float(power_kw.max()), LINES)
    pages = Environment(
        loader=PackageLoader("sensor_node.preview", ""),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return pages.get_template("curve.svg").render(
        title=title,
        levels=[(f"{_y(kw, lines_kw[-1]):g}", f"{kw:,.6g}" if kw else "0 kW") for kw in lines_kw],
        times=list(_times(edges_s, zone)),
        path=_path(edges_s, power_kw, lines_kw[-1]),
        **SIZES,
    )


def _times(edges_s: Edges, zone: ZoneInfo) -> Iterator[tuple[str, str | None, str]]:
    """The vertical lines: where each is, where its label begins if there is room for it, and the label."""
    named = list(ticks(edges_s, zone))
    ends = [_x(at_s, edges_s) for at_s, _ in named] + [float(WIDTH_PX)]
    free_px = 0.0
    are_hours = edges_s[-1] - edges_s[0] <= HOURS_UP_TO_S
    for (_, name), (x, next_px) in zip(named, pairwise(ends), strict=True):
        width_px = len(name) * LETTER_PX
        # Days and months are labelled in the middle, hours at their line.
        start_px = x - width_px / 2 if are_hours else max(x, (x + next_px - width_px) / 2)
        has_room = start_px >= free_px and start_px + width_px <= WIDTH_PX
        yield f"{x:g}", f"{start_px:g}" if has_room else None, name
        if has_room:
            free_px = start_px + width_px + LETTER_PX


def _x(at_s: float, edges_s: Edges) -> float:
    return round(LEFT_PX + float((at_s - edges_s[0]) / (edges_s[-1] - edges_s[0])) * AREA_WIDTH_PX, 1)


def _y(power_kw: float, most_kw: float) -> float:
    return round(TOP_PX + (1 - power_kw / most_kw) * AREA_HEIGHT_PX, 1)


def _path(edges_s: Edges, power_kw: Values, most_kw: float) -> str:
    """Steps, because the power is the mean of an interval."""
    steps = [f"M{LEFT_PX:g} {_y(float(power_kw[0]), most_kw):g}"]
    for end_s, kw in zip(edges_s[1:], power_kw, strict=True):
        steps.append(f"V{_y(float(kw), most_kw):g}H{_x(float(end_s), edges_s):g}")
    return "".join(steps)
