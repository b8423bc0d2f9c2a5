"""Payloads that were refused, and why."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from bson import ObjectId

from ingestor.documents import RejectedDocument, utc_now
from monitor.queries.database import Database, TimeRange, querying
from monitor.queries.document_checks import REJECTED
from monitor.queries.paging import PageCursor, ResultPage, TimeOrderedList

RETENTION = timedelta(days=30)
# A broken node can have sent millions.
COUNT_LIMIT_S = 60.0
MAX_TOPICS = 10_000


class RejectedQueries:
    """What was refused in the last 30 days. Marking takes the database's user ``operator``."""

    def __init__(self, database: Database) -> None:
        self._database = database
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
        with querying():
            found = self._rejected.find(wanted).sort("received_at", -1).limit(limit)
            return REJECTED.valid([each async for each in found])

    async def page(
        self, topics: Sequence[str] | None, limit: int, after: PageCursor | None = None
    ) -> ResultPage:
        """What was refused, the newest first.

        Args:
            topics: Of which topics only; of all if it is None.
            limit: How many at most.
            after: Where the page before ended.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {} if topics is None else {"topic": {"$in": list(topics)}}
        return await TimeOrderedList(self._database, "rejected", "received_at").page(wanted, limit, after)

    async def topics(self, sensor_id: str) -> list[str]:
        """The topics of a sensor on which something was refused, at most 10,000.

        Raises:
            QueryError: The database does not answer.
        """
        stages: list[dict[str, Any]] = [
            {"$match": {"topic": {"$regex": f"/{re.escape(sensor_id)}$"}}},
            {"$group": {"_id": "$topic"}},
            {"$limit": MAX_TOPICS},
        ]
        with querying(COUNT_LIMIT_S):
            found = await self._rejected.aggregate(stages).to_list(MAX_TOPICS)
        return [each["_id"] for each in found]

    async def one(self, name: ObjectId) -> RejectedDocument | None:
        """One of them; None if it is not there any more.

        Raises:
            QueryError: The database does not answer.
        """
        with querying():
            return cast("RejectedDocument | None", await self._rejected.find_one({"_id": name}))

    async def count(self, most: int) -> int:
        """How many there are; it is not counted further than to ``most``.

        Raises:
            QueryError: The database does not answer.
        """
        with querying():
            return await self._rejected.count_documents({}, limit=most, hint="_id_")

    async def kinds(self, span: TimeRange, sites: Sequence[str] = ()) -> dict[str, int]:
        """How many came in a time of each kind, those of which there are most first.

        Args:
            span: The time.
            sites: Of which sites only; all if none is named.

        Raises:
            QueryError: The database does not answer.
        """
        wanted: dict[str, Any] = {"received_at": span.query}
        if sites:
            # The site is the last level but one of the topic.
            wanted["topic"] = {"$regex": rf"/({'|'.join(map(re.escape, sites))})/[^/]*$"}
        stages = [
            {"$match": wanted},
            {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
            {"$sort": {"count": -1, "_id": 1}},
        ]
        with querying(COUNT_LIMIT_S):
            return {each["_id"]: each["count"] async for each in self._rejected.aggregate(stages)}

    async def mark_replayed(self, name: ObjectId) -> None:
        """Note that one was sent again, repaired.

        Raises:
            QueryError: The database does not answer, or does not allow it.
        """
        with querying():
            await self._rejected.update_one({"_id": name}, {"$set": {"replayed_at": utc_now()}})
