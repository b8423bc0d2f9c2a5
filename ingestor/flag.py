"""Flag readings above the threshold of their sensor, and make the documents to be stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.topics import SensorKey
from ingestor.delivery import Batch, Delivery, Rejection
from ingestor.documents import Measure, to_measure


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


def threshold_of(thresholds: Thresholds, site: str, sensor_id: str) -> float:
    """The threshold of a sensor, kWh: its own, or its site's, or the one of all."""
    own_kwh = thresholds.own_kwh.get(sensor_id)
    return thresholds.site_kwh.get(site, thresholds.default_kwh) if own_kwh is None else own_kwh


def flag(delivery: Delivery, key: SensorKey, thresholds: Thresholds, batch: Batch) -> None:
    """Make the outcome of each row: the document, which says whether the reading is an anomaly.

    Args:
        delivery: A validated delivery.
        key: The site and the sensor of its topic.
        thresholds: Of all sensors.
        batch: Takes the documents.
    """
    threshold_kwh = threshold_of(thresholds, key.site, key.name)
    received_at, measures = batch.received_at, batch.measures
    outcomes: list[Measure | Rejection] = []
    for row in delivery.rows:
        if isinstance(row, Rejection):
            outcomes.append(row)
            continue
        reading, timestamp = row
        exceeded_kwh = threshold_kwh if reading["value_kwh"] > threshold_kwh else None
        measure = to_measure(reading, key, timestamp, exceeded_kwh, received_at)
        outcomes.append(measure)
        measures.append(measure)
    delivery.outcomes = outcomes
