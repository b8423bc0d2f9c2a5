"""Charts, as options for ECharts. Times are milliseconds on the clocks of the page's time zone."""

import math
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from broker.program.escape import escape_text
from monitor.formatting import chart_ms
from monitor.queries.energy import HeatCell
from monitor.web.sensor_history import SensorHistory

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Readable on light and dark ground, and with red-green colour blindness.
BLUE, RED, GREY = "#4c8df6", "#d9483b", "#8592a0"
PALETTE = (
    *("#4c8df6", "#e08a1e", "#2aa198", "#c65bcf", "#b5a100"),
    *("#e0607e", "#5aa02c", "#8f7be8", "#9c6b4a", "#4fb3d9"),
)
OTHERS = "#8592a0"
AXIS_LABEL = {"color": GREY, "hideOverlap": True}
LABEL_STYLE = {"color": "#ffffff", "backgroundColor": RED, "padding": [3, 6], "borderRadius": 3}
READING_NAMES = {"raw": "reading", "hourly": "hourly peak", "daily": "daily peak"}
ENERGY_NAMES = {"hourly": "energy per hour", "daily": "energy per day"}
HEADROOM = 1.08
# A threshold further above the readings would flatten them.
MAX_THRESHOLD_RATIO = 20
MIN_AXIS_MAX = 1e-6
Options = dict[str, Any]


def history_chart(history: SensorHistory, threshold_kwh: float | None, zone: tzinfo) -> Options:
    """A line of readings with the threshold, and marks where it was exceeded; behind it the energy.

    A threshold that is unknown or far above all readings is not drawn.
    """
    drawn = [(chart_ms(each.start, zone), each) for each in history.points]
    line: Options = {
        "name": READING_NAMES[history.resolution],
        "type": "line",
        "data": [(time, each.max_kwh) for time, each in drawn],
        "showSymbol": len(drawn) < 80,  # noqa: PLR2004 - more dots than that hide the line
        "symbolSize": 4,
        "lineStyle": {"width": 1.5},
        "sampling": "minmax",
        "color": BLUE,
    }
    highest_kwh = max((each.max_kwh for each in history.points), default=0.0)
    if threshold_kwh is not None and highest_kwh * MAX_THRESHOLD_RATIO >= threshold_kwh:
        highest_kwh = max(highest_kwh, threshold_kwh)
        line["markLine"] = {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": RED, "type": "dashed"},
            "label": {"formatter": f"threshold {threshold_kwh:g}", "position": "insideEndTop"} | LABEL_STYLE,
            "data": [{"yAxis": threshold_kwh}],
        }
    anomalies = [(time, each.max_kwh) for time, each in drawn if each.anomalies]
    marks = {"name": "anomaly", "type": "scatter", "data": anomalies, "symbolSize": 8, "color": RED}
    chart = _base_options(has_zoom=True)
    chart["xAxis"] = {"type": "time", "axisLabel": AXIS_LABEL}
    chart["series"] = [line, marks]
    chart["yAxis"]["max"] = _axis_max(highest_kwh * HEADROOM)
    if history.resolution in ENERGY_NAMES:
        energy = {
            "name": ENERGY_NAMES[history.resolution],
            "type": "bar",
            "yAxisIndex": 1,
            "z": 1,
            "data": [(time, each.energy_kwh) for time, each in drawn],
            "itemStyle": {"color": GREY, "opacity": 0.35},
        }
        axis = {**chart["yAxis"], "name": "Energy (kWh)", "max": None, "splitLine": {"show": False}}
        chart["yAxis"] = [chart["yAxis"], axis]
        chart["series"].insert(0, energy)
    return chart


def _axis_max(highest: float) -> float:
    """The end of an axis: a whole number, or two digits of a small one."""
    if highest < MIN_AXIS_MAX:
        return MIN_AXIS_MAX if highest else 1
    places = max(0, 1 - math.floor(math.log10(highest)))
    return round(math.ceil(highest * 10**places) / 10**places, places) if highest < 1 else math.ceil(highest)


def totals_chart(starts: Sequence[str], parts: Mapping[str, Sequence[float]]) -> Options:
    """Stacked bars of energy: labels below them, and per site or sensor a value for each bar, kWh."""
    chart = _base_options(has_zoom=len(starts) > 40)  # noqa: PLR2004 - fewer bars fit
    chart["xAxis"] = {"type": "category", "data": starts, "axisLabel": AXIS_LABEL}
    chart["legend"] = {"type": "scroll", "top": 0, "textStyle": {"color": GREY}}
    chart["grid"]["top"] = 40
    chart["yAxis"]["name"] = ""
    chart["yAxis"]["axisLabel"]["formatter"] = "{value} kWh"
    chart["series"] = [
        {
            "name": escape_text(name),
            "type": "bar",
            "stack": "all",
            "data": [round(value, 3) for value in values],
            "color": OTHERS if name == "others" else PALETTE[number % len(PALETTE)],
            "barMaxWidth": 40,
        }
        for number, (name, values) in enumerate(parts.items())
    ]
    return chart


def heat_chart(cells: Sequence[HeatCell]) -> Options:
    """The mean energy of each hour of the week."""
    chart = _base_options()
    hours = [str(hour) for hour in range(24)]
    chart["xAxis"] = {"type": "category", "data": hours, "axisLabel": {"color": GREY}}
    chart["yAxis"] = {"type": "category", "data": WEEKDAYS[::-1], "axisLabel": {"color": GREY}}
    highest = max((cell.mean_kwh for cell in cells), default=1.0)
    chart["visualMap"] = {
        "min": 0,
        "max": round(highest, 1) or 1,
        "orient": "horizontal",
        "left": "center",
        "bottom": 0,
        "textStyle": {"color": GREY},
        "inRange": {"color": ["#dfeefa", "#7db4f0", "#2f6fd0", "#123a86"]},
        "text": [f"{highest:,.1f} kWh", "0"],
    }
    chart["grid"]["bottom"] = 74
    chart["tooltip"]["trigger"] = "item"
    data = [[cell.hour, len(WEEKDAYS) - cell.weekday, round(cell.mean_kwh, 2)] for cell in cells]
    chart["series"] = [{"name": "mean kWh", "type": "heatmap", "data": data}]
    return chart


def _base_options(*, has_zoom: bool = False) -> Options:
    options: Options = {
        "useUTC": True,
        "animation": False,
        "grid": {"left": 12, "right": 16, "top": 24, "bottom": 24, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "yAxis": {
            "type": "value",
            "name": "kWh",
            "nameTextStyle": {"color": GREY},
            "axisLabel": {"color": GREY},
            "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.25}},
        },
    }
    if has_zoom:
        options["dataZoom"] = [{"type": "inside"}, {"type": "slider", "height": 22, "bottom": 6}]
        options["grid"]["bottom"] = 48
    return options
