"""How long the pages' questions to the database take when little and when much is stored."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.load.many_meters import BUSY, BUSY_SITE
from bench.rig import BenchRig
from bench.table import ResultTable, spread
from ingestor.documents import utc_now
from monitor.queries.alarms import AlarmFilter, AlarmQueries
from monitor.queries.database import QueryDatabase, TimeRange, open_database
from monitor.queries.energy import EnergyFilter, EnergyQueries, Grouping
from monitor.queries.readings import ReadingFilter as SoughtReadings
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.queries.sensors import SensorQueries
from monitor.queries.tail import ReadingTail
from monitor.web.sensor_history import load_history

Ask = Callable[[], Awaitable[object]]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = "Europe/Berlin"
TIMES = 5


@dataclass(frozen=True, slots=True)
class QueryTiming:
    """A question, and how long its answer took each time, milliseconds."""

    question: str
    took_ms: list[float]


async def ask_all(rig: BenchRig) -> list[QueryTiming]:
    """Ask every question several times, one after the other."""
    async with open_database(rig.servers.mongo("viewer")) as database:
        return [
            QueryTiming(f"{page}: {question}", [await _took_ms(ask) for _ in range(TIMES)])
            for page, question, ask in _questions(database, utc_now())
        ]


async def _took_ms(ask: Ask) -> float:
    before_s = time.perf_counter()
    await ask()
    return (time.perf_counter() - before_s) * 1e3


def _questions(database: QueryDatabase, now: datetime) -> list[tuple[str, str, Ask]]:
    energy, episodes, readings = EnergyQueries(database), AlarmQueries(database), ReadingQueries(database)
    rejected, sensors, tail = RejectedQueries(database), SensorQueries(database), ReadingTail(database)
    site, topic = ("site-1",), f"energy/readings/{BUSY_SITE}/{BUSY}"

    def last(span: timedelta) -> TimeRange:
        return TimeRange(now - span, now + HOUR)

    return [
        ("Now", "all sensors", sensors.all),
        ("Now", "readings since the last look", tail.new),
        ("Now", "standing alarms", lambda: episodes.active(())),
        ("Now", "energy of the last 24 hours", lambda: energy.totals(last(DAY), Grouping(None))),
        ("Now", "one tile's curve", lambda: readings.newest(BUSY, 30)),
        ("Sensor", "last hour", lambda: load_history(readings, BUSY, last(HOUR))),
        ("Sensor", "last 24 hours", lambda: load_history(readings, BUSY, last(DAY))),
        ("Sensor", "last 30 days", lambda: load_history(readings, BUSY, last(30 * DAY))),
        ("Sensor", "last year", lambda: load_history(readings, BUSY, last(366 * DAY))),
        ("Sensor", "its alarms", lambda: episodes.page("past", AlarmFilter(sensor_id=BUSY), 20)),
        ("Sensor", "its rejected payloads", lambda: rejected.newest(50, topic=topic)),
        ("Alarms", "past ones", lambda: episodes.page("past", AlarmFilter(), 50)),
        ("Alarms", "past ones of a site", lambda: episodes.page("past", AlarmFilter(site), 50)),
        (
            "Compare",
            "7 days by day and site",
            lambda: energy.totals(last(7 * DAY), Grouping("day", "site", ZONE)),
        ),
        (
            "Compare",
            "30 days by day and sensor",
            lambda: energy.totals(last(30 * DAY), Grouping("day", "sensor", ZONE)),
        ),
        (
            "Compare",
            "a year by week and site",
            lambda: energy.totals(last(366 * DAY), Grouping("week", "site", ZONE)),
        ),
        (
            "Compare",
            "a year by week, one site",
            lambda: energy.totals(last(366 * DAY), Grouping("week", "site", ZONE), scope=EnergyFilter(site)),
        ),
        (
            "Compare",
            "a year by day and site",
            lambda: energy.totals(last(366 * DAY), Grouping("day", "site", ZONE)),
        ),
        ("Compare", "7 days, the usual week", lambda: energy.heat(last(7 * DAY), zone=ZONE)),
        ("Compare", "12 weeks, the usual week", lambda: energy.heat(last(84 * DAY), zone=ZONE)),
        ("Compare", "7 days, peaks", lambda: energy.peaks(last(7 * DAY), 10)),
        ("Compare", "a year, peaks", lambda: energy.peaks(last(366 * DAY), 10)),
        ("Health", "the last rejected payloads", lambda: rejected.newest(50)),
        ("Health", "the last reading", readings.last_stored),
        (
            "REST",
            "anomalies of 24 hours",
            lambda: readings.page_all_sensors(last(DAY), SoughtReadings(are_anomalies=True), 100),
        ),
        (
            "REST",
            "readings of a site",
            lambda: readings.page_all_sensors(last(DAY), SoughtReadings(site), 100),
        ),
    ]


def to_table(found: dict[int, list[QueryTiming]]) -> ResultTable:
    """Show what was measured, by the number of readings stored."""
    columns = ("question", *(f"ms at {count:,}" for count in found))
    rows = [
        [asked[0].question, *(spread(each.took_ms, ",.1f") for each in asked)]
        for asked in zip(*found.values(), strict=True)
    ]
    return ResultTable("pages", "What pages ask the database", columns, rows)
