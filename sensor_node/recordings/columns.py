"""Which columns of a table are the time, the value and the sensor: as people say, or by their names."""

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

# pyarrow comes without types.
import pyarrow as pa  # type: ignore[import-untyped]

from broker.escape import escape_truncated
from sensor_node.recordings.column_options import Columns
from sensor_node.recordings.numbers import holds_numbers
from sensor_node.recordings.table import SHOWN_TEXT, RecordingTable
from sensor_node.recordings.times import holds_times

# By what a column is known, the surest first.
TIMES = ("timestamp", "time", "datetime", "date_time", "date", "zeitstempel", "zeit", "datum", "ts", "dt")
STARTS = ("start", "begin", "from", "beginn", "von")
ENDS = ("end", "to", "ende", "bis")
VALUES = ("value_kwh", "energy_kwh", "consumption_kwh", "kwh", "value", "energy", "consumption", "usage")
LOCAL_VALUES = ("verbrauch_kwh", "verbrauch", "wert", "messwert")
REGISTERS = ("register_kwh", "register", "reading", "zählerstand", "zaehlerstand")
SENSOR = "sensor_id"


class ColumnNumbers(NamedTuple):
    """The numbers of the columns; ``sensor`` is None for a single series."""

    time: int
    value: int
    sensor: int | None


def find_columns(sheet: RecordingTable, columns: Columns) -> ColumnNumbers:
    """Find the columns in a table.

    Raises:
        RecordingError: One is not there, or several may be meant.
    """
    if not len(sheet.sample):
        raise sheet.error("has no rows")
    taken = [
        _named(sheet, name) for name in (columns.time, columns.value, columns.sensor) if name is not None
    ]
    if len({*taken}) < len(taken):
        raise sheet.error("needs columns of their own for time, value and sensor; one of them is named twice")
    sensor = _sensor(sheet, columns)
    if sensor is not None:
        taken.append(sensor)
    if columns.time is None:
        time = _guess(sheet, _times(columns), holds_times, taken, "times")
        taken.append(time)
    else:
        time = _named(sheet, columns.time)
    if columns.value is None:
        known = (*(REGISTERS if columns.cumulative else ()), *VALUES, *LOCAL_VALUES)
        value = _guess(sheet, known, lambda values: holds_numbers(sheet, values), taken, "numbers")
    else:
        value = _named(sheet, columns.value)
    return ColumnNumbers(time, value, sensor)


def _sensor(sheet: RecordingTable, columns: Columns) -> int | None:
    if columns.sensor is not None:
        return _named(sheet, columns.sensor)
    is_there = SENSOR in sheet.names and SENSOR not in {columns.time, columns.value}
    return sheet.names.index(SENSOR) if is_there else None


def _times(columns: Columns) -> Sequence[str]:
    return (*STARTS, *TIMES, *ENDS) if columns.stamps == "start" else (*ENDS, *TIMES, *STARTS)


def _named(sheet: RecordingTable, name: str) -> int:
    if name in sheet.names:
        return sheet.names.index(name)
    near = difflib.get_close_matches(name, sheet.names, n=1)
    hint = f", did you mean '{escape_truncated(near[0], SHOWN_TEXT)}'?" if near else ""
    raise sheet.error(f"has no column '{escape_truncated(name, SHOWN_TEXT)}' but {sheet.listed()}{hint}")


def _guess(
    sheet: RecordingTable,
    known: Sequence[str],
    is_it: Callable[[pa.Array], bool],
    taken: Sequence[int],
    what: str,
) -> int:
    free = [each for each in range(len(sheet.names)) if each not in taken]
    by_name = {sheet.names[each].casefold(): each for each in reversed(free)}
    found = next((by_name[name] for name in known if name in by_name), None)
    if found is not None:
        return found
    fit = [each for each in free if is_it(sheet.sample.column(each).combine_chunks())]
    if len(fit) == 1:
        return fit[0]
    if fit:
        raise sheet.error(f"has several columns of {what}; say which is meant: {sheet.listed(fit)}")
    raise sheet.error(f"has no column of {what}; it has {sheet.listed()}")
