"""Types of settings that options and scenarios share, each with its check."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from broker.program.settings import Duration
from sensor_node.profiles import PROFILES, parse_holidays

YEARS = (2000, 2100)
SPEEDS = (0.001, 1_000_000)


def interval_from(shortest: timedelta, shown: str) -> AfterValidator:
    """The check of an interval from the shortest to a day."""

    def check(interval: timedelta) -> timedelta:
        if not shortest <= interval <= timedelta(days=1):
            raise ValueError(f"an interval must be {shown} to 24h")
        return interval

    return AfterValidator(check)


def iso_parser(parse: Callable[[str], date], forms: str) -> BeforeValidator:
    """The parser of a date or a time."""

    def check(given: object) -> object:
        try:
            return parse(given) if isinstance(given, str) else given
        except ValueError:
            raise ValueError(f"write {forms}") from None

    return BeforeValidator(check)


def check_year(moment: date) -> date:
    """Check that a date or time is in a year that can be simulated."""
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(f"use a year from {YEARS[0]} to {YEARS[1]}")
    return moment


def parse_zone(name: str) -> ZoneInfo:
    """Find a time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError, TypeError):
        raise ValueError("write a time zone as Europe/Berlin or UTC") from None


def to_utc(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Convert a time, which is local to ``zone`` if it has no offset."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def check_profile(name: str) -> str:
    """Check the name of a load profile."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile; known are {', '.join(PROFILES)}")
    return name


def parse_speed(given: object) -> float:
    """Parse a speed: a number, or ``max`` for infinity."""
    if given == "max":
        return math.inf
    try:
        speed = float(str(given))
    except ValueError:
        speed = 0.0
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError("use a speed of 0.001 to 1000000, or max")
    return speed


Interval = Annotated[Duration, interval_from(timedelta(milliseconds=1), "1ms")]
Zone = Annotated[ZoneInfo, BeforeValidator(parse_zone)]
Holidays = Annotated[str, AfterValidator(parse_holidays)]
ProfileName = Annotated[str, AfterValidator(check_profile)]
LocalTime = Annotated[
    datetime,
    iso_parser(datetime.fromisoformat, "a date or a time as 2026-01-31 or 2026-01-31T10:00"),
    AfterValidator(check_year),
]
Day = Annotated[date, iso_parser(date.fromisoformat, "a day as 2026-01-12"), AfterValidator(check_year)]
Kwh = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]
Resolution = Annotated[float, Field(ge=0.000001, le=1000)]
Location = Annotated[str, StringConstraints(max_length=200)]
Speed = Annotated[float, BeforeValidator(parse_speed)]
