"""Make a row of a delivery from decoded fields, for decoders that read their format field by field."""

from pydantic import TypeAdapter
from pydantic_core import to_json

from broker.messages import ReadingRow
from ingestor.decode.explanations import explain_reading
from ingestor.decode.timestamps import parse_timestamp
from ingestor.delivery import DecodedReading, Delivery, Rejection, RejectKind

_reading = TypeAdapter(ReadingRow).validator


def decode_row(
    delivery: Delivery, row: int | None, fields: object, payload: bytes, as_json: bytes | None = None
) -> DecodedReading | Rejection:
    """Make the reading of one row and its time, or say why it is none.

    Args:
        delivery: What holds the row.
        row: Its index, from 0; None if the payload is one reading.
        fields: Names and values as the contract's JSON has them, or whatever stands there instead.
        payload: The bytes of the row, which are kept if it is rejected.
        as_json: The fields as JSON, if the decoder has them so.
    """
    as_json = to_json(fields, inf_nan_mode="constants") if as_json is None else as_json
    if (problem := explain_reading(as_json)) is not None:
        return reject_row(delivery, row, fields, payload, problem)
    reading: ReadingRow = _reading.validate_json(as_json)
    try:
        return reading, parse_timestamp(reading["timestamp"])
    except OverflowError:
        reason = "timestamp is outside of the years 1 to 9999"
        return delivery.reject_row(row or 0, reading, RejectKind.TIME, reason)


def reject_row(delivery: Delivery, row: int | None, fields: object, payload: bytes, reason: str) -> Rejection:
    """Reject a row that is no reading, with its sequence if it has one: its sensor need not send it again."""
    sequence = fields.get("sequence") if isinstance(fields, dict) else None
    if not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 <= sequence < 2**63:
        sequence = None
    return Rejection(RejectKind.INVALID, reason, delivery.packet.topic, payload, row, sequence)
