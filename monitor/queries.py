"""What the monitor asks the database. Reads only."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple, cast

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import timeout
from pymongo.errors import PyMongoError

from ingestor.documents import AlarmDocument, Measure, utc_now

LOOK_BACK = 2000
CHECK_LIMIT_S = 3600.0
KNOCK_LIMIT_S = 3.0
COMPARED = ("sensor_id", "site", "timestamp", "value_kwh", "is_anomaly", "alerted_at")
OVERLAP = 100
LAST_OVER = 50
NULL = {"$type": "null"}  # what the indexes of that which stands ask for
# The same as `ingestor.alarms.episode.stands`, as a query, and its opposite.
STANDING = {"retracted_at": NULL, "$or": [{"cleared_at": NULL}, {"waits": True, "acknowledged_at": NULL}]}
OVER = {"$nor": [STANDING]}


class QueryError(Exception):
    """Raised when the database does not answer; says so."""


class SensorPlace(NamedTuple):
    """What is known of a sensor that somebody names.

    Attributes:
        site: Where it is; None as long as nothing has come from it.
        shelved: Until when (UTC, naive) each rule is shelved that is.
    """

    site: str | None
    shelved: Mapping[str, datetime]


def _no_answer(error: PyMongoError) -> QueryError:
    reason = str(error).split(",", maxsplit=1)[0].split(" (configured timeouts", maxsplit=1)[0]
    return QueryError(f"MongoDB does not answer ({reason})")


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[AsyncIOMotorDatabase[dict[str, Any]]]:
    try:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            url, appname="energy-monitor monitor", serverSelectionTimeoutMS=3000, timeoutMS=10_000
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


@asynccontextmanager
async def open_episodes(url: str) -> AsyncIterator["Episodes"]:
    """Open a database for looking at its alarms.

    Raises:
        QueryError: The database does not answer.
    """
    async with _open(url) as database:
        try:
            # A person waits: reading may take a while, but not finding out that nobody is there.
            with timeout(KNOCK_LIMIT_S):
                await database.command("ping")
        except PyMongoError as error:
            raise _no_answer(error) from error
        yield Episodes(database)


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


class Episodes:
    """Alarms that stand or stood, and what is shelved."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self._database = database

    async def standing(self, sites: Sequence[str]) -> list[AlarmDocument]:
        """All alarms that stand, of some sites or of all if none is named.

        Raises:
            QueryError: The database does not answer.
        """
        return await self._list(self._database["alarms"].find({**STANDING, **_of(sites)}))

    async def over(self, sites: Sequence[str]) -> list[AlarmDocument]:
        """The last 50 that have come to stand no more, of some sites or of all if none is named.

        Raises:
            QueryError: The database does not answer.
        """
        wanted = {**OVER, **_of(sites)}
        return await self._list(self._database["alarms"].find(wanted).sort("changed_at", -1).limit(LAST_OVER))

    async def named(self, ids: Sequence[str]) -> dict[str, AlarmDocument]:
        """The alarms with these ids, as far as there are any.

        Raises:
            QueryError: The database does not answer.
        """
        found = await self._list(self._database["alarms"].find({"_id": {"$in": list(ids)}}))
        return {each["_id"]: each for each in found}

    async def sensor(self, sensor_id: str) -> SensorPlace | None:
        """Where a sensor is and what of it is shelved; None if nobody knows it.

        Raises:
            QueryError: The database does not answer.
        """
        try:
            document = await self._database["sensors"].find_one({"sensor_id": sensor_id})
        except PyMongoError as error:
            raise _no_answer(error) from error
        return None if document is None else SensorPlace(document.get("site"), _shelves(document))

    async def shelved(self) -> dict[tuple[str, str], datetime]:
        """Until when (UTC, naive) each rule of each sensor is shelved that is.

        Raises:
            QueryError: The database does not answer.
        """
        found = self._database["sensors"].find({"shelved": {"$gt": {}}}, ("sensor_id", "shelved"))
        try:
            return {
                (document["sensor_id"], rule): until
                async for document in found
                for rule, until in _shelves(document).items()
            }
        except PyMongoError as error:
            raise _no_answer(error) from error

    @staticmethod
    async def _list(found: AsyncIterable[dict[str, Any]]) -> list[AlarmDocument]:
        try:
            return [cast("AlarmDocument", document) async for document in found]
        except PyMongoError as error:
            raise _no_answer(error) from error


def _of(sites: Sequence[str]) -> dict[str, Any]:
    return {"site": {"$in": list(sites)}} if sites else {}


def _shelves(document: Mapping[str, Any]) -> dict[str, datetime]:
    now = utc_now()
    untils = {rule: shelf["until"] for rule, shelf in (document.get("shelved") or {}).items()}
    return {rule: until for rule, until in untils.items() if until > now}
