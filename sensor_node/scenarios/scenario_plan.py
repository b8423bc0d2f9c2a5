"""Make a plan from a scenario: name the meters, read the recordings, distribute the faults."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sensor_node.meter.register import RegisterPlan
from sensor_node.plan import (
    MetersPlan,
    NodePlan,
    PlanError,
    SimulationPlan,
    count_up,
    meter_faults,
    node_faults,
)
from sensor_node.profiles import Surroundings
from sensor_node.recordings.series import RecordedSeries, shift_series
from sensor_node.scenarios.scenario import NodeTable, ReplayTable, Scenario


def plan_scenario(scenario: Scenario, folder: Path, now: datetime) -> SimulationPlan:
    """Make the plan; relative paths of recordings start at ``folder``.

    Raises:
        PlanError: Two meters have the same name, a name is not valid, or a recording cannot be read.
    """
    timeline = scenario.timeline
    nodes = tuple(
        _node(node, site.name, scenario, folder, timeline.begin or now)
        for site in scenario.sites
        for node in site.nodes
    )
    _check_names(nodes)
    return SimulationPlan(
        nodes,
        timeline,
        scenario.seed,
        Surroundings(scenario.time_zone, scenario.holidays),
        scenario.name,
    )


def _node(node: NodeTable, site: str, scenario: Scenario, folder: Path, begin: datetime) -> NodePlan:
    recordings = [_recordings(table.replay, folder, scenario.time_zone, begin) for table in node.meters]
    counts = [len(found) or table.count for table, found in zip(node.meters, recordings, strict=True)]
    names = iter(count_up(node.sensor_id, sum(counts)))
    shared = (*scenario.faults, *node.faults)
    groups = []
    for table, count, found in zip(node.meters, counts, recordings, strict=True):
        # A shared fault only strikes meters that can have it.
        fitting = [fault for fault in shared if table.counter or fault.kind != "counter-reset"]
        register = RegisterPlan() if table.counter is True else table.counter or None
        groups.append(
            MetersPlan(
                tuple(next(names) for _ in range(count)),
                node.location,
                table.interval,
                table.profile,
                table.yearly_kwh,
                register,
                meter_faults((*fitting, *table.faults)),
                found,
            )
        )
    return NodePlan(site, tuple(groups), node_faults(shared))


def _recordings(
    replay: ReplayTable | None, folder: Path, zone: ZoneInfo, begin: datetime
) -> tuple[RecordedSeries, ...]:
    if replay is None:
        return ()
    # Only here: pyarrow is slow to import.
    from sensor_node.recordings.recording import read_recording  # noqa: PLC0415

    found = read_recording(folder / replay.file, replay, zone)
    return tuple(shift_series(found, int(begin.timestamp() * 1000)) if replay.shift_to_now else found)


def _check_names(nodes: tuple[NodePlan, ...]) -> None:
    names = Counter(sensor_key.name for node in nodes for sensor_key in node.sensor_keys)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise PlanError(f"there are two meters {name}; give one node another sensor_id")
