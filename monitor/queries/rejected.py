"""Payloads that were refused, and why."""

from datetime import datetime
from typing import Any, cast

from bson import ObjectId

from ingestor.documents import RejectedDocument, utc_now
from monitor.queries.database import Database, asking


class RejectedPayloads:
    """What was refused in the last 30 days. Marking takes the database's user ``operator``."""

    def __init__(self, database: Database) -> None:
        self._rejected = database["rejected"]

    async def newest(
        self, limit: int, *, topic: str | None = None, before: datetime | None = None
    ) -> list[RejectedDocument]:
        """The last ones, the newest first.

        Args:
            limit: How many at most.
            topic: Only of this topic.
            before: Only what was received before this moment, UTC, naive.

        Raises:
            QueryError: The database does not answer.
        """
        wanted: dict[str, Any] = {} if topic is None else {"topic": topic}
        if before is not None:
            wanted["received_at"] = {"$lt": before}
        with asking():
            found = self._rejected.find(wanted).sort("received_at", -1).limit(limit)
            return [cast("RejectedDocument", each) async for each in found]

    async def one(self, name: ObjectId) -> RejectedDocument | None:
        """One of them; None if it is not there any more.

        Raises:
            QueryError: The database does not answer.
        """
        with asking():
            return cast("RejectedDocument | None", await self._rejected.find_one({"_id": name}))

    async def count(self, most: int) -> int:
        """How many there are; it is not counted further than to ``most``.

        Raises:
            QueryError: The database does not answer.
        """
        with asking():
            return await self._rejected.count_documents({}, limit=most)

    async def mark_replayed(self, name: ObjectId) -> None:
        """Note that one was sent again, repaired.

        Raises:
            QueryError: The database does not answer, or does not allow it.
        """
        with asking():
            await self._rejected.update_one({"_id": name}, {"$set": {"replayed_at": utc_now()}})
