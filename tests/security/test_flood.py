"""One sensor floods: the others go on, the books balance, and nothing goes without a record."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.readings import payload
from tests.security.ingestors import Target, attacked, confirmed
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

QUOTA = 200
LIMITS = ("--sensor-rate", "10", "--sensor-quota", str(QUOTA))
FLOOD = 3000
NEIGHBOUR = 30
FLOODING = "energy/readings/a/sensor-a1"


def readings(sensor: str, count: int) -> list[str]:
    return [
        payload(sensor, 1.0, ago_s=10 + number, location=None, sequence=number) for number in range(count)
    ]


def _id(sent: str) -> str:
    reading = json.loads(sent)
    return f"{reading['sensor_id']}@{reading['timestamp']}"


async def flood(target: Target) -> tuple[set[str], set[int]]:
    """One sensor sends far too much while its neighbour goes on; what each may forget then.

    Returns:
        The ids of the readings of the one, and the neighbour's count of its own.
    """
    world = target.world
    sent = readings("sensor-a1", FLOOD)
    async with (
        world.wire("sensor-a1") as bad,
        world.wire("sensor-a2") as good,
        world.wire("viewer") as viewer,
    ):
        await viewer.listen("energy/stored/a/+")

        async def neighbour() -> None:
            for each in readings("sensor-a2", NEIGHBOUR):
                await good.publish("energy/readings/a/sensor-a2", each)
                await asyncio.sleep(0.02)  # slowly, as a good sensor does

        await asyncio.gather(bad.publish(FLOODING, *sent), neighbour())
        await target.settled(FLOOD + NEIGHBOUR)
        await eventually(lambda: len(confirmed(viewer, "sensor-a2")) == NEIGHBOUR)
        await eventually(lambda: len(confirmed(viewer, "sensor-a1")) >= target.stored("sensor-a1"))
        told = {_id(sent[number]) for number in confirmed(viewer, "sensor-a1")}
        return told, confirmed(viewer, "sensor-a2")


async def test_flood_is_stopped_and_counted_and_the_neighbour_is_unharmed(arena: World, log: Path) -> None:
    async with attacked(arena, log, *LIMITS) as target:
        told, neighbour = await flood(target)
        assert target.stored("sensor-a2") == NEIGHBOUR
        assert neighbour == set(range(NEIGHBOUR))
        stored = target.stored("sensor-a1")
        assert QUOTA <= stored < FLOOD / 2
        assert stored + target.counted("sensor-a1") == FLOOD
        # What it may forget is what is stored, and nothing of what is not. That need not be the first ones:
        # more is let through while the flood goes on.
        assert told == target.stored_ids("sensor-a1")
        assert target.database.rejected.count_documents({}) <= 2
        books = await target.ingestor.books()
        assert books["flooded"] == books["rejected"] == FLOOD - stored


async def test_flood_is_told_once_and_is_an_alarm(arena: World, log: Path) -> None:
    async with attacked(arena, log, *LIMITS) as target, arena.wire("viewer") as viewer:
        await viewer.listen("energy/rejected/a/+", retained=False)
        await viewer.listen("energy/alarms/a/+", retained=False)
        await flood(target)
        await eventually(lambda: len(viewer.on("energy/alarms/a/sensor-a1")) > 0)
        alarm = json.loads(viewer.on("energy/alarms/a/sensor-a1")[-1].payload)["alarms"][0]
        assert alarm["rule"] == "rejecting"
        assert "more than 10 readings a second" in alarm["message"]
        notices = [json.loads(each.payload) for each in viewer.on("energy/rejected/")]
        assert {each["kind"] for each in notices} == {"flood"}
        assert len(notices) <= 2
        assert not viewer.on("energy/alarms/a/sensor-a2")


async def test_without_a_limit_all_of_it_is_stored(arena: World, log: Path) -> None:
    async with attacked(arena, log, *LIMITS, build="no_limit") as target:
        await flood(target)
        assert target.stored("sensor-a1") == FLOOD


async def test_build_that_confirms_what_is_only_counted_is_found(arena: World, log: Path) -> None:
    async with attacked(arena, log, *LIMITS, build="confirms_floods") as target:
        told, _ = await flood(target)
        await asyncio.sleep(6)  # confirmations are gathered for 5 s
        assert told > target.stored_ids("sensor-a1")


async def test_what_was_too_much_comes_home_when_it_is_sent_again(arena: World, log: Path) -> None:
    async with attacked(arena, log, "--sensor-rate", "200", "--sensor-quota", "100") as target:
        sent = readings("sensor-a1", 300)
        async with arena.wire("sensor-a1") as sensor:
            await sensor.publish(FLOODING, *sent)
            await target.settled(300)
            assert target.stored("sensor-a1") < 300

            async def is_home() -> bool:
                # As a node does: what is not stored yet, the oldest first.
                there = target.stored_ids("sensor-a1")
                await sensor.publish(FLOODING, *(each for each in sent if _id(each) not in there))
                await asyncio.sleep(0.5)  # its rate gives it 100 more
                return target.stored("sensor-a1") == 300

            await eventually(is_home)


async def rejected_flood(target: Target, count: int) -> None:
    async with target.world.wire("sensor-a1") as bad, target.world.wire("sensor-a2") as good:
        await bad.publish(FLOODING, *(f"hello {number}" for number in range(count)))
        await good.publish("energy/readings/a/sensor-a2", *readings("sensor-a2", 1))
        await target.settled(count + 1)


async def test_flood_of_nonsense_does_not_fill_the_database(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        await rejected_flood(target, 6000)
        assert target.stored("sensor-a2") == 1
        # 4 MiB at once, 1 KiB at least for each.
        assert 4096 <= target.kept("sensor-a1") < 4300
        assert target.kept("sensor-a1") + target.counted("sensor-a1") == 6000
        example = target.database.rejected.find_one({"kind": "flood"})
        assert example is not None
        assert example["payload"].startswith(b"hello ")
        assert "not JSON" in example["reason"]


async def test_without_the_bound_each_is_kept(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="keeps_everything") as target:
        await rejected_flood(target, 6000)
        assert target.kept("sensor-a1") == 6000


async def killed_in_a_flood(target: Target) -> int:
    """Kill the ingestor in a flood, start it again; how many have no record, though the broker had each."""
    async with target.world.wire("sensor-a1") as bad:
        sending = asyncio.create_task(bad.publish(FLOODING, *readings("sensor-a1", FLOOD)))
        await eventually(lambda: target.stored("sensor-a1") >= QUOTA)
        await asyncio.sleep(0.3)  # a batch is under way
        await target.ingestor.kill()
        await sending
        await target.ingestor.start()
    await eventually(lambda: _is_drained(target))
    return FLOOD - target.accounted("sensor-a1")


async def _is_drained(target: Target) -> bool:
    before = await target.ingestor.books()
    await asyncio.sleep(1)  # nothing more comes
    return before["pending"] == 0 and before == await target.ingestor.books()


async def test_kill_in_a_flood_leaves_nothing_without_a_record(arena: World, log: Path) -> None:
    async with attacked(arena, log, *LIMITS) as target:
        assert await killed_in_a_flood(target) <= 0


async def test_without_the_record_they_would_be_gone(arena: World, log: Path) -> None:
    async with attacked(arena, log, *LIMITS, build="no_record") as target:
        assert await killed_in_a_flood(target) > 0
