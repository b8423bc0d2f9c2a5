"""A workshop: one shift with breaks, machines that run for minutes, and leaking compressed air."""

import numpy as np
from numpy.typing import NDArray

from sensor_node.profiles.devices import Device, power_of, runs
from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.local_year import LocalYear
from sensor_node.profiles.rng import Values, drift, seed_of
from sensor_node.profiles.shapes import YEAR_H, relative_power

# Fractions of a year's energy.
BASE, LIGHTS, AIR, MACHINES = 0.10, 0.20, 0.22, 0.48
# Breakfast and lunch, minutes of the day.
BREAKS_MIN = ((9 * 60, 9 * 60 + 15), (12 * 60, 12 * 60 + 45))
BREAK_AIR, NIGHT_AIR = 0.35, 0.12
# How long the compressor runs until its tank is full, its fraction of the shift, and the demand of the
# shift as a multiple of the year's mean.
TANK_MIN, SHIFT_DUTY, SHIFT_AIR = 3.0, 0.5, 3.2
MIDWINTER_DAY = 10
# On Fridays the shift ends early; after Christmas there is none.
FRIDAY, FRIDAY_END_MIN = 4, 14 * 60
CLOSED_DAYS = range(357, 366)
# In the first three weeks of August some are away.
SUMMER_DAYS, SUMMER_STAFF = range(213, 235), 0.7

# Each with its fraction of the energy of all machines.
DEVICES = (
    (0.40, Device("lathe", ((0.5, 11.0), (6, 5.0)), varies=0.6)),
    (0.25, Device("milling machine", ((9, 4.0),), varies=0.5)),
    (0.15, Device("saw", ((2, 3.0),), varies=0.5)),
    (0.20, Device("welding set", ((1, 9.0), (1, 0.3), (1.5, 9.0), (1, 0.3), (1, 9.0)), varies=0.4)),
)


def workshop(consumer: Consumer, minutes: Minutes) -> Values:
    """Mean power of each minute, kW."""
    year_kwh = consumer.yearly_kwh
    full_kw = AIR * year_kwh / YEAR_H * SHIFT_AIR / SHIFT_DUTY
    air = Device("compressor", ((TANK_MIN, full_kw),), spread=0.3, varies=0.1, differs=0.1)
    air_kw = power_of([runs(air, AIR * year_kwh, compressed_air, consumer, minutes)], minutes)
    found = [
        runs(device, part * MACHINES * year_kwh, at_machines, consumer, minutes) for part, device in DEVICES
    ]
    # Some days have more orders.
    orders = 1 + 0.16 * drift(seed_of(consumer.key, "orders"), *minutes, 24 * 60)
    lights = LIGHTS * relative_power(lit, consumer.surroundings, *minutes)
    base = BASE * (1 + 0.04 * drift(seed_of(consumer.key, "base"), *minutes, 20))
    return power_of(found, minutes) * orders + air_kw + year_kwh / YEAR_H * (lights + base)


def at_machines(year: LocalYear) -> Values:
    """When people are at the machines: in the shift, but not in its breaks; fewer in August."""
    staff = np.where(np.isin(year.season_day, SUMMER_DAYS), SUMMER_STAFF, 1.0)
    return np.where(_is_break(year), 0.0, staff) * _shift(year)


def compressed_air(year: LocalYear) -> Values:
    """The work of the compressor: what tools use, and what leaks all the time."""
    use = np.where(_is_break(year), BREAK_AIR, 1.0) * _shift(year)
    return np.maximum(use, NIGHT_AIR)


def lit(year: LocalYear) -> Values:
    """Light and ventilation of the hall: all the shift, and more in winter."""
    dark: Values = 1 + 0.3 * np.cos(2 * np.pi * (year.season_day - MIDWINTER_DAY) / 365.25)
    return _shift(year) * dark


def _shift(year: LocalYear) -> Values:
    is_early = (year.weekday == FRIDAY) & (year.minute >= FRIDAY_END_MIN)
    is_open: NDArray[np.bool_] = (year.standard["shift"] > 0) & ~is_early & ~np.isin(year.day, CLOSED_DAYS)
    return is_open.astype(np.float64)


def _is_break(year: LocalYear) -> NDArray[np.bool_]:
    (breakfast, work), (lunch, end) = BREAKS_MIN
    minute = year.minute
    return ((minute >= breakfast) & (minute < work)) | ((minute >= lunch) & (minute < end))
