"""The table in a recording's file: its columns, and error messages that name them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from broker.program.escape import escape_truncated
from sensor_node.plan import PlanError

SHOWN_TEXT = 40
SHOWN_NAMES = 12
SAMPLE_ROWS = 1000
# How programs write a missing value.
MISSING = ("", "-", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "#N/A")


@dataclass(frozen=True, slots=True)
class RecordingTable:
    """A table; the columns of CSV are texts.

    Attributes:
        content: Its columns (``pa.Table``), whose own names may differ from ``names``.
        first_line: The line of the first row; None where rows are not lines.
    """

    names: tuple[str, ...]
    content: pa.Table
    is_comma_decimal: bool = False
    first_line: int | None = None

    def column(self, number: int, rows: int | None = None) -> pa.Array:
        """A column, or its first rows; texts are stripped, and null where a value is missing."""
        values = _plain_array(self.content.column(number).slice(0, rows))
        kind = values.type
        is_any_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        return to_texts(values) if is_any_text or pa.types.is_string_view(kind) else values

    def value_error(self, column: int, row: int, why: str) -> PlanError:
        """The error of one value."""
        at = f"row {row + 1}" if self.first_line is None else f"line {row + self.first_line}"
        value = _plain_array(self.content.column(column))[row]
        return PlanError(
            f"has {quoted(_to_text(value))} in column {quoted(self.names[column])}, {at}, which is {why}"
        )

    def type_error(self, column: int, wanted: str) -> PlanError:
        """The error of a column whose type has no such values."""
        kind = self.content.column(column).type
        return PlanError(f"has no {wanted} in column {quoted(self.names[column])}, but {kind}")

    def listed(self, columns: Sequence[int] | None = None) -> str:
        """The names of some columns, or of all, for people."""
        names = self.names if columns is None else [self.names[number] for number in columns]
        return ", ".join([*map(quoted, names[:SHOWN_NAMES])] + ["…"] * (len(names) > SHOWN_NAMES))


def quoted(text: str) -> str:
    """A text of the file, shortened and in quotes."""
    return f"'{escape_truncated(text, SHOWN_TEXT)}'"


def _plain_array(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def _to_text(value: pa.Scalar) -> str:
    try:
        return str(value).strip()
    except (OverflowError, ValueError):
        # A time outside Python's range, as the number in the file.
        return str(value.value)


def is_text(column: pa.Array) -> bool:
    """Whether a column of a ``RecordingTable`` holds texts."""
    return bool(pa.types.is_string(column.type))


def is_number(column: pa.Array) -> bool:
    """Whether a column holds numbers."""
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def to_texts(column: pa.Array) -> pa.Array:
    """Strip whitespace, and replace texts for a missing value by null."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    is_missing = pc.is_in(texts, value_set=pa.array(MISSING))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), texts)


def first_unreadable(texts: pa.Array, kind: pa.DataType) -> int | None:
    """Position of the first text that cannot be read as that type; None if all can."""
    if is_readable(texts, kind):
        return None
    return bisect_left(range(len(texts)), True, key=lambda row: not is_readable(texts[: row + 1], kind))


def is_readable(texts: pa.Array, kind: pa.DataType) -> bool:
    """Whether all texts can be read as that type."""
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True
