"""Payloads that were rejected, and why; and which of them people have repaired.

People may write into ``repairs`` only: what was rejected, and when, is evidence.
"""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import Any

from bson import ObjectId

from ingestor.documents import RejectedDocument, utc_now
from monitor.queries.database import CHECK_LIMIT_S, Queries, TimeRange
from monitor.queries.document_checks import REJECTED
from monitor.queries.paging import PageCursor, ResultPage, TimeOrderedList

RETENTION = timedelta(days=30)
# A broken node can have sent millions.
COUNT_LIMIT_S = 60.0
MAX_TOPICS = 10_000
COMPARED = ("topic", "sequence", "kind", "payload", "received_at", "count", "until")


class RejectedQueries(Queries):
    """What was rejected in the last 30 days."""

    async def newest(self, limit: int, *, topic: str | None = None) -> list[RejectedDocument]:
        """The last ones, of one topic or all, the newest first."""
        wanted = {} if topic is None else {"topic": topic}
        found = await self._database.find("rejected", wanted, sort=[("received_at", -1)], limit=limit)
        return REJECTED.valid(await self._with_repairs(found))

    async def page(
        self, topics: Sequence[str] | None, limit: int, after: PageCursor | None = None
    ) -> ResultPage:
        """What was rejected, on some topics or all, the newest first, after the end of the page before."""
        wanted = {} if topics is None else {"topic": {"$in": list(topics)}}
        page = await TimeOrderedList(self._database, "rejected", "received_at").page(wanted, limit, after)
        return page._replace(documents=await self._with_repairs(page.documents))

    async def _with_repairs(self, documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        found = {each["_id"]: each for each in documents}
        repairs = await self._database.find("repairs", {"_id": {"$in": list(found)}}) if found else []
        for repair in repairs:
            found[repair["_id"]]["replayed_at"] = repair["replayed_at"]
        return list(found.values())

    async def topics(self, sensor_id: str) -> list[str]:
        """The topics of a sensor on which something was rejected, at most 10,000."""
        stages: list[dict[str, Any]] = [
            {"$match": {"topic": {"$regex": f"/{re.escape(sensor_id)}$"}}},
            {"$group": {"_id": "$topic"}},
            {"$limit": MAX_TOPICS},
        ]
        found = await self._database.aggregate("rejected", stages, limit_s=COUNT_LIMIT_S)
        return [each["_id"] for each in found]

    async def on_topics(self, topics: Sequence[str]) -> AsyncIterator[RejectedDocument]:
        """All that was rejected on some topics, with what `monitor verify` compares of it."""
        wanted = {"topic": {"$in": list(topics)}}
        async for document in self._database.stream("rejected", wanted, COMPARED, limit_s=CHECK_LIMIT_S):
            yield document

    async def kinds(self, span: TimeRange, sites: Sequence[str] = ()) -> dict[str, int]:
        """How many came in a time of each kind, those of which there are most first."""
        wanted: dict[str, Any] = {"received_at": span.query}
        if sites:
            # The site is the last level but one of the topic.
            wanted["topic"] = {"$regex": rf"/({'|'.join(map(re.escape, sites))})/[^/]*$"}
        stages: list[dict[str, Any]] = [
            {"$match": wanted},
            {"$group": {"_id": "$kind", "count": {"$sum": 1}}},
            {"$sort": {"count": -1, "_id": 1}},
        ]
        found = await self._database.aggregate("rejected", stages, limit_s=COUNT_LIMIT_S)
        return {each["_id"]: each["count"] for each in found}

    async def mark_replayed(self, name: ObjectId) -> None:
        """Note that one was repaired and sent again; takes the database's user ``operator``."""
        mark = {"$set": {"replayed_at": utc_now()}}
        await self._database.update_one("repairs", {"_id": name}, mark, upsert=True)
