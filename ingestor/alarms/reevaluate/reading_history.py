"""The readings of one sensor as they are stored, for whoever folds its rules anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from pymongo import timeout

from ingestor.documents import LATE_AFTER, Measure, format_timestamp, measure_id
from ingestor.store.reading_store import ReadingStore

READ_LIMIT_S = 600.0
JUDGED = (
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


@dataclass(frozen=True, slots=True)
class UnevaluatedSensor:
    """A sensor with readings that were stored and perhaps never judged."""

    sensor_id: str
    site: str
    since: datetime


Enough = Callable[[Sequence[Measure], Measure], bool]


class ReadingHistory:
    """Reads `measures`.

    Args:
        store: The open database.
        sites: Whose readings; ``+`` for all.
    """

    def __init__(self, store: ReadingStore, sites: Sequence[str]) -> None:
        self._database = store.database
        self._measures = store.database["measures"]
        self._insist = store.retry
        self._sites: dict[str, Any] = {} if "+" in sites else {"site": {"$in": list(sites)}}

    async def unevaluated(self, since: datetime) -> list[UnevaluatedSensor]:
        """The sensors of which timely readings were received after a moment, and the oldest of these."""
        after = {"timestamp": {"$gte": since - LATE_AFTER}, "received_at": {"$gte": since}, **self._sites}
        group = {"_id": "$sensor_id", "site": {"$last": "$site"}, "since": {"$min": "$timestamp"}}
        stages = [{"$match": {**after, **TIMELY}}, {"$group": group}]

        async def read() -> list[UnevaluatedSensor]:
            with timeout(READ_LIMIT_S):
                found = self._database.aggregate("measures", stages, allowDiskUse=True)
                return [UnevaluatedSensor(each["_id"], each["site"], each["since"]) async for each in found]

        return await self._insist(read)

    async def before(self, sensor_id: str, moment: datetime, enough: Enough) -> list[Measure]:
        """Timely readings of a sensor from before a moment, the newest first, until there are enough.

        Args:
            sensor_id: Whose.
            moment: From before which.
            enough: Told what is found and what would be next; True for no more.
        """
        ids = {"$gte": measure_id(sensor_id, ""), "$lt": measure_id(sensor_id, format_timestamp(moment))}

        async def read() -> list[Measure]:
            found: list[Measure] = []
            async for each in self._timely(ids, -1):
                if enough(found, each):
                    break
                found.append(each)
            return found

        return await self._insist(read)

    async def first_reading(self, sensor_id: str) -> datetime | None:
        """The time of a sensor's first timely reading."""
        ids = {"$gte": measure_id(sensor_id, ""), "$lt": measure_id(sensor_id, "a")}

        async def read() -> datetime | None:
            async for each in self._timely(ids, 1).limit(1):
                return cast("datetime", each["timestamp"])
            return None

        return await self._insist(read)

    async def since(self, sensor_id: str, moment: datetime) -> list[Measure]:
        """All readings of a sensor from a moment on, by time, late ones included."""
        ids = {"$gte": measure_id(sensor_id, format_timestamp(moment)), "$lt": measure_id(sensor_id, "a")}

        async def read() -> list[Measure]:
            with timeout(READ_LIMIT_S):
                found = self._measures.find({"_id": ids}, JUDGED).sort("_id", 1)
                return [cast("Measure", each) async for each in found]

        return await self._insist(read)

    def _timely(self, ids: Mapping[str, str], direction: int) -> Any:  # noqa: ANN401 - the driver's cursor
        return self._measures.find({"_id": ids, **TIMELY}, JUDGED).sort("_id", direction).batch_size(200)

    async def peak_kwh(self, sensor_id: str, begin: datetime, end: datetime) -> float | None:
        """The highest timely reading of a sensor from ``begin`` until before ``end``, kWh."""
        group = {"$group": {"_id": None, "peak": {"$max": "$value_kwh"}}}
        found = await self._single(sensor_id, begin, end, TIMELY, group)
        return None if found is None else float(found)

    async def energy_nano(self, sensor_id: str, begin: datetime, end: datetime) -> int:
        """The energy of a sensor from ``begin`` until before ``end``, billionths of a kWh."""
        nano = {"$toLong": {"$round": [{"$multiply": ["$value_kwh", 1e9]}, 0]}}
        found = await self._single(
            sensor_id, begin, end, {}, {"$group": {"_id": None, "nano": {"$sum": nano}}}
        )
        return int(found or 0)

    async def _single(
        self,
        sensor_id: str,
        begin: datetime,
        end: datetime,
        wanted: Mapping[str, Any],
        group: Mapping[str, Any],
    ) -> Any:  # noqa: ANN401 - a number, or None
        ids = {
            "$gte": measure_id(sensor_id, format_timestamp(begin)),
            "$lt": measure_id(sensor_id, format_timestamp(end)),
        }

        async def read() -> Any:  # noqa: ANN401
            with timeout(READ_LIMIT_S):
                stages = [{"$match": {"_id": ids, **wanted}}, group]
                async for each in self._database.aggregate("measures", stages):
                    return next(value for name, value in each.items() if name != "_id")
            return None

        return await self._insist(read)
