"""How numbers, shares and durations are written for people, on pages, in terminals and in reports."""

from datetime import datetime, timedelta
from math import floor, log10

from broker import durations

# From here up two places after the point tell enough; below, two digits that are not zero do.
TWO_PLACES_FROM = 0.1
MAX_PLACES = 6


def format_number(value: float) -> str:
    """Write a reading: ``12.34``, and the kWh of a home in half a minute as ``0.0033``, not ``0.00``."""
    if value >= TWO_PLACES_FROM or value < 0.5 * 10**-MAX_PLACES:
        return f"{value:,.2f}"
    return f"{value:.{min(MAX_PLACES, 1 - floor(log10(value)))}f}"


def format_kwh(value: float, most: float | None = None) -> str:
    """Write an energy, kWh: ``1.82``, ``123.4``, ``12,345``.

    Args:
        value: How much.
        most: The highest of those it stands among: all have as many places after the point.
    """
    most = value if most is None else most
    digits = 2 if most < 10 else 1 if most < 10_000 else 0  # noqa: PLR2004 - places after the point
    return f"{value:,.{digits}f}"


def format_share(part: float, whole: float) -> str:
    """Write how much of all something is: ``12.5 %``."""
    return f"{part / whole:.1%}".replace("%", " %") if whole else ""


def format_change(after: float, before: float) -> str:
    """Write how much more something is than before: ``+5.2 %``."""
    if not before:
        return "no change" if not after else "from 0"
    percent = (after / before - 1) * 100
    return f"{percent:+,.{1 if abs(percent) < 1000 else 0}f} %"  # noqa: PLR2004 - places after the point


def format_duration(time: timedelta, *, short: bool = False) -> str:
    """Write a time with its two largest units: ``3 h 12 min``, ``2 d``, ``45 s``, ``500 ms``.

    Args:
        time: How long it is.
        short: Whether the largest is enough.
    """
    return durations.format_duration(time, units=1 if short else 2)


def format_age(seconds: float) -> str:
    """Write how long ago something was: ``0 s``, ``59 s``, ``2 h``, ``4 d``; a time to come is ``0 s``."""
    whole = max(0, int(seconds))
    return format_duration(timedelta(seconds=whole), short=True) if whole else "0 s"


def format_ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago something was: ``12 s ago``; ``never`` if it never was."""
    return "never" if moment is None else f"{format_age((now - moment).total_seconds())} ago"
