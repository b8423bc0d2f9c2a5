"""What is written of readings, and read again.

A write counts as done when it is in the journal. Writing the same thing again is harmless, so a write
whose outcome is unknown is simply made again, for ever, until the database answers.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import bson
from bson.errors import BSONError
from pymongo import ReplaceOne, timeout
from pymongo.errors import (
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from ingestor.documents import Measure, RejectedDocument
from ingestor.store import schema
from ingestor.store.database import Database, open_database
from ingestor.store.retry import Retry, retried

MERGE_LIMIT_S = 600.0

DUPLICATE_KEY = 11000
# Errors of one document that trying again would not change.
DOCUMENT_ERRORS = {121: "fails the collection's validator", 10334: "is too large", 2: "has a bad value"}
UNENCODABLE = (BSONError, OverflowError, UnicodeError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExistingMeasure:
    """A row was not inserted because its id is taken; this is what is stored under it."""

    measure: Measure


@dataclass(frozen=True, slots=True)
class RejectedByDatabase:
    """A row that the database will never take."""

    reason: str


Problems = dict[int, ExistingMeasure | RejectedByDatabase]
"""Of a batch, by index, the rows that were not inserted."""


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator["ReadingStore"]:
    """Open the database of a MongoDB URL. Does not wait for the server."""
    async with open_database(url) as database:
        yield ReadingStore(database)


class ReadingStore:
    """What an ingestor does with the database.

    Attributes:
        database: For those who keep more in it. All writes are journaled.
        retry: Repeats an operation until the database answers.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._measures = database["measures"]
        self.retry = Retry()
        self._is_prepared = False

    @property
    def is_available(self) -> bool:
        """Whether collections and indexes are made, and the last operation was answered."""
        return self._is_prepared and self.retry.is_answered

    async def prepare(self) -> None:
        """Make collections, validators, view and indexes, however long the database is away.

        Raises:
            StoreRejectedError: The user of the URL is not allowed to.
        """
        await self.retry(lambda: schema.create(self.database))
        self._is_prepared = True

    async def insert(self, measures: Sequence[Measure]) -> Problems:
        """Insert measures that were received together, journaled; say what became of the rest.

        Returns:
            By index in ``measures``, those that were not inserted. All others are stored.
        """
        again = False

        async def write() -> Problems:
            nonlocal again
            command = {
                "insert": "measures",
                "documents": measures,
                "ordered": False,
                "writeConcern": self.database.write_concern,
            }
            try:
                # The bare command: insert_many would handle each document in Python once more.
                answer = await self.database.command(command)
                if "writeConcernError" in answer:
                    raise WriteConcernError(answer["writeConcernError"].get("errmsg", "write concern"))
                errors = answer.get("writeErrors")
                return await self._sort_out(errors, measures, again=again) if errors else {}
            finally:
                again = True

        if not measures:
            return {}
        try:
            return await self.retry(write)
        except UNENCODABLE:
            return await self._insert_encodable(measures)

    async def _insert_encodable(self, measures: Sequence[Measure]) -> Problems:
        """Insert all but those that cannot be encoded, which would keep the others from being sent."""
        problems: Problems = {}
        for index, measure in enumerate(measures):
            try:
                bson.encode(measure)
            except UNENCODABLE as error:
                problems[index] = RejectedByDatabase(f"cannot be encoded ({error})")
        rest = [index for index in range(len(measures)) if index not in problems]
        others = await self.insert([measures[index] for index in rest])
        return problems | {rest[index]: problem for index, problem in others.items()}

    async def _sort_out(
        self, errors: Sequence[Mapping[str, Any]], measures: Sequence[Measure], *, again: bool
    ) -> Problems:
        """Tell answers from failures. A row that an earlier attempt of this call stored is stored."""
        problems: Problems = {}
        taken: dict[int, str] = {}
        for error in errors:
            index, code = error["index"], error["code"]
            if code == DUPLICATE_KEY:
                taken[index] = measures[index]["_id"]
            elif code in DOCUMENT_ERRORS:
                problems[index] = RejectedByDatabase(DOCUMENT_ERRORS[code])
            else:
                raise OperationFailure(error.get("errmsg", "unknown"), code)
        ids = set(taken.values())
        found = {
            measure["_id"]: measure async for measure in self._measures.find({"_id": {"$in": list(ids)}})
        }
        if len(found) < len(ids):
            # Somebody removed one in between: insert again.
            raise PyMongoError("a stored reading vanished while it was compared")
        ours: set[str] = set()
        for index, measure_id in sorted(taken.items()):
            measure = found[measure_id]
            mine = again and measure["received_at"] == measures[index]["received_at"]
            if mine and measure_id not in ours:
                ours.add(measure_id)
            else:
                problems[index] = ExistingMeasure(measure)
        return problems

    @retried(aloud=True)
    async def write_rejected(self, documents: Sequence[RejectedDocument]) -> None:
        """Keep rejected payloads, in place of what the same documents were before."""
        writes = [ReplaceOne({"_id": each["_id"]}, dict(each), upsert=True) for each in documents]
        await self.database["rejected"].bulk_write(writes, ordered=False)

    @retried(aloud=True)
    async def unalerted(self, sites: Sequence[str], until: datetime) -> list[Measure]:
        """The oldest anomalies of these sites that are not marked as alerted, 1000 at most.

        Args:
            sites: The sites, ``+`` for all.
            until: Only those received at this time or before.
        """
        wanted: dict[str, Any] = {**schema.UNALERTED, "received_at": {"$lte": until}}
        if "+" not in sites:
            wanted["site"] = {"$in": list(sites)}
        found = self._measures.find(wanted).sort("received_at", 1).limit(1000)
        return [cast("Measure", document) async for document in found]

    @retried(aloud=True)
    async def mark_alerted(self, ids: Sequence[str], at: datetime) -> None:
        """Note when the alerts of these measures were published."""
        await self._measures.update_many({"_id": {"$in": list(ids)}}, {"$set": {"alerted_at": at}})

    @retried(aloud=False)
    async def merge(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> None:
        """Run a pipeline that ends in ``$merge``."""
        with timeout(MERGE_LIMIT_S):
            async for _ in self.database.aggregate(collection, pipeline):
                pass

    @retried(aloud=False)
    async def each_recent(self, until: datetime, note: Callable[[Measure], None]) -> None:
        """Show the measures from the newest back to those received before ``until``.

        What somebody else wrote into the collection before it had a validator is left out.
        ``note`` may be shown the same measure again when the database went away meanwhile.
        """
        # The natural order is that of insertion, so this reads no more than it must.
        async for document in self._measures.find(schema.conforming("measures")).sort("$natural", -1):
            if document["received_at"] < until:
                return
            note(cast("Measure", document))
