"""``sensor-node replay``: replays recorded readings of real meters."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from broker.program.escape import escape_truncated
from broker.program.settings import exit_with, read_settings
from sensor_node.outbox.settings import TransportSettings
from sensor_node.plan import (
    MetersPlan,
    NodePlan,
    PlanError,
    PlanTimeline,
    SimulationPlan,
    meter_faults,
    node_faults,
    recorded_sensor_ids,
)
from sensor_node.profiles import Surroundings
from sensor_node.recordings.recording import read_recording
from sensor_node.recordings.series import Columns, RecordedSeries, shift_series
from sensor_node.scenarios.run import run_plan
from sensor_node.setting_types import Speed
from sensor_node.settings import FIRST_SENSOR, PlaceSettings

PROGRAM = "sensor-node replay"
SHOWN_NAME = 64


class ReplaySettings(TransportSettings, PlaceSettings, Columns):
    """Replay recorded readings from CSV (also .csv.gz) or Parquet, one reading per row.

    Columns are found by their usual names, those of `monitor export` among them.

    Example: sensor-node replay meter.csv --time start --value kwh --shift-to-now
    """

    file: CliPositionalArg[Path] = Field(description="file with the recording")
    speed: Speed = Field(1.0, description="recorded seconds per second, or max")
    shift_to_now: bool = Field(False, description="shift all times so that the recording begins now")


def replay_command(arguments: list[str]) -> None:
    """Read the options and the recording, and replay it."""
    settings = read_settings(ReplaySettings, arguments, PROGRAM)
    try:
        found = read_recording(settings.file, settings, settings.time_zone)
        plan = replay_plan(settings, found, datetime.now(UTC))
    except PlanError as error:
        exit_with(PROGRAM, str(error), 1)
    for line in describe_skipped(found):
        sys.stderr.write(f"{PROGRAM}: {line}\n")
    run_plan(plan, settings)


def describe_skipped(found: Iterable[RecordedSeries]) -> Iterator[str]:
    """Report how many rows of a recording are not readings, and why."""
    for series in found:
        if series.skipped:
            sensor = "" if series.name is None else f" of {escape_truncated(series.name, SHOWN_NAME)}"
            why = ", ".join(f"{reason} ({count:,})" for reason, count in series.skipped.items())
            yield f"skipped rows{sensor}: {why}"


def replay_plan(settings: ReplaySettings, found: list[RecordedSeries], now: datetime) -> SimulationPlan:
    """Make the plan of one node for all recordings; a PlanError if a name in them is not a sensor id."""
    if settings.shift_to_now:
        found = shift_series(found, int(now.timestamp() * 1000))
    begin_ms = min(int(series.at_ms[0]) for series in found)
    group = MetersPlan(
        recorded_sensor_ids(settings.sensor_id or FIRST_SENSOR, [series.name for series in found]),
        settings.location,
        timedelta(hours=1),
        register=settings.register_plan,
        faults=meter_faults(settings.faults),
        recordings=tuple(found),
    )
    node = NodePlan(settings.site, (group,), node_faults(settings.faults))
    timeline = PlanTimeline(datetime.fromtimestamp(begin_ms / 1000, UTC), speed=settings.speed)
    return SimulationPlan((node,), timeline, settings.seed, Surroundings(settings.time_zone, "none"))
