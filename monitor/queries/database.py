"""Open the database to look at it, and say it in one sentence when it does not answer."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, NamedTuple

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import timeout as within
from pymongo.errors import PyMongoError

ANSWER_LIMIT_MS = 10_000
PING_LIMIT_S = 3.0

Database = AsyncIOMotorDatabase[dict[str, Any]]


class QueryError(Exception):
    """Raised when the database does not answer; says so."""


class TimeRange(NamedTuple):
    """A time, UTC, naive: from its first moment up to, but without, its end."""

    first: datetime
    end: datetime

    @property
    def query(self) -> dict[str, datetime]:
        """The condition that a field lies in it."""
        return {"$gte": self.first, "$lt": self.end}


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """Open a database.

    Raises:
        QueryError: The URL cannot be used.
    """
    try:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
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
        yield client.get_default_database()
    finally:
        client.close()


@contextmanager
def querying(limit_s: float | None = None) -> Iterator[None]:
    """Around a question.

    Args:
        limit_s: How long all of it may take, seconds; if None, each answer may take ten.

    Raises:
        QueryError: The database does not answer.
    """
    try:
        with nullcontext() if limit_s is None else within(limit_s):
            yield
    except PyMongoError as error:
        reason = str(error).split(",", maxsplit=1)[0].split(" (configured timeouts", maxsplit=1)[0]
        raise QueryError(f"MongoDB does not answer ({reason})") from error


async def ping(database: Database) -> None:
    """Find out whether anybody is there: a person waits.

    Raises:
        QueryError: The database does not answer.
    """
    with querying(PING_LIMIT_S):
        await database.command("ping")
