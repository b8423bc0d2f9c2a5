"""What the monitor asks the database. Reads only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import PyMongoError

from ingestor.documents import Measure

LOOK_BACK = 2000
OVERLAP = 100


class QueryError(Exception):
    """Raised when the database does not answer."""


@asynccontextmanager
async def open_tail(url: str) -> AsyncIterator["Tail"]:
    """Open a database for following new readings."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        url, appname="energy-monitor watch", serverSelectionTimeoutMS=3000, timeoutMS=10_000
    )
    try:
        yield Tail(client.get_default_database()["measures"])
    finally:
        client.close()


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
            raise QueryError(str(error).split(",", maxsplit=1)[0]) from error
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
