"""Find a recording's columns for time, value and sensor: by options, usual names, or contents."""

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sensor_node.plan import PlanError
from sensor_node.recordings.series import Columns
from sensor_node.recordings.table import RecordingTable, quoted
from sensor_node.recordings.values import holds_numbers, holds_times

# Usual names, the most certain first.
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


def find_columns(table: RecordingTable, columns: Columns) -> ColumnNumbers:
    """Find the columns in a table; a PlanError if one is missing, or several fit."""
    if not len(table.content):
        raise PlanError("has no rows")
    time, value, sensor = (
        None if name is None else _named(table, name)
        for name in (columns.time, columns.value, columns.sensor)
    )
    taken = [number for number in (time, value, sensor) if number is not None]
    if len({*taken}) < len(taken):
        raise PlanError("needs different columns for time, value and sensor; one of them is named twice")
    if sensor is None and SENSOR in table.names and table.names.index(SENSOR) not in taken:
        sensor = table.names.index(SENSOR)
        taken.append(sensor)
    if time is None:
        first, last = (STARTS, ENDS) if columns.stamps == "start" else (ENDS, STARTS)
        time = _guess(table, (*first, *TIMES, *last), holds_times, taken, "times")
        taken.append(time)
    if value is None:
        known = (*(REGISTERS if columns.cumulative else ()), *VALUES, *LOCAL_VALUES)
        value = _guess(table, known, holds_numbers, taken, "numbers")
    return ColumnNumbers(time, value, sensor)


def _named(table: RecordingTable, name: str) -> int:
    if name in table.names:
        return table.names.index(name)
    near = difflib.get_close_matches(name, table.names, n=1)
    hint = f", did you mean {quoted(near[0])}?" if near else ""
    raise PlanError(f"has no column {quoted(name)} but {table.listed()}{hint}")


def _guess(
    table: RecordingTable,
    known: Sequence[str],
    fits: Callable[[RecordingTable, int], bool],
    taken: Sequence[int],
    what: str,
) -> int:
    free = [number for number in range(len(table.names)) if number not in taken]
    by_name = {table.names[number].casefold(): number for number in reversed(free)}
    found = next((by_name[name] for name in known if name in by_name), None)
    if found is not None:
        return found
    fitting = [number for number in free if fits(table, number)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = table.listed(fitting)
        raise PlanError(f"has several columns of {what}; name the one to use: {names}")
    raise PlanError(f"has no column of {what}; it has {table.listed()}")
