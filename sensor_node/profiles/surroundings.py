"""Where a meter is: its time zone and its public holidays."""

import warnings
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

NO_HOLIDAYS = "none"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time zone and public holidays: those of a country or a region, such as DE, DE-BY or US-CA, or none."""

    zone: ZoneInfo
    holidays: str


def parse_holidays(text: str) -> str:
    """Check a country or region of public holidays: ISO 3166 codes such as DE, DE-BY or US-CA, or none."""
    if text == NO_HOLIDAYS:
        return text
    import holidays  # noqa: PLC0415 - it takes its time, and not everybody needs it

    country, _, part = text.partition("-")
    parts = holidays.list_supported_countries().get(country)
    if parts is None:
        raise ValueError("unknown country for public holidays; write it as DE, DE-BY or none")
    if text != country and part not in parts:
        known = f"known are {', '.join(parts)}" if parts else f"write {country}"
        raise ValueError(f"unknown region of {country} for public holidays; {known}")
    return text


def days_off(year: int, code: str) -> list[date]:
    """The public holidays of a year."""
    if code == NO_HOLIDAYS:
        return []
    import holidays  # noqa: PLC0415 - as above

    country, _, part = code.partition("-")
    with warnings.catch_warnings():
        # Of days that are only estimated, as those that follow the moon.
        warnings.simplefilter("ignore")
        return sorted(holidays.country_holidays(country, subdiv=part or None, years=year))
