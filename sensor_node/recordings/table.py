"""A table in a file: what its columns are called, and their contents when they are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# pyarrow comes without types.
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from broker.escape import escape_truncated
from sensor_node.recordings.series import RecordingError

SHOWN_TEXT = 40
SHOWN_NAMES = 12
# How programs write that they know no value.
MISSING = ("", "-", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "#N/A")


@dataclass(frozen=True, slots=True)
class RecordingTable:
    """A table, of which only what is needed is read.

    Attributes:
        file: Where it is.
        names: What its columns are called.
        sample: Its first rows, all columns (``pa.Table``).
        read: Reads whole columns by their numbers, each as one ``pa.Array``; of CSV these are texts.
        is_comma_decimal: Whether a comma in a number stands before the decimals.
        first_line: The line of the first row; None where rows are not lines.
    """

    file: Path
    names: tuple[str, ...]
    sample: pa.Table
    read: Callable[[Sequence[int]], list[pa.Array]]
    is_comma_decimal: bool = False
    first_line: int | None = None

    def error(self, what: str) -> RecordingError:
        """The error that says so of this file."""
        return RecordingError(f"the recording {self.file} {what}")

    def value_error(self, column: int, row: int, shown: pa.Scalar, why: str) -> RecordingError:
        """The error that names a value, and where it is."""
        at = f"row {row + 1}" if self.first_line is None else f"line {row + self.first_line}"
        name, value = (
            escape_truncated(self.names[column], SHOWN_TEXT),
            escape_truncated(_to_text(shown), SHOWN_TEXT),
        )
        return self.error(f"has '{value}' in column '{name}', {at}, which is {why}")

    def listed(self, columns: Sequence[int] | None = None) -> str:
        """The names of some columns, or of all, for people."""
        names = self.names if columns is None else [self.names[each] for each in columns]
        shown = [f"'{escape_truncated(name, SHOWN_TEXT)}'" for name in names[:SHOWN_NAMES]]
        return ", ".join(shown + ["…"] * (len(names) > SHOWN_NAMES))


def _to_text(value: pa.Scalar) -> str:
    try:
        return str(value)
    except (OverflowError, ValueError):
        # A time that Python does not know, as the number that is in the file.
        return str(value.value)


def is_text(column: pa.Array) -> bool:
    """Whether a column holds texts."""
    kind = column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(column: pa.Array) -> bool:
    """Whether a column holds numbers that are no texts."""
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def to_texts(column: pa.Array) -> pa.Array:
    """Cut blanks off, and put null where a text means that nothing is known."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    is_missing = pc.is_in(texts, value_set=pa.array(MISSING))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), texts)


def first_unreadable(texts: pa.Array, kind: pa.DataType) -> int:
    """Which is the first that cannot be read as that type; there must be one."""
    low, high = 0, len(texts)
    while high - low > 1:
        middle = (low + high) // 2
        if is_readable(texts[low:middle], kind):
            low = middle
        else:
            high = middle
    return low


def is_readable(texts: pa.Array, kind: pa.DataType) -> bool:
    """Whether all texts can be read as that type."""
    try:
        texts.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True
