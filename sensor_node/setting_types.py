"""Types of settings that options and scenarios share, each with its check."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
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


def check_zone(name: str) -> str:
    """Check the name of a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("write a time zone as Europe/Berlin or UTC") from None
    return name


def check_profile(name: str) -> str:
    """Check the name of a load profile."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile; known are {', '.join(PROFILES)}")
    return name


def parse_local(text: object) -> object:
    """Parse a date or time; without an offset it is local time."""
    if not isinstance(text, str):
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("write a date or a time as 2026-01-31 or 2026-01-31T10:00") from None


def check_year(moment: datetime) -> datetime:
    """Check that a time is in a year that can be simulated."""
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(f"use a year from {YEARS[0]} to {YEARS[1]}")
    return moment


def parse_speed(given: object) -> object:
    """Parse a speed: a number or ``max``."""
    if given == "max":
        return given
    try:
        speed = float(str(given))
    except ValueError:
        speed = 0.0
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError("use a speed of 0.001 to 1000000, or max")
    return speed


Interval = Annotated[Duration, interval_from(timedelta(milliseconds=1), "1ms")]
Zone = Annotated[str, AfterValidator(check_zone)]
Holidays = Annotated[str, AfterValidator(parse_holidays)]
ProfileName = Annotated[str, AfterValidator(check_profile)]
LocalTime = Annotated[datetime, BeforeValidator(parse_local), AfterValidator(check_year)]
Kwh = Annotated[float, Field(gt=0, le=1_000_000_000, allow_inf_nan=False)]
Resolution = Annotated[float, Field(ge=0.000001, le=1000)]
Location = Annotated[str, StringConstraints(max_length=200)]
Speed = Annotated[float | Literal["max"], BeforeValidator(parse_speed)]
