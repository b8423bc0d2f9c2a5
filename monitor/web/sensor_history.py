"""The readings of one sensor in a period: each, or by hour or day if there are many."""

from datetime import datetime
from typing import NamedTuple

from monitor.queries.database import TimeRange
from monitor.queries.document_checks import MEASURES
from monitor.queries.readings import MAX_READINGS, ReadingQueries, Resolution


class HistoryPoint(NamedTuple):
    """A reading, or the readings of an hour or a day.

    Attributes:
        start: Time of the reading, or when the hour or day begins (UTC, naive).
        anomalies: The number of readings above the threshold.
    """

    start: datetime
    max_kwh: float
    energy_kwh: float
    readings: int
    anomalies: int


class SensorHistory(NamedTuple):
    """The readings of a sensor in a period.

    Attributes:
        resolution: ``raw`` for readings, ``hourly`` or ``daily`` for hours or days.
        threshold_kwh: What the last reading above it exceeded, kWh, if known.
    """

    resolution: Resolution
    points: list[HistoryPoint]
    threshold_kwh: float | None = None


async def load_history(readings: ReadingQueries, sensor_id: str, period: TimeRange) -> SensorHistory:
    """Load readings if there are not too many, else hours, else days.

    Raises:
        QueryError: The database does not answer.
    """
    resolution = await readings.fitting_resolution(sensor_id, period)
    if resolution == "raw":
        found = MEASURES.valid(await readings.page(sensor_id, period, MAX_READINGS))
        points = [
            HistoryPoint(each["timestamp"], each["value_kwh"], each["value_kwh"], 1, each["is_anomaly"])
            for each in found
        ]
        exceeded = [each.get("threshold_kwh") for each in found if each["is_anomaly"]]
        return SensorHistory(resolution, points, exceeded[-1] if exceeded else None)
    rollups = await readings.rollups(sensor_id, period, resolution)
    return SensorHistory(
        resolution,
        [
            HistoryPoint(each["start"], each["max_kwh"], each["energy_kwh"], each["count"], each["anomalies"])
            for each in rollups
        ],
    )
