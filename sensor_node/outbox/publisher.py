"""Publishes readings from the outbox to the broker, and processes the ingestor's confirmations."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice

from mqtt5 import PublishPacket
from pydantic import ValidationError

from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerLostError
from broker.messages import NodeStatus, Receipt
from broker.topics import SensorKey, Topics
from sensor_node.outbox.backfill import BackfillBucket
from sensor_node.outbox.in_flight import RESEND_AFTER_S
from sensor_node.outbox.outbox import Outbox, OutboxEntry
from sensor_node.outbox.settings import TransportSettings

BATCH = 500
MAX_UNCONFIRMED = 5_000
CONFIRM_BATCH = 50
POLL_S = 0.5
BACKFILL_EVERY_S = 0.05
STATUS_EVERY_S = 30.0
SHUTDOWN_S = 3.0

logger = logging.getLogger(__name__)


class Publisher:
    """The node's side of its connection.

    Attributes:
        wakeup: Set it when the outbox has new readings.
        finished: Set it when no more readings will come.
        abort_requested: Set it to drop the connection without a DISCONNECT.
        is_online: Whether the node is connected and its status is published.
    """

    def __init__(
        self, settings: TransportSettings, node: SensorKey, sensor_keys: list[SensorKey], outbox: Outbox
    ) -> None:
        self._topics = Topics(settings.topic_root)
        self._node = node
        self._sensor_keys = sensor_keys
        self._outbox = outbox
        self._backfill_rate = settings.backfill_rate
        self._heartbeat = settings.heartbeat
        self._receipts: deque[tuple[Connection, PublishPacket]] = deque()
        self._has_receipts = asyncio.Event()
        self._had_no_subscribers, self._requeued_s = False, float("-inf")
        self._connected_at = datetime.now(UTC)
        self._once: deque[OutgoingMessage] = deque()
        self.wakeup = asyncio.Event()
        self.finished = asyncio.Event()
        self.abort_requested = asyncio.Event()
        self.is_online = False

    @property
    def is_queue_full(self) -> bool:
        """Whether too many messages wait to be sent once."""
        return len(self._once) >= MAX_UNCONFIRMED

    @property
    def has_unsent(self) -> bool:
        """Whether messages still wait to be sent once."""
        return bool(self._once)

    def send_once(self, messages: Iterable[tuple[SensorKey, bytes]]) -> None:
        """Send payloads without confirmation, until the broker has taken them."""
        self._once.extend(
            OutgoingMessage(self._topics.readings(*sensor_key), payload) for sensor_key, payload in messages
        )
        self.wakeup.set()

    @property
    def last_will(self) -> OutgoingMessage:
        """The offline status, which is also the Last Will."""
        return self._status(NodeStatus(state="offline"))

    def _online(self) -> OutgoingMessage:
        return self._status(
            NodeStatus(
                state="online",
                sensors=len(self._sensor_keys),
                since=self._connected_at,
                updated=datetime.now(UTC),
                outbox_depth=len(self._outbox),
                oldest_age_s=self._outbox.oldest_age_s,
                refused=self._outbox.dropped,
            )
        )

    def _status(self, status: NodeStatus) -> OutgoingMessage:
        payload = status.model_dump_json(exclude_none=True).encode()
        return OutgoingMessage(self._topics.status(*self._node), payload, retain=True)

    def on_messages(self, connection: Connection, packets: Sequence[PublishPacket]) -> None:
        """Queue confirmations for ``process_receipts``."""
        self._receipts.extend((connection, packet) for packet in packets)
        self._has_receipts.set()

    async def run_on(self, connection: Connection) -> bool:
        """Publish on one connection until all is sent and finished, or an abort is requested.

        Raises:
            BrokerLostError: The connection was lost. Unconfirmed readings go out on the next one.
            BrokerRejectedError: The broker does not allow this user to publish there.
        """
        self._connected_at = datetime.now(UTC)
        await connection.publish_many([self._online()])
        for sensor_key in {*self._sensor_keys, *self._outbox.sensor_keys}:
            await connection.add_subscription(self._topics.stored(*sensor_key))
        self._outbox.send_again()
        self._had_no_subscribers, self._requeued_s = False, float("-inf")
        self.is_online = True
        try:
            await self._publish_until_the_end(connection)
        finally:
            self.is_online = False
        if self.abort_requested.is_set():
            connection.abort()
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_S):
                while due := [*self._outbox.take_backfill(time.monotonic(), BATCH), *self._new()]:
                    await self._publish(connection, due)
                await self._publish_once(connection)
                await connection.publish_many([self.last_will])
        return True

    async def _publish_until_the_end(self, connection: Connection) -> None:
        now_s = time.monotonic()
        bucket, reported_s = BackfillBucket(self._backfill_rate, now_s), now_s
        reported_full = self._outbox.dropped > 0
        while not (self.finished.is_set() or self.abort_requested.is_set()):
            now_s = time.monotonic()
            is_full = self._outbox.dropped > 0
            # Lost readings are reported at once.
            if now_s - reported_s > STATUS_EVERY_S or is_full != reported_full:
                reported_s, reported_full = now_s, is_full
                await connection.publish_many([self._online()])
            allowed = bucket.available(now_s)
            again = self._outbox.take_backfill(now_s, allowed)
            bucket.spend(len(again))
            await self._publish_once(connection)
            # The back-fill is limited, so that new readings need not wait for it.
            if due := [*again, *self._new()]:
                await self._publish(connection, due)
            else:
                self.wakeup.clear()
                pause_s = BACKFILL_EVERY_S if self._outbox.has_backfill else POLL_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self.wakeup.wait()

    def _new(self) -> list[OutboxEntry]:
        return self._outbox.take_new(time.monotonic(), BATCH)

    async def _publish(self, connection: Connection, readings: Sequence[OutboxEntry]) -> None:
        before = connection.no_subscribers
        await connection.publish_many(
            [OutgoingMessage(self._topics.readings(*entry.sensor_key), entry.payload) for entry in readings]
        )
        now_s = time.monotonic()
        if connection.no_subscribers > before:
            self._had_no_subscribers = True
        elif self._had_no_subscribers and now_s - self._requeued_s > RESEND_AFTER_S:
            # There is a subscriber again: readings sent without one need not wait for 30 s. But not more
            # often than that, as one of our meters may never have a subscriber.
            self._had_no_subscribers, self._requeued_s = False, now_s
            self._outbox.send_again()
        if self._heartbeat is not None:
            self._heartbeat.touch()

    async def _publish_once(self, connection: Connection) -> None:
        while self._once:
            messages = list(islice(self._once, BATCH))
            await connection.publish_many(messages)
            # Not before: messages without an answer are sent again on the next connection.
            for _ in messages:
                self._once.popleft()

    async def process_receipts(self) -> None:
        """Remove confirmed readings from the outbox, forever."""
        while True:
            await self._has_receipts.wait()
            self._has_receipts.clear()
            while self._receipts:
                await self._take_receipts()
                # With thousands of meters there are thousands of receipts; the meters must not wait for them.
                await asyncio.sleep(0)

    async def _take_receipts(self) -> None:
        """Process a batch of receipts of one connection, and acknowledge them together."""
        connection = self._receipts[0][0]
        taken: list[int] = []
        while self._receipts and self._receipts[0][0] is connection and len(taken) < CONFIRM_BATCH:
            _, packet = self._receipts.popleft()
            await self._forget(self._topics.sensor_key(packet.topic), packet.payload)
            taken.append(packet.packet_id or 0)
        with contextlib.suppress(BrokerLostError):
            await connection.puback_many(taken)

    async def _forget(self, sensor_key: SensorKey, payload: bytes) -> None:
        try:
            receipt = Receipt.model_validate_json(payload)
        except ValidationError:
            logger.warning("Invalid confirmation for %s; it is ignored.", sensor_key.name)
            return
        now_s = time.monotonic()
        await self._outbox.forget(sensor_key, receipt.sequences, now_s, stored=True)
        if rejected := await self._outbox.forget(sensor_key, receipt.rejected, now_s, stored=False):
            logger.warning(
                "The ingestor rejected %d readings of %s; for the reasons, see topic %s.",
                rejected,
                sensor_key.name,
                self._topics.rejected(sensor_key),
            )
