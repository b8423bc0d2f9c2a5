"""Take deliveries from the connection into a bounded queue, and do nothing else.

What bounds the memory is the broker's window (Receive Maximum). Mosquitto before 2.0.13 does not hold
to it, so above ``READ_BELOW`` the reading is slowed down, and at the limits a delivery is dropped without
acknowledgement: the broker sends it again on the next connection, which is made when the queue is
empty. Reading never stops for long, whatever the database does: who stops loses the connection.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import repeat

from mqtt5 import PublishPacket

from broker.connection import Connection
from broker.topics import Topics
from ingestor.counters import Counters

READ_BELOW = 8_000
READ_BELOW_BYTES = 8 * 1024 * 1024
# About a thousand readings, each in a payload of its own or many in one.
FULL_BATCH_BYTES = 100_000
MAX_DELIVERIES = 50_000
MAX_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


class Inbox:
    """The deliveries that wait to be worked on, oldest first.

    Args:
        topics: Tells readings from other messages, which are not in the books.
        books: Where arrivals are counted.
        max_deliveries: How many may wait.
        max_bytes: How many bytes of payload may wait.
    """

    def __init__(
        self,
        topics: Topics,
        books: Counters,
        *,
        max_deliveries: int = MAX_DELIVERIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._readings = topics.readings_prefix
        self._books = books
        self._max_deliveries = max_deliveries
        self._max_bytes = max_bytes
        # Each with the connection that brought it, on which alone it can be acknowledged.
        self._queue: deque[tuple[Connection, PublishPacket]] = deque()
        self._bytes = 0
        self._dropping: Connection | None = None
        self.arrived = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def has_full_batch(self) -> bool:
        """Whether so much waits that a batch of it would be a full one, or nearly."""
        return self._bytes >= FULL_BATCH_BYTES

    def put(self, connection: Connection, packets: Sequence[PublishPacket]) -> None:
        """Append the messages of one read, or turn them away when there is no room.

        Once some were turned away, so is everything behind them on that connection: the broker
        expects acknowledgements in the order of its messages.
        """
        if not self._has_room(connection):
            self._books.turned_away += len(packets)
            return
        self._queue.extend(zip(repeat(connection), packets))
        self._bytes += sum([len(packet.payload) for packet in packets])
        readings = sum([packet.topic.startswith(self._readings) for packet in packets])
        self._books.received += readings
        self._books.waiting += readings
        self.arrived.set()
        if len(self._queue) >= READ_BELOW or self._bytes >= READ_BELOW_BYTES:
            self.may_read.clear()

    def _has_room(self, connection: Connection) -> bool:
        if self._dropping is connection:
            return False
        if len(self._queue) < self._max_deliveries and self._bytes < self._max_bytes:
            return True
        self._dropping = connection
        if self._max_deliveries:
            logger.warning("The queue is full (%d messages); the broker keeps the rest.", len(self._queue))
        return False

    def close(self) -> None:
        """Take in nothing more; what still comes stays with the broker."""
        self._max_deliveries = 0

    @property
    def next_connection(self) -> Connection | None:
        """The connection that brought the oldest message; None when nothing waits."""
        return self._queue[0][0] if self._queue else None

    def take(self, connection: Connection) -> Iterator[PublishPacket]:
        """Give out messages, oldest first, for as long as they are of one connection."""
        queue = self._queue
        try:
            while queue and queue[0][0] is connection:
                _, packet = queue.popleft()
                self._bytes -= len(packet.payload)
                yield packet
        finally:
            # Also when the caller has enough.
            if len(queue) < READ_BELOW and self._bytes < READ_BELOW_BYTES:
                self.may_read.set()

    def on_drained(self) -> None:
        """Note that all that was taken is done with; have the rest sent again if some was not."""
        if self._dropping is not None and not self._queue:
            self._dropping.redelivery_wanted.set()
            self._dropping = None
