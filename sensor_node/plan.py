"""What is to be simulated: nodes with meters, and when. Made from options or from a scenario."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.topics import ID_RULE, SensorKey
from sensor_node.faults.fault import InjectedFault
from sensor_node.meter.register import RegisterPlan
from sensor_node.meter.sensor_ids import count_up
from sensor_node.profiles import Surroundings
from sensor_node.recordings.series import RecordedSeries, RecordingError


@dataclass(frozen=True, slots=True)
class PlanTimeline:
    """When readings are made.

    Attributes:
        begin: When simulated time begins; None for live: the clock on the wall, meters in turn.
        end: No reading is later; None for no end.
        speed: Simulated seconds in a second; None for as fast as they are taken.
        duration: How long a live run lasts; None for until it is stopped.
        limit: How many readings each node makes; None for no limit.
    """

    begin: datetime | None = None
    end: datetime | None = None
    speed: float | None = None
    duration: timedelta | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class MetersPlan:
    """Meters of one kind, on one node.

    Attributes:
        sensor_ids: Their names.
        location: Where they are.
        interval: Between two readings of each.
        profile: What they measure.
        yearly_kwh: How much in a year, kWh: the least and the most, between which each has its own; None for
            what is usual for the profile.
        register: What their registers are like; None for meters that give the energy of each interval.
        faults: Which may strike each of them.
        recordings: What each measures, where that was recorded: one for each; none to simulate it.
    """

    sensor_ids: tuple[str, ...]
    location: str
    interval: timedelta
    profile: str = "lari"
    yearly_kwh: tuple[float, float] | None = None
    register: RegisterPlan | None = None
    faults: tuple[InjectedFault, ...] = ()
    recordings: tuple[RecordedSeries, ...] = ()


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node: meters behind one connection.

    Attributes:
        site: Where it belongs.
        groups: Its meters. The names of all of them count up from the first, which is the node's own.
        faults: Which may strike the node.
    """

    site: str
    groups: tuple[MetersPlan, ...]
    faults: tuple[InjectedFault, ...] = ()

    @property
    def sensor_key(self) -> SensorKey:
        """The node's own site and id."""
        return SensorKey(self.site, self.groups[0].sensor_ids[0])

    @property
    def sensor_keys(self) -> list[SensorKey]:
        """Site and id of all its meters."""
        return [SensorKey(self.site, sensor_id) for group in self.groups for sensor_id in group.sensor_ids]


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """All that one process simulates.

    Attributes:
        nodes: The nodes.
        timeline: When readings are made.
        seed: Makes them the same at every run; None for others each time.
        surroundings: Time zone and holidays.
        name: Of the whole, for people.
    """

    nodes: tuple[NodePlan, ...]
    timeline: PlanTimeline
    seed: int | None
    surroundings: Surroundings
    name: str = ""

    @property
    def meter_count(self) -> int:
        """How many meters there are."""
        return sum(len(node.sensor_keys) for node in self.nodes)


def node_faults(faults: Iterable[InjectedFault]) -> tuple[InjectedFault, ...]:
    """Those that strike a whole node."""
    return tuple(fault for fault in faults if fault.of_node)


def meter_faults(faults: Iterable[InjectedFault]) -> tuple[InjectedFault, ...]:
    """Those that strike one meter."""
    return tuple(fault for fault in faults if not fault.of_node)


def recorded_sensor_ids(sensor_id: str, names: Sequence[str | None]) -> tuple[str, ...]:
    """Name the meters of recordings: as they are named there, else counting up from ``sensor_id``.

    Raises:
        RecordingError: What is named there is no sensor id, or there are too many.
    """
    for name in names:
        if name is not None and not SensorKey("site", name).is_valid:
            raise RecordingError(f"{name!r} is no sensor id: {ID_RULE}")
    try:
        counted = count_up(sensor_id, len(names))
    except ValueError as error:
        raise RecordingError(str(error)) from error
    return tuple(name or other for name, other in zip(names, counted, strict=True))
