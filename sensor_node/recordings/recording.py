"""Read a file of recorded consumption, so that meters can replay it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.messages import MAX_VALUE_KWH
from sensor_node.plan import PlanError
from sensor_node.recordings.columns import find_columns
from sensor_node.recordings.file import open_table
from sensor_node.recordings.series import Columns, RecordedSeries
from sensor_node.recordings.table import RecordingTable, quoted, to_texts
from sensor_node.recordings.values import Times, to_numbers, to_times, to_unix_ms

# Multiplier and divisor to kWh: 0.001 has no exact double, so 78 Wh * 0.001 need not be 0.078 kWh.
TO_KWH = {"Wh": (1, 1000), "kWh": (1, 1), "MWh": (1000, 1)}


def read_recording(file: Path, columns: Columns, zone: ZoneInfo) -> list[RecordedSeries]:
    """Read a recording: CSV (``,``, ``;`` or tabs, also compressed with gzip) or Parquet.

    Rows may be in any order. Each row is a reading or is counted as skipped. Times without an offset from UTC
    are in ``zone``. The series are in the order of the file; none is without readings.

    Raises:
        PlanError: It cannot be read, or is not a recording.
    """
    try:
        return _read_series(open_table(file), columns, zone)
    except PlanError as error:
        raise PlanError(f"the recording {file} {error}") from error


def _read_series(table: RecordingTable, columns: Columns, zone: ZoneInfo) -> list[RecordedSeries]:
    found = find_columns(table, columns)
    times = to_times(table, found.time)
    multiplier, divisor = TO_KWH[columns.unit]
    value_kwh = to_numbers(table, found.value) * multiplier / divisor
    series = []
    for name, chosen in _split(table, found.sensor):
        rows = _Rows(times.ms[chosen], value_kwh[chosen])
        _clean(rows, Times(rows.at_ms, times.is_known[chosen], times.is_local), columns, zone)
        series.append(RecordedSeries(name, rows.at_ms, rows.value_kwh, rows.skipped))
        _check_size(series[-1])
    with_readings = [each for each in series if len(each.at_ms)]
    if not with_readings:
        why = ", ".join(dict.fromkeys(reason for each in series for reason in each.skipped))
        raise PlanError(f"has no readings: all rows are skipped ({why})")
    return with_readings


@dataclass(slots=True)
class _Rows:
    """The rows of one series that are not skipped."""

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
    table: RecordingTable, column: int | None
) -> Iterator[tuple[str | None, NDArray[np.int64] | slice]]:
    """The rows of each sensor, in their order."""
    if column is None:
        yield None, slice(None)
        return
    try:
        names = to_texts(table.column(column))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise table.type_error(column, "names") from error
    if names.null_count:
        row = int(names.is_null().to_numpy(zero_copy_only=False).argmax())
        raise table.value_error(column, row, "not a sensor's name")
    coded = names.dictionary_encode()
    codes = coded.indices.to_numpy()
    rows = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[rows], np.arange(1, len(coded.dictionary)))
    yield from zip(coded.dictionary.to_pylist(), np.split(rows, ends), strict=True)


def _clean(rows: _Rows, times: Times, columns: Columns, zone: ZoneInfo) -> None:
    """Sort rows by time, and skip those that are not readings."""
    rows.keep(times.is_known, "no time")
    if times.is_local and len(rows.at_ms):
        if rows.at_ms[0] > rows.at_ms[-1]:
            # Newest first: an hour that comes twice is then reversed too.
            rows.order(slice(None, None, -1))
        rows.at_ms, is_shown = to_unix_ms(rows.at_ms, zone)
        rows.keep(is_shown, "a time that the clock skipped")
    rows.order(np.argsort(rows.at_ms, kind="stable"))
    if columns.stamps == "start" and not columns.cumulative:
        # Before rows without a value are skipped: they tell where the previous interval ends.
        _stamp_ends(rows)
    rows.keep(np.isfinite(rows.value_kwh), "no value")
    rows.keep(rows.value_kwh >= 0, "negative")
    rows.keep(np.diff(rows.at_ms, prepend=rows.at_ms[:1] - 1) > 0, "duplicate time")
    if columns.cumulative:
        rows.value_kwh = np.diff(rows.value_kwh, prepend=np.nan)
        rows.keep(~np.isnan(rows.value_kwh), "first register reading")
        rows.keep(rows.value_kwh >= 0, "register restarted")


def _stamp_ends(rows: _Rows) -> None:
    """Replace the start of each interval by its end, where the next one starts."""
    starts, start_of = np.unique(rows.at_ms, return_inverse=True)
    lengths = np.diff(starts)
    if not len(lengths):
        rows.keep(np.zeros(len(rows.at_ms), np.bool_), "unknown end")
        return
    ends = np.append(starts[1:], starts[-1] + int(np.median(lengths)))
    rows.at_ms = ends[start_of]


def _check_size(series: RecordedSeries) -> None:
    is_wrong = series.value_kwh > MAX_VALUE_KWH
    if is_wrong.any():
        row = int(is_wrong.argmax())
        moment = datetime.fromtimestamp(series.at_ms[row] / 1000, UTC).isoformat(timespec="minutes")
        sensor = "" if series.name is None else f" for {quoted(series.name)}"
        raise PlanError(
            f"has {series.value_kwh[row]:,.0f} kWh at {moment}{sensor}, more than {MAX_VALUE_KWH:,}; "
            "are the values a register, or in another unit?"
        )
