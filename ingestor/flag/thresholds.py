"""Is a reading too high? A pure rule over one reading and the threshold of its sensor."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.messages import ReadingRow


@dataclass(slots=True)
class Thresholds:
    """The thresholds of all sensors.

    Attributes:
        default_kwh: For all others, kWh.
        own_kwh: By sensor id, kWh.
        site_kwh: By site, kWh, for sensors without their own.
    """

    default_kwh: float
    own_kwh: Mapping[str, float] = field(default_factory=dict)
    site_kwh: Mapping[str, float] = field(default_factory=dict)


def threshold_of(limits: Thresholds, site: str, sensor_id: str) -> float:
    """The threshold of a sensor, kWh: its own, or its site's, or the one of all."""
    own_kwh = limits.own_kwh.get(sensor_id)
    return limits.site_kwh.get(site, limits.default_kwh) if own_kwh is None else own_kwh


def exceeded_threshold(row: ReadingRow, site: str, limits: Thresholds) -> float | None:
    """The threshold that a reading is strictly above, kWh; None for a normal reading."""
    threshold_kwh = threshold_of(limits, site, row["sensor_id"])
    return threshold_kwh if row["value_kwh"] > threshold_kwh else None
