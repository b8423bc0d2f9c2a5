"""Strangers announce long packets to the broker and do not send them: others go on, it stays small."""

import contextlib
from pathlib import Path

import pytest

from broker.errors import BrokerError
from stack.processes import ProcessError
from tests.security.limits.brokers import descriptors, hold, silent, start_broker
from tests.security.limits.memory import resident_mib
from tests.security.world import World
from tests.servers import Wire, eventually

pytestmark = pytest.mark.integration

# Connections: so many as fill the memory, and what the test has besides.
LONG = 7700
FILES = 9000
MANY = 10_000
TOPIC = "energy/readings/a/sensor-a2"
# Bytes: the longest fill the memory, shorter ones what these leave.
FILLING = [131_000] * LONG
FILLING += [60_000] * 4 + [16_000] * 6 + [4000] * 8 + [1000] * 10 + [250] * 20 + [64] * 100
# A first message of TLS of 131 kB, of which not even the record that it begins with arrives.
HELLOS = 2500
HELLO = b"\x16\x03\x01\x00\x6a\x01\x01\xff\xb8\x03\x03" + bytes(100)
# MiB: what 2,000 of them may cost, on two listeners half of them each.
FOR_HELLOS = 200


def connect_packet(size: int) -> bytes:
    """The beginning of a CONNECT of this length, bytes."""
    length = b""
    while size:
        size, digit = divmod(size, 128)
        length += bytes([digit | (128 if size else 0)])
    return b"\x10" + length + b"\x00\x04MQTT"


async def is_heard(sensor: Wire, ingestor: Wire) -> bool:
    """Whether a message of one of our own arrives at the other, and both stay connected."""
    before = len(ingestor.messages)
    try:
        await sensor.publish(TOPIC, b"{}")
    except BrokerError:
        return False
    with contextlib.suppress(AssertionError):
        await eventually(lambda: len(ingestor.messages) > before or ingestor.is_lost)
    return len(ingestor.messages) > before and not ingestor.is_lost


async def go_on(world: World, rounds: int) -> bool:
    """Whether programs of ours go on while strangers announce all that they can, and can come anew."""
    async with world.wire_inside("sensor-a2") as sensor, world.wire_inside("ingestor") as ingestor:
        await ingestor.listen("energy/readings/+/+")
        with contextlib.ExitStack() as held:
            await hold(held, world.servers.mqtt_port, [connect_packet(size) for size in FILLING])
            for _ in range(rounds):
                if not await is_heard(sensor, ingestor):
                    return False
                try:
                    async with world.wire_inside("viewer") as another:
                        await another.listen("energy/readings/+/+")
                except (BrokerError, OSError):
                    return False
                await hold(held, world.servers.mqtt_port, [connect_packet(size) for size in FILLING[LONG:]])
    return True


async def test_announced_packets_shut_out_no_program_of_ours(tmp_path: Path) -> None:
    with descriptors(FILES):
        async with start_broker(tmp_path) as world:
            assert await go_on(world, rounds=5)


async def test_on_ten_thousand_connections_they_would(tmp_path: Path) -> None:
    with descriptors(FILES):
        async with start_broker(tmp_path, connections=MANY) as world:
            assert not await go_on(world, rounds=5)


async def hello_mib(folder: Path, connections: int | None = None) -> int:
    """What first messages of TLS cost the broker."""
    with descriptors(HELLOS + 500):
        async with start_broker(folder, tls=True, connections=connections) as world:
            process = world.servers.broker.running
            assert process is not None
            before = resident_mib(process.pid)
            async with silent(world.servers.mqtt_port, HELLOS, HELLO):
                return resident_mib(process.pid) - before


async def test_announced_messages_of_tls_cost_what_is_promised(tmp_path: Path) -> None:
    assert await hello_mib(tmp_path) < FOR_HELLOS


async def test_on_ten_thousand_connections_they_cost_more(tmp_path: Path) -> None:
    assert await hello_mib(tmp_path, MANY) > FOR_HELLOS


async def test_number_that_is_none_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"MOSQUITTO_MAX_CONNECTIONS must be .* not 0"):
        async with start_broker(tmp_path, connections=0):
            pass
