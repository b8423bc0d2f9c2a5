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
from itertools import islice

from mqtt5 import PublishPacket

from broker.connection import Connection
from broker.topics import MAX_ID, Topics
from ingestor.counters import Counters
from ingestor.receive.trim import trim

READ_BELOW = 8_000
READ_BELOW_BYTES = 8 * 1024 * 1024
# About a thousand readings, each in a payload of its own or many in one.
FULL_BATCH_BYTES = 125_000
# What is taken at once. A batch of the largest payloads would else be as large as the inbox.
MAX_TAKEN_BYTES = 2 * 1024 * 1024
MAX_DELIVERIES = 50_000
MAX_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


class Inbox:
    """The deliveries that wait to be worked on, oldest first.

    Args:
        topics: Tells readings from other messages, which are not counted.
        counters: Where arrivals are counted.
        max_deliveries: How many may wait.
        max_bytes: How many bytes of topics and payloads may wait.
    """

    def __init__(
        self,
        topics: Topics,
        counters: Counters,
        *,
        max_deliveries: int = MAX_DELIVERIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._readings = topics.readings_prefix
        # The other topics that are subscribed to are no longer.
        self._max_topic = max(len(topics.readings_prefix), len(topics.commands_prefix)) + 2 * MAX_ID + 1
        self._counters = counters
        self._max_deliveries = max_deliveries
        self._max_bytes = max_bytes
        # By the connection that brought them, on which alone they can be acknowledged; the oldest first.
        self._queues: deque[tuple[Connection, deque[PublishPacket]]] = deque()
        self._length = 0
        self._bytes = 0
        self._dropping: Connection | None = None
        self.arrived = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    def __len__(self) -> int:
        return self._length

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
            self._counters.turned_away += len(packets)
            return
        if not self._queues or self._queues[-1][0] is not connection:
            self._queues.append((connection, deque()))
        trimmed = trim(packets, self._max_topic)
        self._queues[-1][1].extend(trimmed)
        self._length += len(trimmed)
        topics = [packet.topic for packet in trimmed]
        self._bytes += sum([len(packet.payload) for packet in trimmed]) + sum(map(len, topics))
        readings = sum([topic.startswith(self._readings) for topic in topics])
        self._counters.received += readings
        self._counters.waiting += readings
        self.arrived.set()
        if self._length >= READ_BELOW or self._bytes >= READ_BELOW_BYTES:
            self.may_read.clear()

    def _has_room(self, connection: Connection) -> bool:
        if self._dropping is connection:
            return False
        if self._length < self._max_deliveries and self._bytes < self._max_bytes:
            return True
        self._dropping = connection
        if self._max_deliveries:
            logger.warning("The queue is full (%d messages); the broker keeps the rest.", self._length)
        return False

    def close(self) -> None:
        """Take in nothing more; what still comes stays with the broker."""
        self._max_deliveries = 0

    @property
    def next_connection(self) -> Connection | None:
        """The connection that brought the oldest message; None when nothing waits."""
        return self._queues[0][0] if self._queues else None

    def peek(self, most: int) -> list[PublishPacket]:
        """Look at the messages that ``take`` will give out, so many at most."""
        packets, size = [], 0
        for packet in islice(self._queues[0][1], most):
            packets.append(packet)
            size += len(packet.payload)
            if size > MAX_TAKEN_BYTES:
                break
        return packets

    def take(self) -> Iterator[PublishPacket]:
        """Give out messages of that connection, oldest first; call ``on_taken`` after the last."""
        packets = self._queues[0][1]
        enough = self._bytes - MAX_TAKEN_BYTES
        while packets and self._bytes > enough:
            packet = packets.popleft()
            self._length -= 1
            self._bytes -= len(packet.payload) + len(packet.topic)
            yield packet

    def on_taken(self) -> None:
        """Let connections read on when there is room again."""
        if not self._queues[0][1]:
            self._queues.popleft()
        if self._length < READ_BELOW and self._bytes < READ_BELOW_BYTES:
            self.may_read.set()

    def on_drained(self) -> None:
        """Note that all that was taken is done with; have the rest sent again if some was not."""
        if self._dropping is not None and not self._length:
            self._dropping.redelivery_wanted.set()
            self._dropping = None
