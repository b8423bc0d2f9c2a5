"""Where a meter is: its time zone and its public holidays."""

import warnings
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
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
    import holidays  # noqa: PLC0415 - slow to import, and not always needed

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
        # About days that are only estimated, such as those that follow the moon.
        warnings.simplefilter("ignore")
        return sorted(holidays.country_holidays(country, subdiv=part or None, years=year))


@lru_cache(maxsize=64)
def is_southern(zone: str) -> bool:
    """Whether a time zone's city is south of the equator; a zone without a city is not.

    The time zone database has the position of each city in ``zone.tab``, such as ``-3352+15113``, and the
    other names of a zone in ``tzdata.zi``, such as ``L Australia/Sydney Australia/NSW``.
    """
    database = files("tzdata") / "zoneinfo"
    lines = database.joinpath("zone.tab").read_text().splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    known = {name: position for _, position, name, *_ in rows}
    if zone not in known:
        links = (line.split() for line in database.joinpath("tzdata.zi").read_text().splitlines())
        zone = next((link[1] for link in links if link[0] == "L" and link[2] == zone), zone)
    return known.get(zone, "").startswith("-")
