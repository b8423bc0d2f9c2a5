"""``sensor-node check``: describes what a scenario will do."""

import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from math import isinf
from pathlib import Path
from zoneinfo import ZoneInfo

from durationpy import to_str
from pydantic import Field
from pydantic_settings import CliPositionalArg

from broker.program.escape import escape_text
from broker.program.settings import ProcessSettings, read_settings
from sensor_node.faults.fault import InjectedFault
from sensor_node.faults.fault_types import FAULT_TYPES
from sensor_node.plan import MetersPlan, NodePlan, SimulationPlan
from sensor_node.profiles import DEFAULT_YEARLY_KWH
from sensor_node.scenarios.run import read_plan

PROGRAM = "sensor-node check"
WIDTH = 80


class ScenarioCheckSettings(ProcessSettings):
    """Check a scenario and describe what it will do.

    Example: sensor-node check campus.toml
    """

    file: CliPositionalArg[Path] = Field(description="scenario file or name of an example")


def check_command(arguments: list[str]) -> None:
    """Read the scenario and print its description."""
    settings = read_settings(ScenarioCheckSettings, arguments, PROGRAM)
    lines = describe_plan(read_plan(settings.file, PROGRAM))
    sys.stdout.write("".join(f"{escape_text(line)}\n" for line in lines))


def describe_plan(plan: SimulationPlan) -> list[str]:
    """Describe a plan, in lines of 80 columns at most."""
    lines = [*_wrap(plan.name, ""), *_wrap(_describe_timeline(plan), "")]
    site = None
    for node in plan.nodes:
        if node.site != site:
            site = node.site
            lines += ["", f"Site {site}"]
        lines += list(_describe_node(node))
    faults = list(_describe_faults(plan))
    lines += ["", "Faults" if faults else "No faults.", *faults]
    return [*lines, "", *_wrap(_describe_totals(plan), "")]


def _wrap(text: str, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent if first is None else first, subsequent_indent=indent
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _describe_timeline(plan: SimulationPlan) -> str:
    timeline, zone = plan.timeline, plan.surroundings.zone
    if timeline.begin is None:
        when = f"Live, for {to_str(timeline.duration)}" if timeline.duration else "Live, until Ctrl-C"
    else:
        fast = "as fast as possible" if isinf(timeline.speed) else f"at {timeline.speed:,g} times real time"
        until = f"to {_day(timeline.end, zone)}" if timeline.end else "to now, then live"
        when = f"From {_day(timeline.begin, zone)} {until}, {fast}"
    seed = "other values in every run" if plan.seed is None else f"seed {plan.seed}"
    return f"{when}; {seed}. Time zone {zone.key}, holidays: {plan.surroundings.holidays}."


def _day(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d}" if local.hour == local.minute == 0 else f"{local:%Y-%m-%d %H:%M}"


def _describe_node(node: NodePlan) -> Iterator[str]:
    meters = _count(len(node.sensor_keys), "meter")
    yield from _wrap(f"Node {node.sensor_key.name}, {node.groups[0].location}: {meters}", "    ", "  ")
    for group in node.groups:
        first, last = group.sensor_ids[0], group.sensor_ids[-1]
        names = first if first == last else f"{first} to {last}"
        yield from _wrap(f"{names}: {_describe_meters(group)}", "      ", "    ")


def _describe_meters(group: MetersPlan) -> str:
    register = ", with a register" if group.register else ""
    if group.recordings:
        rows = sum(len(series.at_ms) for series in group.recordings)
        return f"{rows:,} recorded readings{register}"
    usual = DEFAULT_YEARLY_KWH.get(group.profile, 0.0)
    lowest, highest = group.yearly_kwh or (usual, usual)
    yearly = f", {lowest:,.0f}" if lowest else ""
    if highest != lowest:
        yearly += f" to {highest:,.0f}"
    if yearly:
        yearly += " kWh per year"
    return f"{group.profile}{yearly}, one reading every {to_str(group.interval)}{register}"


def _describe_faults(plan: SimulationPlan) -> Iterator[str]:
    counts: Counter[InjectedFault] = Counter()
    for node in plan.nodes:
        for fault in node.faults:
            counts[fault] += fnmatchcase(node.sensor_key.name, fault.meters)
        for group in node.groups:
            for fault in group.faults:
                counts[fault] += sum(fnmatchcase(name, fault.meters) for name in group.sensor_ids)
    for fault, count in counts.items():
        yield from _wrap(_describe_fault(fault, count), " " * 18, f"  {fault.kind:<16}")


def _describe_fault(fault: InjectedFault, count: int) -> str:
    victims = _count(count, "node" if fault.of_node else "meter")
    if fault.at is not None:
        often = f"once on {victims}, {_when(fault.at)}"
    else:
        reading = "readings of the first meter" if fault.of_node else "readings"
        often = f"at {(fault.rate or 0) * 100:g} % of the {reading} of {victims}"
    window = "".join(
        f", {word} {_when(when)}"
        for word, when in (("from", fault.first), ("to", fault.end))
        if when is not None
    )
    values = ", ".join(f"{name} {_value(getattr(fault, name))}" for name in FAULT_TYPES[fault.kind].defaults)
    return f"{FAULT_TYPES[fault.kind].meaning}; {often}{window}{f' ({values})' if values else ''}"


def _when(when: timedelta | datetime) -> str:
    return f"+{to_str(when)}" if isinstance(when, timedelta) else f"{when:%Y-%m-%d %H:%M}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return str(to_str(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _describe_totals(plan: SimulationPlan) -> str:
    per_s = sum(
        len(group.sensor_ids) / group.interval.total_seconds()
        for node in plan.nodes
        for group in node.groups
        if not group.recordings
    )
    text = f"{_count(plan.meter_count, 'meter')} on {_count(len(plan.nodes), 'node')}"
    if not per_s:
        return f"{text}."
    rate = f"{per_s:,.1f} readings per second" if per_s >= 1 else f"{per_s * 3600:,.0f} readings per hour"
    begin, end = plan.timeline.begin, plan.timeline.end
    length = plan.timeline.duration if begin is None else end and end - begin
    total = f", about {per_s * length.total_seconds():,.0f} in total" if length else ""
    return f"{text}: {rate}{' of simulated time' if begin else ''}{total}."
