"""Who speaks in another's name: a sensor for its neighbours, a gateway for a sensor of another site."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.programs import run_program
from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

OWN, NEIGHBOUR = "sensor-a1", "sensor-a2"
SILENT = '[rules.silent]\ninterval = "200ms"\nat_least = "0s"\n[rules.offline]\nafter = "0s"\n'


def state(target: Target, sensor: str) -> str | None:
    """What the database has of a sensor's node."""
    return (target.database.sensors.find_one({"sensor_id": sensor}) or {}).get("status")


async def pulled_down(target: Target) -> tuple[str | None, set[str]]:
    """A sensor says that it has two, and goes offline; the neighbour's state, and its alarms."""
    world = target.world
    async with world.wire(OWN) as bad, world.wire(NEIGHBOUR) as good, world.wire("viewer") as viewer:
        await viewer.listen("energy/alarms/a/+", retained=False)
        await bad.publish(f"energy/readings/a/{OWN}", payload(OWN, 1.0))
        await bad.publish(f"energy/status/a/{OWN}", '{"state": "online", "sensors": 2}')
        await eventually(lambda: state(target, OWN) == "online")
        await good.publish(f"energy/readings/a/{NEIGHBOUR}", payload(NEIGHBOUR, 1.0))
        await eventually(lambda: target.database.sensors.count_documents({"sensor_id": NEIGHBOUR}) == 1)
        await bad.publish(f"energy/status/a/{OWN}", '{"state": "offline", "sensors": 2}')
        await eventually(lambda: state(target, OWN) == "offline")
        await asyncio.sleep(4)  # silent for twenty intervals
        heard = viewer.on(f"energy/alarms/a/{NEIGHBOUR}")
        return state(target, NEIGHBOUR), {
            alarm["rule"] for each in heard for alarm in json.loads(each.payload)["alarms"]
        }


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "alarms.toml"
    file.write_text(SILENT)
    return file


async def test_sensor_speaks_for_itself_only(arena: World, log: Path, rules: Path) -> None:
    async with attacked(arena, log, "--alarms", str(rules)) as target:
        shown, alarms = await pulled_down(target)
        assert shown is None
        assert "silent" in alarms


async def test_if_its_word_counted_for_others_the_neighbour_would_be_gone(
    arena: World, log: Path, rules: Path
) -> None:
    build = "sensors_speak_for_others"
    async with attacked(arena, log, "--alarms", str(rules), build=build) as target:
        assert await pulled_down(target) == ("offline", set())


def test_ingestor_does_not_start_with_a_register_that_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "register.json"
    ended = run_program("ingestor", "--register", str(file))
    said = f"ingestor: the register {file} cannot be read (No such file or directory)\n"
    assert (ended.status, ended.output, ended.errors) == (2, "", said)


async def spoken_first(target: Target) -> int:
    """The gateway of site b is the first that speaks as a sensor of site a; how many of its own are in."""
    world = target.world
    async with world.wire("gateway-b") as gateway, world.wire(OWN) as sensor:
        await gateway.publish(f"energy/readings/b/{OWN}", payload(OWN, 9.0))
        await target.settled(1)
        await sensor.publish(f"energy/readings/a/{OWN}", payload(OWN, 1.0))
        await target.settled(2)
    return target.database.measures.count_documents({"sensor_id": OWN, "site": "a"})


async def test_registered_sensor_belongs_to_its_site_whoever_speaks_first(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await spoken_first(target) == 1
        assert target.kept(OWN, kind="foreign") == 1


async def test_if_the_first_counted_the_sensor_would_be_shut_out(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="first_come") as target:
        assert await spoken_first(target) == 0


async def test_what_was_believed_before_it_was_registered_is_put_right(
    arena: World, log: Path, tmp_path: Path
) -> None:
    name, register = "Meter-late", tmp_path / "register.json"
    register.write_text("[]")

    def is_at(site: str) -> bool:
        return target.database.sensors.count_documents({"sensor_id": name, "site": site}) == 1

    async with (
        attacked(arena, log, "--register", str(register)) as target,
        arena.wire("gateway-a") as own,
        arena.wire("gateway-b") as other,
    ):
        await other.publish(f"energy/readings/b/{name}", payload(name, 9.0))
        await eventually(lambda: is_at("b"))
        register.write_text(json.dumps([{"name": name, "role": "sensor", "sites": ["a"]}]))
        await eventually(lambda: "1 sensors are registered" in log.read_text())
        await other.publish(f"energy/readings/b/{name}", payload(name, 9.0))
        await own.publish(f"energy/readings/a/{name}", payload(name, 1.0))
        await eventually(lambda: is_at("a"))
        assert target.kept(name, kind="foreign") == 1
        register.write_text("[{")
        await eventually(lambda: "what it said before stays in force" in log.read_text())
        await own.publish(f"energy/readings/a/{name}", payload(name, 2.0))
        await eventually(lambda: target.database.measures.count_documents({"site": "a"}) == 2)
