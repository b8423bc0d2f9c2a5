"""Make a plan from a scenario: name the meters, read the recordings, give out the faults."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sensor_node.meter.register import RegisterPlan
from sensor_node.meter.sensor_ids import count_up
from sensor_node.plan import MetersPlan, NodePlan, PlanTimeline, SimulationPlan, meter_faults, node_faults
from sensor_node.profiles import Surroundings
from sensor_node.recordings.series import RecordedSeries, shift_series
from sensor_node.scenarios.scenario import MetersTable, NodeTable, ReplayTable, Scenario, ScenarioError


def plan_scenario(scenario: Scenario, folder: Path, now: datetime) -> SimulationPlan:
    """Make the plan.

    Args:
        scenario: What is wanted.
        folder: Where its recordings are, if they are named by no whole path.
        now: The clock, UTC; recordings can be shifted there.

    Raises:
        ScenarioError: Two meters have one name, or one has none that is allowed.
        RecordingError: A recording cannot be read.
    """
    course = _timeline(scenario)
    begin = course.begin or now
    nodes = tuple(
        _node(node, site.name, scenario, folder, begin) for site in scenario.sites for node in site.nodes
    )
    _check_names(nodes)
    surroundings = Surroundings(scenario.zone, scenario.holidays)
    return SimulationPlan(nodes, course, scenario.seed, surroundings, scenario.name)


def _timeline(scenario: Scenario) -> PlanTimeline:
    if scenario.first is None:
        return PlanTimeline(duration=scenario.duration)
    end = None if scenario.end is None else scenario.local(scenario.end).astimezone(UTC)
    speed = scenario.speed if isinstance(scenario.speed, float) else None
    return PlanTimeline(scenario.local(scenario.first).astimezone(UTC), end, speed, scenario.duration)


def _node(node: NodeTable, site: str, scenario: Scenario, folder: Path, begin: datetime) -> NodePlan:
    recordings = [_recordings(table.replay, folder, scenario.zone, begin) for table in node.meters]
    counts = [len(found) or table.count for table, found in zip(node.meters, recordings, strict=True)]
    try:
        names = iter(count_up(node.sensor_id, sum(counts)))
    except ValueError as error:
        raise ScenarioError(str(error)) from error
    shared = (*scenario.faults, *node.faults)
    groups = []
    for table, count, found in zip(node.meters, counts, recordings, strict=True):
        # What is said of many meters counts for those of them that can have it.
        fitting = [each for each in shared if table.counter or each.kind != "counter-reset"]
        faults = meter_faults((*fitting, *table.faults))
        groups.append(
            MetersPlan(
                tuple(next(names) for _ in range(count)),
                node.location,
                table.interval,
                table.profile,
                table.yearly_kwh,
                _register(table),
                faults,
                found,
            )
        )
    return NodePlan(site, tuple(groups), node_faults(shared))


def _register(table: MetersTable) -> RegisterPlan | None:
    if isinstance(table.counter, bool):
        return RegisterPlan() if table.counter else None
    return table.counter


def _recordings(
    replay: ReplayTable | None, folder: Path, zone: ZoneInfo, begin: datetime
) -> tuple[RecordedSeries, ...]:
    if replay is None:
        return ()
    # Only here: pyarrow takes long to import.
    from sensor_node.recordings.recording import read_recording  # noqa: PLC0415

    found = read_recording(folder / replay.file, replay, zone)
    if replay.shift_to_now:
        first_ms = min(int(series.at_ms[0]) for series in found)
        begin_ms = int(begin.timestamp() * 1000)
        found = [shift_series(series, begin_ms + int(series.at_ms[0]) - first_ms) for series in found]
    return tuple(found)


def _check_names(nodes: tuple[NodePlan, ...]) -> None:
    seen: set[str] = set()
    for node in nodes:
        for place in node.sensor_keys:
            if place.name in seen:
                raise ScenarioError(f"there are two meters {place.name}; give one node another sensor_id")
            seen.add(place.name)


def with_seed(plan: SimulationPlan, seed: int | None) -> SimulationPlan:
    """The same with another seed, if one is given."""
    return plan if seed is None else replace(plan, seed=seed)
