"""Each question that the monitor can ask, as those who use it ask it, and data to ask them of."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from bson import ObjectId
from pymongo.database import Database as AdminDatabase

from ingestor.documents import alarm_id, format_timestamp, measure_id, utc_now
from monitor.queries.alarms import AlarmFilter, AlarmQueries, AlarmSelection
from monitor.queries.database import QueryDatabase, TimeRange
from monitor.queries.downsample import downsample
from monitor.queries.energy import EnergyFilter, EnergyQueries, GroupBy, Grouping, Unit
from monitor.queries.paging import PageCursor, ResultPage
from monitor.queries.readings import ReadingFilter as Wanted
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.queries.sensors import SensorChange, SensorQueries
from monitor.queries.tail import ReadingTail

Call = Callable[[], Awaitable[object]]

NOW = utc_now().replace(microsecond=0)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SITES, SENSORS, READINGS, DAYS = 5, 20, 100, 20
ONE, OTHER = "Sensor-03", "Sensor-04"
SITE = ("site-3",)
BOTH = ("site-3", "site-4")
WEEK = TimeRange(NOW - 7 * DAY, NOW)
LATE = TimeRange(NOW - 2 * HOUR, NOW)
TOPIC, OTHER_TOPIC = f"energy/readings/site-3/{ONE}", f"energy/readings/site-4/{OTHER}"


def fill(database: AdminDatabase[dict[str, Any]]) -> None:
    names = [(f"Sensor-{number:02}", f"site-{number % SITES}") for number in range(SENSORS)]
    shelf = {"silent": {"until": NOW + DAY, "user": "ada"}}
    database.sensors.insert_many(
        [{"sensor_id": name, "site": site} for name, site in names]
        + [{"sensor_id": f"Shelved-{n}", "site": "site-0", "shelved": shelf if n else {}} for n in range(2)]
    )
    for place, (name, site) in enumerate(names):
        who = {"sensor_id": name, "site": site}
        database.measures.insert_many(_measure(who, NOW - n * MINUTE) for n in range(READINGS))
        for every, step, count in (("hourly", HOUR, DAYS * 24), ("daily", DAY, DAYS)):
            database[every].insert_many(_period(who, every, NOW - n * step) for n in range(count))
        # One stands, one is over and waits, the others are past.
        database.alarms.insert_many(_alarm(who, n, NOW - (n * SENSORS + place) * HOUR) for n in range(20))
        database.rejected.insert_many(
            {
                "topic": f"energy/readings/{site}/{name}",
                "payload": b"x",
                "kind": "json",
                "reason": "no JSON",
                "received_at": NOW - n * HOUR,
                **({"sequence": n} if n % 2 else {}),
            }
            for n in range(20)
        )


def _measure(who: dict[str, str], at: datetime) -> dict[str, Any]:
    is_high = at.minute % 10 == 0
    more = {"threshold_kwh": 12.0, "alerted_at": at} if is_high else {}
    value_kwh = 12.5 if is_high else 1 + at.minute / 100
    name = measure_id(who["sensor_id"], format_timestamp(at))
    document = {"_id": name, **who, "value_kwh": value_kwh, "timestamp": at, "is_anomaly": is_high}
    return {**document, "received_at": at, **more}


def _period(who: dict[str, str], every: str, at: datetime) -> dict[str, Any]:
    start = at.replace(minute=0, second=0, hour=at.hour if every == "hourly" else 0)
    stamp = format_timestamp(start)[: 13 if every == "hourly" else 10]
    sums = {"energy_kwh": 2.0, "count": 2, "max_kwh": 1.0 + start.hour / 100, "anomalies": 0}
    return {"_id": measure_id(who["sensor_id"], stamp), **who, "start": start, **sums}


def _alarm(who: dict[str, str], number: int, at: datetime) -> dict[str, Any]:
    over = {"cleared_at": None if number == 0 else at, "waits": number < 2}
    seen = {"acknowledged_at": None if number < 2 else at, "retracted_at": None}
    rule = "overconsumption" if number % 2 else "silent"
    name = alarm_id(who["sensor_id"], rule, at)
    return {
        "_id": name,
        **who,
        "rule": rule,
        "severity": "major",
        "since": at,
        "changed_at": at,
        **over,
        **seen,
    }


def calls(database: QueryDatabase, payload: ObjectId) -> dict[str, list[Call]]:
    """Each method as the pages, the reports, the REST interface and the commands call it.

    Args:
        database: Where they ask.
        payload: The id of one that was rejected.
    """
    return {
        **_of_energy(EnergyQueries(database)),
        **_of_alarms(AlarmQueries(database)),
        **_of_readings(ReadingQueries(database), ReadingTail(database), database),
        **_of_payloads(RejectedQueries(database), payload),
        **_of_sensors(SensorQueries(database)),
    }


def _of_energy(energy: EnergyQueries) -> dict[str, list[Call]]:
    units: tuple[Unit | None, ...] = ("hour", "day", "week", None)
    whom: tuple[GroupBy | None, ...] = ("site", "sensor", None)
    scopes = (EnergyFilter(), EnergyFilter(SITE), EnergyFilter((), (ONE, OTHER)), EnergyFilter(SITE, (ONE,)))
    groupings = [Grouping(*each) for each in product(units, whom, ("UTC", "Europe/Berlin"))]
    return {
        "EnergyQueries.totals": [
            partial(energy.totals, WEEK, grouping, most, scope=scope)
            for grouping, most, scope in product(groupings, (None, 1000), scopes)
        ],
        "EnergyQueries.heat": [partial(energy.heat, WEEK, scope=scope) for scope in scopes],
        "EnergyQueries.peaks": [partial(energy.peaks, WEEK, 10, scope=scope) for scope in scopes],
    }


def _of_alarms(episodes: AlarmQueries) -> dict[str, list[Call]]:
    states: tuple[AlarmSelection, ...] = ("standing", "past", "all")
    sought = [
        AlarmFilter(),
        AlarmFilter(SITE),
        AlarmFilter(sensor_id=ONE),
        AlarmFilter(SITE, ONE, "silent", "major"),
    ]
    sought += [AlarmFilter(rule="silent"), AlarmFilter(severity="major")]
    return {
        "AlarmQueries.active": [partial(episodes.active, ()), partial(episodes.active, SITE)],
        "AlarmQueries.ended": [partial(episodes.ended, ()), partial(episodes.ended, SITE)],
        "AlarmQueries.page": [
            partial(_two_pages, partial(episodes.page, *each, 5)) for each in product(states, sought)
        ],
        "AlarmQueries.overlapping": [
            partial(episodes.overlapping, WEEK),
            partial(episodes.overlapping, WEEK, SITE),
        ],
        "AlarmQueries.by_ids": [partial(episodes.by_ids, [alarm_id(ONE, "silent", NOW - 3 * HOUR)])],
        "AlarmQueries.shelved": [episodes.shelved],
    }


def _of_readings(
    readings: ReadingQueries, tail: ReadingTail, database: QueryDatabase
) -> dict[str, list[Call]]:
    first, hour = (measure_id(ONE, format_timestamp(NOW - each)) for each in (HOUR, DAY))
    sought = (Wanted(), Wanted(SITE), Wanted((), are_anomalies=True), Wanted(SITE, are_anomalies=True))
    return {
        "downsample": [partial(downsample, database, ONE, LATE, points) for points in (20, 2000)],
        "ReadingQueries.page": [partial(readings.page, ONE, LATE, 50, after) for after in (None, first)],
        "ReadingQueries.newest": [partial(readings.newest, ONE, 30)],
        "ReadingQueries.values": [partial(readings.values, [first])],
        "ReadingQueries.count": [partial(readings.count, ONE, LATE, most) for most in (10, 5001)],
        "ReadingQueries.fitting_resolution": [partial(readings.fitting_resolution, ONE, LATE)],
        "ReadingQueries.rollups": [
            partial(readings.rollups, ONE, WEEK, "hourly"),
            partial(readings.rollups, ONE, WEEK, "daily"),
            partial(readings.rollups, ONE, WEEK, "hourly", 10, hour[:-11]),
        ],
        "ReadingQueries.page_all_sensors": [
            partial(_two_pages, partial(readings.page_all_sensors, LATE, each, 20)) for each in sought
        ],
        "ReadingQueries.between": [lambda: _all(readings.between([ONE], *LATE))],
        "ReadingQueries.last_stored": [readings.last_stored],
        "ReadingQueries.count_all": [partial(readings.count_all, each, LATE) for each in ((), (ONE, OTHER))],
        "ReadingQueries.batches": [
            lambda: _all(readings.batches((), LATE)),
            lambda: _all(readings.batches((ONE, OTHER), LATE)),
        ],
        "ReadingTail.new": [tail.new, tail.new],
    }


def _of_payloads(rejected: RejectedQueries, payload: ObjectId) -> dict[str, list[Call]]:
    return {
        "RejectedQueries.on_topics": [lambda: _all(rejected.on_topics([TOPIC]))],
        "RejectedQueries.newest": [
            partial(rejected.newest, 50),
            partial(rejected.newest, 10, topic=TOPIC),
        ],
        "RejectedQueries.page": [
            partial(_two_pages, partial(rejected.page, topics, 10))
            for topics in (None, [TOPIC], [TOPIC, OTHER_TOPIC])
        ],
        "RejectedQueries.topics": [partial(rejected.topics, ONE)],
        "RejectedQueries.kinds": [partial(rejected.kinds, WEEK), partial(rejected.kinds, WEEK, SITE)],
        "RejectedQueries.mark_replayed": [partial(rejected.mark_replayed, payload)],
    }


def _of_sensors(sensors: SensorQueries) -> dict[str, list[Call]]:
    return {
        "SensorQueries.all": [
            sensors.all,
            partial(sensors.all, list(SITE)),
            partial(sensors.all, list(BOTH)),
        ],
        "SensorQueries.page": [
            partial(sensors.page, (), 5),
            partial(sensors.page, SITE, 2, ONE),
            partial(sensors.page, BOTH, 2, ONE),
        ],
        "SensorQueries.one": [partial(sensors.one, ONE)],
        "SensorQueries.unknown": [partial(sensors.unknown, ONE)],
        "SensorQueries.change": [
            partial(sensors.change, ONE, SensorChange(own_location="here", threshold_kwh=None))
        ],
    }


async def _two_pages(ask: Callable[[PageCursor | None], Awaitable[ResultPage]]) -> None:
    await ask((await ask(None)).end)


async def _all(found: AsyncIterator[object]) -> None:
    async for _ in found:
        pass
