"""Energy per sensor and hour, and per day: `hourly` and `daily`, always recomputed, never added to.

Whoever adds counts a reading twice when it comes twice. So every hour that a reading touched, late
ones included, is computed again from `measures`, and its day from the hours. That costs the database
some work, so it may take at most 2 % of the time.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from ingestor.documents import Measure, day_of, hour_of, utc_now
from ingestor.store.checkpoint import Checkpoint
from ingestor.store.reading_store import ReadingStore
from ingestor.store.sensor_updates import SensorUpdates

PAUSE_S = 10.0
PAUSE_PER_WORK = 50
ROLLUPS_PER_QUERY = 200
# Measures are written in the order of their arrival, but for a batch that had to be tried again.
EVER = datetime.min  # noqa: DTZ901
OVERLAP = timedelta(minutes=10)


class Rollups:
    """The hours that readings have touched since they were last computed.

    Args:
        store: Where measures and periods are.
        name: The ingestor's, under which it keeps how far it has come.
        sensors: Told of the readings that an earlier process left behind.
    """

    def __init__(self, store: ReadingStore, name: str, sensors: SensorUpdates) -> None:
        self._store = store
        self._checkpoint = Checkpoint(store, name)
        self._sensors = sensors
        self._hours: set[str] = set()

    def on_stored(self, measures: Iterable[Measure]) -> None:
        """Note that readings were stored."""
        self._hours.update([hour_of(measure["_id"]) for measure in measures])

    async def work(self) -> None:
        """Compute what was touched, again and again; begins with what an earlier process left."""
        await self._catch_up()
        while True:
            began = time.monotonic()
            await self.compute()
            await asyncio.sleep(max(PAUSE_S, (time.monotonic() - began) * PAUSE_PER_WORK))

    async def compute(self) -> None:
        """Compute all hours and days touched so far, and keep that this is done."""
        began = utc_now()
        hours, self._hours = self._hours, set()
        for chunk in _chunks(hours):
            await self._store.merge("measures", hourly(chunk, began))
        for chunk in _chunks({day_of(hour) for hour in hours}):
            await self._store.merge("hourly", daily(chunk, began))
        await self._checkpoint.set(began)

    async def _catch_up(self) -> None:
        """Note what was stored after the last checkpoint of an earlier process."""
        checkpoint = await self._checkpoint.own() or await self._checkpoint.others()
        since = checkpoint - OVERLAP if checkpoint else EVER
        await self._store.each_recent(since, self._left_behind)

    def _left_behind(self, measure: Measure) -> None:
        self.on_stored([measure])
        self._sensors.on_stored([measure])


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(sorted(ids))
    while chunk := list(islice(remaining, ROLLUPS_PER_QUERY)):
        yield chunk


def hourly(hours: list[str], computed_at: datetime) -> list[dict[str, Any]]:
    """The pipeline over ``measures`` that computes these hours anew."""
    sums = {
        "start": {"$min": "$timestamp"},
        "energy_kwh": {"$sum": "$value_kwh"},
        "count": {"$sum": 1},
        "max_kwh": {"$max": "$value_kwh"},
        "anomalies": {"$sum": {"$cond": ["$is_anomaly", 1, 0]}},
    }
    # ":" ends the hour in a measure's id, and ";" is the character after it.
    ranges = [{"_id": {"$gte": f"{hour}:", "$lt": f"{hour};"}} for hour in hours]
    return _pipeline(ranges, len(":00:00.123Z"), sums, "hour", computed_at)


def daily(days: list[str], computed_at: datetime) -> list[dict[str, Any]]:
    """The pipeline over ``hourly`` that computes these days anew."""
    sums = {
        "start": {"$min": "$start"},
        "energy_kwh": {"$sum": "$energy_kwh"},
        "count": {"$sum": "$count"},
        "max_kwh": {"$max": "$max_kwh"},
        "anomalies": {"$sum": "$anomalies"},
    }
    # "T" ends the day in an hour's id, and "U" is the character after it.
    ranges = [{"_id": {"$gte": f"{day}T", "$lt": f"{day}U"}} for day in days]
    return _pipeline(ranges, len("T10"), sums, "day", computed_at)


def _pipeline(
    ranges: list[dict[str, Any]], cut: int, sums: dict[str, Any], unit: str, computed_at: datetime
) -> list[dict[str, Any]]:
    """Sum up by id without its last ``cut`` characters, and replace what was computed before."""
    key = {"$substrBytes": ["$_id", 0, {"$subtract": [{"$strLenBytes": "$_id"}, cut]}]}
    who = {"sensor_id": {"$first": "$sensor_id"}, "site": {"$first": "$site"}}
    start = {"$dateTrunc": {"date": "$start", "unit": unit}}
    into = {"hour": "hourly", "day": "daily"}[unit]
    return [
        {"$match": {"$or": ranges}},
        {"$group": {"_id": key, **who, **sums}},
        {"$set": {"start": start, "computed_at": computed_at}},
        {"$merge": {"into": into, "on": "_id", "whenMatched": "replace", "whenNotMatched": "insert"}},
    ]
