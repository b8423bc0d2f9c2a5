"""One user fills up the broker's memory: it stays within its limit, and others go on."""

import asyncio
import contextlib
import signal
import time
from itertools import count
from pathlib import Path

import pytest
from mqtt5 import DisconnectPacket, PublishPacket, PubRecPacket, QoS

from stack.mosquitto import accepts_clients
from stack.processes import ProcessError
from tests.security.limits.attacker import DEEP, Attacker
from tests.security.limits.brokers import start_broker
from tests.security.limits.memory import resident_mib
from tests.security.world import World
from tests.servers import Wire, comes_true, eventually

pytestmark = pytest.mark.integration

# A twentieth of what the broker has, so that an attack takes seconds.
LIMIT_MB = 50
SMALL = {"memory_limit 1000000000": f"memory_limit {LIMIT_MB}000000"}
UNLIMITED = {"memory_limit 1000000000\n": ""}
# What the limit does not count: the program itself, and what the allocator adds.
BESIDES_MIB = 25
TOPIC = "energy/readings/a/sensor-a2"


def used_mib(world: World) -> int:
    process = world.servers.broker.running
    assert process is not None
    return resident_mib(process.pid)


async def fill(world: World, name: str, session_s: int = 0, levels: str = DEEP) -> bool:
    """Subscribe until the broker has three times the limit; whether it let that happen."""
    try:
        async with Attacker(world.url("sensor-a1"), name, session_s) as attacker:
            await attacker.fill(lambda: used_mib(world) > 3 * LIMIT_MB, levels)
            return True
    except ConnectionError:
        return False


async def reaches(sensor: Wire, ingestor: Wire) -> float:
    """How long a message is on its way from a neighbour to the ingestor, seconds."""
    before, began = len(ingestor.messages), time.monotonic()
    await sensor.publish(TOPIC, b"{}")
    await eventually(lambda: len(ingestor.messages) > before)
    return time.monotonic() - began


async def test_subscriptions_without_end_end_with_who_makes_them(tmp_path: Path) -> None:
    async with (
        start_broker(tmp_path, changes=SMALL) as world,
        world.wire("sensor-a2") as sensor,
        world.wire_inside("ingestor") as ingestor,
    ):
        await ingestor.listen("energy/readings/+/+")
        attack = asyncio.create_task(fill(world, "attacker"))
        waited_s = [await reaches(sensor, ingestor)]
        while not attack.done():
            waited_s.append(await reaches(sensor, ingestor))
        assert not attack.result()
        assert used_mib(world) < LIMIT_MB + BESIDES_MIB
        assert max(waited_s) < 2
        # Who comes now is let in.
        assert await accepts_clients(world.url("viewer"))
        assert [sensor.is_lost, ingestor.is_lost] == [False, False]


async def test_without_the_limit_of_memory_they_are_all_kept(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes=UNLIMITED) as world:
        assert await fill(world, "attacker")


async def test_sessions_that_leave_no_room_are_given_up(tmp_path: Path) -> None:
    names = count()
    async with start_broker(tmp_path, changes=SMALL) as world:

        async def is_ended() -> bool:
            # Each in a session that stays. Mosquitto ends when it finds no room for the next.
            await fill(world, f"attacker-{next(names)}", session_s=600)
            process = world.servers.broker.running
            return process is None or process.returncode is not None

        await eventually(is_ended)
        # As scripts/up and Docker do.
        await world.servers.broker.start()
        await world.servers.broker.ready(world.servers.broker_ready)
        async with world.wire("sensor-a2") as sensor, world.wire_inside("ingestor") as ingestor:
            await ingestor.listen("energy/readings/+/+")
            assert await reaches(sensor, ingestor) < 2


async def is_ended_when_full(world: World, *, answers: bool) -> bool:
    """Whether a broker is ended after a while that has reached its limit; it lets somebody in, or nobody."""
    broker = world.servers.broker.running
    assert broker is not None
    await fill(world, "attacker")
    assert used_mib(world) > LIMIT_MB
    if not answers:
        broker.send_signal(signal.SIGSTOP)
    with contextlib.suppress(TimeoutError):
        # Longer than three looks that wait for an answer.
        async with asyncio.timeout(22):
            await broker.wait()
    broker.send_signal(signal.SIGCONT)
    return await comes_true(lambda: broker.returncode is not None, 2)


async def test_full_broker_that_lets_nobody_in_is_ended_to_be_started_again(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes=SMALL, looks_often=True) as world:
        assert await is_ended_when_full(world, answers=False)
    assert "at its limit of memory for 15 s" in (tmp_path / "log" / "mosquitto.log").read_text()


async def test_without_a_watch_it_goes_on_for_ever(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes=SMALL, looks_often=True, without="kill -TERM") as world:
        assert not await is_ended_when_full(world, answers=False)


async def test_broker_that_lets_others_in_goes_on(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes=SMALL, looks_often=True) as world:
        assert not await is_ended_when_full(world, answers=True)


async def start_with_a_full_store(world: World) -> None:
    """Start a broker again whose store takes more than it may have in memory."""
    await fill(world, "attacker", session_s=600)
    broker = world.servers.broker
    await broker.stop()
    conf = Path(broker.environment["MOSQUITTO_CONF"])
    conf.write_text(f"{conf.read_text()}\nmemory_limit {LIMIT_MB}000000\n")  # noqa: ASYNC240 - a short file
    await broker.start()
    await broker.ready(world.servers.broker_ready)


async def test_store_that_leaves_no_room_is_moved_aside(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes=UNLIMITED) as world:
        await start_with_a_full_store(world)
        assert len(list((tmp_path / "mosquitto").glob("mosquitto.db.damaged-*"))) == 1


async def test_without_a_look_at_its_size_the_broker_never_starts_again(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes=UNLIMITED, without="memory / 10") as world:
        with pytest.raises(ProcessError, match="Couldn't open database"):
            await start_with_a_full_store(world)


async def half_sent(world: World) -> object:
    """What the broker answers to a message of QoS 2."""
    async with Attacker(world.url("sensor-a1"), "attacker") as attacker:
        topic, payload = "energy/readings/a/sensor-a1", b"x" * 1000
        return await attacker.ask(PublishPacket(topic, payload, qos=QoS.EXACTLY_ONCE, packet_id=1))


async def test_messages_of_qos_2_are_rejected(tmp_path: Path) -> None:
    async with start_broker(tmp_path) as world:
        assert isinstance(await half_sent(world), DisconnectPacket)


async def test_without_the_limit_of_qos_they_are_kept_until_they_are_released(tmp_path: Path) -> None:
    async with start_broker(tmp_path, without="max_qos") as world:
        assert isinstance(await half_sent(world), PubRecPacket)


async def large(world: World) -> object:
    """What the broker answers to a packet of 200 kB."""
    async with Attacker(world.url("sensor-a1"), "attacker") as attacker:
        topic = "energy/readings/a/sensor-a1"
        return await attacker.ask(PublishPacket(topic, b"x" * 200_000, qos=QoS.AT_LEAST_ONCE, packet_id=1))


async def test_large_packet_is_rejected(tmp_path: Path) -> None:
    async with start_broker(tmp_path) as world:
        assert isinstance(await large(world), DisconnectPacket)


async def test_without_the_limit_of_packets_it_is_taken(tmp_path: Path) -> None:
    async with start_broker(tmp_path, changes={"max_packet_size 131072\n": ""}) as world:
        assert not isinstance(await large(world), DisconnectPacket)
