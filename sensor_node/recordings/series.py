"""What one meter measured, as simulated meters replay it.

Apart from what reads files: a node that replays nothing need not load pyarrow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


class RecordingError(Exception):
    """Raised when a file is no recording that can be replayed; says in one sentence why."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSeries:
    """What one meter measured.

    Attributes:
        name: What the recording calls the sensor; None if it names none.
        at_ms: When each reading is taken, Unix milliseconds, one later than the other, shape (n,).
        value_kwh: The energy used since the previous reading, kWh, shape (n,).
        skipped: How many rows were left out, by why.
    """

    name: str | None
    at_ms: NDArray[np.int64]
    value_kwh: NDArray[np.float64]
    skipped: Mapping[str, int]


def shift_series(series: RecordedSeries, begin_ms: int) -> RecordedSeries:
    """Move a series in time, so that its first reading is at ``begin_ms`` (Unix milliseconds)."""
    return replace(series, at_ms=series.at_ms - series.at_ms[:1] + begin_ms)
