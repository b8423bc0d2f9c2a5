"""Set aside what one sensor brings faster than others can wait for, and work it off when there is time.

A full outbox may come at once, and all of it is stored. But the ingestor works on readings in the order of
their arrival, so what exceeds a sensor's share is written down as it came, which costs next to nothing, and
takes the same way as every reading later. Whatever comes of the sensor meanwhile waits behind it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from mqtt5 import PublishPacket

from ingestor.counters import Counters
from ingestor.delivery import Batch, Delivery, Rejection, RejectKind
from ingestor.receive.token_bucket import TokenBuckets
from ingestor.store.deferred_records import DeferredDocument, DeferredRecords, size_of

# Units of work of one topic: a reading is one, and so are so many bytes.
WORK_AT_ONCE = 10_000
WORK_PER_S = 2_000
BYTES_PER_UNIT = 150
# Bytes that may be set aside.
MAX_TOPIC_BYTES = 64 << 20
MAX_BYTES = 1 << 30
# One batch of so many is of what was set aside, while something else waits.
ONE_BATCH_OF = 3


class Deferral:
    """What is set aside, and the oldest record of it, which is worked off.

    Args:
        records: Where it is kept.
        counters: Where it is counted.
        arrived: Set when there is something to work off.

    Attributes:
        work: How much work each topic may still bring at once.
        arrived_at: When the record came that is worked off, UTC, naive.
    """

    def __init__(self, records: DeferredRecords, counters: Counters, arrived: asyncio.Event) -> None:
        self._records = records
        self._counters = counters
        self._arrived = arrived
        self.work = TokenBuckets(WORK_PER_S, WORK_AT_ONCE)
        self.arrived_at = datetime.min  # noqa: DTZ901 - before any
        # By topic, how many payloads are set aside, and their bytes.
        self._waiting: dict[str, tuple[int, int]] = {}
        self._bytes = 0
        self._packets: deque[PublishPacket] = deque()
        self._unfinished = 0
        self._turn = 0
        self._is_closed = False
        self._written = asyncio.Event()
        self._finished = asyncio.Event()

    async def open(self) -> None:
        """Take up what an earlier process left; before any reading, which may have to wait behind it."""
        for each in await self._records.sums():
            self._add(each["_id"], each["payloads"], each["bytes"])
            self._counters.received += each["payloads"]
            self._counters.deferred += each["payloads"]

    def close(self) -> None:
        """Work off nothing more; the next process does."""
        self._is_closed = True

    def may_pass(self, delivery: Delivery) -> bool:
        """Whether a delivery may be worked on at once, though its topic has no ``work`` left, or seems so."""
        topic, is_retained = delivery.packet.topic, delivery.packet.retain
        # A retained one is rejected unread.
        return is_retained or (topic not in self._waiting and self.work.refill(topic) >= 1)

    def set_aside(self, delivery: Delivery, batch: Batch) -> Rejection | None:
        """Have a delivery written down; why it is not, if there is no room."""
        topic, size = delivery.packet.topic, size_of(delivery)
        _, waiting = self._waiting.get(topic, (0, 0))
        if waiting + size > MAX_TOPIC_BYTES or self._bytes + size > MAX_BYTES:
            reason = (
                f"too much came at once: {MAX_TOPIC_BYTES:,} bytes of a sensor may wait "
                f"until there is time for them, and {MAX_BYTES:,} of all"
            )
            return delivery.reject(RejectKind.FLOOD, reason)
        self._add(topic, 1, size)
        batch.deferred.append(delivery)
        return None

    async def write(self, batch: Batch) -> None:
        """Write down what of a batch is set aside."""
        if batch.deferred:
            await self._records.add(batch)

    def on_written(self) -> None:
        """Note that something was written down, and that all before it is stored."""
        self._written.set()

    def is_next(self, *, others_wait: bool) -> bool:
        """Whether it is the turn of what was set aside."""
        if not self.is_ready:
            return False
        self._turn = (self._turn + 1) % ONE_BATCH_OF if others_wait else 0
        return self._turn == 0

    @property
    def is_ready(self) -> bool:
        """Whether there is something to work off."""
        return bool(self._packets) and not self._is_closed

    def peek(self, most: int) -> list[PublishPacket]:
        """Look at the messages that ``take`` will give out, so many at most."""
        return list(islice(self._packets, most))

    def take(self) -> Iterator[PublishPacket]:
        """Give out messages of the oldest record."""
        while self._packets:
            yield self._packets.popleft()

    def finish(self, batch: Batch) -> None:
        """Note that a batch of what was set aside is stored, or rejected and kept."""
        self._unfinished -= len(batch.deliveries)
        if not self._unfinished:
            self._finished.set()

    async def work_off(self) -> None:
        """Have one record after the other worked off and removed, for ever."""
        while True:
            self._written.clear()
            if (record := await self._records.oldest()) is None:
                await self._written.wait()
                continue
            self._finished.clear()
            self._load(record)
            self._arrived.set()
            await self._finished.wait()
            await self._records.remove(record)
            self._add(record["topic"], -len(record["payloads"]), -record["bytes"])

    def _load(self, record: DeferredDocument) -> None:
        topic, content_type = record["topic"], record["content_type"]
        self.arrived_at = record["received_at"]
        self._unfinished = len(record["payloads"])
        self._packets.extend(
            PublishPacket(topic, payload, content_type=content_type) for payload in record["payloads"]
        )

    def _add(self, topic: str, payloads: int, size: int) -> None:
        self._bytes += size
        payloads_before, size_before = self._waiting.get(topic, (0, 0))
        if payloads_before + payloads:
            self._waiting[topic] = payloads_before + payloads, size_before + size
        else:
            del self._waiting[topic]
