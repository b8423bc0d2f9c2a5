"""Is a reading too high? A pure rule over one reading and the limits of its sensor."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.messages import Row


@dataclass(slots=True)
class Limits:
    """The thresholds of all sensors.

    Attributes:
        default_kwh: For sensors without their own, kWh.
        own_kwh: By sensor id, kWh; set by people in the collection ``sensors``.
    """

    default_kwh: float
    own_kwh: Mapping[str, float] = field(default_factory=dict)


def exceeded(row: Row, limits: Limits) -> float | None:
    """The threshold that a reading is strictly above, kWh; None for a normal reading."""
    threshold_kwh = limits.own_kwh.get(row["sensor_id"], limits.default_kwh)
    return threshold_kwh if row["value_kwh"] > threshold_kwh else None
