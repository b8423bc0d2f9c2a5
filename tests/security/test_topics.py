"""Every role on every kind of topic: what is not its own, it can neither write nor read."""

import pytest

from broker.client import BrokerRefusedError
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
ANSWERS = (
    "stored, a1",
    "stored, a2",
    "stored, b1",
    "alerts",
    "alarms",
    "alarms, storm",
    "rejected",
    "ingestors",
)
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
MATRIX = [(role, name) for role in MAY_WRITE for name in TOPICS]
FORBIDDEN = [(role, name) for role, name in MATRIX if name not in MAY_WRITE[role]]
UNREADABLE = [(role, name) for role in MAY_READ for name in WRITERS if name not in MAY_READ[role]]


async def writes(wire: Wire, topic: str) -> bool:
    """Whether the broker takes a message from somebody."""
    try:
        await wire.publish(topic, b"{}")
    except BrokerRefusedError as error:
        assert str(error) == f"the broker refuses a message on {topic}: not authorized"  # noqa: PT017
        return False
    return True


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


async def reads(world: World, role: str, name: str) -> bool:
    """Whether somebody who subscribes to a topic hears what is written on it."""
    last_writer, last_topic = LAST[role]
    async with world.wire(role) as reader, world.wire(WRITERS[name]) as writer:
        for pattern in (TOPICS[name], "#", "energy/#", "+/+/+/+", "$share/thief/energy/#"):
            await reader.listen(pattern, retained=False)
        await writer.publish(TOPICS[name], f"{role} {name}")
        async with world.wire(last_writer) as other:
            await other.publish(last_topic, b"the end")
        await eventually(lambda: any(each.payload == b"the end" for each in reader.messages))
        return any(each.payload == f"{role} {name}".encode() for each in reader.messages)


@pytest.mark.parametrize(("role", "name"), MATRIX)
async def test_role_writes_what_is_its_own_and_nothing_else(world: World, role: str, name: str) -> None:
    async with world.wire(role) as wire:
        assert await writes(wire, TOPICS[name]) is (name in MAY_WRITE[role])


@pytest.mark.parametrize(("role", "name"), FORBIDDEN)
async def test_without_the_rights_of_roles_it_would(open_world: World, role: str, name: str) -> None:
    async with open_world.wire(role) as wire:
        assert await writes(wire, TOPICS[name])


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in MAY_READ for name in WRITERS])
async def test_role_hears_what_it_may_and_nothing_else(world: World, role: str, name: str) -> None:
    assert await reads(world, role, name) is (name in MAY_READ[role])


@pytest.mark.parametrize(("role", "name"), UNREADABLE)
async def test_without_the_rights_of_roles_it_would_hear(open_world: World, role: str, name: str) -> None:
    assert await reads(open_world, role, name)
