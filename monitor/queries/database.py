"""The database, as every query of the monitor uses it, and the only file that knows the driver."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from inspect import isawaitable
from typing import Any, NamedTuple, TypedDict, Unpack

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import timeout as within
from pymongo.errors import OperationFailure, PyMongoError

ANSWER_LIMIT_MS = 10_000
PING_LIMIT_S = 3.0
# To verify a year of readings.
CHECK_LIMIT_S = 3600.0
UNAUTHORIZED = 13
NOT_ALLOWED = "the database does not allow this; use the MongoDB URL of the user operator"

Document = dict[str, Any]
Condition = Mapping[str, Any]
Fields = Sequence[str] | None


class QueryError(Exception):
    """Raised when the database does not answer; says so."""


class FindOptions(TypedDict, total=False):
    """The driver's own."""

    sort: Sequence[tuple[str, int]]
    limit: int
    hint: str


class StreamOptions(FindOptions, total=False):
    """Besides, how many documents come at a time, and how long all of them may take, seconds."""

    batch_size: int
    limit_s: float


class TimeRange(NamedTuple):
    """A time, UTC, naive: from its first moment up to, but without, its end."""

    first: datetime
    end: datetime

    @property
    def query(self) -> dict[str, datetime]:
        """The condition that a field lies in it."""
        return {"$gte": self.first, "$lt": self.end}


class QueryDatabase:
    """What the monitor asks of MongoDB. Every method raises QueryError when the database does not answer.

    ``limit_s`` is how long all of an answer may take, seconds; without it, each part may take ten.
    """

    def __init__(self, database: Any) -> None:  # noqa: ANN401 - the two drivers have no type in common
        self._database = database

    async def ping(self) -> None:
        """Find out whether the database is there before a long question: a person waits."""
        with querying(PING_LIMIT_S):
            await self._database.command("ping")

    async def find(
        self, collection: str, wanted: Condition, fields: Fields = None, **options: Unpack[FindOptions]
    ) -> list[Any]:
        """Documents that fulfil a condition; all of them without a ``limit``."""
        found = self._database[collection].find(wanted, fields, batch_size=options.get("limit", 0), **options)
        with querying():
            documents: list[Any] = await found.to_list(None)
            return documents

    async def stream(
        self, collection: str, wanted: Condition, fields: Fields = None, **options: Unpack[StreamOptions]
    ) -> AsyncIterator[Any]:
        """The same, one after the other without holding them, ``batch_size`` at a time."""
        with querying(options.pop("limit_s", None)):
            async for document in self._database[collection].find(wanted, fields, **options):
                yield document

    async def count(self, collection: str, wanted: Condition, **options: Unpack[FindOptions]) -> int:
        """How many documents fulfil a condition; not counted further than to ``limit``."""
        with querying():
            return int(await self._database[collection].count_documents(wanted, **options))

    async def aggregate(
        self, collection: str, stages: Sequence[Document], *, limit_s: float | None = None, **options: object
    ) -> list[Any]:
        """What a pipeline makes of a collection."""
        with querying(limit_s):
            found = await _awaited(self._database[collection].aggregate(stages, **options))
            documents: list[Any] = await found.to_list(None)
            return documents

    async def update_one(
        self, collection: str, wanted: Condition, update: Document, *, upsert: bool = False
    ) -> bool:
        """Change a document, which takes the database's user ``operator``; say whether there is one."""
        try:
            with querying():
                result = await self._database[collection].update_one(wanted, update, upsert=upsert)
        except QueryError as error:
            if isinstance(error.__cause__, OperationFailure) and error.__cause__.code == UNAUTHORIZED:
                raise QueryError(NOT_ALLOWED) from error
            raise
        return bool(result.matched_count)


class Queries:
    """What can be asked of one subject. Every method raises QueryError when the database does not answer."""

    def __init__(self, database: QueryDatabase) -> None:
        self._database = database


def at_sites(sites: Sequence[str]) -> Document:
    """The condition that something is at some sites, or at any if none is named."""
    return {"site": {"$in": list(sites)}} if sites else {}


@asynccontextmanager
async def open_database(url: str, driver: Any = AsyncIOMotorClient) -> AsyncIterator[QueryDatabase]:  # noqa: ANN401
    """Open a database with Motor's client, or with PyMongo's ``AsyncMongoClient``."""
    try:
        client = driver(
            url,
            appname="energy-monitor monitor",
            serverSelectionTimeoutMS=3000,
            timeoutMS=ANSWER_LIMIT_MS,
            # A date that somebody has set to the year 10000 by hand is read as the last that there is.
            datetime_conversion="DATETIME_CLAMP",
        )
    except (PyMongoError, ValueError) as error:
        # Without the reason, which may hold a part of a password.
        raise QueryError(
            "the MongoDB URL cannot be used; write special characters of a password as %XX"
        ) from error
    try:
        yield QueryDatabase(client.get_default_database())
    finally:
        await _awaited(client.close())


async def _awaited(result: Any) -> Any:  # noqa: ANN401
    """What a call gives: PyMongo's ``aggregate`` and ``close`` are coroutines, Motor's are not."""
    return await result if isawaitable(result) else result


@contextmanager
def querying(limit_s: float | None = None) -> Iterator[None]:
    """Around one question, or several that have to be answered within one time: raises QueryErrors."""
    try:
        with nullcontext() if limit_s is None else within(limit_s):
            yield
    except PyMongoError as error:
        reason = str(error).split(",", maxsplit=1)[0].split(" (configured timeouts", maxsplit=1)[0]
        raise QueryError(f"MongoDB does not answer ({reason})") from error
