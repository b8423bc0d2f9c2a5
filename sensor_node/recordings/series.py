"""Recorded consumption as meters replay it, and the options that tell how to read it.

Apart from the code that reads files: a node or a scenario without recordings need not load pyarrow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field


class Columns(BaseModel):
    """The columns of a recording; those without a name are found by their usual names or their contents."""

    time: str | None = Field(None, description="column with the times")
    value: str | None = Field(None, description="column with the values")
    sensor: str | None = Field(None, description="column with the sensor ids, for several sensors")
    unit: Literal["kWh", "Wh", "MWh"] = Field("kWh", description="unit of the values")
    cumulative: bool = Field(False, description="the values are register readings; their differences count")
    stamps: Literal["start", "end"] = Field("end", description="which end of its interval a time marks")


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSeries:
    """The readings of one meter.

    Attributes:
        name: The sensor's name in the recording; None if it has no names.
        at_ms: Times of the readings, Unix milliseconds, ascending, shape (n,).
        value_kwh: Energy since the previous reading, kWh, shape (n,).
        skipped: Number of rows that are not readings, by reason.
    """

    name: str | None
    at_ms: NDArray[np.int64]
    value_kwh: NDArray[np.float64]
    skipped: Mapping[str, int]


def shift_series(recordings: Sequence[RecordedSeries], begin_ms: int) -> list[RecordedSeries]:
    """Move recordings in time together, so that the first reading is at ``begin_ms`` (Unix milliseconds)."""
    first_ms = min(series.at_ms[0] for series in recordings)
    return [replace(series, at_ms=series.at_ms - first_ms + begin_ms) for series in recordings]
