"""``sensor-node preview``: draws what a meter would measure."""

import sys
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from broker.program.escape import escape_text, escape_truncated
from broker.program.settings import exit_with, read_settings
from sensor_node.meter.factory import make_meter_load
from sensor_node.plan import SimulationPlan
from sensor_node.preview.curve import axis_kw, format_kw, mean_power_kw, resampled_kw, ticks
from sensor_node.preview.settings import PreviewSettings
from sensor_node.preview.svg import to_svg
from sensor_node.profiles import DEFAULT_YEARLY_KWH, make_load
from sensor_node.profiles.load import Edges
from sensor_node.profiles.rng import Values
from sensor_node.scenarios.run import read_plan
from sensor_node.settings import FIRST_SENSOR

PROGRAM = "sensor-node preview"
WIDTH, LABEL_WIDTH, ROWS = 80, 8, 12
COLUMNS = WIDTH - LABEL_WIDTH - 1
# A Braille character has two columns of four dots; these are their bits from the bottom.
BRAILLE = 0x2800
LEFT_DOTS, RIGHT_DOTS = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)
DOTS = len(LEFT_DOTS)


def preview_command(arguments: list[str]) -> None:
    """Draw the curve in the terminal, or to a file."""
    settings = read_settings(PreviewSettings, arguments, PROGRAM)
    plan = None if settings.scenario is None else read_plan(settings.scenario, PROGRAM)
    zone = settings.time_zone if plan is None else plan.surroundings.zone
    begin, end = settings.span(zone)
    step_s = settings.interval.total_seconds()
    edges_s = np.arange(begin.timestamp(), end.timestamp() + step_s / 1000, step_s)
    title, energy_kwh = _profile_curve(settings, edges_s) if plan is None else _scenario_curve(plan, edges_s)
    if settings.svg is None:
        lines = draw(title, edges_s, energy_kwh, zone)
        sys.stdout.write("".join(f"{escape_text(line)}\n" for line in lines))
        return
    try:
        settings.svg.write_text(to_svg(title, edges_s, energy_kwh, zone), encoding="utf-8")
    except OSError as error:
        exit_with(PROGRAM, f"{settings.svg} cannot be written ({error.strerror})", status=1)
    sys.stdout.write(f"{summarize(edges_s, energy_kwh)}\n")


def _profile_curve(settings: PreviewSettings, edges_s: Edges) -> tuple[str, Values]:
    """The energy of one meter."""
    load = make_load(
        settings.profile, f"{settings.seed}:{FIRST_SENSOR}", settings.yearly_kwh, settings.surroundings
    )
    year_kwh = settings.yearly_kwh or DEFAULT_YEARLY_KWH.get(settings.profile)
    title = settings.profile if year_kwh is None else f"{settings.profile}, {year_kwh:,.6g} kWh per year"
    return title, load.energy_kwh(edges_s)


def _scenario_curve(plan: SimulationPlan, edges_s: Edges) -> tuple[str, Values]:
    """The energy of all meters of a scenario together, without faults."""
    energy_kwh, drawn = np.zeros(len(edges_s) - 1), 0
    for group in (group for node in plan.nodes for group in node.groups):
        # Others have no curve: a recording has its own times, and lari draws a value for each reading.
        if not group.recordings and group.profile != "lari":
            for sensor_id in group.sensor_ids:
                energy_kwh += make_meter_load(group, sensor_id, plan).energy_kwh(edges_s)
            drawn += len(group.sensor_ids)
    if not drawn:
        exit_with(PROGRAM, f"{plan.name} has only meters of lari or recordings, which have no curve", 1)
    title, left_out = f"{plan.name}: {drawn:,} meters", plan.meter_count - drawn
    return (f"{title}, without {left_out:,} of lari and recordings" if left_out else title), energy_kwh


def draw(title: str, edges_s: Edges, energy_kwh: Values, zone: ZoneInfo) -> list[str]:
    """Draw mean power over time with Braille characters; the last line is the summary.

    Args:
        title: The first line.
        edges_s: N + 1 edges, Unix seconds, ascending.
        energy_kwh: Energy of the N intervals between them, kWh.
        zone: Time zone of the labels.
    """
    power_kw = resampled_kw(edges_s, energy_kwh, 2 * COLUMNS)
    lines_kw = axis_kw(float(power_kw.max()), 4)
    dots = np.rint(power_kw / lines_kw[-1] * ROWS * DOTS).astype(np.int64)
    labels = {round((ROWS - 1) * kw / lines_kw[-1]): f"{kw:,.6g}" for kw in lines_kw}
    labels[ROWS - 1] += " kW"
    rows = []
    for row in reversed(range(ROWS)):
        margin = f"{labels.get(row, ''):>{LABEL_WIDTH}}{'┤' if row in labels else '│'}"
        rows.append((margin + _row(dots - row * DOTS)).rstrip())
    return [escape_truncated(title, WIDTH), *rows, *_time_axis(edges_s, zone), summarize(edges_s, energy_kwh)]


def summarize(edges_s: Edges, energy_kwh: Values) -> str:
    """Total energy, and lowest, mean and highest power."""
    power_kw, hours = mean_power_kw(edges_s, energy_kwh), float(edges_s[-1] - edges_s[0]) / 3600
    total_kwh = float(energy_kwh.sum())
    length = f"{hours / 24:.4g} days" if hours > 48 else f"{hours:.4g} h"  # noqa: PLR2004 - two days
    least, mean, most = (
        format_kw(float(each)) for each in (power_kw.min(), total_kwh / hours, power_kw.max())
    )
    return f"{total_kwh:,.1f} kWh in {length}; power {least} to {most} kW, mean {mean} kW"


def _row(dots: NDArray[np.int64]) -> str:
    """One line of the area below the curve; ``dots`` is how many dots of each column are in it or above."""
    left, right = dots[::2], dots[1::2]
    return "".join(
        chr(BRAILLE + sum(LEFT_DOTS[: max(one, 0)]) + sum(RIGHT_DOTS[: max(other, 0)]))
        for one, other in zip(left, right, strict=True)
    ).replace(chr(BRAILLE), " ")


def _time_axis(edges_s: Edges, zone: ZoneInfo) -> list[str]:
    """A line with tick marks, and one with as many labels as fit."""
    line, names = ["─"] * COLUMNS, ""
    for at_s, name in ticks(edges_s, zone):
        column = int((at_s - edges_s[0]) / (edges_s[-1] - edges_s[0]) * COLUMNS)
        line[column] = "┬"
        if len(names) <= max(column - 1, 0) and column + len(name) <= COLUMNS:
            names = f"{names:<{column}}{name}"
    margin = " " * LABEL_WIDTH
    return [f"{margin}└{''.join(line)}", f"{margin} {names}"]
