"""Draw a curve as SVG: small, without scripts, readable on a light and on a dark page."""

from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from zoneinfo import ZoneInfo

from sensor_node.preview.curve import HOURS_UP_TO_S, Values, axis_kw, mean_power_kw, ticks
from sensor_node.profiles import Edges

WIDTH_PX, HEIGHT_PX = 860, 260
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 56, 10, 30, 26
FONT_PX, LETTER_PX = 12, 7
AREA_WIDTH_PX, AREA_HEIGHT_PX = WIDTH_PX - LEFT_PX - RIGHT_PX, HEIGHT_PX - TOP_PX - BOTTOM_PX
LINES = 5
# Of medium lightness: they can be told from white as well as from black.
INK, GRID, CURVE = "#7d8590", "#7d859055", "#2f81f7"


def to_svg(title: str, edges_s: Edges, energy_kwh: Values, zone: ZoneInfo) -> str:
    """Draw mean power over time.

    Args:
        title: What it is.
        edges_s: N + 1 edges, Unix seconds, ascending.
        energy_kwh: Energy of the N intervals between them, kWh.
        zone: Whose midnights begin a day.

    Returns:
        An SVG document.
    """
    power_kw = mean_power_kw(edges_s, energy_kwh)
    lines_kw = axis_kw(float(power_kw.max()), LINES)
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH_PX} {HEIGHT_PX}",
            "width": str(WIDTH_PX),
            "height": str(HEIGHT_PX),
            "role": "img",
            "font-family": "system-ui, sans-serif",
            "font-size": str(FONT_PX),
            "fill": INK,
        },
    )
    SubElement(root, "title").text = title
    _text(root, LEFT_PX, TOP_PX - 14, title, "start")
    for kw in lines_kw:
        y = _y(kw, lines_kw[-1])
        _line(root, LEFT_PX, y, WIDTH_PX - RIGHT_PX, y)
        _text(root, LEFT_PX - 6, y + 4, f"{kw:,.6g}" if kw else "0 kW", "end")
    _add_times(root, edges_s, zone)
    path = _path(edges_s, power_kw, lines_kw[-1])
    bottom = f"V{_y(0, 1):g}H{LEFT_PX}Z"
    SubElement(root, "path", {"d": path + bottom, "fill": CURVE, "fill-opacity": "0.2"})
    SubElement(root, "path", {"d": path, "fill": "none", "stroke": CURVE, "stroke-width": "1.2"})
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _add_times(root: Element, edges_s: Edges, zone: ZoneInfo) -> None:
    named = list(ticks(edges_s, zone))
    ends = [_x(at_s, edges_s) for at_s, _ in named] + [float(WIDTH_PX)]
    free_px = 0.0
    are_hours = edges_s[-1] - edges_s[0] <= HOURS_UP_TO_S
    for (at_s, name), (_, next_px) in zip(named, pairwise(ends), strict=True):
        x = _x(at_s, edges_s)
        _line(root, x, TOP_PX, x, HEIGHT_PX - BOTTOM_PX)
        width_px = len(name) * LETTER_PX
        # A day or a month in the middle of its time, an hour below its line.
        start_px = x - width_px / 2 if are_hours else max(x, (x + next_px - width_px) / 2)
        if start_px >= free_px and start_px + width_px <= WIDTH_PX:
            _text(root, start_px, HEIGHT_PX - 8, name, "start")
            free_px = start_px + width_px + LETTER_PX


def _x(at_s: float, edges_s: Edges) -> float:
    return round(LEFT_PX + float((at_s - edges_s[0]) / (edges_s[-1] - edges_s[0])) * AREA_WIDTH_PX, 1)


def _y(power_kw: float, most_kw: float) -> float:
    return round(TOP_PX + (1 - power_kw / most_kw) * AREA_HEIGHT_PX, 1)


def _path(edges_s: Edges, power_kw: Values, most_kw: float) -> str:
    """Steps: power is known as the mean of an interval."""
    steps = [f"M{LEFT_PX:g} {_y(float(power_kw[0]), most_kw):g}"]
    for end_s, kw in zip(edges_s[1:], power_kw, strict=True):
        steps.append(f"V{_y(float(kw), most_kw):g}H{_x(float(end_s), edges_s):g}")
    return "".join(steps)


def _line(root: Element, x1: float, y1: float, x2: float, y2: float) -> None:
    SubElement(root, "path", {"d": f"M{x1:g} {y1:g}L{x2:g} {y2:g}", "stroke": GRID})


def _text(root: Element, x: float, y: float, text: str, anchor: str) -> None:
    SubElement(root, "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}).text = text
