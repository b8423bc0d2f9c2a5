"""How long the pages' questions to the database take when little and when much is stored."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from bench.past import load, measured
from bench.rig import NAME, Rig
from bench.table import Table, spread
from broker.topics import Place
from ingestor.documents import AlarmDocument, Measure, alarm_id, format_moment, measure_id, utc_now
from monitor.queries.database import Database, Span, open_database
from monitor.queries.energy import Energy, Scope
from monitor.queries.episodes import Episodes, Sought
from monitor.queries.readings import Readings
from monitor.queries.readings import Sought as SoughtReadings
from monitor.queries.rejected import RejectedPayloads
from monitor.queries.sensors import Sensors
from monitor.queries.tail import Tail
from monitor.web.history import look_up

Ask = Callable[[], Awaitable[object]]

METERS, SITES = 1_000, 5
EVERY = timedelta(minutes=15)
# One meter is read much more often than the others, in the last month.
BUSY, BUSY_EVERY, BUSY_SITE = "busy", timedelta(seconds=10), "site-0"
BUSY_READINGS = 30 * 24 * 360
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READINGS_PER_ALARM, STANDING = 3_000, 20
ZONE = "Europe/Berlin"
TIMES = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and how long its answer took each time, milliseconds."""

    question: str
    took_ms: list[float]


async def fill(rig: Rig, count: int, tell: Callable[[str], None]) -> None:
    """Store a number of readings of the past, and what came of them: hours, days, alarms.

    Args:
        rig: Where.
        count: How many readings.
        tell: Hears how far it is.
    """
    rig.fresh()
    ingestor = rig.ingestor()
    await ingestor.start()  # makes collections and indexes
    await ingestor.stop()
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    turns = (count - _busy(count)) // METERS
    hours = math.ceil(turns * EVERY / HOUR)
    sums = {"count": 4, "max_kwh": 1.0, "anomalies": 0, "computed_at": now}
    for collection, documents in (
        ("sensors", ({"sensor_id": name, "site": site} for site, name in _places())),
        ("measures", _readings(now, count)),
        ("hourly", _periods(now, HOUR, hours, {"energy_kwh": 4.0, **sums})),
        ("daily", _periods(now, DAY, hours // 24, {"energy_kwh": 96.0, **sums})),
        ("alarms", _alarms(now, count // READINGS_PER_ALARM)),
        ("rejected", _refused(now, count // READINGS_PER_ALARM)),
    ):

        def say(done: int, collection: str = collection) -> None:
            tell(f"{count:,} readings: {done:,} in {collection}")

        await asyncio.to_thread(load, rig, collection, documents, say)
    rig.database["checkpoints"].replace_one({"_id": NAME}, {"until": utc_now()}, upsert=True)


def _busy(count: int) -> int:
    return min(BUSY_READINGS, count // 10)


def _places() -> list[Place]:
    meters = [Place(f"site-{number % SITES}", f"meter-{number:04}") for number in range(METERS)]
    return [*meters, Place(BUSY_SITE, BUSY)]


def _readings(now: datetime, count: int) -> Iterator[Measure]:
    turns, busy = (count - _busy(count)) // METERS, Place(BUSY_SITE, BUSY)
    meters = _places()[:METERS]
    for turn in range(turns, 0, -1):
        moment = now - turn * EVERY
        for number, place in enumerate(meters):
            yield measured(place, 1 + (turn + number) % 96 / 96, moment, moment)
    for turn in range(_busy(count), 0, -1):
        moment = now - turn * BUSY_EVERY
        yield measured(busy, 1 + turn % 360 / 360, moment, moment)


def _periods(now: datetime, width: timedelta, count: int, sums: dict[str, Any]) -> Iterator[dict[str, Any]]:
    start = now if width == HOUR else now.replace(hour=0)
    stamp = len("2026-11-23T10" if width == HOUR else "2026-11-23")
    for number in range(count, 0, -1):
        begin = start - number * width
        text = format_moment(begin)[:stamp]
        for site, name in _places():
            yield {"_id": measure_id(name, text), "sensor_id": name, "site": site, "start": begin, **sums}


def _alarms(now: datetime, count: int) -> Iterator[AlarmDocument]:
    places = _places()
    for number in range(count):
        site, name = places[number % len(places)]
        since = now - number * HOUR / 4
        over = None if number < STANDING else since + HOUR
        yield AlarmDocument(
            _id=alarm_id(name, "overconsumption", since),
            sensor_id=name,
            site=site,
            rule="overconsumption",
            severity="major",
            message="13.27 kWh > 12.0 kWh",
            since=since,
            raised_at=since,
            cleared_at=over,
            limit_kwh=12.0,
            peak_kwh=13.27,
            waits=False,
            acknowledged_at=None,
            acknowledged_by=None,
            in_storm=False,
            retracted_at=None,
            changed_at=over or since,
            notified_at=None,
        )


def _refused(now: datetime, count: int) -> Iterator[dict[str, Any]]:
    places = _places()
    for number in range(count):
        site, name = places[number % len(places)]
        topic = f"energy/readings/{site}/{name}"
        what = {"payload": b'{"value_kwh": -1}', "kind": "value", "reason": "value_kwh: must be 0 or more"}
        # Those older than a month are deleted.
        yield {"_id": ObjectId(), "topic": topic, "received_at": now - number * timedelta(minutes=4), **what}


async def ask_all(rig: Rig) -> list[Asked]:
    """Ask every question several times, one after the other."""
    async with open_database(rig.servers.mongo("viewer")) as database:
        return [
            Asked(f"{page}: {question}", [await _took_ms(ask) for _ in range(TIMES)])
            for page, question, ask in _questions(database, utc_now())
        ]


async def _took_ms(ask: Ask) -> float:
    before_s = time.perf_counter()
    await ask()
    return (time.perf_counter() - before_s) * 1e3


def _questions(database: Database, now: datetime) -> list[tuple[str, str, Ask]]:
    energy, episodes, readings = Energy(database), Episodes(database), Readings(database)
    rejected, sensors, tail = RejectedPayloads(database), Sensors(database), Tail(database)
    site, topic = ("site-1",), f"energy/readings/{BUSY_SITE}/{BUSY}"

    def last(span: timedelta) -> Span:
        return Span(now - span, now + HOUR)

    return [
        ("Now", "all sensors", sensors.all),
        ("Now", "readings since the last look", tail.new),
        ("Now", "standing alarms", lambda: episodes.standing(())),
        ("Now", "energy of the last 24 hours", lambda: energy.totals(last(DAY), None)),
        ("Now", "one tile's curve", lambda: readings.newest(BUSY, 30)),
        ("Sensor", "last hour", lambda: look_up(readings, BUSY, last(HOUR))),
        ("Sensor", "last 24 hours", lambda: look_up(readings, BUSY, last(DAY))),
        ("Sensor", "last 30 days", lambda: look_up(readings, BUSY, last(30 * DAY))),
        ("Sensor", "last year", lambda: look_up(readings, BUSY, last(366 * DAY))),
        ("Sensor", "its alarms", lambda: episodes.page("past", Sought(sensor_id=BUSY), 20)),
        ("Sensor", "its refused payloads", lambda: rejected.newest(50, topic=topic)),
        ("Alarms", "past ones", lambda: episodes.page("past", Sought(), 50)),
        ("Alarms", "past ones of a site", lambda: episodes.page("past", Sought(site), 50)),
        ("Compare", "7 days by day and site", lambda: energy.totals(last(7 * DAY), "day", "site", zone=ZONE)),
        (
            "Compare",
            "30 days by day and sensor",
            lambda: energy.totals(last(30 * DAY), "day", "sensor", zone=ZONE),
        ),
        (
            "Compare",
            "a year by week and site",
            lambda: energy.totals(last(366 * DAY), "week", "site", zone=ZONE),
        ),
        (
            "Compare",
            "a year by week, one site",
            lambda: energy.totals(last(366 * DAY), "week", "site", zone=ZONE, scope=Scope(site)),
        ),
        (
            "Compare",
            "a year by day and site",
            lambda: energy.totals(last(366 * DAY), "day", "site", zone=ZONE),
        ),
        ("Compare", "7 days, the usual week", lambda: energy.heat(last(7 * DAY), zone=ZONE)),
        ("Compare", "12 weeks, the usual week", lambda: energy.heat(last(84 * DAY), zone=ZONE)),
        ("Compare", "7 days, peaks", lambda: energy.peaks(last(7 * DAY), 10)),
        ("Compare", "a year, peaks", lambda: energy.peaks(last(366 * DAY), 10)),
        ("Health", "the last refused payloads", lambda: rejected.newest(50)),
        ("Health", "the last reading", readings.last_stored),
        (
            "REST",
            "anomalies of 24 hours",
            lambda: readings.anywhere(last(DAY), SoughtReadings(are_anomalies=True), 100),
        ),
        ("REST", "readings of a site", lambda: readings.anywhere(last(DAY), SoughtReadings(site), 100)),
    ]


def to_table(found: dict[int, list[Asked]]) -> Table:
    """Show what was measured, by the number of readings stored."""
    columns = ("question", *(f"ms at {count:,}" for count in found))
    rows = [
        [asked[0].question, *(spread(each.took_ms, ",.1f") for each in asked)]
        for asked in zip(*found.values(), strict=True)
    ]
    return Table("pages", "What pages ask the database", columns, rows)
