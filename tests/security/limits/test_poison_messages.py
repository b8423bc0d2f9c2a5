"""A message that ends the ingestor, or makes it stand still, each time that it comes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.readings import payload
from tests.security.ingestor_builds import POISON
from tests.security.ingestors import Target, attacked
from tests.security.world import World
from tests.servers import comes_true, eventually

pytestmark = pytest.mark.integration

READINGS = 30
TOPIC = "energy/readings/a/sensor-a1"
# Once when nobody knows which message it was, once among others, and three times alone.
MOST_ENDS = 5
PATIENCE_S = 30.0


def rejected(target: Target) -> list[dict[str, Any]]:
    return list(target.database.rejected.find({"kind": "poison"}))


def is_over(target: Target) -> bool:
    return bool(rejected(target)) and target.stored("sensor-a1") == target.stored("sensor-a2") == READINGS


async def poisoned(target: Target) -> None:
    """Send the message in the middle of good readings of two sensors."""
    good = [payload("sensor-a1", 1.0, ago_s=10 + number) for number in range(READINGS)]
    others = [payload("sensor-a2", 1.0, ago_s=10 + number) for number in range(READINGS)]
    async with target.world.wire("sensor-a1") as sensor, target.world.wire("sensor-a2") as other:
        await sensor.publish(TOPIC, *good[:10], POISON, *good[10:])
        await other.publish("energy/readings/a/sensor-a2", *others)


async def ends(target: Target) -> int:
    """How often it ends the ingestor, which is started again each time, until all is well or it is enough."""
    process = target.ingestor.process
    await poisoned(target)
    for count in range(MOST_ENDS + 1):
        running = process.running
        assert running is not None
        await comes_true(lambda: is_over(target) or running.returncode is not None, PATIENCE_S)  # noqa: B023
        if running.returncode is None:
            return count
        await process.start()
    return MOST_ENDS + 1


async def test_message_that_ends_the_ingestor_is_rejected(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="deadly") as target, arena.wire("viewer") as viewer:
        await viewer.listen("energy/rejected/a/+", retained=False)
        assert await ends(target) <= MOST_ENDS
        (document,) = rejected(target)
        assert (document["payload"], document["topic"]) == (POISON, TOPIC)
        assert "nothing but this payload" in document["reason"]
        await eventually(lambda: bool(viewer.messages))
        # It was acknowledged: the next start is an ordinary one.
        await target.ingestor.stop()
        await target.ingestor.start()
        assert len(rejected(target)) == 1


async def test_message_that_was_set_aside_is_rejected_as_well(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="deadly_aside") as target:
        assert await ends(target) <= MOST_ENDS
        await eventually(lambda: target.database.deferred.count_documents({}) == 0)
        assert [each["payload"] for each in rejected(target)] == [POISON]


async def test_message_that_others_ended_it_with_is_no_poison(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="deadly") as target:
        await poisoned(target)
        process = target.ingestor.process
        # At first among others or unknown, and then alone, as by two kills that happen to hit the same one.
        for number in range(3):
            assert process.running is not None
            await process.running.wait()
            if number == 2:
                target.ingestor.become("ingestor")
            await process.start()
        await eventually(lambda: target.stored("sensor-a1") == READINGS)
        await target.rest()
        assert not rejected(target)


async def test_if_nobody_remembered_it_would_go_on_for_ever(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="deadly_for_ever") as target:
        assert await ends(target) > MOST_ENDS


async def test_message_that_makes_it_stand_still_is_rejected(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="stalling") as target:
        await poisoned(target)
        await eventually(lambda: is_over(target), 4 * PATIENCE_S)
        assert log.read_text().count("stood still for") <= MOST_ENDS  # noqa: ASYNC240 - a short file


async def test_if_nobody_noticed_it_would_come_again(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="stalling_for_ever") as target:
        await poisoned(target)
        await asyncio.sleep(PATIENCE_S)  # in this time the other build has rejected it
        assert not rejected(target)


async def test_end_that_is_nobodys_fault_rejects_nothing(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        sent = [payload("sensor-a1", 1.0, ago_s=10 + number) for number in range(300)]
        async with arena.wire("sensor-a1") as sensor:
            for start in range(0, 300, 60):
                await sensor.publish(TOPIC, *sent[start : start + 60])
                await target.ingestor.kill()
                await target.ingestor.start()
        await eventually(lambda: target.stored("sensor-a1") == 300)
        assert target.database.rejected.count_documents({}) == 0
