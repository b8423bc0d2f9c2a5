"""How a connection ends: peers that do what no healthy broker does on demand."""

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from mqtt5 import (
    ConnAckPacket,
    ConnAckReasonCode,
    ConnectPacket,
    DisconnectPacket,
    DisconnectReasonCode,
    Packet,
    PingReqPacket,
    PubAckPacket,
    PubAckReasonCode,
    PublishPacket,
    QoS,
    read,
)

from broker import client as broker_client
from broker.address import MqttAddress
from broker.client import BrokerLostError, BrokerRefusedError
from broker.connection import CHUNK, Connection, Outgoing
from broker.link import Link
from stack.ports import free_port
from tests.servers import eventually

pytestmark = pytest.mark.integration


class Peer:
    """The broker's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._buffer = b""

    async def receive(self) -> Packet | None:
        while True:
            try:
                packet, size = read(memoryview(self._buffer))
            except IndexError:
                data = await self._reader.read(65536)
                if not data:
                    return None
                self._buffer += data
            else:
                self._buffer = self._buffer[size:]
                return packet

    def send(self, *packets: PubAckPacket | PublishPacket | ConnAckPacket | DisconnectPacket) -> None:
        self.writer.write(b"".join(packet.write() for packet in packets))

    def reset(self) -> None:
        """End the connection as a crashed machine does: with a TCP RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def broker(script: Script, connack: ConnAckPacket | None = None) -> AsyncIterator[Link]:
    """A broker that answers CONNECT and then follows a script."""
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        try:
            # A client knocks first: that connection brings no packet.
            if isinstance(await peer.receive(), ConnectPacket):
                peer.send(connack or ConnAckPacket(receive_max=1000))
                await script(peer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(serve(reader, writer)))

    port = free_port(24000)
    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield Link(
            MqttAddress.parse(f"mqtt://user:password@127.0.0.1:{port}"),
            "test",
            lambda *_: None,
            will=Outgoing("will", b""),
            rival="there is a rival",
        )
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def listen_for_ever(peer: Peer) -> None:
    while await peer.receive() is not None:
        pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_reset_is_noticed_at_once() -> None:
    async def reset(peer: Peer) -> None:
        await asyncio.sleep(0.1)
        peer.reset()

    async with broker(reset) as link, link.open() as connection:
        with pytest.raises(BrokerLostError):
            async with asyncio.timeout(2):
                await connection.run(for_ever())
        assert connection.is_lost
        with pytest.raises(BrokerLostError):
            await connection.publish_many([Outgoing("t", b"")])
        with pytest.raises(BrokerLostError):
            await connection.puback_many([1])


async def test_silent_peer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_client, "PING_EVERY_S", 0.2)

    async def say_nothing(_: Peer) -> None:
        await for_ever()

    async with broker(say_nothing) as link, link.open() as connection:
        with pytest.raises(BrokerLostError):
            async with asyncio.timeout(2):
                await connection.run(for_ever())


async def test_anything_heard_proves_that_the_peer_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_client, "PING_EVERY_S", 0.2)
    pings = 0

    async def talk_without_answering_pings(peer: Peer) -> None:
        async def talk() -> None:
            while True:
                peer.send(PublishPacket("t", b"x", qos=QoS.AT_LEAST_ONCE, packet_id=1))
                await asyncio.sleep(0.05)

        nonlocal pings
        talking = asyncio.create_task(talk())
        while (packet := await peer.receive()) is not None:
            pings += isinstance(packet, PingReqPacket)
        talking.cancel()

    async with broker(talk_without_answering_pings) as link, link.open() as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await connection.run(for_ever())
    assert pings > 3


async def test_peer_that_does_not_read_does_not_hold_up_the_end() -> None:
    async def never_read(_: Peer) -> None:
        await for_ever()

    async with asyncio.timeout(5), broker(never_read) as link, link.open() as connection:
        big = [Outgoing("t", b"x" * 1_000_000)] * 50
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await connection.publish_many(big)


async def test_what_is_no_mqtt_ends_the_connection() -> None:
    async def babble(peer: Peer) -> None:
        peer.writer.write(b"\xff" * 100)
        await listen_for_ever(peer)

    async with broker(babble) as link, link.open() as connection:
        with pytest.raises(BrokerLostError):
            async with asyncio.timeout(2):
                await connection.run(for_ever())


async def test_rival_ends_the_loop_with_its_sentence() -> None:
    async def take_over(peer: Peer) -> None:
        peer.send(DisconnectPacket(reason_code=DisconnectReasonCode.SESSION_TAKEN_OVER))

    async def use(_: Connection) -> bool:
        await for_ever()
        return True

    async with broker(take_over) as link:
        with pytest.raises(BrokerRefusedError, match="there is a rival"):
            await link.keep(use, asyncio.Event())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD, BrokerRefusedError),
        (ConnAckReasonCode.NOT_AUTHORIZED, BrokerRefusedError),
        (ConnAckReasonCode.SERVER_BUSY, BrokerLostError),
    ],
)
async def test_refusal_is_told_from_a_passing_fault(code: ConnAckReasonCode, error: type[Exception]) -> None:
    async with broker(listen_for_ever, ConnAckPacket(reason_code=code)) as link:
        with pytest.raises(error, match=code.name.replace("_", " ").lower()):
            async with link.open():
                pass


async def test_silent_door_is_left_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_client, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()  # the kernel takes the connection, nobody ever answers
        address = MqttAddress.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}")
        link = Link(address, "test", lambda *_: None, Outgoing("will", b""), rival="")
        with pytest.raises(BrokerLostError, match=r"no answer within 0\.3 s"):
            async with link.open():
                pass


async def test_loop_makes_a_new_client_after_each_loss_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def reset(peer: Peer) -> None:
        peer.reset()

    used = 0

    async def use(_: Connection) -> bool:
        nonlocal used
        used += 1
        if used == 6:
            return True
        await for_ever()
        return True

    caplog.set_level(logging.INFO)
    async with broker(reset) as link:
        await link.keep(use, asyncio.Event())
    assert used == 6
    assert sum("there is a rival" in each for each in caplog.messages) == 1
    # Two lines for each of the first three losses; then it is a suspicion, told once.
    assert len(caplog.messages) == 7


async def test_publishing_keeps_to_the_brokers_window() -> None:
    most = answered = 0

    async def answer_late(peer: Peer) -> None:
        nonlocal most, answered
        open_packets: list[int] = []

        async def answer() -> None:
            nonlocal answered
            while True:
                await asyncio.sleep(0.01)
                answered += len(open_packets)
                peer.send(*(PubAckPacket(packet_id) for packet_id in open_packets))
                open_packets.clear()

        answering = asyncio.create_task(answer())
        while (packet := await peer.receive()) is not None:
            if isinstance(packet, PublishPacket):
                open_packets.append(packet.packet_id or 0)
                most = max(most, len(open_packets))
        answering.cancel()

    async with broker(answer_late, ConnAckPacket(receive_max=250)) as link, link.open() as connection:
        await connection.publish_many([Outgoing("t", b"x")] * 1234)
    assert answered == 1234
    assert CHUNK < most <= 250


async def test_refused_message_is_reported_after_all_were_sent() -> None:
    sent = 0

    async def refuse_some(peer: Peer) -> None:
        nonlocal sent
        while (packet := await peer.receive()) is not None:
            if isinstance(packet, PublishPacket):
                sent += 1
                reason = PubAckReasonCode.QUOTA_EXCEEDED if sent == 3 else PubAckReasonCode.SUCCESS
                peer.send(PubAckPacket(packet.packet_id or 0, reason_code=reason))

    async with broker(refuse_some) as link, link.open() as connection:
        messages = [Outgoing(f"topic/{number}", b"") for number in range(5)]
        with pytest.raises(
            BrokerRefusedError, match="the broker refuses a message on topic/2: quota exceeded"
        ):
            await connection.publish_many(messages)
        assert sent == 5
        await connection.publish_many(messages)


async def test_reading_pauses_while_there_is_no_room_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_client, "PAUSE_LIMIT_S", 0.2)
    payload = b"x" * 10_000

    async def flood(peer: Peer) -> None:
        for _ in range(200):
            peer.send(PublishPacket("t", payload, qos=QoS.AT_LEAST_ONCE, packet_id=1))
            await peer.writer.drain()
        await listen_for_ever(peer)

    async with broker(flood) as link, link.open() as connection:
        received = 0

        def deliver(_: PublishPacket) -> None:
            nonlocal received
            received += 1

        connection.deliver = deliver
        link.room.clear()
        await asyncio.sleep(0.1)
        first = received
        assert first < 200
        await eventually(lambda: received > first, seconds=2)
        assert received < 200
        link.room.set()
        await eventually(lambda: received > 190, seconds=2)
