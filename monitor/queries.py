"""What the monitor asks the database. Reads only."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import timeout
from pymongo.errors import PyMongoError

from ingestor.documents import Measure

LOOK_BACK = 2000
CHECK_LIMIT_S = 3600.0
COMPARED = ("sensor_id", "site", "timestamp", "value_kwh", "is_anomaly", "alerted_at")
OVERLAP = 100


class QueryError(Exception):
    """Raised when the database does not answer; says so."""


def _no_answer(error: PyMongoError) -> QueryError:
    reason = str(error).split(",", maxsplit=1)[0].split(" (configured timeouts", maxsplit=1)[0]
    return QueryError(f"MongoDB does not answer ({reason})")


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[AsyncIOMotorDatabase[dict[str, Any]]]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        url, appname="energy-monitor monitor", serverSelectionTimeoutMS=3000, timeoutMS=10_000
    )
    try:
        yield client.get_default_database()
    finally:
        client.close()


@asynccontextmanager
async def open_tail(url: str) -> AsyncIterator["Tail"]:
    """Open a database for following new readings."""
    async with _open(url) as database:
        yield Tail(database["measures"])


@asynccontextmanager
async def open_records(url: str) -> AsyncIterator["Records"]:
    """Open a database for checking what is in it."""
    async with _open(url) as database:
        yield Records(database)


class Tail:
    """Gives out each stored reading once, in the order of storing, beginning with the first call.

    Reads the collection from its end, which needs no index: the natural order is that of insertion.
    """

    def __init__(self, measures: AsyncIOMotorCollection[dict[str, Any]]) -> None:
        self._measures = measures
        self._seen: dict[str, None] | None = None

    async def new(self) -> list[Measure]:
        """What was stored since the last call, oldest first, at most 2000.

        Raises:
            QueryError: The database does not answer.
        """
        try:
            newest = await self._read_back()
        except PyMongoError as error:
            raise _no_answer(error) from error
        known = self._seen
        self._seen = dict.fromkeys([*(known or ()), *(each["_id"] for each in newest)][-2 * LOOK_BACK :])
        return [] if known is None else newest

    async def _read_back(self) -> list[Measure]:
        found: list[Measure] = []
        overlap = 0
        async for document in self._measures.find().sort("$natural", -1).limit(LOOK_BACK).batch_size(200):
            if self._seen is not None and document["_id"] in self._seen:
                # Writers side by side can be seen slightly out of order: look a little further.
                overlap += 1
                if overlap == OVERLAP:
                    break
            else:
                found.append(cast("Measure", document))
        return found[::-1]


class Records:
    """What is stored and what was refused, for those who check it."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
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
        try:
            # Reading may take long, but not finding out that nobody is there.
            await self._database.command("ping")
            with timeout(CHECK_LIMIT_S):
                async for document in self._database["measures"].find(wanted, COMPARED):
                    yield cast("Measure", document)
        except PyMongoError as error:
            raise _no_answer(error) from error

    async def rejected(self, topics: Sequence[str]) -> AsyncIterator[tuple[str, int]]:
        """Topic and sequence of what was refused on these topics, if it had a sequence.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {"topic": {"$in": list(topics)}, "sequence": {"$exists": True}}
        try:
            with timeout(CHECK_LIMIT_S):
                async for document in self._database["rejected"].find(wanted, ("topic", "sequence")):
                    yield document["topic"], document["sequence"]
        except PyMongoError as error:
            raise _no_answer(error) from error
