"""Every role on every kind of topic: what is not its own, it can neither write nor read."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack

import pytest

from broker.errors import BrokerRejectedError
from tests.security.world import World
from tests.servers import Wire, eventually

pytestmark = pytest.mark.integration

# One topic of each kind; of what belongs to a sensor: its own, its neighbour's, another site's.
TOPICS = {
    "readings, a1": "energy/readings/a/sensor-a1",
    "readings, a2": "energy/readings/a/sensor-a2",
    "readings, b1": "energy/readings/b/sensor-b1",
    "status, a1": "energy/status/a/sensor-a1",
    "status, a2": "energy/status/a/sensor-a2",
    "status, b1": "energy/status/b/sensor-b1",
    "stored, a1": "energy/stored/a/sensor-a1",
    "stored, a2": "energy/stored/a/sensor-a2",
    "stored, b1": "energy/stored/b/sensor-b1",
    "alerts": "energy/alerts/a/sensor-a1",
    "alarms": "energy/alarms/a/sensor-a1",
    "alarms, storm": "energy/alarms/a",
    "rejected": "energy/rejected/a/sensor-a1",
    "commands": "energy/commands/a/sensor-a1",
    "ingestors": "energy/ingestors/ingestor",
    "health": "health/broker",
    "deeper": "energy/readings/a/sensor-a1/x",
    "elsewhere": "something/else",
}
SENSOR = ("readings, a1", "status, a1")
SITE = ("readings, a1", "readings, a2", "status, a1", "status, a2")
STORED = ("stored, a1", "stored, a2", "stored, b1")
ANSWERS = (*STORED, "alerts", "alarms", "alarms, storm", "rejected", "ingestors")
LOOK_A = [name for name in TOPICS if ", b1" not in name and name not in {"health", "deeper", "elsewhere"}]
LOOK = [*LOOK_A, "readings, b1", "status, b1", "stored, b1"]
READINGS = ("readings, a1", "readings, a2", "readings, b1")
MAY_WRITE: dict[str, tuple[str, ...]] = {
    "sensor-a1": SENSOR,
    "gateway-a": SITE,
    "ingestor": ANSWERS,
    "viewer": (),
    "viewer-a": (),
    "operator": ("commands", *READINGS),
    "web": ("commands", *READINGS),
    "health": ("health",),
}
MAY_READ: dict[str, list[str]] = {
    "sensor-a1": ["stored, a1"],
    "gateway-a": ["stored, a1", "stored, a2"],
    "ingestor": [*READINGS, "status, a1", "status, a2", "status, b1", "commands"],
    "viewer": LOOK,
    "viewer-a": LOOK_A,
    "operator": LOOK,
    "web": LOOK,
    "health": ["health"],
}
# Who may write a kind, so that there is something to be read.
WRITERS = {
    name: next(who for who in MAY_WRITE if name in MAY_WRITE[who])
    for name in TOPICS
    if any(name in kinds for kinds in MAY_WRITE.values())
}
WRITERS["status, b1"] = "sensor-b1"
# What each may hear for certain: written after what it may not, and by whom.
LAST = {
    "sensor-a1": ("ingestor", "energy/stored/a/sensor-a1"),
    "gateway-a": ("ingestor", "energy/stored/a/last"),
    "ingestor": ("operator", "energy/commands/a/last"),
    "viewer": ("ingestor", "energy/alerts/a/last"),
    "viewer-a": ("ingestor", "energy/alerts/a/last"),
    "operator": ("ingestor", "energy/alerts/a/last"),
    "web": ("ingestor", "energy/alerts/a/last"),
    "health": ("health", "health/broker"),
}
# What is heard, by the name of its kind, and by which way.
Heard = set[tuple[str, str]]


def under_energy(name: str) -> bool:
    return TOPICS[name].startswith("energy/")


def of_four_levels(name: str) -> bool:
    return TOPICS[name].count("/") == 3


# How somebody may try to hear: what they subscribe to, and which topics that is.
EACH = list(TOPICS.values())
WAYS: dict[str, tuple[Sequence[str], Callable[[str], bool]]] = {
    "each topic itself": (EACH, TOPICS.__contains__),
    "#": (["#"], TOPICS.__contains__),
    "energy/#": (["energy/#"], under_energy),
    "+/+/+/+": (["+/+/+/+"], of_four_levels),
    "a share": (["$share/thief/energy/#"], under_energy),
    "all at once": ([*EACH, "#", "energy/#", "+/+/+/+", "$share/thieves/energy/#"], TOPICS.__contains__),
}


async def takes(wire: Wire, topic: str) -> bool:
    """Whether the broker takes a message from somebody."""
    try:
        await wire.publish(topic, b"{}")
    except BrokerRejectedError as error:
        assert str(error) == f"the broker rejects a message on {topic}: not authorized"  # noqa: PT017
        return False
    return True


async def written(world: World, role: str) -> set[str]:
    """What the broker takes from somebody who tries every topic."""
    async with world.wire(role) as wire:
        return {name for name, topic in TOPICS.items() if await takes(wire, topic)}


async def heard(world: World, role: str) -> Heard:
    """What somebody hears of all that is written.

    A connection for each way, so that what one of them hears hides nothing of another.
    """
    async with AsyncExitStack() as connected:
        readers = {way: await connected.enter_async_context(world.wire_inside(role)) for way in WAYS}
        for way, reader in readers.items():
            for pattern in WAYS[way][0]:
                await reader.listen(pattern, retained=False)
        await write_everything(world, role)
        last_writer, last_topic = LAST[role]
        # Only now, or it would be another way to hear what was written before.
        for reader in readers.values():
            await reader.listen(last_topic, retained=False)
        async with world.wire(last_writer) as writer:
            await writer.publish(last_topic, b"the end")
        return {(name, way) for way, each in readers.items() for name in await until_the_end(each, role)}


async def write_everything(world: World, role: str) -> None:
    """Have a message for a role on each topic, from those who may write there."""
    for who in set(WRITERS.values()):
        async with world.wire(who) as wire:
            for name in (name for name, writer in WRITERS.items() if writer == who):
                await wire.publish(TOPICS[name], f"{role} {name}")


async def until_the_end(reader: Wire, role: str) -> set[str]:
    """What a reader has heard when the last message has come."""
    await eventually(lambda: any(each.payload == b"the end" for each in reader.messages))
    payloads = {each.payload.decode() for each in reader.messages}
    return {name for name in TOPICS if f"{role} {name}" in payloads}


def by_every_way(names: Iterable[str]) -> Heard:
    """What somebody hears by each way who may hear these."""
    return {(name, way) for name in names for way, (_, covers) in WAYS.items() if covers(name)}


@pytest.mark.parametrize("role", MAY_WRITE)
async def test_role_writes_what_is_its_own_and_nothing_else(world: World, role: str) -> None:
    assert await written(world, role) == set(MAY_WRITE[role])


@pytest.mark.parametrize("role", MAY_WRITE)
async def test_without_the_rights_of_roles_it_would(open_world: World, role: str) -> None:
    assert await written(open_world, role) == set(TOPICS)


@pytest.mark.parametrize("role", MAY_READ)
async def test_role_hears_what_it_may_and_nothing_else(world: World, role: str) -> None:
    assert await heard(world, role) == by_every_way(MAY_READ[role])


@pytest.mark.parametrize("role", MAY_READ)
async def test_without_the_rights_of_roles_it_would_hear(open_world: World, role: str) -> None:
    assert await heard(open_world, role) == by_every_way(WRITERS)
