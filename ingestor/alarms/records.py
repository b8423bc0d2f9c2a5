"""What the database keeps of alarms: episodes, shelves, intervals, and how far all is judged."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from pymongo import UpdateOne, timeout
from pymongo.errors import OperationFailure

from broker.topics import SensorKey, Topics
from ingestor.alarms.evaluation.reading_history import READ_LIMIT_S, TIMELY
from ingestor.documents import LATE_AFTER, AlarmDocument, SensorDocument, Shelf
from ingestor.store.checkpoint import Checkpoint
from ingestor.store.reading_store import DOCUMENT_ERRORS, ReadingStore
from ingestor.store.retry import retried

MAX_REJECTIONS = 10_000
logger = logging.getLogger(__name__)

LISTED: dict[str, Any] = {
    "retracted_at": None,
    "$or": [{"cleared_at": {"$type": "null"}}, {"waits": True, "acknowledged_at": {"$type": "null"}}],
}


class AlarmRecords:
    """The alarms' part of the database.

    Args:
        store: The open database.
        name: The ingestor's, under which it keeps how far it has come.
        sites: Whose alarms; ``+`` for all.

    Attributes:
        checkpoint: When the newest batch came that is judged and told altogether.
    """

    def __init__(self, store: ReadingStore, name: str, sites: Sequence[str]) -> None:
        self._db = store.database
        self.retry = store.retry
        self.checkpoint = Checkpoint(store, name, "alarms")
        self._names = frozenset(sites)
        self._sites: dict[str, Any] = {} if "+" in sites else {"site": {"$in": list(sites)}}

    @retried(aloud=True)
    async def write(self, documents: Sequence[AlarmDocument]) -> None:
        """Write episodes as they are now, journaled."""
        # The bare command, as for readings: bulk_write takes several times the time in Python.
        command = {
            "update": "alarms",
            "updates": [{"q": {"_id": each["_id"]}, "u": each, "upsert": True} for each in documents],
            "ordered": False,
            "writeConcern": self._db.write_concern,
        }
        answer = await self._db.command(command)
        for error in [*answer.get("writeErrors", ()), *filter(None, [answer.get("writeConcernError")])]:
            if error.get("code") not in DOCUMENT_ERRORS:
                raise OperationFailure(error.get("errmsg", "unknown"), error.get("code"))
            # Trying again would not change that, and hold up all others.
            logger.warning("MongoDB rejects an alarm: it %s", DOCUMENT_ERRORS[error["code"]])

    @retried(aloud=True)
    async def mark_notified(self, ids: Sequence[str], at: datetime) -> None:
        """Note that people were told of these episodes."""
        await self._db["alarms"].update_many({"_id": {"$in": list(ids)}}, {"$set": {"notified_at": at}})

    async def write_sensors(
        self, intervals: Mapping[SensorKey, float], shelves: Mapping[SensorKey, Mapping[str, Shelf]]
    ) -> None:
        """Write the intervals that were learned, seconds, and what is shelved, by sensor."""
        writes = [_set(key, {"interval_s": interval_s}) for key, interval_s in intervals.items()]
        writes += [_set(key, {"shelved": shelved}) for key, shelved in shelves.items()]
        if writes:  # asking nothing would count as an answer
            await self.retry(lambda: self._db["sensors"].bulk_write(writes, ordered=False))

    @retried(aloud=True)
    async def known_sensors(self) -> list[SensorDocument]:
        """What was known of the sensors of these sites when the last ingestor ended."""
        fields = ("sensor_id", "site", "last_reading", "interval_s", "node_id", "status", "shelved")
        with timeout(READ_LIMIT_S):
            found = self._db["sensors"].find({"site": {"$exists": True}, **self._sites}, fields)
            return [cast("SensorDocument", each) async for each in found]

    @retried(aloud=True)
    async def unevaluated(self, since: datetime) -> list[tuple[SensorKey, datetime]]:
        """The sensors of which timely readings were received after a moment, and the oldest of these."""
        after = {"timestamp": {"$gte": since - LATE_AFTER}, "received_at": {"$gte": since}, **self._sites}
        group = {"_id": "$sensor_id", "site": {"$last": "$site"}, "since": {"$min": "$timestamp"}}
        stages = [{"$match": {**after, **TIMELY}}, {"$group": group}]
        with timeout(READ_LIMIT_S):
            found = self._db.aggregate("measures", stages, allowDiskUse=True)
            return [(SensorKey(each["site"], each["_id"]), each["since"]) async for each in found]

    async def listed(self) -> list[AlarmDocument]:
        """The episodes that stand."""
        return await self._find({**LISTED, **self._sites})

    async def changed_since(self, moment: datetime) -> list[AlarmDocument]:
        """The episodes that changed after a moment, those that were held back in a storm left out."""
        return await self._find({"changed_at": {"$gte": moment}, "in_storm": False, **self._sites})

    async def around(self, sensor_id: str, rules: Sequence[str], since: datetime) -> list[AlarmDocument]:
        """A sensor's episodes that go on or were over after a moment, and the last of each rule before it."""
        wanted = {"sensor_id": sensor_id, "rule": {"$in": list(rules)}}
        found = await self._find({**wanted, "$or": [{"cleared_at": None}, {"cleared_at": {"$gte": since}}]})
        for rule in rules:
            before = {"rule": rule, "retracted_at": None, "cleared_at": {"$lt": since}}
            found += await self._find({"sensor_id": sensor_id, **before}, newest=1)
        return found

    @retried(aloud=True)
    async def _find(self, wanted: Mapping[str, Any], newest: int = 0) -> list[AlarmDocument]:
        cursor = self._db["alarms"].find(wanted)
        if newest:
            cursor = cursor.sort("since", -1).limit(newest)
        return [cast("AlarmDocument", each) async for each in cursor]

    @retried(aloud=True)
    async def rejected_since(self, moment: datetime) -> list[tuple[SensorKey, str, str, datetime]]:
        """Whose payloads were rejected since a moment, the kind, the reason and when; oldest first."""
        found = self._db["rejected"].find({"received_at": {"$gte": moment}}).sort("received_at", -1)
        rejected = [
            (Topics.sensor_key(each["topic"]), each["kind"], each["reason"], each["received_at"])
            async for each in found.limit(MAX_REJECTIONS)
        ]
        return [each for each in reversed(rejected) if self._names & {"+", each[0].site}]


def _set(key: SensorKey, fields: Mapping[str, Any]) -> UpdateOne:
    new = {"_id": key.name, "site": key.site}
    return UpdateOne({"sensor_id": key.name}, {"$set": fields, "$setOnInsert": new}, upsert=True)
