"""Numbers of a recording, as programs and people write them."""

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

# Decimals after a comma; before it, points between thousands or none.
COMMA_DECIMAL = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"


def to_numbers(sheet: RecordingTable, column: int, values: pa.Array) -> NDArray[np.float64]:
    """Read a column as numbers; NaN where there is none.

    Raises:
        RecordingError: A value is no number.
    """
    if is_text(values):
        texts = to_texts(values)
        values, unfit = _with_points(sheet, texts)
        if unfit is not None:
            raise sheet.value_error(column, unfit, texts[unfit], "no number")
    elif not is_number(values):
        name = escape_truncated(sheet.names[column], SHOWN_TEXT)
        raise sheet.error(f"has no numbers in column '{name}', but {values.type}")
    numbers: NDArray[np.float64] = (
        values.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    )
    return numbers


def holds_numbers(sheet: RecordingTable, values: pa.Array) -> bool:
    """Whether these are numbers, not counting what is missing."""
    if is_text(values):
        texts = to_texts(values)
        return texts.null_count < len(texts) and _with_points(sheet, texts)[1] is None
    return is_number(values)


def _with_points(sheet: RecordingTable, texts: pa.Array) -> tuple[pa.Array, int | None]:
    """The same with points before decimals, and which is the first that is no number."""
    if sheet.is_comma_decimal and pc.any(pc.match_substring(texts, ",")).as_py():
        # Where a comma means decimals, a point that does not stand between thousands means nothing.
        unfit = pc.index(pc.match_substring_regex(texts, COMMA_DECIMAL), False).as_py()
        if unfit >= 0:
            return texts, unfit
        texts = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
    return texts, None if is_readable(texts, pa.float64()) else first_unreadable(texts, pa.float64())
