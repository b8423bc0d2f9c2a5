"""Readings of sensors, and what they came to per hour and day.

A reading's id is its sensor and its time, so the index of ids finds the readings of one sensor in
order; the same goes for the hours and days of a sensor.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, cast

from ingestor.documents import Measure, Period, format_moment, measure_id
from monitor.queries.database import Database, Span, asking, knock

Every = Literal["hourly", "daily"]
STREAM_BATCH = 5000
COUNT_LIMIT_S = 120.0


class Readings:
    """What sensors have measured."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._measures = database["measures"]

    async def page(self, sensor_id: str, span: Span, limit: int, after: str | None = None) -> list[Measure]:
        """Readings of a sensor in a time, oldest first.

        Args:
            sensor_id: The sensor.
            span: The time.
            limit: How many at most.
            after: The id of the last reading of the page before.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = _of(sensor_id, span)
        if after is not None:
            wanted["_id"]["$gt"] = after
        found = self._measures.find(wanted).sort("_id", 1).limit(limit)
        with asking():
            return [cast("Measure", each) async for each in found]

    async def newest(self, sensor_id: str, limit: int) -> list[Measure]:
        """The last readings of a sensor, oldest first.

        Raises:
            QueryError: The database does not answer.
        """
        found = self._measures.find(_named(sensor_id)).sort("_id", -1).limit(limit)
        with asking():
            return [cast("Measure", each) async for each in found][::-1]

    async def count(self, sensor_id: str, span: Span, most: int) -> int:
        """How many readings a sensor has in a time; it is not counted further than to ``most``.

        Raises:
            QueryError: The database does not answer.
        """
        with asking():
            return await self._measures.count_documents(_of(sensor_id, span), limit=most, hint="_id_")

    async def periods(self, sensor_id: str, span: Span, every: Every) -> list[Period]:
        """What a sensor used per hour or day of a time, oldest first.

        Raises:
            QueryError: The database does not answer.
        """
        found = self._database[every].find({**_named(sensor_id), "start": span.query}, hint="_id_")
        with asking():
            return [cast("Period", each) async for each in found.sort("_id", 1)]

    async def count_all(self, sensor_ids: Sequence[str], span: Span) -> int:
        """How many readings ``stream`` will give out.

        Raises:
            QueryError: The database does not answer.
        """
        with asking(COUNT_LIMIT_S):
            if not sensor_ids:
                return await self._measures.count_documents({"timestamp": span.query}, hint="timestamp")
            return sum(
                [await self._measures.count_documents(_of(each, span), hint="_id_") for each in sensor_ids]
            )

    async def stream(self, sensor_ids: Sequence[str], span: Span) -> AsyncIterator[Measure]:
        """All readings of a time, one after the other, without holding them.

        Args:
            sensor_ids: Of which sensors, one after the other; if none is named, of all, by time.
            span: The time.

        Raises:
            QueryError: The database does not answer.
        """
        await knock(self._database)
        wanted: list[tuple[dict[str, Any], str]] = [(_of(each, span), "_id") for each in sensor_ids]
        for query, order in wanted or [({"timestamp": span.query}, "timestamp")]:
            with asking():
                async for each in self._measures.find(query).sort(order, 1).batch_size(STREAM_BATCH):
                    yield cast("Measure", each)


def _of(sensor_id: str, span: Span) -> dict[str, Any]:
    first, end = (measure_id(sensor_id, format_moment(each)) for each in span)
    return {"_id": {"$gte": first, "$lt": end}}


def _named(sensor_id: str) -> dict[str, Any]:
    # "A" is the character after "@".
    return {"_id": {"$gt": f"{sensor_id}@", "$lt": f"{sensor_id}A"}}
