"""What is stored and what was refused, for those who check it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import cast

from ingestor.documents import Measure, RejectedDocument
from monitor.queries.database import Database, open_database, ping, querying

CHECK_LIMIT_S = 3600.0
COMPARED = ("sensor_id", "site", "timestamp", "value_kwh", "is_anomaly", "alerted_at", "received_at")
EXPLAINED = ("topic", "sequence", "kind", "payload", "received_at", "count", "until")


@asynccontextmanager
async def open_verification_queries(url: str) -> AsyncIterator["VerificationQueries"]:
    """Open a database for checking what is in it."""
    async with open_database(url) as database:
        yield VerificationQueries(database)


class VerificationQueries:
    """What is stored and what was refused, for those who check it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def measures(
        self, sensor_ids: Sequence[str], first: datetime, last: datetime
    ) -> AsyncIterator[Measure]:
        """All measures of some sensors in a time, the ends included, with what is compared of them.

        They are found by sensor and time, not by their ids, so that one under a wrong id is seen.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {"timestamp": {"$gte": first, "$lte": last}, "sensor_id": {"$in": list(sensor_ids)}}
        await ping(self._database)
        with querying(CHECK_LIMIT_S):
            async for document in self._database["measures"].find(wanted, COMPARED):
                yield cast("Measure", document)

    async def rejected(self, topics: Sequence[str]) -> AsyncIterator[RejectedDocument]:
        """All that was refused on these topics, with what is compared of it.

        Raises:
            QueryError: The database does not answer.
        """
        with querying(CHECK_LIMIT_S):
            async for document in self._database["rejected"].find(
                {"topic": {"$in": list(topics)}}, EXPLAINED
            ):
                yield cast("RejectedDocument", document)
