"""``monitor sensors``: which sensors there are, where they are, and what people set of them."""

import asyncio
import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from shutil import get_terminal_size

from broker.process import run
from broker.settings import exit_with, read_settings
from ingestor.documents import SensorDocument
from monitor.cli.alarms import DisplayOptions
from monitor.cli.output import write_lines
from monitor.cli.sensors_settings import SensorsSettings, asked_changes
from monitor.formatting import format_duration
from monitor.live.live_sensor import LiveSensor
from monitor.queries.database import QueryError, open_database
from monitor.queries.sensors import SensorQueries
from monitor.text_table import Column, table_lines

PROGRAM = "monitor sensors"
COLUMNS = (
    Column("Sensor"),
    Column("Site", is_cuttable=True),
    Column("Location", is_cuttable=True),
    Column("State"),
    Column("Last seen"),
    Column("Threshold", is_number=True, is_always_shown=False),
    Column("Interval", is_number=True),
)


class SensorError(Exception):
    """Raised when a sensor is not known; says so."""


def sensors_command(arguments: list[str]) -> None:
    """Read the options, and list sensors or change one."""
    settings = read_settings(SensorsSettings, arguments, PROGRAM)
    changes = asked_changes(settings, arguments)
    if changes and settings.sensor is None:
        exit_with(PROGRAM, 'name the sensor: monitor sensors Sensor-LARI-01 --location "Room 7"')
    lines: list[str] = []

    async def work(_: asyncio.Event) -> None:
        lines.extend(await _change(settings, changes) if changes else await _list(settings))

    run("monitor", work, QueryError, SensorError)
    write_lines(lines)


async def _change(settings: SensorsSettings, changes: dict[str, object]) -> list[str]:
    name = str(settings.sensor)
    async with open_database(settings.mongo_url) as database:
        await database.ping()
        sensors = SensorQueries(database)
        if not await sensors.change(name, changes):
            raise await _unknown(name, sensors)
    return sentences(name, changes)


async def _unknown(name: str, sensors: SensorQueries) -> SensorError:
    near = difflib.get_close_matches(name, [each["sensor_id"] for each in await sensors.all()], n=1)
    hint = f"; did you mean {near[0]}?" if near else "; it appears with its first reading"
    return SensorError(f"unknown sensor {name}{hint}")


def sentences(name: str, changes: dict[str, object]) -> list[str]:
    """Say what was set."""
    lines = []
    if "own_location" in changes:
        location = changes["own_location"]
        where = "as in its readings" if location is None else location
        lines.append(f"Location of {name}: {where}.")
    if "threshold_kwh" in changes:
        kwh = changes["threshold_kwh"]
        threshold = "the default" if kwh is None else f"{kwh} kWh"
        lines.append(f"Threshold of {name}: {threshold}, within five seconds.")
    if "site" in changes:
        lines.append(f"Site of {name}: {changes['site']}, within five seconds.")
    return lines


async def _list(settings: SensorsSettings) -> list[str]:
    async with open_database(settings.mongo_url) as database:
        await database.ping()
        sensors = SensorQueries(database)
        if settings.sensor is None:
            return list_lines(await sensors.all(settings.sites), DisplayOptions.for_stdout(), settings.sites)
        one = await sensors.one(settings.sensor)
        if one is None:
            raise await _unknown(settings.sensor, sensors)
        return list_lines([one], DisplayOptions.for_stdout())[:-1]


def list_lines(
    sensors: Sequence[SensorDocument], look: DisplayOptions, sites: Sequence[str] = ()
) -> list[str]:
    """Describe sensors, one in a line, and count them in the last line.

    Args:
        sensors: What is stored of each.
        look: How they are shown.
        sites: Of which sites they are; all if none is named.
    """
    known = [to_live_sensor(each) for each in sensors]
    at = f" at {' and '.join(sites)}" if sites else ""
    if not known:
        return [f"No sensors{at}."]
    rows = [_row(sensor, document, look) for sensor, document in zip(known, sensors, strict=True)]
    states = [sensor_state(each, look.now).split()[0] for each in known]
    counts = ", ".join(f"{states.count(each):,} {each}" for each in ("online", "stale", "offline"))
    noun = "1 sensor" if len(known) == 1 else f"{len(known):,} sensors"
    return [
        *table_lines(COLUMNS, rows, get_terminal_size().columns, bold=look.colours),
        f"{noun}{at}: {counts}.",
    ]


def to_live_sensor(document: SensorDocument) -> LiveSensor:
    """What is known of a sensor, as all views show it."""
    sensor = LiveSensor(document["sensor_id"])
    sensor.update(document)
    return sensor


def sensor_state(sensor: LiveSensor, now: datetime) -> str:
    """Say whether readings of a sensor arrive: ``online``, ``offline``, ``stale 3 h``.

    Args:
        sensor: The sensor.
        now: This moment, UTC, naive.
    """
    known = sensor.state(now)
    if known != "stale" or sensor.last_seen_at is None:
        return known
    return f"stale {format_duration(now - sensor.last_seen_at, short=True)}"


def _row(sensor: LiveSensor, document: SensorDocument, look: DisplayOptions) -> tuple[str, ...]:
    threshold_kwh = document.get("threshold_kwh")
    return (
        sensor.sensor_id,
        sensor.site,
        sensor.location or "",
        sensor_state(sensor, look.now),
        last_seen(sensor.last_seen_at, look),
        "" if threshold_kwh is None else f"{threshold_kwh:g} kWh",
        ""
        if sensor.interval_s is None
        else format_duration(timedelta(seconds=sensor.interval_s), short=True),
    )


def last_seen(moment: datetime | None, look: DisplayOptions) -> str:
    """Say when a sensor was heard, as short as can be."""
    if moment is None:
        return "never"
    local, now = (each.replace(tzinfo=UTC).astimezone(look.zone) for each in (moment, look.now))
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local:%b %Y}"
