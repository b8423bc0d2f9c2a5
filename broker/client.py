"""aiomqtt's client, made safe: it connects and closes in bounded time, and no end goes unnoticed.

aiomqtt 3.0.0a1 is an alpha, pinned exactly. What is replaced here, each for a measured reason: a TCP
reset left its tasks dead and its readers waiting for ever; closing waited for a peer that did not
read; its message iterator lost a message whenever a wait on it was cancelled; and it took a broker
for dead whose answer to a ping stood behind a long queue of messages. Messages are handed to a
callback instead, as they are parsed, and whatever is heard of the broker proves that it lives.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar

import aiomqtt
from mqtt5 import (
    DisconnectPacket,
    DisconnectReasonCode,
    Packet,
    PingReqPacket,
    PingRespPacket,
    PubAckPacket,
    PublishPacket,
    SubAckPacket,
    UnsubAckPacket,
    read,
)

from broker.address import MqttAddress
from broker.errors import BrokerLostError, BrokerRejectedError
from broker.handshake import ConnectingClient, describe_failure

CLOSE_TIMEOUT_S = 2.0
PING_EVERY_S = 10.0
PAUSE_LIMIT_S = 2.0
READ_BYTES = 64 * 1024
PERMANENT_REASONS = frozenset(
    {"BAD_USER_NAME_OR_PASSWORD", "NOT_AUTHORIZED", "CLIENT_ID_NOT_VALID", "BANNED"}
)

T = TypeVar("T")


class MqttClient(ConnectingClient):
    """A client for one connection. Once lost it stays lost; the outer loop makes a new one.

    Attributes:
        on_messages: Called with the messages of each read, in order. Must not wait and must not raise.
        may_read: While it is not set, reading pauses, and with it (through TCP) the broker. Never for
            more than 2 s at a time: who does not read at all loses the connection.
        disconnect_reason: What the broker said when it ended the connection, if it said something.
        window: How many messages may wait for the broker's answer, as it said when it let this client in.
    """

    on_messages: Callable[[Sequence[PublishPacket]], None]
    may_read: asyncio.Event
    disconnect_reason: DisconnectReasonCode | None = None
    _received_since_ping = True

    def __init__(self, address: MqttAddress, **options: object) -> None:
        super().__init__(address, **options)
        self._lost: asyncio.Future[None] = asyncio.Future()
        self.window = 0

    @property
    def is_lost(self) -> bool:
        """Whether the connection ended, however it did."""
        return self._lost.done()

    async def run(self, work: Awaitable[T]) -> T:
        """Run ``work`` for as long as the connection lives, and give back its result.

        Raises:
            BrokerLostError: The connection ended first. ``work`` was cancelled then.
        """
        working = asyncio.ensure_future(work)
        try:
            ends: list[asyncio.Future[Any]] = [working, self._lost]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise self._lost_error()
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait([working])
            if not working.cancelled():
                working.exception()  # else asyncio logs it when both ended
        return working.result()

    async def __aenter__(self) -> Self:
        """Connect, in a bounded time and without blocking the loop.

        Raises:
            BrokerLostError: Nobody answers, or not with MQTT 5.
            BrokerRejectedError: The broker does not take user and password.
        """
        try:
            await super().__aenter__()
            self.window = (await self.connected()).receive_max
        except aiomqtt.NegativeAckError as error:
            self.abort()
            reason = str(error).removeprefix("Negative ConnAckPacket: ")
            kind = BrokerRejectedError if reason in PERMANENT_REASONS else BrokerLostError
            raise kind(reason.replace("_", " ").lower()) from error
        except (aiomqtt.ConnectError, aiomqtt.ProtocolError, BrokerLostError, OSError) as error:
            self.abort()
            raise BrokerLostError(describe_failure(error)) from error
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Say goodbye, or hang up so that the Last Will is sent, in a bounded time."""
        try:
            if error is None and not self._is_closing:
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(CLOSE_TIMEOUT_S):
                        self._writer.write(DisconnectPacket().write())
                        await self._writer.drain()
                        self._writer.close()
                        await self._writer.wait_closed()
        finally:
            self._tasks.cancel()
            await asyncio.gather(self._tasks, return_exceptions=True)
            self.abort()

    async def _receive_loop(self) -> None:
        try:
            while True:
                self._parse()
                if not self.may_read.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.may_read.wait(), PAUSE_LIMIT_S)
                data = await self._reader.read(READ_BYTES)
                if not data:
                    return
                self._buffer_in.write(data)
                self._received_since_ping = True
        except (OSError, ValueError):
            return  # reset by the peer, or not MQTT: lost in any case
        finally:
            self.abort()

    async def _pingreq_loop(self) -> None:
        while True:
            if self._is_closing:
                return  # who reads ends the connection
            self._received_since_ping = False
            self._writer.write(PingReqPacket().write())
            await asyncio.sleep(PING_EVERY_S)
            if not self._received_since_ping:
                self.abort()
                return

    def _parse(self) -> None:
        """Hand out all complete packets of the buffer."""
        buffer = self._buffer_in
        view, left, right = buffer.view, buffer.left, buffer.right
        messages: list[PublishPacket] = []
        try:
            while left < right:
                packet, size = read(view[left:right])
                left += size
                if type(packet) is PublishPacket:
                    messages.append(packet)
                else:
                    self._on_packet(packet)
        except IndexError:
            pass  # the rest of the packet is still to come
        finally:
            buffer.left = left
            if messages:
                self.on_messages(messages)

    def _on_packet(self, packet: Packet) -> None:
        """Pass an answer of the broker to whoever waits for it."""
        match packet:
            case PubAckPacket():
                self._on_puback(packet)
            case SubAckPacket():
                _answer(self._pending_subacks.get(packet.packet_id), packet)
            case UnsubAckPacket():
                _answer(self._pending_unsubacks.get(packet.packet_id), packet)
            case PingRespPacket():
                pass  # that something came is all that counts
            case DisconnectPacket():
                self.disconnect_reason = packet.reason_code
                self.abort()
            case _:
                raise ValueError(f"unexpected {type(packet).__name__}")

    def _on_puback(self, packet: PubAckPacket) -> None:
        raise NotImplementedError

    async def _send(self, packet: Packet) -> None:
        # Called by aiomqtt to connect and to subscribe.
        self._check_alive()
        await super()._send(packet)

    @property
    def _is_closing(self) -> bool:
        """Whether writing would raise: uvloop closes a transport before those who read learn of it."""
        return self.is_lost or self._writer.transport.is_closing()

    def _check_alive(self) -> None:
        if self._is_closing:
            raise self._lost_error()

    def _lost_error(self) -> BrokerLostError:
        if self.disconnect_reason is not None:
            return BrokerLostError(self.disconnect_reason.name.replace("_", " ").lower())
        return BrokerLostError("the connection ended")

    async def _disconnect(self, **_: object) -> None:
        # Called by aiomqtt when it understands the broker no more: no farewell is due.
        self.abort()

    def abort(self) -> None:
        """End the connection at once: the broker publishes the Last Will. Safe at any time."""
        if hasattr(self, "_writer"):
            self._writer.transport.abort()
        if not self._lost.done():
            self._lost.set_result(None)


def _answer(waiting: asyncio.Future[T] | None, packet: T) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(packet)
