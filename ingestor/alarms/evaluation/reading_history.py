"""The stored readings of one sensor, as alarms need them: before a moment, and from then on."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from pymongo import timeout

from ingestor.documents import LATE_AFTER, Measure, format_timestamp, measure_id
from ingestor.store.reading_store import ReadingStore
from ingestor.store.retry import retried

READ_LIMIT_S = 600.0
# All fields but those of which rules know nothing.
EVALUATED = {"status_message": False, "alerted_at": False}
_LATE_MS = LATE_AFTER // timedelta(milliseconds=1)
TIMELY = {"$expr": {"$gte": ["$timestamp", {"$subtract": ["$received_at", _LATE_MS]}]}}

# Told what is found and what would be next; True for no more.
Enough = Callable[[Sequence[Measure], Measure], bool]


class ReadingHistory:
    """Reads the readings of one sensor.

    Attributes:
        moment: What is before, and what after.
    """

    def __init__(self, store: ReadingStore, sensor_id: str, moment: datetime) -> None:
        self.moment = moment
        self.retry = store.retry
        self._database = store.database
        self._measures = store.database["measures"]
        self._sensor_id = sensor_id
        self._from, self._end = measure_id(sensor_id, format_timestamp(moment)), measure_id(sensor_id, "a")
        self._before = {"_id": {"$gte": measure_id(sensor_id, ""), "$lt": self._from}, **TIMELY}

    @retried(aloud=True)
    async def before(self, enough: Enough) -> list[Measure]:
        """Timely readings from before the moment, the newest first, until there are enough."""
        found: list[Measure] = []
        async for each in self._measures.find(self._before, EVALUATED).sort("_id", -1).batch_size(200):
            if enough(found, each):
                break
            found.append(each)
        return found

    @retried(aloud=True)
    async def first_reading(self) -> datetime | None:
        """The time of the first timely reading, if it is from before the moment."""
        first = await self._measures.find_one(self._before, ["timestamp"], sort=[("_id", 1)])
        return cast("datetime", first["timestamp"]) if first else None

    @retried(aloud=True)
    async def since(self) -> list[Measure]:
        """All readings from the moment on, by time, late ones included."""
        with timeout(READ_LIMIT_S):
            found = self._measures.find({"_id": {"$gte": self._from, "$lt": self._end}}, EVALUATED)
            return [cast("Measure", each) async for each in found.sort("_id", 1)]

    async def peak_kwh(self, begin: datetime) -> float | None:
        """The highest timely reading from ``begin`` until before the moment, kWh."""
        return cast("float | None", await self._single(begin, TIMELY, {"$max": "$value_kwh"}))

    async def energy_nano(self, begin: datetime) -> int:
        """The energy from ``begin`` until before the moment, billionths of a kWh."""
        nano = {"$toLong": {"$round": [{"$multiply": ["$value_kwh", 1e9]}, 0]}}
        return int(await self._single(begin, {}, {"$sum": nano}) or 0)

    @retried(aloud=True)
    async def _single(
        self, begin: datetime, wanted: Mapping[str, Any], accumulator: Mapping[str, Any]
    ) -> Any:  # noqa: ANN401 - a number, or None
        ids = {"$gte": measure_id(self._sensor_id, format_timestamp(begin)), "$lt": self._from}
        stages = [{"$match": {"_id": ids, **wanted}}, {"$group": {"_id": None, "single": accumulator}}]
        with timeout(READ_LIMIT_S):
            async for each in self._database.aggregate("measures", stages):
                return each["single"]
        return None
