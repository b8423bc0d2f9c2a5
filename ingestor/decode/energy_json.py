"""The contract's own format: a reading as a JSON object, or an array of readings.

Bad data is a value here, never an exception: one bad row does not take its neighbours along.
"""

from collections.abc import Mapping

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from broker.messages import MAX_READINGS_PER_PAYLOAD, ReadingRow
from ingestor.decode.duplicate_keys import (
    DuplicateKeys,
    count_quotes,
    find_duplicate_keys,
    may_have_duplicate_keys,
)
from ingestor.decode.explanations import explain_reading
from ingestor.decode.timestamps import parse_timestamp
from ingestor.delivery import DecodedReading, Delivery, Rejection, RejectKind

_one = TypeAdapter(ReadingRow).validator
_many = TypeAdapter(list[ReadingRow]).validator


def decode_json(delivery: Delivery) -> None:
    """Decode a payload; row by row only if something in it is wrong, which takes three times as long."""
    payload = delivery.packet.payload
    delivery.is_array = payload[:1] == b"["
    try:
        if not delivery.is_array:
            reading = _one.validate_json(payload)
            if payload.count(b'"') == count_quotes(reading) or not may_have_duplicate_keys(
                payload, [reading]
            ):
                delivery.rows = ((reading, parse_timestamp(reading["timestamp"])),)
                return
        else:
            readings = _many.validate_json(payload)
            quotes = sum(map(count_quotes, readings))
            is_clear = payload.count(b'"') == quotes or not may_have_duplicate_keys(payload, readings)
            if is_clear and 1 <= len(readings) <= MAX_READINGS_PER_PAYLOAD:
                delivery.rows = [(each, parse_timestamp(each["timestamp"])) for each in readings]
                return
    except (ValueError, OverflowError):
        pass  # what is wrong is found row by row
    delivery.rows = _decode_rows(delivery)


def _decode_rows(delivery: Delivery) -> list[DecodedReading | Rejection]:
    payload = delivery.packet.payload
    try:
        content = from_json(payload)
    except ValueError as error:
        return [delivery.reject(RejectKind.NOT_JSON, f"not JSON: {error}")]
    delivery.is_array = isinstance(content, list)
    rows = content if isinstance(content, list) else [content]
    if not 1 <= len(rows) <= MAX_READINGS_PER_PAYLOAD:
        reason = f"an array holds 1 to {MAX_READINGS_PER_PAYLOAD:,} readings, this one {len(rows):,}"
        return [delivery.reject(RejectKind.INVALID, reason)]
    repeated = find_duplicate_keys(payload) if may_have_duplicate_keys(payload, rows) else {}
    return [
        _decode_row(delivery, row if delivery.is_array else None, item, repeated)
        for row, item in enumerate(rows)
    ]


def _decode_row(
    delivery: Delivery, row: int | None, content: object, repeated: Mapping[int | None, DuplicateKeys]
) -> DecodedReading | Rejection:
    payload = delivery.packet.payload if row is None else to_json(content, inf_nan_mode="constants")
    sequence = _sequence(content)
    if (found := repeated.get(row)) is not None:
        # Which of the two is meant is not known.
        reason = f"{found.fields[0]} is given twice"
        payload = payload if row is None else found.payload
        sequence = None if "sequence" in found.fields else sequence
    elif (problem := explain_reading(payload)) is not None:
        reason = problem
    else:
        reading: ReadingRow = _one.validate_json(payload)
        try:
            return reading, parse_timestamp(reading["timestamp"])
        except OverflowError:
            reason = "timestamp is outside of the years 1 to 9999"
            return delivery.reject_row(row or 0, reading, RejectKind.TIME, reason)
    return Rejection(RejectKind.INVALID, reason, delivery.packet.topic, payload, row, sequence)


def _sequence(content: object) -> int | None:
    sequence = content.get("sequence") if isinstance(content, dict) else None
    if isinstance(sequence, int) and not isinstance(sequence, bool) and 0 <= sequence < 2**63:
        return sequence
    return None
