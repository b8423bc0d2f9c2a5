"""``monitor sensors``: which sensors there are, where they are, and what people set of them."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from shutil import get_terminal_size

from broker.program.process import run
from broker.program.settings import exit_with, read_settings
from ingestor.documents import SensorDocument
from monitor.cli.alarms import DisplayOptions
from monitor.cli.output import write_lines
from monitor.cli.settings import SensorsSettings, site_names
from monitor.formatting import format_count, format_duration
from monitor.live.live_sensor import LiveSensor
from monitor.queries.database import QueryError, open_database
from monitor.queries.sensors import SensorChange, SensorQueries
from monitor.text_table import Column, cuttable_columns, table_lines

PROGRAM = "monitor sensors"
COLUMNS = (
    Column("Sensor"),
    *cuttable_columns("Site", "Location"),
    Column("State"),
    Column("Last seen"),
    Column("Threshold", is_number=True, is_always_shown=False),
    Column("Interval", is_number=True),
)


def sensors_command(arguments: list[str]) -> None:
    """Read the options, and list sensors or change one."""
    settings = read_settings(SensorsSettings, arguments, PROGRAM)
    change = settings.change(arguments)
    if change is not None and settings.sensor is None:
        exit_with(PROGRAM, 'name the sensor: monitor sensors Sensor-LARI-01 --location "Room 7"')
    write_lines(run("monitor", partial(_list_or_change, settings, change), QueryError))


async def _list_or_change(
    settings: SensorsSettings, change: SensorChange | None, _: asyncio.Event
) -> list[str]:
    display = DisplayOptions.for_stdout()
    async with open_database(settings.mongo_url) as database:
        await database.ping()
        sensors, name = SensorQueries(database), settings.sensor
        if name is None:
            sites = site_names(settings.site)
            return list_lines(await sensors.all(sites), display, sites)
        if change is not None:
            await sensors.change(name, change)
            return [*sentences(name, change)]
        if one := await sensors.one(name):
            return list_lines([one], display)[:-1]
        raise await sensors.unknown(name)


def sentences(name: str, change: SensorChange) -> Iterator[str]:
    """Say what was set."""
    if "own_location" in change.model_fields_set:
        yield f"Location of {name}: {change.own_location or 'as in its readings'}."
    if "threshold_kwh" in change.model_fields_set:
        kwh = change.threshold_kwh
        yield f"Threshold of {name}: {'the default' if kwh is None else f'{kwh} kWh'}, within five seconds."
    if change.site is not None:
        yield f"Site of {name}: {change.site}, within five seconds."


def list_lines(
    sensors: Sequence[SensorDocument], display: DisplayOptions, sites: Sequence[str] = ()
) -> list[str]:
    """Describe sensors, one in a line, and count them in the last line."""
    known = [to_live_sensor(each) for each in sensors]
    at = f" at {' and '.join(sites)}" if sites else ""
    if not known:
        return [f"No sensors{at}."]
    rows = [_row(sensor, document, display) for sensor, document in zip(known, sensors, strict=True)]
    states = [sensor_state(each, display.now).split()[0] for each in known]
    counts = ", ".join(f"{states.count(each):,} {each}" for each in ("online", "stale", "offline"))
    lines = table_lines(COLUMNS, rows, get_terminal_size().columns, bold=display.colours)
    return [*lines, f"{format_count(len(known), 'sensor')}{at}: {counts}."]


def to_live_sensor(document: SensorDocument) -> LiveSensor:
    """What is known of a sensor, as all views show it."""
    sensor = LiveSensor(document["sensor_id"])
    sensor.update(document)
    return sensor


def sensor_state(sensor: LiveSensor, now: datetime) -> str:
    """Say whether readings of a sensor arrive: ``online``, ``offline``, ``stale 3 h``."""
    known = sensor.state(now)
    if known != "stale" or sensor.last_seen_at is None:
        return known
    return f"stale {format_duration(now - sensor.last_seen_at, short=True)}"


def _row(sensor: LiveSensor, document: SensorDocument, display: DisplayOptions) -> tuple[str, ...]:
    threshold_kwh, interval = document.get("threshold_kwh"), ""
    if sensor.interval_s is not None:
        interval = format_duration(timedelta(seconds=sensor.interval_s), short=True)
    return (
        sensor.sensor_id,
        sensor.site,
        sensor.location or "",
        sensor_state(sensor, display.now),
        last_seen(sensor.last_seen_at, display),
        "" if threshold_kwh is None else f"{threshold_kwh:g} kWh",
        interval,
    )


def last_seen(moment: datetime | None, display: DisplayOptions) -> str:
    """Say when a sensor was last seen, as short as can be."""
    if moment is None:
        return "never"
    local, now = (each.replace(tzinfo=UTC).astimezone(display.zone) for each in (moment, display.now))
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local:%b %Y}"
