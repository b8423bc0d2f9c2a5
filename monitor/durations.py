"""How long something takes or took, in words."""

from datetime import datetime, timedelta
from itertools import pairwise

UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def format_duration(time: timedelta, *, short: bool = False) -> str:
    """Write a time with its two largest units: ``3 h 12 min``, ``2 d``, ``45 s``, ``500 ms``.

    Args:
        time: How long it is.
        short: Whether the largest is enough.
    """
    seconds = round(time.total_seconds())
    if seconds < 1:
        return f"{max(time, timedelta(0)) / timedelta(milliseconds=1):.0f} ms"
    for (unit, unit_s), (part, part_s) in pairwise(UNITS):
        if seconds >= unit_s:
            parts = seconds % unit_s // part_s
            return f"{seconds // unit_s:,} {unit}" + (f" {parts} {part}" if parts and not short else "")
    return f"{seconds} s"


def format_age(seconds: float) -> str:
    """Write how long ago something was: ``0 s``, ``59 s``, ``2 h``, ``4 d``; a time to come is ``0 s``."""
    whole = max(0, int(seconds))
    return format_duration(timedelta(seconds=whole), short=True) if whole else "0 s"


def format_ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago something was: ``12 s ago``; ``never`` if it never was."""
    return "never" if moment is None else f"{format_age((now - moment).total_seconds())} ago"
