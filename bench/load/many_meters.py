"""A thousand meters that have been read for months: what is stored of them."""

import asyncio
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from bench.load.history import insert_history, stored_measure
from bench.rig import NAME, BenchRig
from broker.topics import SensorKey
from ingestor.documents import AlarmDocument, Measure, alarm_id, format_timestamp, measure_id, utc_now
from monitor.queries.rollups import DAYS, HOURS, RollupCollection

METERS, SITES = 1_000, 5
EVERY = timedelta(minutes=15)
# One is read much more often than the others, in the last month.
BUSY, BUSY_EVERY, BUSY_SITE = "busy", timedelta(seconds=10), "site-0"
BUSY_READINGS = 30 * 24 * 360
READINGS_PER_ALARM, STANDING = 3_000, 20


async def fill_with_meters(rig: BenchRig, count: int, tell: Callable[[str], None]) -> None:
    """Store a number of readings up to now, and what came of them: hours, days, alarms.

    Args:
        rig: Where.
        count: How many readings.
        tell: Hears how far it is.
    """
    rig.reset()
    ingestor = rig.ingestor()
    await ingestor.start()  # makes collections and indexes
    await ingestor.stop()
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    turns = _turns(count)
    hours = math.ceil(turns * EVERY / HOURS.width)
    sums = {"count": 4, "max_kwh": 1.0, "anomalies": 0, "computed_at": now}
    for collection, documents in (
        ("sensors", ({"sensor_id": name, "site": site} for site, name in _sensor_keys())),
        ("measures", _readings(now, count)),
        ("hourly", _rollups(now, HOURS, hours, {"energy_kwh": 4.0, **sums})),
        ("daily", _rollups(now.replace(hour=0), DAYS, hours // 24, {"energy_kwh": 96.0, **sums})),
        ("alarms", _alarms(now, count // READINGS_PER_ALARM)),
        ("rejected", _rejected(now, count // READINGS_PER_ALARM)),
    ):

        def say(done: int, collection: str = collection) -> None:
            tell(f"{count:,} readings: {done:,} in {collection}")

        await asyncio.to_thread(insert_history, rig, collection, documents, say)
    rig.database["checkpoints"].replace_one({"_id": NAME}, {"until": utc_now()}, upsert=True)


def _turns(count: int) -> int:
    """How often each meter was read; the busy one makes up the rest."""
    return (count - min(BUSY_READINGS, count // 10)) // METERS


def _sensor_keys() -> list[SensorKey]:
    meters = [SensorKey(f"site-{number % SITES}", f"meter-{number:04}") for number in range(METERS)]
    return [*meters, SensorKey(BUSY_SITE, BUSY)]


def _readings(now: datetime, count: int) -> Iterator[Measure]:
    turns = _turns(count)
    *meters, busy = _sensor_keys()
    for turn in range(turns, 0, -1):
        moment = now - turn * EVERY
        for number, key in enumerate(meters):
            yield stored_measure(key, 1 + (turn + number) % 96 / 96, moment, moment)
    for turn in range(count - turns * METERS, 0, -1):
        moment = now - turn * BUSY_EVERY
        yield stored_measure(busy, 1 + turn % 360 / 360, moment, moment)


def _rollups(
    end: datetime, stored: RollupCollection, count: int, sums: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for number in range(count, 0, -1):
        begin = end - number * stored.width
        text = format_timestamp(begin)[: stored.stamp]
        for site, name in _sensor_keys():
            yield {"_id": measure_id(name, text), "sensor_id": name, "site": site, "start": begin, **sums}


def _alarms(now: datetime, count: int) -> Iterator[AlarmDocument]:
    keys = _sensor_keys()
    for number in range(count):
        site, name = keys[number % len(keys)]
        since = now - number * EVERY
        over = None if number < STANDING else since + HOURS.width
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


def _rejected(now: datetime, count: int) -> Iterator[dict[str, Any]]:
    keys = _sensor_keys()
    for number in range(count):
        site, name = keys[number % len(keys)]
        topic = f"energy/readings/{site}/{name}"
        what = {"payload": b'{"value_kwh": -1}', "kind": "value", "reason": "value_kwh: must be 0 or more"}
        # Those older than a month are deleted.
        yield {"_id": ObjectId(), "topic": topic, "received_at": now - number * timedelta(minutes=4), **what}
