"""Read columns of a recording as numbers and as times, in the forms that programs and people use.

Local times are converted to UTC, also when the clock is set forward or back.
"""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sensor_node.recordings.table import (
    SAMPLE_ROWS,
    RecordingTable,
    first_unreadable,
    is_number,
    is_readable,
    is_text,
)

# A decimal comma; before it, points between thousands or none.
COMMA_DECIMAL = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"
# Larger numbers than these have another meaning, such as 20261123.
UNIX_S = (1e8, 4_102_444_800)
UNIX_MS = (5e11, 4_102_444_800_000)
DAY_MS = 86_400_000
ISO = "2026-11-23T10:00:00+01:00"
DAY_FIRST = r"^(\d\d)\.(\d\d)\.(\d{4})"
YEAR_FIRST = r"\3-\2-\1"
# Nanoseconds last: they only reach from 1677 to 2262.
KINDS = tuple(pa.timestamp(unit, tz) for tz in ("UTC", None) for unit in ("us", "ns"))


class Times(NamedTuple):
    """Times of rows, milliseconds since 1970, in UTC or local time, and which of them are known."""

    ms: NDArray[np.int64]
    is_known: NDArray[np.bool_]
    is_local: bool


def to_numbers(table: RecordingTable, column: int) -> NDArray[np.float64]:
    """Read a column as numbers; NaN where there is none."""
    values = table.column(column)
    if is_text(values):
        values, wrong = _with_points(table, values)
        if wrong is not None:
            raise table.value_error(column, wrong, "not a number")
    elif not is_number(values):
        raise table.type_error(column, "numbers")
    numbers: NDArray[np.float64] = (
        values.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    )
    return numbers


def holds_numbers(table: RecordingTable, column: int) -> bool:
    """Whether the first values of a column are numbers, not counting missing ones."""
    values = table.column(column, SAMPLE_ROWS)
    if is_text(values):
        return values.null_count < len(values) and _with_points(table, values)[1] is None
    return is_number(values)


def _with_points(table: RecordingTable, texts: pa.Array) -> tuple[pa.Array, int | None]:
    """The texts with decimal points, and the position of the first that is not a number."""
    if table.is_comma_decimal and pc.any(pc.match_substring(texts, ",")).as_py():
        # With a decimal comma, a point is only allowed between thousands.
        wrong = pc.index(pc.match_substring_regex(texts, COMMA_DECIMAL), False).as_py()
        if wrong >= 0:
            return texts, wrong
        texts = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
    return texts, first_unreadable(texts, pa.float64())


def to_times(table: RecordingTable, column: int) -> Times:
    """Read a column as times: with an offset from UTC or without, dates alone, or Unix time."""
    values = table.column(column)
    if is_text(values):
        texts = _year_first(values)
        kind = _kind_of(texts)
        values = texts if kind is None else _cast(table, column, texts, kind)
    if is_text(values) or is_number(values):
        values = _from_unix(table, column, values)
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("ms"))
    if not pa.types.is_timestamp(values.type):
        raise table.type_error(column, "times")
    zone = values.type.tz
    whole_ms = values.cast(pa.timestamp("ms", zone), safe=False).cast(pa.int64())
    is_known: NDArray[np.bool_] = whole_ms.is_valid().to_numpy(zero_copy_only=False)
    ms: NDArray[np.int64] = whole_ms.fill_null(0).to_numpy(zero_copy_only=False)
    is_wrong = is_known & ((ms < 0) | (ms >= UNIX_MS[1]))
    if is_wrong.any():
        raise table.value_error(column, int(is_wrong.argmax()), "not between 1970 and 2100")
    return Times(ms, is_known, zone is None)


def holds_times(table: RecordingTable, column: int) -> bool:
    """Whether the first values of a column are times; numbers are not."""
    values = table.column(column, SAMPLE_ROWS)
    if is_text(values):
        texts = _year_first(values)
        kind = _kind_of(texts)
        return kind is not None and is_readable(texts, kind)
    return bool(pa.types.is_timestamp(values.type) or pa.types.is_date(values.type))


def _year_first(texts: pa.Array) -> pa.Array:
    """Turn 23.11.2026 into 2026-11-23."""
    return pc.replace_substring_regex(texts, DAY_FIRST, YEAR_FIRST)


def _kind_of(texts: pa.Array) -> pa.DataType | None:
    """The kind of time of the first text that is not missing."""
    first = texts.drop_null()[:1]
    return next((kind for kind in KINDS if len(first) and is_readable(first, kind)), None)


def _cast(table: RecordingTable, column: int, texts: pa.Array, kind: pa.DataType) -> pa.Array:
    wrong = first_unreadable(texts, kind)
    if wrong is None:
        return texts.cast(kind)
    is_time = _kind_of(texts[wrong : wrong + 1]) is not None
    why = "a time of another form than before" if is_time else "not a time"
    raise table.value_error(column, wrong, f"{why}; write all like {ISO}")


def _from_unix(table: RecordingTable, column: int, values: pa.Array) -> pa.Array:
    if is_text(values) and (wrong := first_unreadable(values, pa.float64())) is not None:
        raise table.value_error(column, wrong, f"not a time; write it like {ISO}")
    numbers = values.cast(pa.float64(), safe=False)
    first = next(iter(numbers.drop_null()), pa.scalar(UNIX_S[0])).as_py()
    (least, end), times = (UNIX_MS, 1) if first >= UNIX_MS[0] else (UNIX_S, 1000)
    is_wrong = pc.invert(pc.and_(pc.greater_equal(numbers, least), pc.less(numbers, end)))
    if pc.any(is_wrong).as_py():
        row = pc.index(is_wrong, True).as_py()
        raise table.value_error(column, row, f"not a Unix time; write it like {ISO}")
    return pc.floor(pc.multiply(numbers, times)).cast(pa.int64()).cast(pa.timestamp("ms", "UTC"))


def to_unix_ms(local_ms: NDArray[np.int64], zone: ZoneInfo) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Convert local times, in milliseconds since 1970 on the local clock, in the order of the file.

    In an hour that comes twice, a time belongs to the second pass if it, or a later one, came before.

    Returns:
        Unix milliseconds; and which of the times exist: the clock skips an hour in spring.
    """
    local = pd.DatetimeIndex(local_ms.astype("datetime64[ms]"))
    (twice,) = np.nonzero(local.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna())
    is_first = np.ones(len(local_ms), np.bool_)
    is_first[twice] = ~_is_second(local_ms[twice])
    moments = local.tz_localize(zone, ambiguous=is_first, nonexistent="NaT")
    return moments.asi8, moments.notna()


def _is_second(local_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the times that come twice belong to the second pass."""
    # Sorted by day, so that a later year does not move all of an earlier one to the second pass.
    order = np.argsort(local_ms // DAY_MS, kind="stable")
    in_order = local_ms[order]
    is_repeated = np.ones(len(in_order), np.bool_)
    is_repeated[np.unique(in_order, return_index=True)[1]] = False
    is_second = np.empty(len(in_order), np.bool_)
    is_second[order] = is_repeated | (in_order < np.maximum.accumulate(in_order))
    return is_second
