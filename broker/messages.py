"""Every message of the system: pydantic models that are both the check and the documentation.

Unknown fields are ignored, so that an older ingestor survives a newer sensor.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal, NotRequired

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    StringConstraints,
    with_config,
)
from pydantic_core import core_schema
from typing_extensions import TypedDict

from broker.topics import SensorId, SiteId

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_READINGS_PER_PAYLOAD = 1000
MAX_VALUE_KWH = 1_000_000
MAX_SENSORS_PER_NODE = 100_000

Kwh = Annotated[float, Field(ge=0, le=MAX_VALUE_KWH, allow_inf_nan=False)]
Location = Annotated[str, StringConstraints(max_length=200)] | None
Sequence = Annotated[int, Field(ge=0, lt=2**63)]
SequenceRange = tuple[Sequence, Sequence]


def format_timestamp(time: datetime) -> str:
    """Write a time in UTC, to the millisecond: ``2026-11-23T10:00:00.123Z``.

    Raises:
        OverflowError: It is outside of the years 1 to 9999 in UTC.
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _timestamp_input_schema(_type: object, _handler: object) -> core_schema.CoreSchema:
    # pydantic alone would also take "1790000000", a number written as text; the contract does not.
    text = core_schema.str_schema(pattern=r"^[0-9]{4}-")
    seconds = core_schema.float_schema(allow_inf_nan=False)
    return core_schema.custom_error_schema(
        core_schema.union_schema([text, seconds], mode="left_to_right"),
        custom_error_type="timestamp_type",
        custom_error_message="Write it as 2026-11-23T10:00:00Z, or as Unix seconds without quotation marks",
    )


def _timestamp_schema(_type: object, _handler: object) -> core_schema.CoreSchema:
    written = _timestamp_input_schema(_type, _handler)
    aware = core_schema.datetime_schema(tz_constraint="aware", strict=False)
    from_json = core_schema.chain_schema([written, aware])
    instance = core_schema.is_instance_schema(datetime)
    return core_schema.json_or_python_schema(
        json_schema=from_json,
        python_schema=core_schema.chain_schema([core_schema.union_schema([instance, written]), aware]),
    )


TimestampInput = Annotated[str | float, GetPydanticSchema(_timestamp_input_schema)]
Timestamp = Annotated[
    datetime, GetPydanticSchema(_timestamp_schema), PlainSerializer(format_timestamp, when_used="json")
]


STRICT_CONFIG = ConfigDict(strict=True, val_temporal_unit="seconds")


class WireMessage(BaseModel):
    """The base of all messages: immutable, and a value of a wrong type is rejected, not converted."""

    model_config = ConfigDict(frozen=True, **STRICT_CONFIG)


class Reading(WireMessage):
    """One reading of one sensor.

    Attributes:
        value_kwh: Energy used since the previous reading, kWh.
        timestamp: With an offset, or Unix seconds.
        sequence: The sensor's own count, never reused. Readings that have one are confirmed.
    """

    sensor_id: SensorId
    value_kwh: Kwh
    timestamp: Timestamp
    location: Location = None
    sequence: Sequence | None = None


@with_config(STRICT_CONFIG)
class ReadingRow(TypedDict):
    """The fields of a ``Reading`` as they were written: no object is made, which takes half the time.

    pydantic makes the same checks, but of the timestamp only that of its form.
    """

    sensor_id: SensorId
    value_kwh: Kwh
    timestamp: TimestampInput
    location: NotRequired[Location]
    sequence: NotRequired[Sequence | None]


class Receipt(WireMessage):
    """The ingestor's answer to one sensor: which readings it need not send again, as inclusive ranges.

    Attributes:
        sequences: Readings that are in the database.
        rejected: Readings that were rejected, and kept in the collection ``rejected``.
    """

    sequences: list[SequenceRange] = []
    rejected: list[SequenceRange] = []


class NodeStatus(WireMessage):
    """The state of a sensor node (retained; the offline form is its Last Will).

    Attributes:
        sensors: How many meters the node has; the first of them has the node's id.
        since: When this connection began.
        outbox_depth: How many readings are not confirmed yet.
        oldest_age_s: How long ago the oldest of them was made, seconds.
        refused: How many readings found the outbox full and are lost, since the node began.
    """

    state: Literal["online", "offline"]
    sensors: Annotated[int, Field(ge=1, le=MAX_SENSORS_PER_NODE)] | None = None
    since: Timestamp | None = None
    updated: Timestamp | None = None
    outbox_depth: Annotated[int, Field(ge=0)] | None = None
    oldest_age_s: float | None = None
    refused: Annotated[int, Field(ge=0)] | None = None


class Alert(WireMessage):
    """One flagged reading. It may arrive twice: deduplicate by ``id``.

    Attributes:
        id: The reading's id in ``measures``.
        late: The reading was older than ten minutes when it arrived.
    """

    id: str
    sensor_id: SensorId
    site: SiteId
    location: str | None
    value_kwh: float
    threshold_kwh: float
    timestamp: str
    late: bool
    message: str


class RejectionNotice(WireMessage):
    """Why a payload, or one row of it, was rejected.

    Attributes:
        kind: One word for programs.
        reason: One sentence for people.
        row: The index of the reading in an array.
    """

    kind: str
    reason: str
    row: int | None = None
    sequence: int | None = None


class IngestorStatus(WireMessage):
    """How an ingestor is (retained; the offline form is its Last Will).

    The counters are of the process since it began and balance: received = stored + duplicates +
    rejected + pending. ``threshold_kwh`` is that of sensors without one of their own.
    """

    state: Literal["online", "offline"]
    since: Timestamp | None = None
    database: bool | None = None
    received: int | None = None
    stored: int | None = None
    duplicates: int | None = None
    rejected: int | None = None
    pending: int | None = None
    alerts: int | None = None
    turned_away: int | None = None
    threshold_kwh: float | None = None


def to_ranges(sequences: Iterable[int]) -> list[SequenceRange]:
    """Fold numbers into sorted inclusive ranges: 1, 2, 3, 7 is [(1, 3), (7, 7)]."""
    ranges: list[SequenceRange] = []
    for number in sorted(set(sequences)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def numbered_sensor_ids(first: str, count: int) -> list[str]:
    """Name sensors by counting up: Sensor-LARI-01, Sensor-LARI-02 and so on.

    A name that does not end in digits gets ``-2``, ``-3``, … appended.
    """
    stem = first.rstrip("0123456789")
    digits = first[len(stem) :]
    if not digits:
        return [first, *(f"{first}-{number}" for number in range(2, count + 1))]
    return [f"{stem}{number:0{len(digits)}}" for number in range(int(digits), int(digits) + count)]
