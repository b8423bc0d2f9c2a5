"""Decide of each payload what in it is a reading and what must be refused, and why.

Bad data is a value here, never an exception: one bad row does not take its neighbours along.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple

from mqtt5 import PublishPacket
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from broker.messages import MAX_PAYLOAD_BYTES, MAX_READINGS_PER_PAYLOAD, Reading, ReadingRow
from broker.topics import SensorKey, Topics
from broker.validation_errors import describe_error
from ingestor.decode.duplicate_keys import (
    DuplicateKeys,
    count_quotes,
    find_duplicate_keys,
    may_have_duplicate_keys,
)
from ingestor.decode.timestamps import parse_timestamp
from ingestor.documents import Timestamp

OLDEST = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
MAX_AHEAD = timedelta(minutes=5)
SHOWN_CHARACTERS = 40
INVALID_IDS = "site and sensor in the topic may have 1 to 64 letters, digits, dots, underscores and dashes"

_one = TypeAdapter(ReadingRow).validator
_many = TypeAdapter(list[ReadingRow]).validator
# Says the same of what the others refuse, in words.
_strict = TypeAdapter(Reading).validator

EXPLANATIONS = {
    "missing": "{field} is missing",
    "timezone_aware": "{field} has no UTC offset; write it as 2026-11-23T10:00:00Z",
    "finite_number": "{field} is not a finite number",
    "float_type": "{field} is not a number",
    "string_pattern_mismatch": "{field} may have 1 to 64 letters, digits, dots, underscores and dashes",
    "model_type": "a reading is a JSON object",
}


class Valid(NamedTuple):
    """A reading that may be stored.

    Attributes:
        reading: What the sensor sent.
        key: The site and the sensor of its topic.
        timestamp: Its time.
        packet: The message that brought it.
        row: Which reading of an array, counted from 0; None for a single one.
    """

    reading: ReadingRow
    key: SensorKey
    timestamp: Timestamp
    packet: PublishPacket
    row: int | None


# As `Valid(…)`, which takes twice the time.
_valid: Callable[[tuple[ReadingRow, SensorKey, Timestamp, PublishPacket, int | None]], Valid] = partial(
    tuple.__new__, Valid
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A payload, or one row of an array, that cannot be stored as a reading.

    Attributes:
        kind: One word: ``not_json``, ``invalid``, ``topic``, ``time``, ``too_large``, ``retained``,
            ``conflict``, ``refused`` (by the database), ``foreign`` (a sensor of another site) or ``flood``.
        reason: One sentence for people.
        topic: Where it came from.
        payload: The bytes as they came; for one row of an array, that row.
        row: Which row of an array, counted from 0.
        sequence: The reading's sequence, if one could be read: its sensor need not send it again.
    """

    kind: str
    reason: str
    topic: str
    payload: bytes
    row: int | None = None
    sequence: int | None = None


Checked = Valid | Rejection


def validate(delivery: PublishPacket, now: datetime) -> Sequence[Checked]:
    """Read one delivery, which holds one reading or an array of them.

    Args:
        delivery: A message on one of the readings topics.
        now: The ingestor's clock, UTC, naive.

    Returns:
        One item per reading, or a single rejection for a payload that cannot be read at all.
    """
    payload = delivery.payload
    place = _sensor_key(delivery.topic)
    if place is None or delivery.retain or len(payload) > MAX_PAYLOAD_BYTES:
        return [_reject_unread(delivery)]
    try:
        if payload[:1] != b"[":
            reading = _one.validate_json(payload)
            if payload.count(b'"') == count_quotes(reading) or not may_have_duplicate_keys(
                payload, [reading]
            ):
                return (_check_topic_and_time(reading, delivery, place, now, None),)
        else:
            readings = _many.validate_json(payload)
            is_clear = payload.count(b'"') == sum(map(count_quotes, readings)) or not may_have_duplicate_keys(
                payload, readings
            )
            if is_clear and 1 <= len(readings) <= MAX_READINGS_PER_PAYLOAD:
                return [
                    _check_topic_and_time(each, delivery, place, now, row)
                    for row, each in enumerate(readings)
                ]
    except ValueError:
        pass  # what is wrong is found row by row
    return _validate_rows(delivery, place, now)


@lru_cache(maxsize=200_000)
def _sensor_key(topic: str) -> SensorKey | None:
    place = Topics.sensor_key(topic)
    return SensorKey(sys.intern(place.site), place.name) if place.is_valid else None


def _reject_unread(delivery: PublishPacket) -> Rejection:
    """Refuse what need not be read at all."""
    topic, payload = delivery.topic, delivery.payload
    if len(payload) > MAX_PAYLOAD_BYTES:
        size = f"the payload has {len(payload):,} bytes; at most {MAX_PAYLOAD_BYTES:,} are taken"
        return Rejection("too_large", size, topic, payload)
    if delivery.retain:
        retained = "a reading may not be retained; publish it without the retain flag"
        return Rejection("retained", retained, topic, payload)
    return Rejection("topic", INVALID_IDS, topic, payload)


def _check_topic_and_time(
    reading: ReadingRow, delivery: PublishPacket, place: SensorKey, now: datetime, row: int | None
) -> Checked:
    """Check what pydantic cannot know: the topic and the clock.

    Raises:
        ValueError: The timestamp has the form of a time but is none.
    """
    try:
        moment = parse_timestamp(reading["timestamp"])
    except OverflowError:
        return reject("time", "timestamp is outside of the years 1 to 9999", delivery, row, reading)
    if reading["sensor_id"] != place.name:
        reason = f"the topic says {place.name}, the payload says {reading['sensor_id']}"
        return reject("topic", reason, delivery, row, reading)
    at = moment[0]
    # Nearly all are of the past, so that there is nothing to add.
    if at >= OLDEST and (at <= now or at <= now + MAX_AHEAD):
        return _valid((reading, place, moment, delivery, row))
    return reject("time", _wrong_time(at, now), delivery, row, reading)


def reject(
    kind: str, reason: str, delivery: PublishPacket, row: int | None, reading: ReadingRow
) -> Rejection:
    """Refuse a reading that could be read: a whole payload, or one row of an array."""
    payload = delivery.payload if row is None else to_json(reading)
    return Rejection(kind, reason, delivery.topic, payload, row, reading.get("sequence"))


def _wrong_time(moment: datetime, now: datetime) -> str:
    if moment < OLDEST:
        return "timestamp is before the year 2000; is the sensor's clock set?"
    ahead = timedelta(seconds=round((moment - now).total_seconds()))
    return f"timestamp {moment:%Y-%m-%d %H:%M:%S} UTC is {ahead} ahead of this ingestor's clock"


def _wrong_length(delivery: PublishPacket, length: int) -> Rejection:
    reason = f"an array holds 1 to {MAX_READINGS_PER_PAYLOAD:,} readings, this one {length:,}"
    return Rejection("invalid", reason, delivery.topic, delivery.payload)


def _validate_rows(delivery: PublishPacket, place: SensorKey, now: datetime) -> list[Checked]:
    """Read a payload that is not all good, row by row."""
    payload = delivery.payload
    try:
        content = from_json(payload)
    except ValueError as error:
        return [Rejection("not_json", f"not JSON: {error}", delivery.topic, payload)]
    rows = content if isinstance(content, list) else [content]
    if not 1 <= len(rows) <= MAX_READINGS_PER_PAYLOAD:
        return [_wrong_length(delivery, len(rows))]
    doubtful = find_duplicate_keys(payload) if may_have_duplicate_keys(payload, rows) else {}
    if rows is not content:
        if None in doubtful:
            return [_reject_duplicate_key(doubtful[None], None, delivery, content)]
        return [_validate_row(payload, None, delivery, place, now)]
    return [
        _reject_duplicate_key(doubtful[row], row, delivery, item)
        if row in doubtful
        else _validate_row(to_json(item, inf_nan_mode="constants"), row, delivery, place, now)
        for row, item in enumerate(rows)
    ]


def _reject_duplicate_key(
    found: DuplicateKeys, row: int | None, delivery: PublishPacket, content: object
) -> Rejection:
    """Refuse a reading that gives a field twice: what it means is anybody's guess."""
    payload = delivery.payload if row is None else found.payload
    sequence = None if "sequence" in found.fields else _sequence(content)
    return Rejection("invalid", f"{found.fields[0]} is given twice", delivery.topic, payload, row, sequence)


def _validate_row(
    payload: bytes, row: int | None, delivery: PublishPacket, place: SensorKey, now: datetime
) -> Checked:
    try:
        _strict.validate_json(payload)
        return _check_topic_and_time(_one.validate_json(payload), delivery, place, now, row)
    except ValidationError as error:
        reason = "; ".join(explain(detail) for detail in error.errors(include_url=False)[:3])
        return Rejection("invalid", reason, delivery.topic, payload, row, _sequence(from_json(payload)))


def _sequence(content: object) -> int | None:
    sequence = content.get("sequence") if isinstance(content, dict) else None
    if isinstance(sequence, int) and not isinstance(sequence, bool) and 0 <= sequence < 2**63:
        return sequence
    return None


def explain(detail: ErrorDetails) -> str:
    """Say in words that a person understands what is wrong with one field."""
    field = str(detail["loc"][0]) if detail["loc"] else "the payload"
    if detail["type"] in EXPLANATIONS:
        return EXPLANATIONS[detail["type"]].format(field=field)
    message = describe_error(detail, {})
    # The value is hostile input: escaped and short.
    shown = ascii(detail["input"])[:SHOWN_CHARACTERS]
    return f"{field}: {message.removeprefix('input ')}, not {shown}"
