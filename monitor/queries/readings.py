"""Readings of sensors, and what they came to per hour and day.

A reading's id is its sensor and its time, so the index of ids finds the readings of one sensor in
order; the same goes for the hours and days of a sensor.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from ingestor.documents import Measure, Period, format_timestamp, measure_id
from monitor.queries.database import (
    CHECK_LIMIT_S,
    PING_LIMIT_S,
    Queries,
    TimeRange,
    at_sites,
    querying,
)
from monitor.queries.paging import PageCursor, ResultPage, TimeOrderedList
from monitor.queries.rollups import DAYS, HOURS

RollupInterval = Literal["hourly", "daily"]
Resolution = Literal["raw", "hourly", "daily"]
MAX_READINGS = 5000
MAX_HOURS = timedelta(hours=2400)
STREAM_BATCH = 5000
COUNT_LIMIT_S = 120.0
COMPARED = ("sensor_id", "site", "timestamp", "value_kwh", "is_anomaly", "alerted_at", "received_at")


class ReadingFilter(NamedTuple):
    """Which readings; all if nothing is given."""

    sites: Sequence[str] = ()
    are_anomalies: bool = False


class ReadingQueries(Queries):
    """What sensors have measured."""

    async def page(
        self, sensor_id: str, span: TimeRange, limit: int, after: str | None = None
    ) -> list[Measure]:
        """Readings of a sensor in a time, oldest first, after the id of the last one of the page before."""
        wanted = ids_of(sensor_id, span)
        if after is not None:
            wanted["_id"]["$gt"] = after
        return await self._database.find("measures", wanted, sort=[("_id", 1)], limit=limit)

    async def newest(self, sensor_id: str, limit: int) -> list[Measure]:
        """The last readings of a sensor, oldest first."""
        wanted = {"_id": {"$gt": f"{sensor_id}@", "$lt": f"{sensor_id}A"}}  # "A" comes after "@"
        found = await self._database.find("measures", wanted, sort=[("_id", -1)], limit=limit)
        return found[::-1]

    async def values(self, ids: Sequence[str]) -> dict[str, float]:
        """The values of readings that are stored, by their ids, kWh."""
        found = await self._database.find("measures", {"_id": {"$in": list(ids)}}, ("value_kwh",))
        return {each["_id"]: each["value_kwh"] for each in found}

    async def count(self, sensor_id: str, span: TimeRange, most: int) -> int:
        """How many readings a sensor has in a time; it is not counted further than to ``most``."""
        return await self._database.count("measures", ids_of(sensor_id, span), limit=most, hint="_id_")

    async def fitting_resolution(self, sensor_id: str, span: TimeRange) -> Resolution:
        """What to show of a sensor in a time: readings if there are not too many, else hours, else days."""
        if await self.count(sensor_id, span, MAX_READINGS + 1) <= MAX_READINGS:
            return "raw"
        return "hourly" if span.end - span.first <= MAX_HOURS else "daily"

    async def rollups(
        self,
        sensor_id: str,
        span: TimeRange,
        every: RollupInterval,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Period]:
        """What a sensor used in the hours or days that begin in a time, oldest first."""
        first, end = (format_timestamp(each) for each in span)
        stamp = {"hourly": HOURS, "daily": DAYS}[every].stamp
        ids = {"$gte": measure_id(sensor_id, first[:stamp]), "$lt": measure_id(sensor_id, end)}
        if after is not None:
            ids["$gt"] = after
        wanted = {"_id": ids, "start": span.query}
        return await self._database.find(every, wanted, sort=[("_id", 1)], limit=limit or 0, hint="_id_")

    async def page_all_sensors(
        self, span: TimeRange, sought: ReadingFilter, limit: int, after: PageCursor | None = None
    ) -> ResultPage:
        """Readings of all sensors, the newest first, after the end of the page before."""
        wanted: dict[str, Any] = {"timestamp": span.query, **at_sites(sought.sites)}
        if sought.are_anomalies:
            wanted["is_anomaly"] = True
        return await TimeOrderedList(self._database, "measures", "timestamp").page(wanted, limit, after)

    async def between(
        self, sensor_ids: Sequence[str], first: datetime, last: datetime
    ) -> AsyncIterator[Measure]:
        """All readings of some sensors in a time, the ends included, with what `monitor verify` compares.

        They are found by sensor and time, not by their ids, so that one under a wrong id is seen.
        """
        wanted = {"timestamp": {"$gte": first, "$lte": last}, "sensor_id": {"$in": list(sensor_ids)}}
        async for document in self._database.stream("measures", wanted, COMPARED, limit_s=CHECK_LIMIT_S):
            yield document

    async def last_stored(self) -> Measure | None:
        """The reading that was stored last; None if there is none."""
        # The natural order is that of insertion.
        with querying(PING_LIMIT_S):
            newest = await self._database.find("measures", {}, sort=[("$natural", -1)], limit=1)
        return newest[0] if newest else None

    async def count_all(self, sensor_ids: Sequence[str], span: TimeRange) -> int:
        """How many readings ``batches`` will give out."""
        asked = [(ids_of(each, span), "_id_") for each in sensor_ids]
        asked = asked or [({"timestamp": span.query}, "timestamp")]
        with querying(COUNT_LIMIT_S):
            return sum([await self._database.count("measures", each, hint=hint) for each, hint in asked])

    async def batches(self, sensor_ids: Sequence[str], span: TimeRange) -> AsyncIterator[list[Measure]]:
        """All readings of some sensors, one sensor after the other, or of all, by time; in batches."""
        # Each batch is a question of its own: a cursor that stays open ends when all work for it has
        # taken the server ten seconds, or when whoever takes the readings takes too long.
        await self._database.ping()
        for sensor_id in sensor_ids:
            after = None
            while batch := await self.page(sensor_id, span, STREAM_BATCH, after):
                yield batch
                after = batch[-1]["_id"]
        if not sensor_ids:
            async for batch in self._by_time(span):
                yield batch

    async def _by_time(self, span: TimeRange) -> AsyncIterator[list[Measure]]:
        first, given = span.first, set[str]()
        while True:
            wanted = {"timestamp": TimeRange(first, span.end).query}
            most = STREAM_BATCH + len(given)
            again = await self._database.find("measures", wanted, sort=[("timestamp", 1)], limit=most)
            batch: list[Measure] = [each for each in again if each["_id"] not in given]
            if not batch:
                return
            yield batch
            # The next one begins with the time of the last reading, which others may have too.
            last = batch[-1]["timestamp"]
            if last > first:
                given.clear()
            given.update(each["_id"] for each in batch if each["timestamp"] == last)
            first = last


def ids_of(sensor_id: str, span: TimeRange) -> dict[str, Any]:
    """The condition that a reading is one of a sensor in a time."""
    first, end = (measure_id(sensor_id, format_timestamp(each)) for each in span)
    return {"_id": {"$gte": first, "$lt": end}}
