"""What the database keeps of alarms: episodes, shelves, intervals, and how far all is judged."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pymongo import UpdateOne, timeout
from pymongo.errors import OperationFailure

from broker.topics import SensorKey, Topics
from ingestor.alarms.sensor_state import Shelf
from ingestor.documents import AlarmDocument
from ingestor.store.checkpoint import Checkpoint
from ingestor.store.reading_store import DOCUMENT_ERRORS, ReadingStore

READ_LIMIT_S = 600.0
MAX_REJECTIONS = 10_000
logger = logging.getLogger(__name__)

LISTED: dict[str, Any] = {
    "retracted_at": None,
    "$or": [{"cleared_at": {"$type": "null"}}, {"waits": True, "acknowledged_at": {"$type": "null"}}],
}


@dataclass(frozen=True, slots=True)
class KnownSensor:
    """What was known of a sensor when the last ingestor ended."""

    sensor_id: str
    site: str
    last_reading: datetime | None
    interval_s: float | None
    is_node_offline: bool
    shelved: dict[str, Shelf]


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
        self._insist = store.retry
        self.checkpoint = Checkpoint(store, name, "alarms")
        self._names = frozenset(sites)
        self._sites: dict[str, Any] = {} if "+" in sites else {"site": {"$in": list(sites)}}

    def _is_ours(self, place: SensorKey) -> bool:
        return "+" in self._names or place.site in self._names

    async def write(self, documents: Sequence[AlarmDocument]) -> None:
        """Write episodes as they are now, journaled."""
        # The bare command, as for readings: bulk_write takes several times the time in Python.
        command = {
            "update": "alarms",
            "updates": [{"q": {"_id": each["_id"]}, "u": each, "upsert": True} for each in documents],
            "ordered": False,
            "writeConcern": self._db.write_concern,
        }

        async def write() -> None:
            answer = await self._db.command(command)
            errors = [*answer.get("writeErrors", ()), *filter(None, [answer.get("writeConcernError")])]
            for error in errors:
                if error.get("code") not in DOCUMENT_ERRORS:
                    raise OperationFailure(error.get("errmsg", "unknown"), error.get("code"))
                # Trying again would not change that, and hold up all others.
                logger.warning("MongoDB refuses an alarm: it %s", DOCUMENT_ERRORS[error["code"]])

        await self._insist(write)

    async def mark_notified(self, ids: Sequence[str], at: datetime) -> None:
        """Note that people were told of these episodes."""
        change = {"$set": {"notified_at": at}}
        await self._insist(lambda: self._db["alarms"].update_many({"_id": {"$in": list(ids)}}, change))

    async def write_sensors(
        self, intervals: Mapping[SensorKey, float], shelves: Mapping[SensorKey, Mapping[str, Shelf]]
    ) -> None:
        """Write the intervals that were learned, seconds, and what is shelved, by sensor."""
        writes = [_set(place, {"interval_s": value}) for place, value in intervals.items()]
        writes += [
            _set(place, {"shelved": {rule: shelf._asdict() for rule, shelf in each.items()}})
            for place, each in shelves.items()
        ]
        if writes:
            await self._insist(lambda: self._db["sensors"].bulk_write(writes, ordered=False))

    async def known_sensors(self) -> list[KnownSensor]:
        """All sensors of these sites."""
        fields = ("sensor_id", "site", "last_reading", "interval_s", "status", "shelved")

        async def read() -> list[KnownSensor]:
            with timeout(READ_LIMIT_S):
                return [
                    KnownSensor(
                        each["sensor_id"],
                        each["site"],
                        each.get("last_reading"),
                        each.get("interval_s"),
                        each.get("status") == "offline",
                        {
                            rule: Shelf(shelf["until"], shelf["user"])
                            for rule, shelf in each.get("shelved", {}).items()
                        },
                    )
                    async for each in self._db["sensors"].find(
                        {"site": {"$exists": True}, **self._sites}, fields
                    )
                ]

        return await self._insist(read)

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
            before = {
                "sensor_id": sensor_id,
                "rule": rule,
                "retracted_at": None,
                "cleared_at": {"$lt": since},
            }
            found += await self._find(before, newest=1)
        return found

    async def _find(self, wanted: Mapping[str, Any], newest: int = 0) -> list[AlarmDocument]:
        async def read() -> list[AlarmDocument]:
            cursor = self._db["alarms"].find(wanted)
            if newest:
                cursor = cursor.sort("since", -1).limit(newest)
            return [cast("AlarmDocument", each) async for each in cursor]

        return await self._insist(read)

    async def rejected_since(self, moment: datetime) -> list[tuple[SensorKey, str, str, datetime]]:
        """Whose payloads were refused since a moment, the kind, the reason and when; the newest, in order."""

        async def read() -> list[tuple[SensorKey, str, str, datetime]]:
            found = self._db["rejected"].find({"received_at": {"$gte": moment}}).sort("received_at", -1)
            refused = [
                (Topics.sensor_key(each["topic"]), each["kind"], each["reason"], each["received_at"])
                async for each in found.limit(MAX_REJECTIONS)
            ]
            return [each for each in reversed(refused) if self._is_ours(each[0])]

        return await self._insist(read)


def _set(place: SensorKey, fields: Mapping[str, Any]) -> UpdateOne:
    new = {"_id": place.name, "site": place.site}
    return UpdateOne({"sensor_id": place.name}, {"$set": fields, "$setOnInsert": new}, upsert=True)
