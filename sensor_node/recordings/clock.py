"""Convert local times to UTC, also when the clock is set forward or back."""

import functools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY_MS = 86_400_000
KNOWN_DAYS = 4096


def to_unix_ms(local_ms: NDArray[np.int64], zone: ZoneInfo) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Convert local times, in milliseconds since 1970 on the local clock, in the order of the file.

    In an hour that comes twice, a time belongs to the second pass if it, or a later one, came before.

    Returns:
        Unix milliseconds; and which of the times exist: the clock skips an hour in spring.
    """
    days, day_of = np.unique(local_ms // DAY_MS, return_inverse=True)
    of_days = [_offset_of_day_ms(int(day), zone) for day in days]
    unix_ms = local_ms - np.array([each or 0 for each in of_days], np.int64)[day_of]
    is_shown = np.ones(len(local_ms), np.bool_)
    (rows,) = np.nonzero(np.array([each is None for each in of_days], np.bool_)[day_of])
    moments, moment_of = np.unique(local_ms[rows], return_inverse=True)
    first, second = (
        np.array([_offset_ms(int(each), zone, fold) for each in moments], np.int64)[moment_of]
        for fold in (0, 1)
    )
    is_shown[rows] = first >= second
    (twice,) = np.nonzero(first > second)
    is_second = _is_second(local_ms[rows[twice]])
    first[twice[is_second]] = second[twice[is_second]]
    unix_ms[rows] = local_ms[rows] - first
    return unix_ms, is_shown


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


@functools.lru_cache(KNOWN_DAYS)
def _offset_of_day_ms(day: int, zone: ZoneInfo) -> int | None:
    """Offset from UTC on that day; None if it changes."""
    offsets = {_offset_ms(each * DAY_MS, zone, fold) for each in (day, day + 1) for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


def _offset_ms(local_ms: int, zone: ZoneInfo, fold: int) -> int:
    # Python's arithmetic within one zone is that of the local clock.
    moment = (EPOCH.replace(tzinfo=zone) + local_ms * MILLISECOND).replace(fold=fold)
    return (moment.utcoffset() or timedelta(0)) // MILLISECOND
