"""Bring readings from the outbox to the broker, and take the ingestor's confirmations."""

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

from broker.client import BrokerLostError
from broker.connection import Connection, OutgoingMessage
from broker.messages import NodeStatus, Receipt
from broker.topics import SensorKey, Topics
from sensor_node.backfill import BackfillBucket
from sensor_node.outbox import RESEND_AFTER_S, Outbox, OutboxEntry
from sensor_node.settings import TransportSettings
from sensor_node.state import OutboxStatus

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

    Args:
        settings: What the node was told.
        node: The site and id of the node, which is its first meter.
        places: All its meters.
        outbox: What is to be published.

    Attributes:
        news: To be set when the outbox has something new.
        end: To be set when nothing new will come.
        to_cut: To be set to lose the connection, without a word.
        is_online: Whether everybody knows that the node is there.
    """

    def __init__(
        self, settings: TransportSettings, node: SensorKey, places: list[SensorKey], outbox: Outbox
    ) -> None:
        self._topics = Topics(settings.topic_root)
        self._node = node
        self._places = places
        self._outbox = outbox
        self._backfill_rate = settings.backfill_rate
        self._heartbeat = settings.heartbeat
        self._confirmations: deque[tuple[Connection, PublishPacket]] = deque()
        self._confirmed = asyncio.Event()
        self._is_unheard, self._heard_again_s = False, float("-inf")
        self.state = OutboxStatus(outbox, len(places))
        self._once: deque[OutgoingMessage] = deque()
        self.news = asyncio.Event()
        self.end = asyncio.Event()
        self.to_cut = asyncio.Event()
        self.is_online = False

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits to be sent once that nothing more may come to it."""
        return len(self._once) >= MAX_UNCONFIRMED

    @property
    def has_unsent(self) -> bool:
        """Whether something that is sent once still waits for that."""
        return bool(self._once)

    def send_once(self, messages: Iterable[tuple[SensorKey, bytes]]) -> None:
        """Send payloads that nobody confirms, until the broker has taken them."""
        self._once.extend(
            OutgoingMessage(self._topics.readings(*place), payload) for place, payload in messages
        )
        self.news.set()

    @property
    def farewell(self) -> OutgoingMessage:
        """The node's last word, and its Last Will."""
        return self._status(NodeStatus(state="offline"))

    def _status(self, status: NodeStatus) -> OutgoingMessage:
        payload = status.model_dump_json(exclude_none=True).encode()
        return OutgoingMessage(self._topics.status(*self._node), payload, retain=True)

    def deliver(self, connection: Connection, packets: Sequence[PublishPacket]) -> None:
        """Take confirmations; they are worked on by ``confirm``."""
        self._confirmations.extend((connection, packet) for packet in packets)
        self._confirmed.set()

    async def use(self, connection: Connection) -> bool:
        """Publish on one connection until nothing new will come and all was sent, or until it has to be cut.

        Raises:
            BrokerLostError: The connection ended. What is not confirmed goes out on the next one.
            BrokerRefusedError: The broker does not let this user publish there.
        """
        self.state.connected_at = datetime.now(UTC)
        await connection.publish_many([self._status(self.state.status())])
        for place in {*self._places, *self._outbox.places}:
            await connection.listen(self._topics.stored(*place))
        self._outbox.send_again()
        self._is_unheard, self._heard_again_s = False, float("-inf")
        self.is_online = True
        try:
            await self._publish_until_the_end(connection)
        finally:
            self.is_online = False
        if self.to_cut.is_set():
            connection.cut()
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_S):
                while due := [*self._outbox.take_again(time.monotonic(), BATCH), *self._new()]:
                    await self._publish(connection, due)
                await self._publish_once(connection)
                await connection.publish_many([self.farewell])
        return True

    async def _publish_until_the_end(self, connection: Connection) -> None:
        now_s = time.monotonic()
        allowance, told_s = BackfillBucket(self._backfill_rate, now_s), now_s
        told_full = self._outbox.refused > 0
        while not (self.end.is_set() or self.to_cut.is_set()):
            now_s = time.monotonic()
            is_full = self._outbox.refused > 0
            # That readings are lost is said at once.
            if now_s - told_s > STATUS_EVERY_S or is_full != told_full:
                told_s, told_full = now_s, is_full
                await connection.publish_many([self._status(self.state.status())])
            allowed = allowance.now(now_s)
            again = self._outbox.take_again(now_s, allowed)
            allowance.spend(len(again))
            await self._publish_once(connection)
            # New readings wait for no more of the older ones than a moment's share.
            if due := [*again, *self._new()]:
                await self._publish(connection, due)
            else:
                self.news.clear()
                pause_s = BACKFILL_EVERY_S if self._outbox.is_behind else POLL_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self.news.wait()

    def _new(self) -> list[OutboxEntry]:
        return self._outbox.take_new(time.monotonic(), BATCH)

    async def _publish(self, connection: Connection, readings: Sequence[OutboxEntry]) -> None:
        unheard = connection.unheard
        await connection.publish_many(
            [OutgoingMessage(self._topics.readings(*kept.place), kept.payload) for kept in readings]
        )
        now_s = time.monotonic()
        if connection.unheard > unheard:
            self._is_unheard = True
        elif self._is_unheard and now_s - self._heard_again_s > RESEND_AFTER_S:
            # Somebody listens again: what was said to nobody need not wait for its 30 s. Not more
            # often than that, though: there may be a meter of ours that nobody ever listens to.
            self._is_unheard, self._heard_again_s = False, now_s
            self._outbox.send_again()
        if self._heartbeat is not None:
            self._heartbeat.touch()

    async def _publish_once(self, connection: Connection) -> None:
        while self._once:
            messages = list(islice(self._once, BATCH))
            await connection.publish_many(messages)
            # Not before: what was not answered is sent again on the next connection.
            for _ in messages:
                self._once.popleft()

    async def confirm(self) -> None:
        """Take confirmed readings out of the outbox, for ever."""
        while True:
            await self._confirmed.wait()
            self._confirmed.clear()
            while self._confirmations:
                await self._take_confirmations()
                # With thousands of meters they come by the thousand; measuring goes on meanwhile.
                await asyncio.sleep(0)

    async def _take_confirmations(self) -> None:
        """Take those of one connection, not too many at a time, and acknowledge them together."""
        connection = self._confirmations[0][0]
        taken: list[int] = []
        while self._confirmations and self._confirmations[0][0] is connection and len(taken) < CONFIRM_BATCH:
            _, packet = self._confirmations.popleft()
            await self._forget(self._topics.place(packet.topic), packet.payload)
            taken.append(packet.packet_id or 0)
        with contextlib.suppress(BrokerLostError):
            await connection.puback_many(taken)

    async def _forget(self, place: SensorKey, payload: bytes) -> None:
        try:
            answer = Receipt.model_validate_json(payload)
        except ValidationError:
            logger.warning("A confirmation for %s cannot be read; it is left out.", place.name)
            return
        now_s = time.monotonic()
        await self._outbox.forget(place, answer.sequences, now_s, stored=True)
        if refused := await self._outbox.forget(place, answer.rejected, now_s, stored=False):
            logger.warning(
                "The ingestor refused %d readings of %s; %s says why.",
                refused,
                place.name,
                self._topics.rejected(place),
            )
