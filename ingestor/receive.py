"""Take deliveries from the connection into a bounded queue, and do nothing else.

What bounds the memory is the broker's window (Receive Maximum). Mosquitto before 2.0.13 does not hold
to it, so above ``ROOM`` the reading is slowed down, and at the limits a delivery is dropped without
acknowledgement: the broker sends it again on the next connection, which is made when the queue is
empty. Reading never stops for long, whatever the database does: who stops loses the connection.
"""

import asyncio
import logging
from collections import deque
from typing import NamedTuple

from mqtt5 import PublishPacket

from broker.connection import Connection
from broker.topics import Topics
from ingestor.books import Books

ROOM = 8_000
ROOM_BYTES = 8 * 1024 * 1024
MAX_DELIVERIES = 50_000
MAX_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


class Delivery(NamedTuple):
    """One message as it came, and the connection on which alone it can be acknowledged."""

    topic: str
    payload: bytes
    retain: bool
    packet_id: int
    connection: Connection


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
        books: Books,
        *,
        max_deliveries: int = MAX_DELIVERIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._readings = topics.all_readings("+").removesuffix("+/+")
        self._books = books
        self._max_deliveries = max_deliveries
        self._max_bytes = max_bytes
        self._queue: deque[Delivery] = deque()
        self._bytes = 0
        self._turning_away: Connection | None = None
        self.attention = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, connection: Connection, packet: PublishPacket) -> None:
        """Append a message, or turn it away when there is no room.

        Once one was turned away, so is everything behind it on that connection: the broker
        expects acknowledgements in the order of its messages.
        """
        topic, payload = packet.topic, packet.payload
        if not self._has_room(connection):
            self._books.turned_away += 1
            return
        # Subscribed at QoS 1, so every message has a packet id.
        self._queue.append(Delivery(topic, payload, packet.retain, packet.packet_id or 0, connection))
        self._bytes += len(payload)
        if topic.startswith(self._readings):
            self._books.received += 1
            self._books.waiting += 1
        self.attention.set()
        if len(self._queue) >= ROOM or self._bytes >= ROOM_BYTES:
            self.room.clear()

    def _has_room(self, connection: Connection) -> bool:
        if self._turning_away is connection:
            return False
        if len(self._queue) < self._max_deliveries and self._bytes < self._max_bytes:
            return True
        self._turning_away = connection
        if self._max_deliveries:
            logger.warning("The queue is full (%d messages); the broker keeps the rest.", len(self._queue))
        return False

    def close(self) -> None:
        """Take in nothing more; what still comes stays with the broker."""
        self._max_deliveries = 0

    def take(self) -> Delivery | None:
        """Give out the oldest delivery, or None when there is none."""
        if not self._queue:
            return None
        delivery = self._queue.popleft()
        self._bytes -= len(delivery.payload)
        if len(self._queue) < ROOM and self._bytes < ROOM_BYTES:
            self.room.set()
        return delivery

    def settled(self) -> None:
        """Note that all that was taken is done with; have the rest sent again if some was not."""
        if self._turning_away is not None and not self._queue:
            self._turning_away.renew.set()
            self._turning_away = None
