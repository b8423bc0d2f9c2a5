"""What a process does on its connection: publish, acknowledge, subscribe; many packets in one write."""

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import aiomqtt
from mqtt5 import PubAckPacket, PubAckReasonCode, PublishPacket, QoS, RetainHandling

from broker.address import MqttAddress
from broker.client import MqttClient
from broker.errors import BrokerRejectedError

BUFFERED_BYTES = 64 * 1024
MAX_BATCH = 100
# A PUBACK that says nothing but success: type, length of the rest, packet id (MQTT 5, 3.4.2.1).
pack_puback = struct.Struct(">BBH").pack
ACCEPTED = (PubAckReasonCode.SUCCESS, PubAckReasonCode.NO_MATCHING_SUBSCRIBERS)

T = TypeVar("T")


class OutgoingMessage(NamedTuple):
    """One message to publish at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(slots=True)
class _PendingPublish:
    """One call's messages that the broker has not answered yet."""

    unacknowledged: int
    done: asyncio.Future[str | None]
    rejection: str | None = None


class Connection(MqttClient):
    """One live connection to the broker.

    Attributes:
        redelivery_wanted: Set by whoever wants the broker to send again what was not acknowledged.
        no_subscribers: How many messages the broker took and dropped, because nobody subscribes to them.
    """

    def __init__(self, address: MqttAddress, **options: object) -> None:
        super().__init__(address, **options)
        self._pending_publishes: dict[int, tuple[_PendingPublish, str]] = {}
        self._window_open = asyncio.Event()
        self.redelivery_wanted = asyncio.Event()
        self.no_subscribers = 0

    async def publish_many(self, messages: Sequence[OutgoingMessage]) -> None:
        """Publish at QoS 1 and wait until the broker has answered for all.

        Raises:
            BrokerLostError: The connection ended first; which messages arrived is unknown.
            BrokerRejectedError: The broker rejected one of them. The others were sent all the same.
        """
        chunks = [messages[start : start + MAX_BATCH] for start in range(0, len(messages), MAX_BATCH)]
        answers = [await self.start_publish(chunk) for chunk in chunks]
        for answer in answers:
            await self.wait_acknowledged(answer)

    async def start_publish(self, messages: Sequence[OutgoingMessage]) -> asyncio.Future[str | None]:
        """Write messages as ``try_publish`` does, but wait until there is room.

        Raises:
            BrokerLostError: The connection ended first.
        """
        while (answer := self.try_publish(messages)) is None:
            self._window_open.clear()
            await self.run(self._window_open.wait())
        return answer

    def try_publish(self, messages: Sequence[OutgoingMessage]) -> asyncio.Future[str | None] | None:
        """Write messages at QoS 1 at once, if the broker takes that many before it has answered.

        Args:
            messages: At most 100, so that any broker's window can hold them.

        Returns:
            What ``wait_acknowledged`` waits for; None if there is no room now.

        Raises:
            BrokerLostError: The connection ended.
        """
        self._check_alive()
        if len(self._pending_publishes) + len(messages) > max(MAX_BATCH, self.window):
            return None
        publishing = _PendingPublish(len(messages), asyncio.get_running_loop().create_future())
        packets: list[bytes] = []
        for topic, payload, retain in messages:
            packet_id = next(self.packet_ids)
            self._pending_publishes[packet_id] = publishing, topic
            packet = PublishPacket(topic, payload, packet_id=packet_id, qos=QoS.AT_LEAST_ONCE, retain=retain)
            packets.append(packet.write())
        self._writer.write(b"".join(packets))
        return publishing.done

    async def wait_acknowledged(self, answer: asyncio.Future[str | None]) -> None:
        """Wait until the broker has answered for all messages of one ``try_publish``.

        Raises:
            BrokerLostError: The connection ended first.
            BrokerRejectedError: The broker rejected one of them.
        """
        rejection = answer.result() if answer.done() else await self.run(asyncio.shield(answer))
        if rejection:
            raise BrokerRejectedError(rejection)

    def _on_puback(self, packet: PubAckPacket) -> None:
        publishing, topic = self._pending_publishes.pop(packet.packet_id, (None, ""))
        self._window_open.set()
        if publishing is None:
            return
        if packet.reason_code is PubAckReasonCode.NO_MATCHING_SUBSCRIBERS:
            self.no_subscribers += 1
        if packet.reason_code not in ACCEPTED:
            reason = packet.reason_code.name.replace("_", " ").lower()
            publishing.rejection = f"the broker rejects a message on {topic}: {reason}"
        publishing.unacknowledged -= 1
        if publishing.unacknowledged == 0 and not publishing.done.done():
            publishing.done.set_result(publishing.rejection)

    async def puback_many(self, packet_ids: Iterable[int]) -> None:
        """Acknowledge messages in the order given, all in one write.

        Raises:
            BrokerLostError: The connection ended. What was not acknowledged comes again.
        """
        self._check_alive()
        self._writer.write(b"".join([pack_puback(0x40, 2, packet_id) for packet_id in packet_ids]))
        if self._writer.transport.get_write_buffer_size() > BUFFERED_BYTES:
            await self._while_connected(self._writer.drain())

    async def add_subscription(self, pattern: str, *, retained: bool = False) -> None:
        """Subscribe at QoS 1, with the retained messages or without.

        Raises:
            BrokerLostError: The connection ended.
            BrokerRejectedError: The broker does not allow it.
        """
        handling = RetainHandling.SEND_ALWAYS if retained else RetainHandling.SEND_NEVER
        try:
            await self._while_connected(
                self.subscribe(pattern, max_qos=QoS.AT_LEAST_ONCE, retain_handling=handling)
            )
        except aiomqtt.NegativeAckError as error:
            raise BrokerRejectedError(f"the broker rejects a subscription to {pattern}") from error

    async def remove_subscription(self, pattern: str) -> None:
        """End a subscription, if there is one.

        Raises:
            BrokerLostError: The connection ended.
        """
        with contextlib.suppress(aiomqtt.NegativeAckError):
            await self._while_connected(self.unsubscribe(pattern))

    async def _while_connected(self, waiting: Awaitable[T]) -> T:
        """Wait for something of aiomqtt, which says in its own words that the connection ended."""
        try:
            return await self.run(waiting)
        except (aiomqtt.ConnectError, OSError) as error:
            raise self._lost_error() from error
