"""What MongoDB holds: the documents, their ids, and how a reading becomes one.

Times in documents are as BSON has them and pymongo gives them back: UTC, naive, to the millisecond.
"""

from datetime import UTC, datetime, timedelta
from typing import NotRequired, Required, TypedDict

from bson import ObjectId

from broker.messages import ReadingRow
from broker.topics import SensorKey

LATE_AFTER = timedelta(minutes=10)
NORMAL = "Consumption is normal."


class Measure(TypedDict):
    """One reading in ``measures``. The names are those that people know from Compass."""

    _id: str
    sensor_id: str
    site: str
    location: str | None
    value_kwh: float
    timestamp: datetime
    is_anomaly: bool
    status_message: str
    received_at: datetime
    threshold_kwh: NotRequired[float]
    alerted_at: NotRequired[datetime | None]


Timestamp = tuple[datetime, str]
"""A reading's time as MongoDB keeps it (UTC, naive), and as ids and alerts write it."""


class Period(TypedDict):
    """What one sensor used in one hour or on one day (UTC), in ``hourly`` and ``daily``."""

    _id: str
    sensor_id: str
    site: str
    start: datetime
    energy_kwh: float
    count: int
    max_kwh: float
    anomalies: int
    computed_at: datetime


class Shelf(TypedDict):
    """Until when a rule of a sensor is shelved, by the ingestor's clock, and by whom if that is known."""

    until: datetime
    user: str | None


class SensorDocument(TypedDict, total=False):
    """What is known of one sensor, in ``sensors``. Only its name is there from the beginning.

    Attributes:
        location: What its readings say.
        own_location: What a person has set; it is shown in place of ``location``.
        first_reading: The time of its oldest reading.
        last_reading: The time of its newest reading.
        status: What its node last said.
        threshold_kwh: Its own threshold, if it has one.
        interval_s: How far apart its readings are, as learned, seconds.
        shelved: Per rule, until when and by whom.
        moved_at: When people last said that it belongs to another site.
    """

    _id: str
    sensor_id: Required[str]
    site: str
    location: str | None
    own_location: str
    first_reading: datetime
    last_reading: datetime
    status: str
    node_id: str
    threshold_kwh: float
    interval_s: float
    shelved: dict[str, Shelf]


class RejectedDocument(TypedDict, total=False):
    """One rejected payload, in ``rejected``.

    Attributes:
        kind: What is wrong, in one word.
        reason: What is wrong, in one sentence.
        row: Which row of an array it was, counted from 0.
        sequence: The sensor's own count, if it sent one.
        replayed_at: When a person sent it again, repaired; from ``repairs``, in which people may write.
        until: Of a flood: when the last of the payloads came that this document counts.
        count: Of a flood: how many payloads it counts.
        bytes: Of a flood: how large they were together.
    """

    _id: Required[ObjectId]
    topic: Required[str]
    payload: Required[bytes]
    kind: Required[str]
    reason: Required[str]
    received_at: Required[datetime]
    row: int
    sequence: int
    replayed_at: datetime
    until: datetime
    count: int
    bytes: int


class AlarmDocument(TypedDict):
    """One episode in ``alarms``: a rule was broken for a while. Times of readings are the sensor's.

    Attributes:
        since: The first reading of it (for ``silent`` the last reading before it).
        raised_at: The reading that raised it, later than the first if it has an on-delay.
        cleared_at: The reading that cleared it; None while it is active.
        limit_kwh: What is exceeded, kWh, for rules that have a limit.
        peak_kwh: The highest reading in it, kWh, for rules that look at readings.
        waits: Whether it stands, when it is over, until somebody acknowledges it.
        acknowledged_at: When somebody did, by the ingestor's clock; None if nobody did.
        in_storm: Whether it was not told at once, because too many started.
        retracted_at: Readings that came later show that there was no such episode.
        changed_at: When this document last changed, by the ingestor's clock.
        notified_at: When it was sent to people, if it was.
    """

    _id: str
    sensor_id: str
    site: str
    rule: str
    severity: str
    message: str
    since: datetime
    raised_at: datetime
    cleared_at: datetime | None
    limit_kwh: float | None
    peak_kwh: float | None
    waits: bool
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    in_storm: bool
    retracted_at: datetime | None
    changed_at: datetime
    notified_at: datetime | None


def utc_now() -> datetime:
    """This moment as documents have it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000, tzinfo=None)


def format_timestamp(moment: datetime) -> str:
    """Write a document's time as the contract does: ``2026-11-23T10:00:00.123Z``."""
    return moment.isoformat("T", "milliseconds") + "Z"


def measure_id(sensor_id: str, timestamp: str) -> str:
    """Name a reading: one sensor has one reading at one millisecond.

    Args:
        sensor_id: Its sensor.
        timestamp: Its time, as ``format_timestamp`` writes it.
    """
    return f"{sensor_id}@{timestamp}"


def alarm_id(sensor_id: str, rule: str, since: datetime) -> str:
    """Name an episode: one rule of one sensor begins once at one millisecond."""
    return f"{sensor_id}@{rule}@{format_timestamp(since)}"


def sensor_of(alarm: str) -> str:
    """The sensor of an episode's id."""
    return alarm.split("@", 1)[0]


def hour_of(measure: str) -> str:
    """The id in ``hourly`` to which a measure's id belongs: ``Sensor-LARI-01@2026-11-23T10``."""
    return measure[: -len(":00:00.123Z")]


def day_of(hour: str) -> str:
    """The id in ``daily`` to which an id in ``hourly`` belongs: ``Sensor-LARI-01@2026-11-23``."""
    return hour[: -len("T10")]


def to_measure(
    reading: ReadingRow,
    key: SensorKey,
    timestamp: Timestamp,
    threshold_kwh: float | None,
    received_at: datetime,
) -> Measure:
    """Make the document of one reading.

    Args:
        reading: What the sensor sent.
        key: The site and the sensor of its topic.
        timestamp: The reading's time.
        threshold_kwh: The threshold it exceeds, kWh; None for a normal reading.
        received_at: When it came.
    """
    # Not the sensor_id of the reading: of a key there is one object for all readings.
    site, sensor_id = key
    at, text = timestamp
    value_kwh = reading["value_kwh"]
    measure: Measure = {
        "_id": measure_id(sensor_id, text),
        "sensor_id": sensor_id,
        "site": site,
        "location": reading.get("location"),
        "value_kwh": value_kwh + 0.0,  # turns -0.0 into 0.0
        "timestamp": at,
        "is_anomaly": threshold_kwh is not None,
        "status_message": NORMAL,
        "received_at": received_at,
    }
    if threshold_kwh is not None:
        measure["status_message"] = alert_message(value_kwh, threshold_kwh)
        measure["threshold_kwh"] = threshold_kwh
        measure["alerted_at"] = None
    return measure


def alert_message(value_kwh: float, threshold_kwh: float) -> str:
    """Say how high a reading is, as people know it."""
    return f"ALERT: High consumption detected! ({value_kwh} kWh > {threshold_kwh} kWh)"


def late_before(received_at: datetime) -> datetime:
    """Readings from before this moment are late when they arrive at ``received_at``."""
    return received_at - LATE_AFTER


def is_late(measure: Measure) -> bool:
    """Whether a reading was older than ten minutes when it arrived."""
    return measure["timestamp"] < late_before(measure["received_at"])
