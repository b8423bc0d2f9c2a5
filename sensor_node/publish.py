"""Bring readings from the outbox to the broker, and take the ingestor's confirmations."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from mqtt5 import PublishPacket
from pydantic import ValidationError

from broker.client import BrokerLostError
from broker.connection import Connection, Outgoing
from broker.messages import NodeStatus, Stored
from broker.topics import Place, Topics
from sensor_node.outbox import Outbox

AT_ONCE = 500
LOOK_EVERY_S = 0.5
FAREWELL_S = 3.0

logger = logging.getLogger(__name__)


class Publisher:
    """The node's side of its connection.

    Args:
        topics: Where to.
        node: The site and id of the node, which is its first meter.
        places: All its meters.
        outbox: What is to be published.
        heartbeat: Touched whenever the broker took readings; None for no file.

    Attributes:
        news: To be set when the outbox has something new.
        end: To be set when nothing new will come.
    """

    def __init__(
        self, topics: Topics, node: Place, places: list[Place], outbox: Outbox, heartbeat: Path | None
    ) -> None:
        self._topics = topics
        self._node = node
        self._places = places
        self._outbox = outbox
        self._heartbeat = heartbeat
        self._confirmations: deque[tuple[Connection, PublishPacket]] = deque()
        self._confirmed = asyncio.Event()
        self.news = asyncio.Event()
        self.end = asyncio.Event()

    @property
    def farewell(self) -> Outgoing:
        """The node's last word, and its Last Will."""
        return self._status(NodeStatus(state="offline"))

    def _status(self, status: NodeStatus) -> Outgoing:
        payload = status.model_dump_json(exclude_none=True).encode()
        return Outgoing(self._topics.status(*self._node), payload, retain=True)

    def deliver(self, connection: Connection, packet: PublishPacket) -> None:
        """Take a confirmation; it is worked on by ``confirm``."""
        self._confirmations.append((connection, packet))
        self._confirmed.set()

    async def use(self, connection: Connection) -> bool:
        """Publish on one connection until nothing new will come and all was sent.

        Raises:
            BrokerLostError: The connection ended. What is not confirmed goes out on the next one.
            BrokerRefusedError: The broker does not let this user publish there.
        """
        online = NodeStatus(state="online", sensors=len(self._places), since=datetime.now(UTC))
        await connection.publish_many([self._status(online)])
        for place in {*self._places, *self._outbox.places}:
            await connection.listen(self._topics.stored(*place))
        self._outbox.send_again()
        while not self.end.is_set():
            if not await self._publish_due(connection):
                self.news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self.news.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while await self._publish_due(connection):
                    pass
                await connection.publish_many([self.farewell])
        return True

    async def _publish_due(self, connection: Connection) -> int:
        due = self._outbox.take_due(time.monotonic(), AT_ONCE)
        if due:
            await connection.publish_many(
                [Outgoing(self._topics.readings(*kept.place), kept.payload) for kept in due]
            )
            if self._heartbeat is not None:
                self._heartbeat.touch()
        return len(due)

    async def confirm(self) -> None:
        """Take confirmed readings out of the outbox, for ever."""
        while True:
            await self._confirmed.wait()
            self._confirmed.clear()
            while self._confirmations:
                connection, packet = self._confirmations.popleft()
                await self._forget(self._topics.place(packet.topic), packet.payload)
                with contextlib.suppress(BrokerLostError):
                    await connection.puback_many([packet.packet_id or 0])

    async def _forget(self, place: Place, payload: bytes) -> None:
        try:
            answer = Stored.model_validate_json(payload)
        except ValidationError:
            logger.warning("A confirmation for %s cannot be read; it is left out.", place.name)
            return
        await self._outbox.confirm(place, answer.sequences)
        if refused := await self._outbox.confirm(place, answer.rejected):
            logger.warning(
                "The ingestor refused %d readings of %s; %s says why.",
                refused,
                place.name,
                self._topics.rejected(place),
            )
