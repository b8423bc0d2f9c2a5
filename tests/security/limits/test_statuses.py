"""Statuses without end, or of sensors without end: other sensors' readings are stored all the same."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.world import World
from tests.servers import comes_true, eventually

pytestmark = pytest.mark.integration

OWN = "energy/status/a/sensor-a1"
GONE = '{"state":"offline","sensors":100000}'
FLOOD = 3000
# With each going through 100,000 names, the flood takes minutes.
SOON_S = 20.0


async def flooded(target: Target, seconds: float) -> bool:
    """A sensor floods with statuses; whether its neighbour's next reading is stored in time."""
    async with target.world.wire("sensor-a1") as bad, target.world.wire("sensor-a2") as good:
        await bad.publish("energy/readings/a/sensor-a1", payload("sensor-a1", 1.0))
        await eventually(lambda: target.stored("sensor-a1") == 1)
        await bad.publish(OWN, *[GONE] * FLOOD)
        await good.publish("energy/readings/a/sensor-a2", payload("sensor-a2", 1.0))
        return await comes_true(lambda: target.stored("sensor-a2") == 1, seconds)


async def test_flood_of_statuses_holds_up_nobody_and_is_counted(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await flooded(target, SOON_S)
        await eventually(lambda: target.counted("sensor-a1") > FLOOD / 2)
        assert (await target.ingestor.books())["broker_up"] == 1
        assert "lost" not in log.read_text()  # noqa: ASYNC240 - a short file
        # What was believed of them costs one update.
        gone = {"sensor_id": "sensor-a1", "status": "offline"}
        await eventually(lambda: target.database.sensors.count_documents(gone) == 1)
        # The neighbour's is written with the next ones, a second later.
        await eventually(lambda: target.database.sensors.count_documents({}) >= 2)
        assert target.database.sensors.count_documents({}) == 2


async def test_if_each_went_through_its_sensors_all_would_wait(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="every_name") as target:
        assert not await flooded(target, SOON_S)
        await target.ingestor.kill()


async def named(target: Target) -> int:
    """A gateway names 20,000 sensors; how many there are when its own reading is written down."""
    async with target.world.wire("gateway-a") as gateway:
        await gateway.publish("energy/status/a/hall-1", '{"state":"online","sensors":20000}')
        await gateway.publish("energy/readings/a/hall-2", payload("hall-2", 1.0))
        await eventually(lambda: target.database.sensors.count_documents({"site": "a"}) == 1)
        await asyncio.sleep(2)  # what is known of sensors is written once a second
    return target.database.sensors.count_documents({})


async def test_sensors_are_made_by_readings(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await named(target) == 1
        sensor = target.database.sensors.find_one({"sensor_id": "hall-2"}) or {}
        assert (sensor["node_id"], sensor["status"]) == ("hall-1", "online")


async def test_if_statuses_made_them_there_would_be_thousands(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="statuses_make_sensors") as target:
        assert await named(target) > 1000


async def spoken(target: Target, statuses: Sequence[tuple[str, str]]) -> None:
    """A gateway says all that at once; then a sensor's reading is stored."""
    async with target.world.wire("gateway-a") as gateway, target.world.wire("sensor-a2") as good:
        for topic, said in statuses:
            await gateway.publish(f"energy/status/a/{topic}", said)
        await good.publish("energy/readings/a/sensor-a2", payload("sensor-a2", 1.0))
        await eventually(lambda: target.stored("sensor-a2") == 1)


async def test_status_that_is_none_is_rejected(arena: World, log: Path) -> None:
    counts = ("100001", "-1", "0", "2.5", "1e5", "9" * 4000, '"2"', "true", "[" * 5000)
    async with attacked(arena, log) as target:
        bad = [("hall-1", f'{{"state":"offline","sensors":{each}}}') for each in counts]
        await spoken(target, [*bad, ("h" * 65, GONE), ("h" * 3000, GONE)])
        await target.rest()
        assert target.database.rejected.count_documents({"kind": "status"}) == len(counts)
        assert target.database.rejected.count_documents({"kind": "topic"}) == 2
        assert target.database.sensors.count_documents({}) <= 1


async def invented(target: Target) -> int:
    """A gateway invents sensors, and goes on with the first of them; how many there are then."""
    names = [f"fake-{number}" for number in range(400)]
    async with target.world.wire("gateway-a") as gateway, target.world.wire("sensor-a2") as good:
        await asyncio.gather(
            *(gateway.publish(f"energy/readings/a/{each}", payload(each, 1.0)) for each in names)
        )
        await good.publish("energy/readings/a/sensor-a2", payload("sensor-a2", 1.0))
        await eventually(lambda: target.stored("sensor-a2") == 1)
        await gateway.publish("energy/readings/a/fake-0", payload("fake-0", 2.0, ago_s=2))
        await eventually(lambda: target.stored("fake-0") == 2)
        await target.rest()
    return len(target.database.measures.distinct("sensor_id")) - 1


async def test_site_has_so_many_new_sensors_and_those_that_are_known_go_on(arena: World, log: Path) -> None:
    async with attacked(arena, log, "--site-quota", "10") as target:
        # One more a second.
        assert 10 <= await invented(target) < 200
        flood = target.database.rejected.find_one({"kind": "flood"}) or {}
        assert "site a has too many new sensors: it may have 10 at once" in flood["reason"]


async def test_without_the_quota_there_is_no_end(arena: World, log: Path) -> None:
    async with attacked(arena, log, "--site-quota", "10", build="no_limit") as target:
        assert await invented(target) == 400
