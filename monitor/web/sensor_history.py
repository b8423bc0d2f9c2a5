"""The readings of one sensor in a period: each, or by hour or day if there are many; and their totals."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ingestor.documents import Measure
from monitor.queries.database import TimeRange
from monitor.queries.document_checks import MEASURES
from monitor.queries.readings import MAX_READINGS, ReadingQueries, Resolution


@dataclass(frozen=True, slots=True)
class SensorHistory:
    """The readings of a sensor in a period.

    Attributes:
        resolution: ``raw`` for readings, ``hourly`` or ``daily`` for hours or days.
        values: Time (UTC, naive) and the reading, or the highest reading of the hour or day, kWh.
        anomalies: Those of them above the threshold.
        energies: The energy of each hour or day, kWh; none for readings.
        readings: The number of readings.
        anomaly_count: The number of readings above the threshold.
        threshold_kwh: What the last of these exceeded, kWh, if known.
    """

    resolution: Resolution
    values: list[tuple[datetime, float]]
    anomalies: list[tuple[datetime, float]]
    energies: list[tuple[datetime, float]]
    readings: int
    energy_kwh: float
    max_kwh: float
    anomaly_count: int
    threshold_kwh: float | None = None


async def load_history(readings: ReadingQueries, sensor_id: str, period: TimeRange) -> SensorHistory:
    """Load readings if there are not too many, else hours, else days.

    Raises:
        QueryError: The database does not answer.
    """
    resolution = await readings.fitting_resolution(sensor_id, period)
    if resolution == "raw":
        return _of_readings(MEASURES.valid(await readings.page(sensor_id, period, MAX_READINGS)))
    found = await readings.rollups(sensor_id, period, resolution)
    return SensorHistory(
        resolution=resolution,
        values=[(each["start"], each["max_kwh"]) for each in found],
        anomalies=[(each["start"], each["max_kwh"]) for each in found if each["anomalies"]],
        energies=[(each["start"], each["energy_kwh"]) for each in found],
        readings=sum(each["count"] for each in found),
        energy_kwh=sum(each["energy_kwh"] for each in found),
        max_kwh=max((each["max_kwh"] for each in found), default=0.0),
        anomaly_count=sum(each["anomalies"] for each in found),
    )


def _of_readings(found: Iterable[Measure]) -> SensorHistory:
    found = list(found)
    values = [(each["timestamp"], each["value_kwh"]) for each in found]
    anomalies = [each for each in found if each["is_anomaly"]]
    return SensorHistory(
        resolution="raw",
        values=values,
        anomalies=[(each["timestamp"], each["value_kwh"]) for each in anomalies],
        energies=[],
        readings=len(found),
        energy_kwh=sum(value for _, value in values),
        max_kwh=max((value for _, value in values), default=0.0),
        anomaly_count=len(anomalies),
        threshold_kwh=anomalies[-1].get("threshold_kwh") if anomalies else None,
    )
