"""How far an ingestor has come with work behind the path of readings, kept over restarts."""

from datetime import datetime

from ingestor.store.reading_store import ReadingStore
from ingestor.store.retry import retried


class Checkpoint:
    """Up to when all batches are worked into something: the periods, or the alarms.

    Args:
        store: The open database.
        name: The ingestor's.
        of: What is worked into; None for the periods.
    """

    def __init__(self, store: ReadingStore, name: str, of: str | None = None) -> None:
        self._checkpoints = store.database["checkpoints"]
        self.retry = store.retry
        # No ingestor has a name with a space in it.
        self._id = name if of is None else f"{name} {of}"
        self._fields: dict[str, object] = {} if of is None else {"of": of}
        self._alike = self._fields or {"of": {"$exists": False}}

    @retried(aloud=False)
    async def own(self) -> datetime | None:
        """How far this ingestor has come; None at its first start."""
        found = await self._checkpoints.find_one({"_id": self._id})
        return found["until"] if found else None

    @retried(aloud=False)
    async def others(self) -> datetime | None:
        """How far the last of all has come, who may have been renamed or left; None if there were none."""
        found = await self._checkpoints.find_one(self._alike, sort=[("until", 1)])
        return found["until"] if found else None

    @retried(aloud=False)
    async def set(self, until: datetime) -> None:
        """Note that all batches received before ``until`` are worked in."""
        change = {"$set": {"until": until, **self._fields}}
        await self._checkpoints.update_one({"_id": self._id}, change, upsert=True)
