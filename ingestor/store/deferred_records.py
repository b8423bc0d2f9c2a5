"""Payloads that were set aside, in the order in which they came: the collection ``deferred``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, cast

from pymongo import ReplaceOne, timeout

from ingestor.delivery import Batch, Delivery
from ingestor.store.reading_store import ReadingStore
from ingestor.store.retry import retried

# What is worked off before it is removed together; after a crash it is worked off again.
RECORD_PAYLOADS = 1000
RECORD_BYTES = 256 << 10
SUMS_LIMIT_S = 600.0


class DeferredDocument(TypedDict):
    """Payloads of one topic that were set aside, in ``deferred``.

    Attributes:
        bytes: Of all payloads together, and a few for each.
        received_at: When they came.
    """

    _id: str
    topic: str
    content_type: str | None
    payloads: list[bytes]
    bytes: int
    received_at: datetime


class DeferredRecords:
    """Those of one ingestor.

    Args:
        store: The open database.
        name: The ingestor's; it works off what it set aside itself.
    """

    def __init__(self, store: ReadingStore, name: str) -> None:
        self._database = store.database
        self._records = store.database["deferred"]
        self.retry = store.retry
        self._name = name
        # No ingestor has a name with an @ in it, and "A" is the character after it.
        self._ours = {"_id": {"$gte": f"{name}@", "$lt": f"{name}A"}}

    async def add(self, batch: Batch) -> None:
        """Write down what of a batch is set aside."""
        await self._write(list(_to_documents(self._name, batch.deferred, batch.received_at)))

    @retried(aloud=True)
    async def _write(self, documents: Iterable[DeferredDocument]) -> None:
        writes = [ReplaceOne({"_id": each["_id"]}, dict(each), upsert=True) for each in documents]
        await self._records.bulk_write(writes, ordered=False)

    @retried(aloud=True)
    async def oldest(self) -> DeferredDocument | None:
        """What was set aside first; None if there is nothing."""
        found = await self._records.find_one(self._ours, sort=[("_id", 1)])
        return cast("DeferredDocument | None", found)

    @retried(aloud=True)
    async def remove(self, record: DeferredDocument) -> None:
        """Forget what is worked off."""
        await self._records.delete_one({"_id": record["_id"]})

    @retried(aloud=True)
    async def sums(self) -> Sequence[Mapping[str, Any]]:
        """By topic (``_id``), how many ``payloads`` and ``bytes`` an earlier process left."""
        sums = {"_id": "$topic", "payloads": {"$sum": {"$size": "$payloads"}}, "bytes": {"$sum": "$bytes"}}
        stages: list[Mapping[str, Any]] = [{"$match": self._ours}, {"$group": sums}]
        with timeout(SUMS_LIMIT_S):
            return [each async for each in self._database.aggregate("deferred", stages)]


def _to_documents(
    name: str, deliveries: Iterable[Delivery], received_at: datetime
) -> Iterator[DeferredDocument]:
    """Gather the payloads of a topic in their order: a write of each would cost as much as a reading."""
    number, open_ones = 0, dict[tuple[str, str | None], DeferredDocument]()
    for delivery in deliveries:
        packet = delivery.packet
        record = open_ones.get((packet.topic, packet.content_type))
        if record is None or record["bytes"] >= RECORD_BYTES or len(record["payloads"]) >= RECORD_PAYLOADS:
            if record is not None:
                yield record
            record = open_ones[packet.topic, packet.content_type] = {
                "_id": f"{name}@{received_at.isoformat(timespec='milliseconds')}@{number:06d}",
                "topic": packet.topic,
                "content_type": packet.content_type,
                "payloads": [],
                "bytes": 0,
                "received_at": received_at,
            }
            number += 1
        record["payloads"].append(packet.payload)
        record["bytes"] += size_of(delivery)
    yield from open_ones.values()


def size_of(delivery: Delivery) -> int:
    """How many bytes a payload counts for, at most about as many as it takes in the database."""
    return len(delivery.packet.payload) + 16
