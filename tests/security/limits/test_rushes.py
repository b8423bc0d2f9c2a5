"""One sensor brings all of a full outbox at once: others do not wait for it, and all of it is stored."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.messages import format_timestamp
from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

TOPIC = "energy/readings/a/sensor-a1"
IN_A_PAYLOAD = 600
PAYLOADS = 80
READINGS = PAYLOADS * IN_A_PAYLOAD
PADDED = 200
PATIENCE_S = 120.0


def outbox() -> list[str]:
    """Arrays of readings, each a millisecond after the one before."""
    start = datetime.now(UTC) - timedelta(hours=2)
    times = [format_timestamp(start + timedelta(milliseconds=number)) for number in range(READINGS)]
    readings = [{"sensor_id": "sensor-a1", "value_kwh": 1.0, "timestamp": each} for each in times]
    return [json.dumps(readings[first : first + IN_A_PAYLOAD]) for first in range(0, READINGS, IN_A_PAYLOAD)]


def padded() -> list[str]:
    """Readings with fields that nobody knows, which are looked through one by one: there is a backslash."""
    unknown = ", ".join(f'"unknown-{number}": [1, "\\\\"]' for number in range(1800))
    start = datetime.now(UTC) - timedelta(hours=2)
    times = [format_timestamp(start + timedelta(milliseconds=number)) for number in range(PADDED)]
    return [f"{payload('sensor-a1', 1.0, timestamp=each)[:-1]}, {unknown}}}" for each in times]


async def waited_for(target: Target, rush: list[str]) -> int:
    """A sensor sends all that, then its neighbour one reading; how many of the one's are stored before it."""
    async with target.world.wire("sensor-a1") as bad, target.world.wire("sensor-a2") as good:
        await bad.publish(TOPIC, *rush)
        await good.publish("energy/readings/a/sensor-a2", payload("sensor-a2", 1.0))
        await eventually(lambda: target.stored("sensor-a2") == 1, PATIENCE_S)
        # Counting takes a moment, in which more are stored.
        return target.stored("sensor-a1")


async def test_nobody_waits_for_a_full_outbox_and_all_of_it_is_stored(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await waited_for(target, outbox()) < READINGS
        books = await target.settled(READINGS + 1, PATIENCE_S)
        assert (books["stored"], books["duplicates"], books["rejected"]) == (READINGS + 1, 0, 0)
        assert target.stored("sensor-a1") == READINGS
        await eventually(lambda: target.database.deferred.count_documents({}) == 0)


async def test_if_nothing_were_set_aside_all_would_wait(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="sets_nothing_aside") as target:
        assert await waited_for(target, outbox()) == READINGS


async def test_nobody_waits_for_readings_with_much_that_nobody_knows(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await waited_for(target, padded()) < PADDED
        await target.settled(PADDED + 1, PATIENCE_S)
        assert target.stored("sensor-a1") == PADDED


async def test_if_their_size_did_not_count_all_would_wait(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="sets_nothing_aside") as target:
        assert await waited_for(target, padded()) == PADDED


async def test_what_is_set_aside_outlives_the_ingestor(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        await waited_for(target, outbox())
        for _ in range(2):
            before = target.stored("sensor-a1")
            await target.ingestor.kill()
            assert target.database.deferred.count_documents({}) > 0
            await target.ingestor.start()
            await eventually(lambda before=before: target.stored("sensor-a1") > before, PATIENCE_S)  # type: ignore[misc]
        # An end in order leaves it for the next start as well.
        await target.ingestor.stop()
        await target.ingestor.start()
        await eventually(lambda: target.stored("sensor-a1") == READINGS, PATIENCE_S)
        await eventually(lambda: target.database.deferred.count_documents({}) == 0, PATIENCE_S)
        await target.settled(0)


async def test_what_there_is_no_room_for_is_rejected(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="sets_little_aside") as target:
        await waited_for(target, outbox())
        books = await target.settled(1, PATIENCE_S)
        assert books["rejected"] == target.counted("sensor-a1") > 0
        assert target.stored("sensor-a1") + target.counted("sensor-a1") * IN_A_PAYLOAD == READINGS
