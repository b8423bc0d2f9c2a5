"""A sensor as a tile: its last value, a spark line, how old it is and what is wrong with it."""

from collections.abc import Sequence
from datetime import datetime

from monitor.formatting import format_ago, format_number
from monitor.live.live_sensor import LiveSensor
from monitor.web.formatting import escape_html, format_power

WIDTH, HEIGHT = 100.0, 24.0


def tile_class(sensor: LiveSensor, severity: str | None, now: datetime) -> str:
    """Say how a sensor's tile looks: the worst that is so.

    Args:
        sensor: What is known of it.
        severity: Of its worst standing alarm; None if none stands.
        now: This moment, UTC, naive.
    """
    state = sensor.state(now)
    return severity or ("anomaly" if sensor.is_anomaly and state == "online" else state)


def tile_html(sensor: LiveSensor, severity: str | None, now: datetime) -> str:
    """Draw what is in a sensor's tile as HTML.

    Args:
        sensor: What is known of it.
        severity: Of its worst standing alarm; None if none stands.
        now: This moment, UTC, naive.
    """
    state = sensor.state(now)
    value = "—" if sensor.value_kwh is None else format_number(sensor.value_kwh)
    heard = format_ago(sensor.last_seen_at, now)
    alarm = f'<span class="chip {severity}">{severity}</span>' if severity else ""
    # The id is nothing but letters, digits, dots, dashes and underscores.
    return (
        f'<span class="tile-name">{sensor.sensor_id}{alarm}</span>'
        f'<span class="tile-place">{escape_html(sensor.location) or "&nbsp;"}</span>'
        f'<span class="tile-value">{value} <small>kWh</small></span>'
        f"{sparkline_svg(sensor.recent_kwh, sensor.threshold_kwh)}"
        f'<span class="tile-foot"><span class="state {state}">{state}</span>'
        f"<span>{format_power(sensor.power_kw(now))}</span><span>{heard}</span></span>"
    )


def sparkline_svg(values_kwh: Sequence[float], threshold_kwh: float | None) -> str:
    """Draw a spark line as SVG, from zero up; above the threshold are dots.

    Args:
        values_kwh: The readings, the oldest first.
        threshold_kwh: What they should not exceed, if it is known.
    """
    top = max(*values_kwh, 1e-9) if len(values_kwh) > 1 else 0.0
    if not top:
        return '<svg class="spark" viewBox="0 0 100 24" aria-hidden="true"></svg>'
    step = WIDTH / (len(values_kwh) - 1)
    points = [
        (round(number * step, 1), round(HEIGHT - 2 - value / top * (HEIGHT - 4), 1))
        for number, value in enumerate(values_kwh)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="1.6"></circle>'
        for (x, y), value in zip(points, values_kwh, strict=True)
        if threshold_kwh is not None and value > threshold_kwh
    )
    return (
        f'<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline points="{line}"></polyline>{dots}</svg>'
    )
