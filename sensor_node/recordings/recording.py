"""Consumption that was recorded, read from a file so that meters can measure it again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

# pyarrow comes without types.
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from broker.escape import escape_truncated
from broker.messages import MAX_VALUE_KWH
from sensor_node.recordings.clock import to_unix_ms
from sensor_node.recordings.column_options import Columns
from sensor_node.recordings.columns import find_columns
from sensor_node.recordings.file import open_sheet
from sensor_node.recordings.numbers import to_numbers
from sensor_node.recordings.series import RecordedSeries
from sensor_node.recordings.table import SHOWN_TEXT, RecordingTable, to_texts
from sensor_node.recordings.times import Times, to_times

# By what values are multiplied and divided to be kWh. A tenth has no exact double: 78 Wh / 1000 is
# 0.078 kWh, 78 Wh * 0.001 need not be.
TO_KWH = {"Wh": (1, 1000), "kWh": (1, 1), "MWh": (1000, 1)}


def read_recording(file: Path, columns: Columns, zone: ZoneInfo) -> list[RecordedSeries]:
    """Read a recording: CSV (``,``, ``;`` or tabs, also packed by gzip) or Parquet.

    Rows may be in any order. Each is a reading or is counted as left out; a series of which nothing is
    left is not given.

    Args:
        file: Where it is.
        columns: What its columns mean.
        zone: Where times without an offset from UTC were read off a clock.

    Returns:
        The series, in the order in which the file first names them; at least one, none without readings.

    Raises:
        RecordingError: It cannot be read, or is no recording.
    """
    sheet = open_sheet(file)
    found = find_columns(sheet, columns)
    wanted = [found.time, found.value, *([] if found.sensor is None else [found.sensor])]
    times, values, *sensors = sheet.read(wanted)
    when = to_times(sheet, found.time, times)
    multiplier, divisor = TO_KWH[columns.unit]
    value_kwh = to_numbers(sheet, found.value, values) * multiplier / divisor
    series = []
    for name, chosen in _split(sheet, found.sensor, sensors, len(value_kwh)):
        rows = _Rows(when.ms[chosen], value_kwh[chosen])
        _clean(rows, Times(rows.at_ms, when.is_known[chosen], when.is_local), columns, zone)
        series.append(RecordedSeries(name, rows.at_ms, rows.value_kwh, rows.skipped))
        _check_size(sheet, series[-1])
    if not any(len(each.at_ms) for each in series):
        why = ", ".join(dict.fromkeys(why for each in series for why in each.skipped))
        raise sheet.error(f"holds no reading: all rows are left out ({why})")
    return [each for each in series if len(each.at_ms)]


@dataclass(slots=True)
class _Rows:
    """Rows of one series, of which fewer and fewer are left."""

    at_ms: NDArray[np.int64]
    value_kwh: NDArray[np.float64]
    skipped: dict[str, int] = field(default_factory=dict)

    def keep(self, is_kept: NDArray[np.bool_], otherwise: str) -> None:
        if count := int(np.count_nonzero(~is_kept)):
            self.skipped[otherwise] = count
            self.at_ms, self.value_kwh = self.at_ms[is_kept], self.value_kwh[is_kept]

    def order(self, order: NDArray[np.int64] | slice) -> None:
        self.at_ms, self.value_kwh = self.at_ms[order], self.value_kwh[order]


def _split(
    sheet: RecordingTable, column: int | None, sensors: list[pa.Array], length: int
) -> Iterator[tuple[str | None, NDArray[np.int64] | slice]]:
    """Which rows belong to which sensor, in their order."""
    if column is None:
        yield None, slice(0, length)
        return
    try:
        names = to_texts(sensors[0])
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        name = escape_truncated(sheet.names[column], SHOWN_TEXT)
        raise sheet.error(f"has no names in column '{name}', but {sensors[0].type}") from error
    if names.null_count:
        row = int(names.is_null().to_numpy(zero_copy_only=False).argmax())
        raise sheet.value_error(column, row, sensors[0][row], "no name of a sensor")
    coded = names.dictionary_encode()
    codes = coded.indices.to_numpy()
    rows = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[rows], np.arange(1, len(coded.dictionary)))
    yield from zip(coded.dictionary.to_pylist(), np.split(rows, ends), strict=True)


def _clean(rows: _Rows, times: Times, columns: Columns, zone: ZoneInfo) -> None:
    """Bring rows into the order of their times, and leave out what is no reading."""
    rows.keep(times.is_known, "no time")
    if times.is_local and len(rows.at_ms):
        if rows.at_ms[0] > rows.at_ms[-1]:
            # The latest first: an hour that comes twice is then also the other way round.
            rows.order(slice(None, None, -1))
        rows.at_ms, is_shown = to_unix_ms(rows.at_ms, zone)
        rows.keep(is_shown, "a time that the clock skipped")
    rows.order(np.argsort(rows.at_ms, kind="stable"))
    if columns.stamps == "start" and not columns.cumulative:
        # Before rows without a value go: that one begins says that the one before it ends.
        _stamp_ends(rows)
    rows.keep(np.isfinite(rows.value_kwh), "no value")
    rows.keep(rows.value_kwh >= 0, "negative")
    rows.keep(np.diff(rows.at_ms, prepend=rows.at_ms[:1] - 1) > 0, "time given twice")
    if columns.cumulative:
        _take_differences(rows)


def _stamp_ends(rows: _Rows) -> None:
    """Put the end of each interval in the place of its beginning: where the next begins."""
    starts, start_of = np.unique(rows.at_ms, return_inverse=True)
    lengths = np.diff(starts)
    if not len(lengths):
        rows.keep(np.zeros(len(rows.at_ms), np.bool_), "no end known")
        return
    ends = np.append(starts[1:], starts[-1] + int(np.median(lengths)))
    rows.at_ms = ends[start_of]


def _take_differences(rows: _Rows) -> None:
    """Put what was used since the row before in the place of what the register showed."""
    used_kwh = np.diff(rows.value_kwh, prepend=np.nan)
    rows.value_kwh = used_kwh
    rows.keep(~np.isnan(used_kwh), "the first of a register")
    rows.keep(rows.value_kwh >= 0, "a register that began anew")


def _check_size(sheet: RecordingTable, series: RecordedSeries) -> None:
    is_odd = series.value_kwh > MAX_VALUE_KWH
    if is_odd.any():
        place = int(is_odd.argmax())
        moment = datetime.fromtimestamp(series.at_ms[place] / 1000, UTC).isoformat(timespec="minutes")
        whose = "" if series.name is None else f" for '{escape_truncated(series.name, SHOWN_TEXT)}'"
        raise sheet.error(
            f"has {series.value_kwh[place]:,.0f} kWh at {moment}{whose}, more than {MAX_VALUE_KWH:,}; "
            "are the values a register, or in another unit?"
        )
