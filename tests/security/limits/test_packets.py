"""What a message carries besides its payload: properties that nobody reads, and topics of 60 kB."""

import asyncio
import signal
from pathlib import Path

import pytest
from mqtt5 import PublishPacket, QoS

from broker.messages import MAX_PAYLOAD_BYTES
from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.limits.memory import resident_mib
from tests.security.storm import connect
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

# Of one sensor, while MongoDB does not answer: 36 MB, as objects of Python 600.
LADEN = 600
PROPERTIES = [(f"{number % 10}a", "bc") for number in range(6000)]
MOST_MIB = 300

# Of 50 sensors: 98 MB.
LARGE = 1500
LARGE_SENSORS = 50

LONG_TOPICS = 300
LONG_LEVEL = 60_000
# What may be kept of such a topic, and said of it.
SHORT_CHARACTERS = 200


async def sent(target: Target, name: str, packets: list[PublishPacket]) -> None:
    """Have somebody send packets."""
    client = await connect(target.world.url(name), f"laden-{name}")
    assert client is not None
    try:
        await client.send(packets)
    finally:
        client.drop()


async def laden(target: Target) -> int:
    """Messages full of properties wait for MongoDB; how much memory the ingestor has then, MiB."""
    packets = [
        PublishPacket(
            "energy/readings/a/sensor-a1",
            payload("sensor-a1", 1.0, ago_s=10 + number).encode(),
            qos=QoS.AT_LEAST_ONCE,
            packet_id=1 + number,
            user_properties=PROPERTIES,
            correlation_data=b"x" * 1000,
            response_topic="y" * 1000,
        )
        for number in range(LADEN)
    ]
    database, process = target.world.servers.database, target.ingestor.process
    assert database.running is not None
    assert process.running is not None
    database.running.send_signal(signal.SIGSTOP)
    try:
        await sent(target, "sensor-a1", packets)

        async def is_here() -> bool:
            return (await target.ingestor.books())["received"] >= LADEN

        await eventually(is_here)
        grown_mib = resident_mib(process.running.pid)
    finally:
        database.running.send_signal(signal.SIGCONT)
    await eventually(lambda: target.stored("sensor-a1") == LADEN)
    return grown_mib


async def large(target: Target) -> int:
    """The largest payloads wait for MongoDB; how much memory the ingestor has at most, MiB."""
    packets = [
        PublishPacket(
            f"energy/readings/a/large-{number % LARGE_SENSORS}",
            b"%06d" % number + b"x" * (MAX_PAYLOAD_BYTES - 6),
            qos=QoS.AT_LEAST_ONCE,
            packet_id=1 + number,
        )
        for number in range(LARGE)
    ]
    database, process = target.world.servers.database, target.ingestor.process
    assert database.running is not None
    assert process.running is not None
    database.running.send_signal(signal.SIGSTOP)
    try:
        await sent(target, "gateway-a", packets)

        books: list[dict[str, int]] = []

        async def is_full() -> bool:
            # Nothing more comes: the rest waits at the broker, or was turned away.
            books.append(await target.ingestor.books())
            await asyncio.sleep(1)  # between two looks
            return len(books) > 1 and books[-1]["received"] == books[-2]["received"] > 0

        await eventually(is_full)
        grown_mib = resident_mib(process.running.pid, "VmHWM")
    finally:
        database.running.send_signal(signal.SIGCONT)
    await target.settled(LARGE)
    return max(grown_mib, resident_mib(process.running.pid, "VmHWM"))


async def test_payloads_that_wait_are_bounded(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await large(target) < MOST_MIB


async def test_what_nobody_reads_of_a_message_is_not_kept(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await laden(target) < MOST_MIB


async def test_if_it_were_kept_one_sensor_would_fill_the_memory(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="keeps_properties") as target:
        assert await laden(target) > MOST_MIB


async def long_topics(target: Target, log: Path) -> int:
    """A gateway sends a byte on each of many long topics; the longest text that comes of one."""
    packets = [
        PublishPacket(
            f"energy/readings/a/{number:03}{'x' * LONG_LEVEL}",
            b"1",
            qos=QoS.AT_LEAST_ONCE,
            packet_id=1 + number,
        )
        for number in range(LONG_TOPICS)
    ]
    async with target.world.wire("viewer") as viewer:
        await viewer.listen("energy/rejected/a/+", retained=False)
        await sent(target, "gateway-a", packets)
        await target.settled(LONG_TOPICS)
        await eventually(lambda: bool(viewer.messages))
        told = [each.topic for each in viewer.messages] + [each.payload.decode() for each in viewer.messages]
    kept = [each["topic"] for each in target.database.rejected.find()]
    assert kept
    logged = log.read_text().splitlines()  # noqa: ASYNC240 - a short file
    return max(map(len, [*told, *kept, *logged]))


async def test_long_topics_are_cut_where_they_are_kept_and_told(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await long_topics(target, log) < SHORT_CHARACTERS


async def test_whole_topics_would_be_kept(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="whole_topics") as target:
        assert await long_topics(target, log) > LONG_LEVEL
