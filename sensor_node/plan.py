"""The plan of a simulation: nodes, meters and timeline. Made from options or from a scenario."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.messages import MAX_SENSORS_PER_NODE, numbered_sensor_ids
from broker.topics import ID_RULE, SensorKey
from sensor_node.faults.fault import InjectedFault
from sensor_node.meter.register import RegisterPlan
from sensor_node.profiles import Surroundings
from sensor_node.recordings.series import RecordedSeries


class PlanError(ValueError):
    """Raised when a scenario or a recording cannot be used; one sentence says where and why."""


@dataclass(frozen=True, slots=True)
class PlanTimeline:
    """When readings are made: live in real time, or from ``begin`` on in simulated time.

    Attributes:
        speed: Simulated seconds per second; infinity for as fast as possible.
        duration: How long a live run lasts; None for until it is stopped.
        limit: Maximum number of readings of each node.
    """

    begin: datetime | None = None
    end: datetime | None = None
    speed: float = math.inf
    duration: timedelta | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class MetersPlan:
    """Meters of one kind, on one node.

    Attributes:
        interval: Time between two readings of a meter.
        yearly_kwh: Range from which each meter draws its yearly energy, kWh; None for the profile's default.
        register: Their registers; None for meters that report the energy of each interval.
        recordings: One for each meter, to replay instead of the profile.
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
    """One node: meters behind one connection. Their ids count up from the first, which is the node's own."""

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
    """All that one process simulates; without a seed, every run is different."""

    nodes: tuple[NodePlan, ...]
    timeline: PlanTimeline
    seed: int | None
    surroundings: Surroundings
    name: str = ""

    @property
    def meter_count(self) -> int:
        """Number of meters on all nodes."""
        return sum(len(node.sensor_keys) for node in self.nodes)


def node_faults(faults: Iterable[InjectedFault]) -> tuple[InjectedFault, ...]:
    """The faults that strike a whole node."""
    return tuple(fault for fault in faults if fault.of_node)


def meter_faults(faults: Iterable[InjectedFault]) -> tuple[InjectedFault, ...]:
    """The faults that strike one meter."""
    return tuple(fault for fault in faults if not fault.of_node)


def count_up(first: str, count: int) -> tuple[str, ...]:
    """Name the meters of a node, counting up from the first; a PlanError if there are too many."""
    if count > MAX_SENSORS_PER_NODE:
        raise PlanError(f"a node has at most {MAX_SENSORS_PER_NODE:,} meters, not {count:,}")
    names = tuple(numbered_sensor_ids(first, count))
    # The last is the longest.
    if not SensorKey("site", names[-1]).is_valid:
        raise PlanError(
            f"the last of {count:,} meters counted up from {first} would be {names[-1]}: {ID_RULE}"
        )
    return names


def recorded_sensor_ids(sensor_id: str, names: Sequence[str | None]) -> tuple[str, ...]:
    """Name the meters of recordings: by their own names, else counting up from ``sensor_id``."""
    for name in names:
        if name is not None and not SensorKey("site", name).is_valid:
            raise PlanError(f"{name!r} is not a sensor id: {ID_RULE}")
    counted = count_up(sensor_id, len(names))
    return tuple(name or other for name, other in zip(names, counted, strict=True))
