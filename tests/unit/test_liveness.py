"""Who is gone, and what a great many of them cost: some in one go, however many there are."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from broker.messages import NodeStatus, numbered_sensor_ids
from broker.topics import SensorKey, Topics
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.manager import MAX_TOLD, AlarmClock, AlarmManager
from ingestor.alarms.supervision.liveness import MAX_RAISED, LivenessMonitor
from ingestor.alarms.supervision.reject_rate import RejectRateMonitor
from ingestor.flag import Thresholds
from ingestor.nodes import Nodes
from ingestor.receive.register import Register
from tests.fault_points import ingestor as points
from tests.fault_points.point import Point

if TYPE_CHECKING:
    from ingestor.alarms.episode import AlarmChange

BEGIN = datetime(2026, 11, 23, 10, 0)  # noqa: DTZ001 - as documents have it
MANY = 3 * MAX_RAISED
GONE, BACK = (NodeStatus(state=state) for state in ("offline", "online"))


class World:
    """Sensors that were heard, nodes, and a clock that the test turns."""

    def __init__(self, folder: Path, *registered: str) -> None:
        self.now = BEGIN
        self.changes: list[AlarmChange] = []
        file = folder / "register.json"
        file.write_text(json.dumps([{"name": each, "role": "sensor", "sites": ["a"]} for each in registered]))
        clock = AlarmClock(lambda: self.now, self._seconds)
        self.manager = AlarmManager(Topics(), AlarmConfig(), Thresholds(12.0), self.changes.append, clock)
        self.nodes = Nodes(Register(file))
        self.liveness = LivenessMonitor(self.manager, self.nodes)
        self.liveness.listen(listening=True)
        self.wait(100)

    def _seconds(self) -> float:
        return (self.now - BEGIN).total_seconds()

    def hear(self, *names: str) -> None:
        """A reading of each, which has one each second."""
        for name in names:
            sensor = self.manager.sensor(SensorKey("a", name))
            sensor.at, sensor.last_arrival_s, sensor.interval_s = self.now, self.manager.clock.seconds(), 1.0
            if not sensor.is_watched:
                self.manager.to_watch.append(sensor)

    def say(self, name: str, status: NodeStatus, sensors: int = 1) -> None:
        self.liveness.on_status(SensorKey("a", name), status.model_copy(update={"sensors": sensors}))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def raised(self, rule: str) -> int:
        """How many sensors have an alarm of a rule."""
        return sum(sensor.is_active(rule) for sensor in self.manager.sensors.values())


def gone_at_once(world: World) -> list[int]:
    """Many nodes go at once; how many alarms there are after each look."""
    names = numbered_sensor_ids("S-0001", MANY)
    world.hear(*names)
    for each in names:
        world.say(each, GONE)
    world.wait(6)
    found = []
    for _ in range(4):
        world.liveness.tick()
        found.append(world.raised("offline"))
    return found


def test_alarms_of_many_nodes_are_raised_some_at_a_time(tmp_path: Path) -> None:
    assert gone_at_once(World(tmp_path)) == [MAX_RAISED, 2 * MAX_RAISED, MANY, MANY]


@points.MAX_RAISED.replace(10**6)
def test_without_the_bound_they_are_raised_in_one_go(tmp_path: Path) -> None:
    assert gone_at_once(World(tmp_path))[0] == MANY


def test_many_that_are_silent_are_told_some_at_a_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.hear(*numbered_sensor_ids("S-0001", MANY))
    world.liveness.tick()
    world.wait(60)
    found = []
    for _ in range(4):
        world.liveness.tick()
        found.append(world.raised("silent"))
    assert found == [MAX_RAISED, 2 * MAX_RAISED, MANY, MANY]


def test_sensors_of_a_node_that_is_gone_are_not_silent_and_have_their_time_when_it_is_back(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, "S-5")
    world.say("S-1", BACK, sensors=9)
    world.hear(*(f"S-{number}" for number in range(1, 11)))
    world.say("S-1", GONE, sensors=9)
    for _ in range(60):
        world.wait(1)
        world.liveness.tick()
    # A registered sensor, and one that the node does not have.
    assert [world.manager.sensors[name].is_active("silent") for name in ("S-4", "S-5", "S-10")] == [
        False,
        True,
        True,
    ]
    assert world.raised("silent") == 2
    assert world.raised("offline") == 1
    message = world.manager.sensors["S-1"].alarms["offline"]["message"]
    assert message == "the node is offline, and with it 8 more sensors"
    world.say("S-1", BACK, sensors=9)
    world.wait(4)
    world.liveness.tick()
    assert world.raised("silent") == 2
    for _ in range(10):
        world.wait(1)
        world.liveness.tick()
    assert world.raised("silent") == 10


def test_statuses_make_no_sensors_and_no_alarms(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in numbered_sensor_ids("S-0001", 100):
        world.say(name, GONE, sensors=100_000)
    world.wait(60)
    world.liveness.tick()
    assert not world.manager.sensors
    assert not world.changes


def test_states_of_many_sensors_are_published_some_at_a_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.hear(*numbered_sensor_ids("S-0001", 2 * MAX_TOLD + 1))
    told = []
    world.manager.tell_again(world.manager.sensors.values())
    for _ in range(4):
        told.append(len(world.changes))
        world.manager.end_floods()
    assert told == [MAX_TOLD, 2 * MAX_TOLD, 2 * MAX_TOLD + 1, 2 * MAX_TOLD + 1]


@pytest.mark.parametrize("bound", [points.MAX_REJECTING, points.MAX_REJECTING_SENSORS])
def test_names_without_end_that_are_rejected_are_not_remembered_without_end(
    tmp_path: Path, bound: Point
) -> None:
    world = World(tmp_path)
    world.hear("S-1")
    monitor = RejectRateMonitor(world.manager)
    with bound.replace(10):
        for name in ["S-1", *numbered_sensor_ids("F-0001", 100)]:
            monitor.on_rejected(SensorKey("a", name), "invalid", "no", world.now)
        monitor.on_rejected(SensorKey("a", "S-1"), "invalid", "no", world.now)
    assert len(world.manager.sensors) == 10
