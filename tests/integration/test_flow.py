"""How much goes over a connection at a time, in both directions."""

import asyncio
from collections.abc import Sequence

import pytest
from mqtt5 import ConnAckPacket, PubAckPacket, PubAckReasonCode, PublishPacket, QoS

from broker.connection import MAX_BATCH, OutgoingMessage
from broker.errors import BrokerRejectedError
from tests.fault_points.broker import PAUSE_LIMIT_S
from tests.integration.peer import Peer, broker, listen_for_ever
from tests.servers import eventually

pytestmark = pytest.mark.integration


async def test_publishing_keeps_to_the_brokers_window() -> None:
    count, most, answered = 1234, 0, 0

    async def answer_late(peer: Peer) -> None:
        nonlocal most, answered
        open_packets: list[int] = []

        async def answer() -> None:
            nonlocal answered
            while True:
                await asyncio.sleep(0.02)  # for what must not come
                if len(open_packets) > MAX_BATCH or answered + len(open_packets) == count:
                    answered += len(open_packets)
                    peer.send(*(PubAckPacket(packet_id) for packet_id in open_packets))
                    open_packets.clear()

        answering = asyncio.create_task(answer())
        while (packet := await peer.receive()) is not None:
            if isinstance(packet, PublishPacket):
                open_packets.append(packet.packet_id or 0)
                most = max(most, len(open_packets))
        answering.cancel()

    async with (
        broker(answer_late, ConnAckPacket(receive_max=250)) as link,
        link.new_connection() as connection,
    ):
        await connection.publish_many([OutgoingMessage("t", b"x")] * count)
    assert answered == count
    assert MAX_BATCH < most <= 250


async def test_rejected_message_is_reported_after_all_were_sent() -> None:
    sent = 0

    async def reject_some(peer: Peer) -> None:
        nonlocal sent
        while (packet := await peer.receive()) is not None:
            if isinstance(packet, PublishPacket):
                sent += 1
                reason = PubAckReasonCode.QUOTA_EXCEEDED if sent == 3 else PubAckReasonCode.SUCCESS
                peer.send(PubAckPacket(packet.packet_id or 0, reason_code=reason))

    async with broker(reject_some) as link, link.new_connection() as connection:
        messages = [OutgoingMessage(f"topic/{number}", b"") for number in range(5)]
        with pytest.raises(
            BrokerRejectedError, match="the broker rejects a message on topic/2: quota exceeded"
        ):
            await connection.publish_many(messages)
        assert sent == 5
        await connection.publish_many(messages)


@PAUSE_LIMIT_S.replace(0.2)
async def test_reading_pauses_while_there_is_no_room_but_not_for_ever() -> None:
    payload = b"x" * 10_000

    async def flood(peer: Peer) -> None:
        for _ in range(200):
            peer.send(PublishPacket("t", payload, qos=QoS.AT_LEAST_ONCE, packet_id=1))
            await peer.writer.drain()
        await listen_for_ever(peer)

    async with broker(flood) as link, link.new_connection() as connection:
        received = 0

        def deliver(packets: Sequence[PublishPacket]) -> None:
            nonlocal received
            received += len(packets)

        connection.on_messages = deliver
        link.may_read.clear()
        await asyncio.sleep(0.1)  # for what it takes in without room
        first = received
        assert first < 200
        await eventually(lambda: received > first)
        assert received < 200
        link.may_read.set()
        await eventually(lambda: received > 190)
