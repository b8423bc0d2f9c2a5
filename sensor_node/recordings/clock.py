"""Convert local times to UTC, also when the clock is set forward or back."""

from zoneinfo import ZoneInfo

import numpy as np

# pandas comes without types.
import pandas as pd  # type: ignore[import-untyped]
from numpy.typing import NDArray

DAY_MS = 86_400_000


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
