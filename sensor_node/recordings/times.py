"""Times of a recording: with an offset from UTC or without, dates alone, or Unix time."""

from typing import NamedTuple

import numpy as np

# pyarrow comes without types.
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from broker.escape import escape_truncated
from sensor_node.recordings.table import (
    SHOWN_TEXT,
    RecordingTable,
    first_unreadable,
    is_number,
    is_readable,
    is_text,
    to_texts,
)

# Nobody records before, and what is later is a number that means something else, like 20261123.
UNIX_S = (1e8, 4_102_444_800)
UNIX_MS = (5e11, 4_102_444_800_000)
ISO = "2026-11-23T10:00:00+01:00"
DAY_FIRST = r"^(\d\d)\.(\d\d)\.(\d{4})"
YEAR_FIRST = r"\3-\2-\1"
# Nanoseconds last: they reach from 1677 to 2262 only.
KINDS = tuple(pa.timestamp(unit, tz) for tz in ("UTC", None) for unit in ("us", "ns"))


class Times(NamedTuple):
    """When the rows of a recording are.

    Attributes:
        ms: Milliseconds since 1970 began, in UTC or where the meter is.
        is_known: Which of them there are.
        is_local: Whether they are what clocks on the wall show.
    """

    ms: NDArray[np.int64]
    is_known: NDArray[np.bool_]
    is_local: bool


def to_times(sheet: RecordingTable, column: int, values: pa.Array) -> Times:
    """Read a column as times.

    Raises:
        RecordingError: A value is no time, or none between 1970 and 2100.
    """
    moments = values
    if is_text(values):
        texts = _year_first(to_texts(values))
        kind = _kind_of(texts)
        moments = texts if kind is None else _cast(sheet, column, texts, kind)
    if is_text(moments) or is_number(moments):
        moments = _from_unix(sheet, column, moments)
    if pa.types.is_date(moments.type):
        moments = moments.cast(pa.timestamp("ms"))
    if not pa.types.is_timestamp(moments.type):
        raise sheet.error(
            f"has no times in column '{escape_truncated(sheet.names[column], SHOWN_TEXT)}', but {values.type}"
        )
    zone = moments.type.tz
    whole_ms = moments.cast(pa.timestamp("ms", zone), safe=False).cast(pa.int64())
    is_known: NDArray[np.bool_] = whole_ms.is_valid().to_numpy(zero_copy_only=False)
    ms: NDArray[np.int64] = whole_ms.fill_null(0).to_numpy(zero_copy_only=False)
    is_odd = is_known & ((ms < 0) | (ms >= UNIX_MS[1]))
    if is_odd.any():
        row = int(is_odd.argmax())
        raise sheet.value_error(column, row, values[row], "no time between 1970 and 2100")
    return Times(ms, is_known, zone is None)


def holds_times(values: pa.Array) -> bool:
    """Whether these are times; numbers are not taken for any."""
    if is_text(values):
        texts = _year_first(to_texts(values))
        kind = _kind_of(texts)
        return kind is not None and is_readable(texts, kind)
    return bool(pa.types.is_timestamp(values.type) or pa.types.is_date(values.type))


def _year_first(texts: pa.Array) -> pa.Array:
    """Turn 23.11.2026 around."""
    return pc.replace_substring_regex(texts, DAY_FIRST, YEAR_FIRST)


def _kind_of(texts: pa.Array) -> pa.DataType | None:
    """As what the first that is known can be read."""
    first = texts.drop_null()[:1]
    return next((kind for kind in KINDS if len(first) and is_readable(first, kind)), None)


def _cast(sheet: RecordingTable, column: int, texts: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        row = first_unreadable(texts, kind)
    why = "no time" if _kind_of(texts[row : row + 1]) is None else "a time unlike those before"
    raise sheet.value_error(column, row, texts[row], f"{why}; write all like {ISO}")


def _from_unix(sheet: RecordingTable, column: int, values: pa.Array) -> pa.Array:
    if is_text(values) and not is_readable(values, pa.float64()):
        row = first_unreadable(values, pa.float64())
        raise sheet.value_error(column, row, values[row], f"no time; write it like {ISO}")
    numbers = values.cast(pa.float64(), safe=False)
    first = next(iter(numbers.drop_null()), pa.scalar(UNIX_S[0])).as_py()
    (least, end), times = (UNIX_MS, 1) if first >= UNIX_MS[0] else (UNIX_S, 1000)
    is_odd = pc.invert(pc.and_(pc.greater_equal(numbers, least), pc.less(numbers, end)))
    if pc.any(is_odd).as_py():
        row = pc.index(is_odd, True).as_py()
        raise sheet.value_error(column, row, values[row], f"no Unix time; write it like {ISO}")
    return pc.floor(pc.multiply(numbers, times)).cast(pa.int64()).cast(pa.timestamp("ms", "UTC"))
