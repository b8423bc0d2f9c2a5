"""A sensor as a tile: its last value, a spark line, when it was last seen and what is wrong with it."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from monitor.formatting import format_ago, format_number, format_power
from monitor.live.live_sensor import LiveSensor
from monitor.web.html import render

WIDTH, HEIGHT = 100.0, 24.0


def tile_class(sensor: LiveSensor, severity: str | None, now: datetime) -> str:
    """The CSS class of a tile: the severity of the sensor's worst active alarm, else its state."""
    state = sensor.state(now)
    return severity or ("anomaly" if sensor.is_anomaly and state == "online" else state)


def tile_html(sensor: LiveSensor, severity: str | None, now: datetime) -> str:
    """The content of a tile, with the severity of the sensor's worst active alarm."""
    return render(
        "tile.html",
        sensor=sensor,
        severity=severity,
        state=sensor.state(now),
        value="—" if sensor.value_kwh is None else format_number(sensor.value_kwh),
        sparkline=sparkline_svg(sensor.recent_kwh, sensor.threshold_kwh),
        power=format_power(sensor.power_kw(now)),
        last_seen=format_ago(sensor.last_seen_at, now),
    )


def sparkline_svg(values_kwh: Sequence[float], threshold_kwh: float | None) -> Markup:
    """A spark line from zero up, oldest reading first; dots mark values above the threshold."""
    top = max(*values_kwh, 1e-9) if len(values_kwh) > 1 else 0.0
    if not top:
        return render("sparkline.html")
    step = WIDTH / (len(values_kwh) - 1)
    points = [
        (round(number * step, 1), round(HEIGHT - 2 - value / top * (HEIGHT - 4), 1))
        for number, value in enumerate(values_kwh)
    ]
    limit_kwh = float("inf") if threshold_kwh is None else threshold_kwh
    dots = [point for point, value in zip(points, values_kwh, strict=True) if value > limit_kwh]
    return render("sparkline.html", line=" ".join(f"{x},{y}" for x, y in points), dots=dots)
