"""Settings of ``sensor-node preview``."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from broker.program.settings import Duration, ProcessSettings
from sensor_node.profiles import PROFILES, Surroundings, yearly_kwh_error
from sensor_node.setting_types import Day, Holidays, Kwh, ProfileName, Zone, interval_from

MOST_READINGS = 200_000


def winter_monday(today: date) -> date:
    """The Monday of this year's second week or after: winter, and after the holidays."""
    eighth = today.replace(month=1, day=8)
    return eighth + timedelta(days=-eighth.weekday() % 7)


class PreviewSettings(ProcessSettings):
    """Draw the load curve of a profile, or of all meters of a scenario.

    Example: sensor-node preview campus
    Example: sensor-node preview --profile household --yearly-kwh 3500 --days 7
    Example: sensor-node preview --profile office --days 366 --svg year.svg
    """

    # Without this, `FROM` would be an environment variable.
    model_config = SettingsConfigDict(env_prefix_target="all")

    scenario: CliPositionalArg[Path | None] = Field(
        None, description="scenario file or name of an example; without it, one meter of a profile"
    )
    profile: ProfileName = Field("lari", description=f"load profile: {', '.join(PROFILES)}")
    yearly_kwh: Kwh | None = Field(
        None, description="consumption per year in kWh (default: the usual one of the profile)"
    )
    interval: Annotated[Duration, interval_from(timedelta(seconds=1), "1s")] = Field(
        "15m", validate_default=True, description="time between two readings"
    )
    first: Day | None = Field(
        None, alias="from", description="first day (default: a Monday in January of this year)"
    )
    days: int = Field(7, ge=1, le=366, description="number of days")
    seed: int = Field(1, description="random seed; each seed is another meter")
    time_zone: Zone = Field("Europe/Berlin", validate_default=True, description="local time zone of the site")
    holidays: Holidays = Field("DE", description="region of the public holidays: DE, DE-BY, US-CA; or none")
    svg: Path | None = Field(None, description="write the curve to this SVG file instead of the terminal")

    @field_validator("yearly_kwh")
    @classmethod
    def check_year(cls, yearly_kwh: float | None, info: ValidationInfo) -> float | None:
        """Check that the profile can have that consumption."""
        if wrong := yearly_kwh_error(info.data.get("profile", ""), yearly_kwh):
            raise ValueError(wrong)
        return yearly_kwh

    @field_validator("days")
    @classmethod
    def check_number(cls, days: int, info: ValidationInfo) -> int:
        """Check that so many days can be drawn."""
        if timedelta(days=days) / info.data.get("interval", timedelta(days=1)) > MOST_READINGS:
            raise ValueError(f"more than {MOST_READINGS:,} readings; use a longer --interval or fewer days")
        return days

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From local midnight to local midnight."""
        first = self.first or winter_monday(datetime.now(zone).date())
        begin, end = (
            datetime(day.year, day.month, day.day, tzinfo=zone)
            for day in (first, first + timedelta(days=self.days))
        )
        return begin.astimezone(UTC), end.astimezone(UTC)

    @property
    def surroundings(self) -> Surroundings:
        """Time zone and holidays of the meter."""
        return Surroundings(self.time_zone, self.holidays)
