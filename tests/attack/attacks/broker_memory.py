"""What the broker keeps for a client: subscriptions, messages half taken, sessions."""

import asyncio
import contextlib
import time

from mqtt5 import PublishPacket, QoS, SubscribePacket, Subscription

from tests.attack.attacks.raw_client import connect_raw, packet_id, write_for
from tests.attack.target import AttackTarget

FILTER_LEVELS = 100
FILTERS_PER_PACKET = 100
QOS_2_BYTES = 60_000


async def subscriptions(target: AttackTarget, seconds: float) -> None:
    """Subscribe to ever more topics of many levels."""

    def packet(number: int) -> bytes:
        patterns = [
            "/".join(["x", str(number), str(each), *["y"] * FILTER_LEVELS])
            for each in range(FILTERS_PER_PACKET)
        ]
        return SubscribePacket(packet_id(number), [Subscription(each) for each in patterns]).write()

    await write_for(target.world.url("sensor-a1"), "subscriptions", seconds, packet)


async def unreleased_qos_2(target: AttackTarget, seconds: float) -> None:
    """Publish at QoS 2 and never finish the handshake."""

    def packet(number: int) -> bytes:
        return PublishPacket(
            "energy/readings/a/sensor-a1",
            b"x" * QOS_2_BYTES,
            qos=QoS.EXACTLY_ONCE,
            packet_id=packet_id(number),
        ).write()

    await write_for(target.world.url("sensor-a1"), "qos-2", seconds, packet)


async def sessions(target: AttackTarget, seconds: float) -> None:
    """Leave behind one session after the other, each with subscriptions, to be kept for ever."""
    until, number = time.monotonic() + seconds, 0
    patterns = [Subscription(f"energy/stored/a/sensor-a1/{'y' * 100}{each}") for each in range(200)]
    packet = SubscribePacket(1, patterns).write()
    while time.monotonic() < until:
        number += 1
        with contextlib.suppress(OSError, ValueError, IndexError, TimeoutError):
            name = f"session-{number}-{'z' * 200}"
            async with (
                asyncio.timeout(2),
                connect_raw(target.world.url("sensor-a1"), name, session_expiry_s=0xFFFFFFFE) as writer,
            ):
                writer.write(packet)
                await writer.drain()
                await asyncio.sleep(0.005)  # so that the broker has read it before the connection ends
