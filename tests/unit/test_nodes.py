"""For which sensors the word of a node counts, and what it costs to say it again and again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from broker.messages import NodeStatus, numbered_sensor_ids
from broker.topics import SensorKey
from ingestor.nodes import Nodes
from ingestor.receive.register import Register, RegisterError
from ingestor.store.sensor_updates import NAMED_AT_ONCE, SensorUpdates
from tests.fault_points.ingestor import MAX_UNHEARD

if TYPE_CHECKING:
    from ingestor.documents import SensorDocument

MANY = 100_000


def registered(folder: Path, **sensors: str) -> Register:
    """A register with some sensors, by name their sites, and a gateway."""
    users = [{"name": name, "role": "sensor", "sites": [site]} for name, site in sensors.items()]
    file = folder / "register.json"
    file.write_text(json.dumps([*users, {"name": "gateway", "role": "gateway", "sites": ["+"]}]))
    return Register(file)


def say(nodes: Nodes, name: str, *, sensors: int = 1, gone: bool = False, site: str = "a") -> None:
    status = NodeStatus(state="offline" if gone else "online", sensors=sensors)
    nodes.on_status(SensorKey(site, name), status, 7.0, is_sensor=True)


def named(nodes: Nodes, name: str, site: str = "a") -> str | None:
    """The name of a sensor's node."""
    node = nodes.of_sensor(SensorKey(site, name))
    return node.key.name if node else None


@pytest.mark.parametrize("first", ["S-08", "S-8", "Lab", "S", "9", "S-099", "S-099999"])
def test_node_has_the_sensors_that_are_counted_up_from_its_own(tmp_path: Path, first: str) -> None:
    nodes = Nodes(registered(tmp_path))
    say(nodes, first, sensors=120)
    names = numbered_sensor_ids(first, 121)
    assert {named(nodes, each) for each in names[:-1]} == {first}
    others = [names[-1], "T-09", "S-", f"{first}x", f"0{names[3]}", names[3].replace("-", "-0"), "Lab-1"]
    assert {named(nodes, each) for each in set(others) - set(names)} <= {None}
    assert named(nodes, names[1], site="b") is None


def test_of_two_nodes_the_nearer_one_counts_and_a_node_is_its_own(tmp_path: Path) -> None:
    nodes = Nodes(registered(tmp_path))
    say(nodes, "S-1", sensors=50)
    say(nodes, "S-21", sensors=50)
    say(nodes, "S-30")
    assert [named(nodes, each) for each in ("S-20", "S-22", "S-30", "S-31")] == [
        "S-1",
        "S-21",
        "S-30",
        "S-21",
    ]
    say(nodes, "S-21", sensors=1)
    assert named(nodes, "S-22") == "S-1"


def test_registered_sensor_speaks_for_itself_and_nobody_speaks_for_it(tmp_path: Path) -> None:
    nodes = Nodes(registered(tmp_path, **{"S-1": "a", "S-12": "a"}))
    say(nodes, "S-1", sensors=5)
    say(nodes, "S-11", sensors=5)
    assert [named(nodes, f"S-{number}") for number in (1, 2, 11, 12, 13)] == [
        "S-1",
        None,
        "S-11",
        None,
        "S-11",
    ]


def test_without_a_register_all_speak_for_themselves_only() -> None:
    nodes = Nodes()
    say(nodes, "S-1", sensors=5)
    assert (named(nodes, "S-1"), named(nodes, "S-2")) == ("S-1", None)


def test_flapping_node_costs_one_update(tmp_path: Path) -> None:
    sensors = SensorUpdates(Nodes(registered(tmp_path)))
    for number in range(1000):
        say(sensors.nodes, "S-1", sensors=MANY - number, gone=number % 2 == 1)
    own, fleet = sorted(map(repr, sensors.take(500)), key=len, reverse=True)
    assert "'offline'" in own
    assert "'offline'" in fleet
    assert not sensors.take(500)


def test_great_many_sensors_change_their_state_so_often_and_those_of_other_sites_do_not_wait(
    tmp_path: Path,
) -> None:
    sensors = SensorUpdates(Nodes(registered(tmp_path)))
    fleets = 0
    for number in range(10):
        say(sensors.nodes, "S-1", sensors=NAMED_AT_ONCE, gone=number % 2 == 0)
        fleets += sum("node_id': 'S-1'" in repr(each) for each in sensors.take(500))
    assert fleets == 1
    say(sensors.nodes, "T-1", sensors=2, site="b")
    assert any("node_id': 'T-1'" in repr(each) for each in sensors.take(500))


def test_what_was_written_down_is_taken_up(tmp_path: Path) -> None:
    nodes = Nodes(registered(tmp_path))
    known: list[SensorDocument] = [
        {"sensor_id": f"S-{number}", "site": "a", "node_id": "S-1", "status": "offline"}
        for number in (1, 2, 9)
    ]
    nodes.resume([*known, {"sensor_id": "T-1", "site": "a"}])
    assert [named(nodes, f"S-{number}") for number in (1, 5, 9, 10)] == ["S-1", "S-1", "S-1", None]
    node = nodes.find(SensorKey("a", "S-1"))
    assert node is not None
    assert node.is_gone
    assert not nodes.unwritten
    say(nodes, "S-1")
    assert [*nodes.unwritten] == [SensorKey("a", "S-1")]


@MAX_UNHEARD.replace(10)
def test_nodes_that_never_measured_are_forgotten_and_no_others(tmp_path: Path) -> None:
    nodes = Nodes(registered(tmp_path))
    say(nodes, "S-1", gone=True)
    for number in range(100):
        status = NodeStatus(state="offline", sensors=2)
        nodes.on_status(SensorKey("a", f"F-{number}"), status, 7.0, is_sensor=False)
    assert named(nodes, "S-1") == "S-1"
    assert [named(nodes, f"F-{number}") for number in (89, 90, 99)] == [None, "F-90", "F-99"]
    assert [*nodes.unwritten] == [SensorKey("a", "S-1")]
    nodes.on_status(SensorKey("a", "F-99"), None, 7.0, is_sensor=False)
    assert named(nodes, "F-99") == "F-98"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("[{", "is no list of users"),
        ('[{"name": "S-1", "role": "king"}]', "is no list of users"),
        ('[{"name": "S-1", "role": "sensor"}]', "is no list of users"),
    ],
)
def test_register_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, problem: str) -> None:
    file = tmp_path / "register.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RegisterError) as raised:
        Register(file)
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)
