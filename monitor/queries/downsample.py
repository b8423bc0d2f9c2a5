"""Many readings as few, so that no peak is lost: for drawings."""

from datetime import datetime, timedelta
from typing import Any

from ingestor.documents import Measure
from monitor.queries.database import QueryDatabase, TimeRange, querying
from monitor.queries.readings import ReadingQueries, ids_of

LOOK_LIMIT_S = 60.0
MILLISECOND = timedelta(milliseconds=1)


async def downsample(database: QueryDatabase, sensor_id: str, span: TimeRange, points: int) -> list[Measure]:
    """The highest and the lowest reading of each of equally long parts of a time, oldest first.

    The database picks them, and holds no more than two for each part. The time is looked at from the
    sensor's first to its last reading in it. There are at most ``points`` readings, two or more.
    """
    readings = ReadingQueries(database)
    if await readings.count(sensor_id, span, points + 1) <= points:
        return await readings.page(sensor_id, span, points)
    with querying(LOOK_LIMIT_S):
        wanted = ids_of(sensor_id, span)
        ends = [
            each.get("timestamp")
            for order in (1, -1)
            for each in await database.find(
                "measures", wanted, ("timestamp",), sort=[("_id", order)], limit=1
            )
        ]
        stages = _stages(wanted, span, _part(ends, span), points // 2)
        parts = await database.aggregate("measures", stages, allowDiskUse=True)
        ids = {part[end]["id"] for part in parts for end in ("low", "high")}
        return await database.find("measures", {"_id": {"$in": list(ids)}}, sort=[("_id", 1)])


def _part(ends: list[Any], span: TimeRange) -> TimeRange:
    """From the first to the last reading; the whole time if somebody has changed these by hand."""
    times = [each for each in ends if isinstance(each, datetime) and span.first <= each < span.end]
    return TimeRange(min(times), max(times) + MILLISECOND) if times else span


def _stages(wanted: dict[str, Any], span: TimeRange, part: TimeRange, count: int) -> list[dict[str, Any]]:
    width_ms = (part.end - part.first) // MILLISECOND // count + 1
    number = {"$floor": {"$divide": [{"$subtract": ["$timestamp", part.first]}, width_ms]}}
    extreme = {"value_kwh": "$value_kwh", "id": "$_id"}
    # Whatever is no number or no time was put there by hand, and cannot be compared.
    finite = {"$gt": float("-inf"), "$lt": float("inf")}
    return [
        {"$match": {**wanted, "timestamp": span.query, "value_kwh": finite}},
        {
            "$group": {
                "_id": {"$min": [count - 1, {"$max": [0, number]}]},
                "low": {"$min": extreme},
                "high": {"$max": extreme},
            }
        },
    ]
