"""Readings for tests."""

import itertools
import json
from datetime import UTC, datetime, timedelta

milliseconds = itertools.count()


def moment(ago_s: float = 0) -> str:
    """A time as sensors write it, never the same twice."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    then = start + timedelta(milliseconds=next(milliseconds) % 1000, seconds=-ago_s)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading(sensor_id: str, value_kwh: object, *, ago_s: float = 0, **extra: object) -> dict[str, object]:
    """A reading as a sensor sends it; ``extra`` adds fields or replaces them."""
    return {
        "sensor_id": sensor_id,
        "location": "Room 1",
        "value_kwh": value_kwh,
        "timestamp": moment(ago_s),
    } | extra


def payload(sensor_id: str, value_kwh: object, *, ago_s: float = 0, **extra: object) -> str:
    """The same as JSON."""
    return json.dumps(reading(sensor_id, value_kwh, ago_s=ago_s, **extra))
