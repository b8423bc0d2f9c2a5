"""How numbers, durations and times are written for people, on pages, in terminals and in reports."""

from datetime import UTC, datetime, timedelta, tzinfo
from math import floor, log10
from zoneinfo import ZoneInfo

import tzlocal

from broker.program import durations

KILO = 1000.0

# From here up two places after the point tell enough; below, two digits that are not zero do.
TWO_PLACES_FROM = 0.1
MAX_PLACES = 6


def format_number(value: float) -> str:
    """Write a reading: ``12.34``, and the kWh of a home in half a minute as ``0.0033``, not ``0.00``."""
    if value >= TWO_PLACES_FROM or value < 0.5 * 10**-MAX_PLACES:
        return f"{value:,.2f}"
    return f"{value:.{min(MAX_PLACES, 1 - floor(log10(value)))}f}"


def format_kwh(value: float, most: float | None = None) -> str:
    """Write an energy, kWh: ``1.82``, ``123.4``, ``12,345``; with as many places as the highest beside it."""
    most = value if most is None else most
    digits = 2 if most < 10 else 1 if most < 10_000 else 0  # noqa: PLR2004 - places after the point
    return f"{value:,.{digits}f}"


def format_energy(kwh: float) -> str:
    """Format an energy with a fitting unit: ``0.0033 kWh``, ``1.82 kWh``, ``1,234 kWh``, ``12.3 MWh``."""
    return _scaled(kwh, ("kWh", "MWh", "GWh"))


def format_power(kw: float | None) -> str:
    """Format a power with a fitting unit; a dash if it is unknown."""
    return "—" if kw is None else _scaled(kw, ("kW", "MW", "GW"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    unit = 0
    while value >= 10 * KILO and unit < len(units) - 1:
        value, unit = value / KILO, unit + 1
    if value < 1:
        return f"{format_number(value)} {units[unit]}"
    digits = 2 if value < 10 else 1 if value < 1000 else 0  # noqa: PLR2004 - places after the point
    return f"{value:,.{digits}f} {units[unit]}"


def format_count(number: int, noun: str) -> str:
    """Write how many things there are: ``1 sensor``, ``1,234 sensors``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


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
    """Write a time with its two largest units, or the largest: ``3 h 12 min``, ``2 d``, ``500 ms``."""
    return durations.format_duration(time, units=1 if short else 2)


def format_age(seconds: float) -> str:
    """Write how long ago something was: ``0 s``, ``59 s``, ``2 h``, ``4 d``; a time to come is ``0 s``."""
    whole = max(0, int(seconds))
    return format_duration(timedelta(seconds=whole), short=True) if whole else "0 s"


def format_ago(moment: datetime | None, now: datetime) -> str:
    """Write how long ago something was: ``12 s ago``; ``never`` if it never was."""
    return "never" if moment is None else f"{format_age((now - moment).total_seconds())} ago"


def format_clock(moment: datetime, zone: tzinfo, *, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Format a document's time in a time zone; without the day if it is today."""
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    if local.date() == datetime.now(zone).date():
        form = form.removeprefix("%Y-%m-%d ")
    return local.strftime(form)


def chart_ms(moment: datetime, zone: tzinfo) -> int:
    """A document's time for a chart in UTC that is to show the clocks of a time zone, milliseconds."""
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    return round(local.replace(tzinfo=UTC).timestamp() * 1000)


def machine_zone() -> ZoneInfo:
    """The time zone of this machine, UTC if nobody has set one that is known by a name."""
    try:
        return ZoneInfo(tzlocal.get_localzone_name().removeprefix("Etc/"))
    except (LookupError, OSError, ValueError, TypeError):
        return ZoneInfo("UTC")
