"""Read the time of a reading, which nearly all devices write in the form in which it is kept."""

import re
from datetime import UTC, datetime

from pydantic import AwareDatetime, ConfigDict, TypeAdapter

from ingestor.documents import Moment, format_moment

# The contract's own form: there is nothing to convert, and nothing to write anew.
_is_stamp = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch
_any_form = TypeAdapter(AwareDatetime, config=ConfigDict(val_temporal_unit="seconds")).validate_python


def read_moment(written: str | float) -> Moment:
    """Read a time, and cut it to milliseconds.

    Args:
        written: ISO 8601 with an offset, or Unix seconds.

    Raises:
        ValueError: It is no time, or has no offset (a ``ValidationError`` says which).
        OverflowError: In UTC, it is outside of the years 1 to 9999.
    """
    if isinstance(written, str) and _is_stamp(written):
        return datetime.fromisoformat(written[:-1]), written
    aware = _any_form(written).astimezone(UTC)
    moment = aware.replace(microsecond=aware.microsecond // 1000 * 1000, tzinfo=None)
    return moment, format_moment(moment)
