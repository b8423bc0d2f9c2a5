"""Make the plan of one node from command-line options."""

from datetime import UTC

from sensor_node.plan import (
    MetersPlan,
    NodePlan,
    PlanTimeline,
    SimulationPlan,
    count_up,
    meter_faults,
    node_faults,
)
from sensor_node.settings import SensorNodeSettings


def plan_from_options(settings: SensorNodeSettings, sensor_id: str) -> SimulationPlan:
    """Make the plan; ``sensor_id`` is the first meter."""
    yearly_kwh = None if settings.yearly_kwh is None else (settings.yearly_kwh, settings.yearly_kwh)
    group = MetersPlan(
        count_up(sensor_id, settings.count),
        settings.location,
        settings.interval,
        settings.profile,
        yearly_kwh,
        settings.register_plan,
        meter_faults(settings.faults),
    )
    node = NodePlan(settings.site, (group,), node_faults(settings.faults))
    begin, end = (
        None if moment is None else settings.local(moment).astimezone(UTC)
        for moment in (settings.begin, settings.end)
    )
    speed = settings.speed if isinstance(settings.speed, float) else None
    timeline = PlanTimeline(begin, end, speed, limit=settings.readings)
    return SimulationPlan((node,), timeline, settings.seed, settings.surroundings)
