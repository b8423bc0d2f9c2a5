"""The stored readings of one sensor, as alarms need them: before a moment, and from then on."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from pymongo import timeout

from ingestor.documents import LATE_AFTER, Measure, format_timestamp, measure_id
from ingestor.store.reading_store import ReadingStore
from ingestor.store.retry import retried

READ_LIMIT_S = 600.0
# So many readings are in memory at once, and are gone through in about 20 ms.
PAGE = 1000
LOOK_BACK_PAGE = 200
# All fields but those of which rules know nothing.
EVALUATED = {"status_message": False, "alerted_at": False}
_LATE_MS = LATE_AFTER // timedelta(milliseconds=1)
TIMELY = {"$expr": {"$gte": ["$timestamp", {"$subtract": ["$received_at", _LATE_MS]}]}}


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
        self._begin = measure_id(sensor_id, "")

    async def before(self) -> AsyncIterator[Measure]:
        """Timely readings from before the moment, the newest first."""
        end = self._from
        while True:
            page = await self._page({"$gte": self._begin, "$lt": end}, TIMELY, -1, LOOK_BACK_PAGE)
            for each in page:
                yield each
            if len(page) < LOOK_BACK_PAGE:
                return
            end = page[-1]["_id"]

    @retried(aloud=True)
    async def first_reading(self) -> datetime | None:
        """The time of the first timely reading, if it is from before the moment."""
        before = {"_id": {"$gte": self._begin, "$lt": self._from}, **TIMELY}
        first = await self._measures.find_one(before, ["timestamp"], sort=[("_id", 1)])
        return cast("datetime", first["timestamp"]) if first else None

    async def since(self, after: Measure | None = None) -> list[Measure]:
        """The next page of readings, by time, late ones included; empty at the end.

        Args:
            after: The last reading of the page before; None for the first page, from the moment on.
        """
        begin = {"$gte": self._from} if after is None else {"$gt": after["_id"]}
        return await self._page({**begin, "$lt": self._end}, {}, 1, PAGE)

    @retried(aloud=True)
    async def _page(
        self, ids: Mapping[str, str], wanted: Mapping[str, Any], order: int, most: int
    ) -> list[Measure]:
        with timeout(READ_LIMIT_S):
            found = self._measures.find({"_id": ids, **wanted}, EVALUATED).sort("_id", order)
            return [cast("Measure", each) async for each in found.limit(most).batch_size(most)]

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
