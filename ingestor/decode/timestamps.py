"""Read the time of a reading, which nearly all devices write in the form in which it is kept."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, ConfigDict, TypeAdapter

from ingestor.documents import Timestamp, format_timestamp

CANONICAL_LENGTH = len("2026-11-23T10:00:00.123Z")

_any_form = TypeAdapter(AwareDatetime, config=ConfigDict(val_temporal_unit="seconds")).validate_python


def parse_timestamp(written: str | float) -> Timestamp:
    """Read a time, and cut it to milliseconds.

    Args:
        written: ISO 8601 with an offset, or Unix seconds.

    Raises:
        ValueError: It is no time, or has no offset (a ``ValidationError`` says which).
        OverflowError: In UTC, it is outside of the years 1 to 9999.
    """
    # The contract's own form, 2026-11-23T10:00:00.123Z, told by its length and its signs: there is
    # nothing to convert and nothing to write anew. That the rest are digits is seen by who reads it, but
    # for the milliseconds, in whose place it would take an offset.
    if (
        isinstance(written, str)
        and len(written) == CANONICAL_LENGTH
        and written[4:20:3] == "--T::."
        and written[20:23].isdigit()
        and written[-1] == "Z"
    ):
        return datetime.fromisoformat(written[:-1]), written
    aware = _any_form(written).astimezone(UTC)
    moment = aware.replace(microsecond=aware.microsecond // 1000 * 1000, tzinfo=None)
    return moment, format_timestamp(moment)
