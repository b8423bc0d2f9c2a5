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
from ingestor.decode.explanations import explain_not_json
from ingestor.decode.rows import decode_row, reject_row
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
        return [delivery.reject(RejectKind.NOT_JSON, explain_not_json(payload, error))]
    delivery.is_array = isinstance(content, list)
    rows = content if isinstance(content, list) else [content]
    if not 1 <= len(rows) <= MAX_READINGS_PER_PAYLOAD:
        reason = f"an array holds 1 to {MAX_READINGS_PER_PAYLOAD:,} readings, this one {len(rows):,}"
        return [delivery.reject(RejectKind.INVALID, reason)]
    repeated = find_duplicate_keys(payload) if may_have_duplicate_keys(payload, rows) else {}
    if not delivery.is_array:
        return [_decode_row(delivery, None, content, payload, repeated)]
    return [
        _decode_row(delivery, row, item, to_json(item, inf_nan_mode="constants"), repeated)
        for row, item in enumerate(rows)
    ]


def _decode_row(
    delivery: Delivery,
    row: int | None,
    content: object,
    payload: bytes,
    repeated: Mapping[int | None, DuplicateKeys],
) -> DecodedReading | Rejection:
    if (found := repeated.get(row)) is None:
        return decode_row(delivery, row, content, payload, payload)
    # Which of the two is meant is not known.
    fields = {} if "sequence" in found.fields else content
    payload = payload if row is None else found.payload
    return reject_row(delivery, row, fields, payload, f"{found.fields[0]} is given twice")
