"""Readings and states that do harm if they are believed: another's, retained, replayed, far too large."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.readings import payload, reading
from tests.security.ingestors import Target, attacked
from tests.security.world import World
from tests.servers import eventually, until_computed

pytestmark = pytest.mark.integration

OWN = "energy/readings/a/sensor-a1"


async def known(target: Target) -> None:
    """A sensor of site a has a reading, and its node says that it is there."""
    async with target.world.wire("sensor-a1") as sensor:
        await sensor.publish(OWN, payload("sensor-a1", 1.0))
        await sensor.publish("energy/status/a/sensor-a1", '{"state": "online"}')
    await eventually(lambda: target.database.sensors.count_documents({"sensor_id": "sensor-a1"}) == 1)


def place(target: Target) -> tuple[object, object]:
    """Site and state of the sensor."""
    found = target.database.sensors.find_one({"sensor_id": "sensor-a1"}) or {}
    return found.get("site"), found.get("status")


async def claimed(target: Target) -> None:
    """The gateway of site b speaks for a sensor of site a."""
    async with target.world.wire("gateway-b") as gateway:
        await gateway.publish("energy/readings/b/sensor-a1", payload("sensor-a1", 9.0))
        await gateway.publish("energy/status/b/sensor-a1", '{"state": "offline"}')
        await gateway.publish("energy/readings/b/sensor-b1", payload("sensor-b1", 1.0))
    await eventually(lambda: target.stored("sensor-b1") == 1)
    await target.rest()
    await asyncio.sleep(1.2)  # what is known of sensors is written once a second


async def test_sensor_of_another_site_is_out_of_reach(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target, arena.wire("viewer") as viewer:
        await viewer.listen("energy/rejected/b/+", retained=False)
        await known(target)
        await claimed(target)
        assert target.database.measures.count_documents({"site": "b", "sensor_id": "sensor-a1"}) == 0
        assert target.kept("sensor-a1", kind="foreign") == 2
        assert place(target) == ("a", "online")
        reason = json.loads(viewer.on("energy/rejected/b/sensor-a1")[0].payload)["reason"]
        assert "is a sensor of site a; to move it: monitor sensors sensor-a1 --move-to b" in reason


async def test_without_owners_it_is_in_reach(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="no_owner") as target:
        await known(target)
        await claimed(target)
        assert target.database.measures.count_documents({"site": "b", "sensor_id": "sensor-a1"}) == 1


async def test_sensor_that_people_move_is_taken_from_there(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target, arena.wire("gateway-b") as gateway:
        await known(target)
        command = ("-m", "monitor", "sensors", "sensor-a1", "--move-to", "b")
        moved = await asyncio.create_subprocess_exec(
            *(sys.executable, *command),
            env={"ENERGY_MONGO_URL": arena.servers.mongo("operator"), "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await moved.communicate()
        assert said.decode() == "Site of sensor-a1: b, within five seconds.\n"

        async def is_taken() -> bool:
            await gateway.publish("energy/readings/b/sensor-a1", payload("sensor-a1", 2.0))
            return target.database.measures.count_documents({"site": "b", "sensor_id": "sensor-a1"}) > 0

        await eventually(is_taken, 10)
        refused = target.kept("sensor-a1", topic=OWN)
        async with arena.wire("sensor-a1") as sensor:
            await sensor.publish(OWN, payload("sensor-a1", 3.0))
        await eventually(lambda: target.kept("sensor-a1", topic=OWN) == refused + 1)


async def series(target: Target) -> tuple[str, str]:
    """A node claims that its sensors go on with its neighbour, and then leaves; the neighbour's state."""

    async def until(**wanted: str) -> None:
        await eventually(lambda: target.database.sensors.count_documents(wanted) == 1)

    async with target.world.wire("gateway-a") as gateway:
        for name in ("unit-1", "unit-2", "unit-3"):
            await gateway.publish(f"energy/readings/a/{name}", payload(name, 1.0))
        await gateway.publish("energy/status/a/unit-2", '{"state": "online"}')
        await until(sensor_id="unit-2", status="online")
        await gateway.publish("energy/status/a/unit-1", '{"state": "online", "sensors": 5}')
        await until(sensor_id="unit-1", status="online")
        for name in ("unit-2", "unit-3"):
            await gateway.publish(f"energy/readings/a/{name}", payload(name, 2.0))
        await until(sensor_id="unit-3", node_id="unit-1")
        await gateway.publish("energy/status/a/unit-1", '{"state": "offline"}')
        await until(sensor_id="unit-3", status="offline")
    neighbour = target.database.sensors.find_one({"sensor_id": "unit-2"}) or {}
    return neighbour["node_id"], neighbour["status"]


async def test_node_cannot_take_another_node_along(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await series(target) == ("unit-2", "online")


async def test_without_the_bound_it_does(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="speaks_for_all") as target:
        assert await series(target) == ("unit-1", "offline")


async def named_first(target: Target) -> int:
    """Site a speaks of a sensor of which nobody had a reading; how many readings of site b get in."""
    async with target.world.wire("gateway-a") as one, target.world.wire("gateway-b") as other:
        await one.publish("energy/status/a/hall-5", '{"state": "online"}')
        await one.publish("energy/readings/a/hall-1", payload("hall-1", 1.0))
        await eventually(lambda: target.stored("hall-1") == 1)
        await other.publish("energy/readings/b/hall-5", payload("hall-5", 1.0))
    await eventually(lambda: target.accounted("hall-5") == 1)
    return target.stored("hall-5")


async def test_node_gets_no_sensor_by_naming_it(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await named_first(target) == 1
        await eventually(lambda: target.database.sensors.count_documents({"site": "b"}) == 1)


async def test_if_naming_were_owning_it_would(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="speaking_owns") as target:
        assert await named_first(target) == 0


async def retained(target: Target) -> int:
    """A reading that the broker would give to everybody who comes; how often it is stored."""
    async with target.world.wire("sensor-a1") as sensor:
        await sensor.publish(OWN, payload("sensor-a1", 5.0), retain=True)
        await target.settled(1)
        await target.ingestor.stop()
        await target.ingestor.start()
        await sensor.publish(OWN, payload("sensor-a1", 1.0))
        await eventually(lambda: target.database.measures.count_documents({"value_kwh": 1.0}) == 1)
        await sensor.publish(OWN, b"", retain=True)
    return target.database.measures.count_documents({"value_kwh": 5.0})


async def test_retained_reading_is_rejected_and_comes_once(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await retained(target) == 0
        assert target.kept("sensor-a1", kind="retained", payload={"$ne": b""}) == 1


async def test_without_the_check_it_is_stored(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="any_retained") as target:
        assert await retained(target) == 1


async def replayed(target: Target, times: int) -> int:
    """The same reading again and again; how often it is stored."""
    once = payload("sensor-a1", 13.0)
    async with target.world.wire("sensor-a1") as sensor:
        for _ in range(times):
            await sensor.publish(OWN, once)
    await target.settled(times)
    return target.stored("sensor-a1")


async def test_replay_changes_nothing_and_alerts_once(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target, arena.wire("viewer") as viewer:
        await viewer.listen("energy/alerts/a/+", retained=False)
        assert await replayed(target, 100) == 1
        assert (await target.ingestor.books())["duplicates"] == 99
        await asyncio.sleep(0.5)  # for what must not be told
        assert len(viewer.on("energy/alerts/")) == 1


async def test_with_an_id_by_chance_each_replay_counts(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="id_by_chance") as target:
        assert await replayed(target, 100) == 100


HOSTILE_IDS = ("$where", "$gt", "a.b$c", "..", "x'; return 1", "%2e%2e", "\u202egnp", "s{}", "-x", "a" * 65)


async def injected(target: Target) -> None:
    """Ids that would be operators, paths or code elsewhere."""
    async with target.world.wire("gateway-a") as gateway:
        for name in HOSTILE_IDS:
            await gateway.publish(f"energy/readings/a/{name}", json.dumps(reading(name, 1.0)))
        await gateway.publish("energy/readings/a/good", payload("good", 1.0, location="$sensor_id {{7*7}}"))
    await eventually(lambda: target.stored("good") == 1)
    await target.rest()


async def test_ids_that_would_do_something_are_rejected(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        await injected(target)
        assert target.database.measures.count_documents({}) == 1
        assert target.database.rejected.count_documents({"kind": "topic"}) == len(HOSTILE_IDS)
        # A text stays a text, through the sums of hours too.
        assert target.database.measures.distinct("location") == ["$sensor_id {{7*7}}"]
        await eventually(lambda: target.database.sensors.distinct("location") == ["$sensor_id {{7*7}}"])
        await until_computed(lambda: target.database.hourly.count_documents({"sensor_id": "good"}) == 1)


async def test_without_the_rule_for_ids_they_get_further(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="any_id") as target:
        await injected(target)
        assert target.database.rejected.count_documents({"kind": "topic"}) == 0


LARGE = json.dumps([reading("sensor-a1", 1.0, location="x" * 190) for _ in range(400)])
BOMBS: dict[str, str | bytes] = {
    "a hundred kilobytes of readings": LARGE,
    "nested": "[" * 60_000,
    "spaces": " " * 65_000 + "x",
    "nested objects": '{"a":' * 12_000,
    "nested inside": payload("sensor-a1", 1.0).replace('"Room 1"', "[" * 20_000 + "]" * 20_000),
    "a number of 60,000 digits": payload("sensor-a1", 1.0).replace("1.0", "9" * 60_000),
    "an exponent": payload("sensor-a1", 1.0).replace("1.0", "1e999999999"),
    "a sequence without end": payload("sensor-a1", 1.0, sequence=10**4000),
    "the same key 4,000 times": "{" + ",".join('"value_kwh": 1.0' for _ in range(3500)) + "}",
    "a lone surrogate": payload("sensor-a1", 1.0).replace("Room 1", "\\ud800"),
    "an offset for milliseconds": json.dumps(reading("sensor-a1", 1.0, timestamp="2026-11-27T09:00:00.+23Z")),
    "no UTF-8": b'{"sensor_id": "\xff\xfe"}',
    "a thousand empty rows": "[" + ",".join("{}" for _ in range(1000)) + "]",
}


def resident_kib(target: Target) -> int:
    running = target.ingestor.process.running
    assert running is not None
    status = Path(f"/proc/{running.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


async def bombed(target: Target, name: str, seconds: float = 20) -> None:
    async with target.world.wire("sensor-a1") as sensor:
        await sensor.publish(OWN, *[BOMBS[name]] * 3)
        await sensor.publish(OWN, payload("sensor-a1", 2.0))
    await eventually(lambda: target.database.measures.count_documents({"value_kwh": 2.0}) == 1, seconds)
    await target.rest()


@pytest.mark.parametrize("name", BOMBS)
async def test_bomb_is_rejected_and_the_next_reading_stored(arena: World, log: Path, name: str) -> None:
    async with attacked(arena, log) as target:
        before_kib = resident_kib(target)
        await bombed(target, name)
        assert target.database.measures.count_documents({}) == 1
        refused = target.kept("sensor-a1") + target.counted("sensor-a1")
        assert refused == (3000 if "rows" in name else 3)
        assert resident_kib(target) - before_kib < 64 << 10


async def test_ingestor_that_did_not_look_would_end(arena: World, log: Path) -> None:
    with pytest.raises(AssertionError):
        async with attacked(arena, log, build="old_clock") as target:
            await bombed(target, "an offset for milliseconds", seconds=5)


async def test_what_nobody_foresaw_is_kept_and_comes_once(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="unforeseen") as target, arena.wire("sensor-a1") as sensor:
        await sensor.publish(OWN, "unforeseen", payload("sensor-a1", 2.0))
        await eventually(lambda: target.stored("sensor-a1") == 1)
        await target.rest()
        assert target.kept("sensor-a1", reason="it cannot be read (RecursionError)") == 1
        assert "cannot be read; it is kept: RecursionError()" in log.read_text()  # noqa: ASYNC240


async def test_without_a_size_a_bomb_is_stored(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="no_size") as target:
        await bombed(target, "a hundred kilobytes of readings")
        assert target.database.measures.count_documents({}) > 1
