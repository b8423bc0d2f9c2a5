"""Stored readings as alarms need them: those that were perhaps never evaluated, and those of one sensor."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from pymongo import timeout

from ingestor.documents import LATE_AFTER, Measure, format_timestamp, measure_id
from ingestor.store.reading_store import ReadingStore

READ_LIMIT_S = 600.0
EVALUATED = (
    "_id",
    "sensor_id",
    "site",
    "location",
    "timestamp",
    "value_kwh",
    "is_anomaly",
    "threshold_kwh",
    "received_at",
)
_LATE_MS = LATE_AFTER // timedelta(milliseconds=1)
TIMELY = {"$expr": {"$gte": ["$timestamp", {"$subtract": ["$received_at", _LATE_MS]}]}}

# Told what is found and what would be next; True for no more.
Enough = Callable[[Sequence[Measure], Measure], bool]


class UnevaluatedSensor(NamedTuple):
    """A sensor with readings that were stored and perhaps never evaluated, and the oldest of these."""

    sensor_id: str
    site: str
    since: datetime


class ReadingHistory:
    """Reads `measures`.

    Args:
        store: The open database.
        sites: Whose readings; ``+`` for all.
    """

    def __init__(self, store: ReadingStore, sites: Sequence[str]) -> None:
        self._store = store
        self._sites: dict[str, Any] = {} if "+" in sites else {"site": {"$in": list(sites)}}

    async def unevaluated(self, since: datetime) -> list[UnevaluatedSensor]:
        """The sensors of which timely readings were received after a moment."""
        after = {"timestamp": {"$gte": since - LATE_AFTER}, "received_at": {"$gte": since}, **self._sites}
        group = {"_id": "$sensor_id", "site": {"$last": "$site"}, "since": {"$min": "$timestamp"}}
        stages = [{"$match": {**after, **TIMELY}}, {"$group": group}]

        async def read() -> list[UnevaluatedSensor]:
            with timeout(READ_LIMIT_S):
                found = self._store.database.aggregate("measures", stages, allowDiskUse=True)
                return [UnevaluatedSensor(each["_id"], each["site"], each["since"]) async for each in found]

        return await self._store.retry(read)

    def of(self, sensor_id: str, moment: datetime) -> "SensorHistory":
        """The readings of one sensor, before and after a moment."""
        return SensorHistory(self._store, sensor_id, moment)


class SensorHistory:
    """Reads the readings of one sensor.

    Attributes:
        moment: What is before, and what after.
    """

    def __init__(self, store: ReadingStore, sensor_id: str, moment: datetime) -> None:
        self.moment = moment
        self._database = store.database
        self._measures = store.database["measures"]
        self._retry = store.retry
        self._begin, self._moment, self._end = (
            measure_id(sensor_id, stamp) for stamp in ("", format_timestamp(moment), "a")
        )
        self._sensor_id = sensor_id

    async def before(self, enough: Enough) -> list[Measure]:
        """Timely readings from before the moment, the newest first, until there are enough."""
        before = {"_id": {"$gte": self._begin, "$lt": self._moment}, **TIMELY}

        async def read() -> list[Measure]:
            found: list[Measure] = []
            async for each in self._measures.find(before, EVALUATED).sort("_id", -1).batch_size(200):
                if enough(found, each):
                    break
                found.append(each)
            return found

        return await self._retry(read)

    async def first_reading(self) -> datetime | None:
        """The time of the first timely reading, if it is from before the moment."""
        before = {"_id": {"$gte": self._begin, "$lt": self._moment}, **TIMELY}
        first = await self._retry(lambda: self._measures.find_one(before, ["timestamp"], sort=[("_id", 1)]))
        return cast("datetime", first["timestamp"]) if first else None

    async def since(self) -> list[Measure]:
        """All readings from the moment on, by time, late ones included."""
        ids = {"$gte": self._moment, "$lt": self._end}

        async def read() -> list[Measure]:
            with timeout(READ_LIMIT_S):
                found = self._measures.find({"_id": ids}, EVALUATED).sort("_id", 1)
                return [cast("Measure", each) async for each in found]

        return await self._retry(read)

    async def peak_kwh(self, begin: datetime) -> float | None:
        """The highest timely reading from ``begin`` until before the moment, kWh."""
        return cast("float | None", await self._single(begin, TIMELY, {"$max": "$value_kwh"}))

    async def energy_nano(self, begin: datetime) -> int:
        """The energy from ``begin`` until before the moment, billionths of a kWh."""
        nano = {"$toLong": {"$round": [{"$multiply": ["$value_kwh", 1e9]}, 0]}}
        return int(await self._single(begin, {}, {"$sum": nano}) or 0)

    async def _single(
        self, begin: datetime, wanted: Mapping[str, Any], accumulator: Mapping[str, Any]
    ) -> Any:  # noqa: ANN401
        ids = {"$gte": measure_id(self._sensor_id, format_timestamp(begin)), "$lt": self._moment}
        stages = [{"$match": {"_id": ids, **wanted}}, {"$group": {"_id": None, "single": accumulator}}]

        async def read() -> Any:  # noqa: ANN401 - a number, or None
            with timeout(READ_LIMIT_S):
                async for each in self._database.aggregate("measures", stages):
                    return each["single"]
            return None

        return await self._retry(read)
