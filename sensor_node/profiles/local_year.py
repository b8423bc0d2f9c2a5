"""A year in one place, in quarters of an hour: standard profiles, calendar, weather.

The rows are quarters of an hour of Unix time, so the day when the clock is set forward has 92 rows, and
the day when it is set back has 100.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache

import numpy as np

from sensor_node.profiles.rng import Indices, Values, drift, seed_of
from sensor_node.profiles.surroundings import NO_HOLIDAYS, Surroundings, days_off, is_southern

SLOT_MIN = 15
DAY_MIN = 24 * 60
SUNDAY = 6
WEEK = 7
# In whole weeks.
HALF_YEAR = 26 * WEEK
# Roughly those of Central Europe.
MEAN_C, SEASON_C, WEATHER_C, FRONTS_C = 10.0, 9.5, 6.0, 3.0
WARMEST_DAY, WARMEST_MIN = 201, 15 * 60
SHIFT = {
    "am": time(7),
    "pm": time(15, 45),
    "profile_factors": {
        "week": {"day": 1, "night": 0},
        "weekend": {"day": 0, "night": 0},
        "holiday": {"day": 0, "night": 0},
    },
}


@dataclass(frozen=True, slots=True, eq=False)
class LocalYear:
    """A year in one place; each array has a value per quarter of an hour.

    Attributes:
        first_min: Its first minute, since 1970.
        minute: Of the local day.
        weekday: Monday is 0, Sunday and public holidays are 6.
        day: Of the year, from 0.
        season_day: The same day of the northern seasons: in the south half a year away.
        standard: Standard profiles by name: h0_dyn, g1, g3 (BDEW), and the shift of a workshop.
        temperature_c: Outdoors.
    """

    first_min: int
    minute: Indices
    weekday: Indices
    day: Indices
    season_day: Indices
    standard: Mapping[str, Values]
    temperature_c: Values


@lru_cache(maxsize=8)
def local_year(year: int, surroundings: Surroundings) -> LocalYear:
    """Make the year from midnight to midnight, local time."""
    import pandas as pd  # noqa: PLC0415 - no types; slow to import

    zone = surroundings.zone
    first_min, end_min = (
        int(datetime(each, 1, 1, tzinfo=zone).timestamp()) // 60 for each in (year, year + 1)
    )
    slots = np.arange(first_min, end_min, SLOT_MIN)
    clock = pd.to_datetime(slots * 60, unit="s", utc=True).tz_convert(zone).tz_localize(None)
    since = (clock - pd.Timestamp(year, 1, 1)) // pd.Timedelta(minutes=SLOT_MIN)
    days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    index = np.clip(np.asarray(since, dtype=np.int64), 0, days * DAY_MIN // SLOT_MIN - 1)
    minute = index * SLOT_MIN % DAY_MIN
    day = index * SLOT_MIN // DAY_MIN
    off = [
        each.timetuple().tm_yday - 1 for each in days_off(year, surroundings.holidays) if each.year == year
    ]
    first_weekday = datetime(year, 1, 1, tzinfo=zone).weekday()
    weekday = np.where(np.isin(day, off), SUNDAY, (first_weekday + day) % WEEK)
    season_day = day
    standard = _standard(year, surroundings.holidays)
    if is_southern(zone.key):
        season_day = (day + HALF_YEAR) % days
        # The day of that week that is the same weekday, or a Sunday if this one is a public holiday.
        like = season_day + (weekday - first_weekday - season_day + 3) % WEEK - 3
        like += WEEK * ((like < 0).astype(np.int64) - (like >= days))
        standard = _standard(year, NO_HOLIDAYS)
        index = (like * DAY_MIN + minute) // SLOT_MIN
    return LocalYear(
        first_min=first_min,
        minute=minute,
        weekday=weekday,
        day=day,
        season_day=season_day,
        standard={name: values[index] for name, values in standard.items()},
        temperature_c=_temperature_c(surroundings, slots, minute, season_day),
    )


@lru_cache(maxsize=8)
def _standard(year: int, holidays: str) -> dict[str, Values]:
    """The standard profiles, one value per quarter of an hour on the clock."""
    with warnings.catch_warnings():
        # demandlib changes the warning filters and does not restore them.
        from demandlib.bdew import ElecSlp  # noqa: PLC0415 - as above
        from demandlib.particular_profiles import (  # noqa: PLC0415
            IndustrialLoadProfile,
        )

        off = days_off(year, holidays)
        profiles = ElecSlp(year, holidays=off)
        frame = profiles.get_profiles("h0_dyn", "g1", "g3")
        shift = IndustrialLoadProfile(profiles.date_time_index, holidays=off).simple_profile(1, **SHIFT)
    values = {name: frame[name].to_numpy(dtype=np.float64) for name in frame}
    return values | {"shift": shift.to_numpy(dtype=np.float64)}


def _temperature_c(
    surroundings: Surroundings, slots: Indices, minute: Indices, season_day: Indices
) -> Values:
    """A simple weather, the same for all meters of a place: season, time of day, and fronts."""
    zone = surroundings.zone.key
    summer = np.cos(2 * np.pi * (season_day - WARMEST_DAY) / 365.25)
    swing = (3.5 + 2.0 * summer) * np.cos(2 * np.pi * (minute - WARMEST_MIN) / DAY_MIN)
    first, count = int(slots[0]), len(slots) * SLOT_MIN
    weather = WEATHER_C * drift(seed_of(zone, "weather"), first, count, 5 * DAY_MIN)
    fronts = FRONTS_C * drift(seed_of(zone, "fronts"), first, count, 2 * DAY_MIN)
    calm: Values = MEAN_C + SEASON_C * summer + swing
    return calm + (weather + fronts)[::SLOT_MIN]
