"""What the database holds of sensors: what is known of each, and what people set."""

import logging
from collections.abc import Collection, Sequence
from typing import Any

from pymongo import UpdateMany, UpdateOne, timeout
from pymongo.errors import BulkWriteError

from ingestor.receive.authorization import StoredSite
from ingestor.store.reading_store import ReadingStore
from ingestor.store.retry import retried, short_message

# A node may have a great many sensors, which are written at once.
UPDATE_LIMIT_S = 120.0

logger = logging.getLogger(__name__)


class SensorStore:
    """The collection ``sensors``. Each call waits for the database for as long as it takes.

    Args:
        store: The open database.
    """

    def __init__(self, store: ReadingStore) -> None:
        self._sensors = store.database["sensors"]
        self.retry = store.retry

    @retried(aloud=False)
    async def update(self, updates: Sequence[UpdateOne | UpdateMany]) -> None:
        """Write what is known of sensors."""
        try:
            with timeout(UPDATE_LIMIT_S):
                await self._sensors.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            if (error.details or {}).get("writeConcernErrors"):
                raise
            # An update that the validator rejects now will be rejected for ever.
            logger.warning("MongoDB rejects what is known of a sensor: %s", short_message(error))

    @retried(aloud=True)
    async def thresholds(self) -> dict[str, float]:
        """The own thresholds of sensors, kWh by sensor id."""
        own = {"threshold_kwh": {"$exists": True}}
        found = self._sensors.find(own, {"sensor_id": 1, "threshold_kwh": 1})
        return {document["sensor_id"]: float(document["threshold_kwh"]) async for document in found}

    @retried(aloud=True)
    async def sites(self, sensor_ids: Collection[str] | None = None) -> dict[str, StoredSite]:
        """To which site sensors belong, by sensor id.

        Args:
            sensor_ids: Of which; None for all. Those that people moved are always among them.
        """
        wanted: dict[str, Any] = {"site": {"$exists": True}}
        if sensor_ids is not None:
            wanted["$or"] = [{"sensor_id": {"$in": list(sensor_ids)}}, {"moved_at": {"$exists": True}}]
        found = self._sensors.find(wanted, {"sensor_id": 1, "site": 1, "moved_at": 1})
        return {each["sensor_id"]: StoredSite(each["site"], "moved_at" in each) async for each in found}
