"""Make a plan of one node from the options of the command line."""

from datetime import UTC

from sensor_node.meter.register import RegisterPlan
from sensor_node.meter.sensor_ids import count_up
from sensor_node.plan import MetersPlan, NodePlan, PlanTimeline, SimulationPlan, meter_faults, node_faults
from sensor_node.settings import PlaceSettings, SensorNodeSettings


def plan_from_options(settings: SensorNodeSettings, sensor_id: str) -> SimulationPlan:
    """Make the plan.

    Args:
        settings: The options.
        sensor_id: The first meter.
    """
    yearly_kwh = None if settings.yearly_kwh is None else (settings.yearly_kwh, settings.yearly_kwh)
    group = MetersPlan(
        count_up(sensor_id, settings.count),
        settings.location,
        settings.interval,
        settings.profile,
        yearly_kwh,
        register_plan(settings),
        meter_faults(settings.faults),
    )
    node = NodePlan(settings.site, (group,), node_faults(settings.faults))
    return SimulationPlan((node,), _timeline(settings), settings.seed, settings.surroundings)


def register_plan(settings: PlaceSettings) -> RegisterPlan | None:
    """What the registers are like; None for meters without."""
    if not settings.counter:
        return None
    return RegisterPlan(settings.resolution_kwh, settings.rollover_kwh, settings.register_kwh)


def _timeline(settings: SensorNodeSettings) -> PlanTimeline:
    begin = settings.begin
    if begin is None:
        return PlanTimeline(limit=settings.readings)
    end = settings.local(settings.end).astimezone(UTC) if settings.end is not None else None
    speed = settings.speed if isinstance(settings.speed, float) else None
    return PlanTimeline(begin.astimezone(UTC), end, speed, limit=settings.readings)
