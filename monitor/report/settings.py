"""What ``monitor report`` can be told."""

import difflib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, PlainValidator
from pydantic_settings import CliToggleFlag

from broker.program.settings import MongoUrl, ProcessSettings, Sites
from monitor.formatting import machine_zone
from monitor.report.period import Unit

YESTERDAY = "yesterday"


def check_day(text: object) -> object:
    """Turn ``2026-11-23`` into a day; leave what is not text to pydantic.

    Left to pydantic, 20261123 would be a number of seconds.
    """
    if not isinstance(text, str) or text == YESTERDAY:
        return text
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"write a day as 2026-11-23, or {YESTERDAY}") from None
    if day.year < 1970:  # noqa: PLR2004 - the first year of Unix time
        raise ValueError("there were no readings before 1970")
    return day


def check_zone(name: object) -> ZoneInfo:
    """Find a time zone by its name."""
    try:
        return ZoneInfo(str(name))
    except (LookupError, OSError, ValueError):
        near = difflib.get_close_matches(str(name), available_timezones(), n=1)
        hint = f"did you mean {near[0]}?" if near else "write it as Europe/Berlin"
        raise ValueError(f"unknown time zone; {hint}") from None


Day = Annotated[date | Literal["yesterday"], BeforeValidator(check_day)]
Zone = Annotated[ZoneInfo, PlainValidator(check_zone)]


class ReportSettings(ProcessSettings):
    """Summarize a day, a week (from Monday) or a month: energy, alarms, data quality.

    Example: monitor report --week --date 2026-11-23 --site lari --html report.html
    """

    day: CliToggleFlag[bool] = Field(False, description="report on a day (the default)")
    week: CliToggleFlag[bool] = Field(False, description="report on a week, from Monday")
    month: CliToggleFlag[bool] = Field(False, description="report on a month")
    date: Day | None = Field(None, description="a day in it, as 2026-11-23, or yesterday (default: today)")
    site: Sites = Field("+", description="sites to report on: + for all, or names separated by commas")
    time_zone: Zone | None = Field(
        None, description="time zone of the days, as Europe/Berlin (default: this machine's)"
    )
    html: Path | None = Field(None, description="write the report to this file, for a browser")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")

    @property
    def units(self) -> tuple[Unit, ...]:
        """What is asked for: one of them, unless somebody is mistaken."""
        asked: dict[Unit, bool] = {"day": self.day, "week": self.week, "month": self.month}
        return tuple(unit for unit, wanted in asked.items() if wanted) or ("day",)

    @property
    def zone(self) -> ZoneInfo:
        """Whose midnights begin a day."""
        return self.time_zone or machine_zone()


def chosen_day(settings: ReportSettings, now: datetime) -> date:
    """A day in the time wanted; ``now`` is in the report's time zone."""
    if settings.date == YESTERDAY:
        return now.date() - timedelta(days=1)
    return settings.date if isinstance(settings.date, date) else now.date()
