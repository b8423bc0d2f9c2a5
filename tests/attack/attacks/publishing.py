"""Messages that are larger than their payload, or that are kept although they are worthless."""

import asyncio
from collections.abc import Callable, Sequence

from mqtt5 import PublishPacket, QoS

from tests.attack.attacks.raw_client import packet_id, write_for
from tests.attack.target import AttackTarget
from tests.readings import payload

PROPERTIES = [(f"key-{number}", "x" * 1000) for number in range(50)]
LONG_TOPIC_BYTES = 60_000
ROWS = 500
# Payloads that are made before; then they begin anew.
MADE = 300
LARGEST_PAYLOAD_BYTES = 64 * 1024
# How long the database stands still, of the time of an attack.
STOPPED_SHARE = 0.6


async def user_properties(target: AttackTarget, seconds: float) -> None:
    """Send 50 kB of user properties with each reading, while the database stands still."""

    def packet(number: int) -> bytes:
        return PublishPacket(
            "energy/readings/a/sensor-a1",
            payload("sensor-a1", 1.0).encode(),
            qos=QoS.AT_LEAST_ONCE,
            packet_id=packet_id(number),
            user_properties=PROPERTIES,
        ).write()

    await _partly_without_database(target, "properties", "sensor-a1", seconds, packet)


async def rejected_payloads(target: AttackTarget, seconds: float) -> None:
    """Send the largest payloads there are, none of them a reading, while the database stands still."""
    worthless = b"[" + b"7," * (LARGEST_PAYLOAD_BYTES // 2 - 2) + b"7]"

    def packet(number: int) -> bytes:
        return PublishPacket(
            "energy/readings/a/sensor-a1",
            worthless,
            qos=QoS.AT_LEAST_ONCE,
            packet_id=packet_id(number),
        ).write()

    await _partly_without_database(target, "rejected", "sensor-a1", seconds, packet)


async def padded_readings(target: AttackTarget, seconds: float) -> None:
    """Send good readings that are as large as a payload may be, with a backslash at the end."""
    padding = "x" * (LARGEST_PAYLOAD_BYTES - 1_000) + "\\"
    payloads = [payload("sensor-a1", 1.0, ago_s=number, note=padding) for number in range(MADE)]
    await _send(target, "padded", seconds, payloads)


async def full_arrays(target: AttackTarget, seconds: float) -> None:
    """Send good readings in the largest arrays that there may be."""
    readings = [payload("sensor-a1", 1.0, ago_s=number, location=None) for number in range(MADE * ROWS)]
    arrays = [f"[{','.join(readings[first : first + ROWS])}]" for first in range(0, MADE * ROWS, ROWS)]
    await _send(target, "arrays", seconds, arrays)


async def _send(target: AttackTarget, name: str, seconds: float, payloads: Sequence[str]) -> None:
    def packet(number: int) -> bytes:
        return PublishPacket(
            "energy/readings/a/sensor-a1",
            payloads[number % len(payloads)].encode(),
            qos=QoS.AT_LEAST_ONCE,
            packet_id=packet_id(number),
        ).write()

    await write_for(target.world.url("sensor-a1"), name, seconds, packet)


async def long_topics(target: AttackTarget, seconds: float) -> None:
    """Send one byte under 60 kB of topic, each time another one, as a gateway may."""

    def packet(number: int) -> bytes:
        topic = f"energy/readings/a/{number:x}".ljust(LONG_TOPIC_BYTES, "x")
        return PublishPacket(topic, b"x", qos=QoS.AT_LEAST_ONCE, packet_id=packet_id(number)).write()

    await write_for(target.world.url("gateway-a"), "topics", seconds, packet)


async def _partly_without_database(
    target: AttackTarget, name: str, user: str, seconds: float, packet: Callable[[int], bytes]
) -> None:
    attacking = asyncio.create_task(write_for(target.world.url(user), name, seconds, packet))
    async with target.without_database():
        await asyncio.sleep(seconds * STOPPED_SHARE)  # the outage itself
    await attacking
