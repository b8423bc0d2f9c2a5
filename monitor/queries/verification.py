"""What is stored and what was rejected, for those who check it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from ingestor.documents import Measure, RejectedDocument
from monitor.queries.database import Database, open_database

CHECK_LIMIT_S = 3600.0
COMPARED = ("sensor_id", "site", "timestamp", "value_kwh", "is_anomaly", "alerted_at", "received_at")
EXPLAINED = ("topic", "sequence", "kind", "payload", "received_at", "count", "until")


@asynccontextmanager
async def open_verification_queries(url: str) -> AsyncIterator["VerificationQueries"]:
    """Open a database for checking what is in it."""
    async with open_database(url) as database:
        yield VerificationQueries(database)


class VerificationQueries:
    """What is stored and what was rejected. Raises QueryError when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def measures(
        self, sensor_ids: Sequence[str], first: datetime, last: datetime
    ) -> AsyncIterator[Measure]:
        """All measures of some sensors in a time, the ends included, with what is compared of them.

        They are found by sensor and time, not by their ids, so that one under a wrong id is seen.
        """
        wanted = {"timestamp": {"$gte": first, "$lte": last}, "sensor_id": {"$in": list(sensor_ids)}}
        await self._database.ping()
        async for document in self._database.stream("measures", wanted, COMPARED, limit_s=CHECK_LIMIT_S):
            yield document

    async def rejected(self, topics: Sequence[str]) -> AsyncIterator[RejectedDocument]:
        """All that was rejected on these topics, with what is compared of it."""
        wanted = {"topic": {"$in": list(topics)}}
        async for document in self._database.stream("rejected", wanted, EXPLAINED, limit_s=CHECK_LIMIT_S):
            yield document
