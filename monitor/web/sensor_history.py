"""What one sensor measured in a time, at a fitting grain, and in a few numbers."""

from dataclasses import dataclass
from datetime import datetime

from monitor.queries.database import TimeRange
from monitor.queries.document_checks import MEASURES
from monitor.queries.readings import MAX_READINGS, ReadingQueries, Resolution, RollupInterval


@dataclass(frozen=True, slots=True)
class SensorHistory:
    """What a sensor measured in a time.

    Attributes:
        resolution: ``raw`` for readings, ``hourly`` or ``daily`` for the energy of hours or days.
        values: Time (UTC, naive) and the reading, or the highest reading of the hour or day, kWh.
        anomalies: Those of them that were too high.
        energies: The energy of each hour or day, kWh; none for readings.
        readings: How many readings there were.
        energy_kwh: Their sum, kWh.
        max_kwh: The highest reading, kWh.
        anomaly_count: How many readings were too high.
        threshold_kwh: What the last of these exceeded, kWh, if that is known.
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


async def load_history(readings: ReadingQueries, sensor_id: str, span: TimeRange) -> SensorHistory:
    """Readings if there are not too many, else hours, else days.

    Raises:
        QueryError: The database does not answer.
    """
    grain = await readings.fitting_resolution(sensor_id, span)
    if grain == "raw":
        return await _raw(readings, sensor_id, span)
    return await _periods(readings, sensor_id, span, grain)


async def _raw(readings: ReadingQueries, sensor_id: str, span: TimeRange) -> SensorHistory:
    found = MEASURES.valid(await readings.page(sensor_id, span, MAX_READINGS))
    values = [(each["timestamp"], each["value_kwh"]) for each in found]
    high = [each for each in found if each["is_anomaly"]]
    return SensorHistory(
        resolution="raw",
        values=values,
        anomalies=[(each["timestamp"], each["value_kwh"]) for each in high],
        energies=[],
        readings=len(found),
        energy_kwh=sum(value for _, value in values),
        max_kwh=max((value for _, value in values), default=0.0),
        anomaly_count=len(high),
        threshold_kwh=high[-1].get("threshold_kwh") if high else None,
    )


async def _periods(
    readings: ReadingQueries, sensor_id: str, span: TimeRange, every: RollupInterval
) -> SensorHistory:
    found = await readings.rollups(sensor_id, span, every)
    return SensorHistory(
        resolution=every,
        values=[(each["start"], each["max_kwh"]) for each in found],
        anomalies=[(each["start"], each["max_kwh"]) for each in found if each["anomalies"]],
        energies=[(each["start"], each["energy_kwh"]) for each in found],
        readings=sum(each["count"] for each in found),
        energy_kwh=sum(each["energy_kwh"] for each in found),
        max_kwh=max((each["max_kwh"] for each in found), default=0.0),
        anomaly_count=sum(each["anomalies"] for each in found),
    )
