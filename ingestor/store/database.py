"""The database of the ingestor, and its only file that knows the driver.

Motor and PyMongo's ``AsyncMongoClient`` have the same collections, but for what is below.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern

OPERATION_LIMIT_S = 10.0
DURABLE = WriteConcern(w="majority", j=True)


class Database:
    """The collections of one database. All writes are journaled.

    Args:
        database: The driver's.

    Attributes:
        write_concern: Of commands that write, as the server takes it.
    """

    def __init__(self, database: Any) -> None:  # noqa: ANN401 - the two drivers have no type in common
        self._database = database
        self.write_concern: dict[str, Any] = database.write_concern.document

    def __getitem__(self, collection: str) -> Any:  # noqa: ANN401 - the driver's
        return self._database[collection]

    async def command(
        self, command: str | Mapping[str, Any], *value: str, **options: object
    ) -> dict[str, Any]:
        """Run a command of the server."""
        answer: dict[str, Any] = await self._database.command(command, *value, **options)
        return answer

    async def create_collection(self, name: str, **options: object) -> None:
        """Make a collection or a view."""
        await self._database.create_collection(name, **options)

    async def aggregate(
        self, collection: str, stages: Sequence[Mapping[str, Any]], **options: object
    ) -> AsyncIterator[Any]:
        """Run a pipeline; give what comes out of it."""
        async for document in await _awaited(self._database[collection].aggregate(stages, **options)):
            yield document


@asynccontextmanager
async def open_database(url: str, driver: Any = AsyncIOMotorClient) -> AsyncIterator[Database]:  # noqa: ANN401
    """Make a client for a MongoDB URL that names a database. Does not wait for the server.

    Args:
        url: Where it is.
        driver: Motor's client, or PyMongo's ``AsyncMongoClient``.
    """
    client = driver(
        url,
        appname="energy-monitor ingestor",
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
        timeoutMS=int(OPERATION_LIMIT_S * 1000),
    )
    try:
        yield Database(client.get_default_database().with_options(write_concern=DURABLE))
    finally:
        await _awaited(client.close())


async def _awaited(result: Any) -> Any:  # noqa: ANN401
    """What a call gives: PyMongo's ``aggregate`` and ``close`` are coroutines, Motor's are not."""
    return await result if isawaitable(result) else result
