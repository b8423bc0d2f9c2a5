"""Somebody with an operator's token sends commands without end, while sensors go on."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from mqtt5 import PublishPacket, QoS

from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.storm import connect
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

COMMANDS = 2000
TOPIC = "energy/commands/a/sensor-a1"
SHELVE = b'{"shelve": "silent", "minutes": 5}'
# Others' readings are stored within so long. In the build without limits it would take minutes.
PROMISED_S = 2.0
PATIENCE_S = 15.0


async def flood(target: Target, topics: list[str]) -> float:
    """Send a command on each topic while a neighbour sends readings; how long one of these took at most."""
    world = target.world
    client = await connect(world.url("operator"), "operator-attacks")
    assert client is not None
    packets = [
        PublishPacket(topic, SHELVE, qos=QoS.AT_LEAST_ONCE, packet_id=1 + number)
        for number, topic in enumerate(topics)
    ]
    async with world.wire("sensor-a1") as sensor, world.wire("sensor-a2") as neighbour:
        await sensor.publish("energy/readings/a/sensor-a1", payload("sensor-a1", 1.0))
        await eventually(lambda: target.stored("sensor-a1") == 1)
        try:
            await client.send(packets)
        finally:
            client.drop()
        longest_s = 0.0
        for number in range(10):
            began = time.monotonic()
            await neighbour.publish("energy/readings/a/sensor-a2", payload("sensor-a2", 1.0, ago_s=number))
            await eventually(lambda: target.stored("sensor-a2") > number, PATIENCE_S)  # noqa: B023 - awaited
            longest_s = max(longest_s, time.monotonic() - began)
    return longest_s


async def test_readings_do_not_wait_for_commands(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target, arena.wire("viewer") as viewer:
        await viewer.listen("energy/rejected/a/+", retained=False)
        assert await flood(target, [TOPIC] * COMMANDS) < PROMISED_S
        rejected = target.database.rejected
        # 60 at once, and one a second meanwhile.
        await eventually(
            lambda: COMMANDS - 120 < rejected.count_documents({"kind": "command"}) <= COMMANDS - 60
        )
        await eventually(lambda: bool(viewer.messages))
        assert "more than 1 command a second" in json.loads(viewer.messages[0].payload)["reason"]

        async def is_shelved() -> bool:
            found = target.database.sensors.find_one({"sensor_id": "sensor-a1"}) or {}
            return "silent" in found.get("shelved", {})

        await eventually(is_shelved)
        await target.rest()


async def test_commands_to_many_sensors_have_a_limit_in_all(arena: World, log: Path) -> None:
    topics = [f"energy/commands/a/sensor-{number}" for number in range(COMMANDS)]
    async with attacked(arena, log) as target:
        assert await flood(target, topics) < PROMISED_S
        rejected = target.database.rejected
        # Those that are let in name no known sensor, so all are rejected in the end, each with its reason.
        await eventually(lambda: rejected.count_documents({"kind": "command"}) == COMMANDS)
        let_in = rejected.count_documents({"reason": {"$regex": "^no sensor"}})
        assert 500 <= let_in < 1000
        await target.rest()
        # All were acknowledged, and none comes again.
        await target.ingestor.stop()
        await target.ingestor.start()
        await asyncio.sleep(1)  # whatever waits at the broker comes at once
        assert rejected.count_documents({"kind": "command"}) == COMMANDS


async def test_without_limits_and_a_queue_they_would_wait(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="commands_in_line") as target:
        with pytest.raises(AssertionError):
            await flood(target, [TOPIC] * COMMANDS)
