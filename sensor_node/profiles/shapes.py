"""Shapes: how a year's energy is distributed over its time, and a clock that advances with the energy."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from sensor_node.profiles.local_year import SLOT_MIN, LocalYear, local_year
from sensor_node.profiles.rng import Values
from sensor_node.profiles.surroundings import Surroundings

HOUR_MIN = 60
YEAR_H = 365.25 * 24

Shape = Callable[[LocalYear], Values]


@dataclass(frozen=True, slots=True, eq=False)
class ShapedYear:
    """A shape in one year and one place, per quarter of an hour.

    Attributes:
        edges_min: Where the quarters begin, and the last ends; minutes since 1970.
        relative: Power as a multiple of the year's mean.
        done: Fraction of the year's energy used at each edge.
    """

    edges_min: Values
    relative: Values
    done: Values


@lru_cache(maxsize=64)
def shaped_year(shape: Shape, year: int, surroundings: Surroundings) -> ShapedYear:
    """Apply a shape to a year; cached, because all meters of a place share it."""
    local = local_year(year, surroundings)
    power = np.maximum(shape(local), 0.0)
    done = np.concatenate(([0.0], np.cumsum(power)))
    edges_min = local.first_min + SLOT_MIN * np.arange(len(done), dtype=np.float64)
    return ShapedYear(edges_min, power / power.mean(), done / done[-1])


def year_at(minute: float, surroundings: Surroundings) -> int:
    """The local year of a minute since 1970."""
    return datetime.fromtimestamp(minute * 60, surroundings.zone).year


def relative_power(shape: Shape, surroundings: Surroundings, first_min: int, count: int) -> Values:
    """Power in each minute, as a multiple of the year's mean."""
    here = shaped_year(shape, year_at(first_min, surroundings), surroundings)
    begin_min, end_min = int(here.edges_min[0]), int(here.edges_min[-1])
    count_here = min(count, end_min - first_min)
    slots = (np.arange(first_min, first_min + count_here) - begin_min) // SLOT_MIN
    power = here.relative[slots]
    if count_here == count:
        return power
    later = relative_power(shape, surroundings, end_min, count - count_here)
    return np.concatenate((power, later))


def energy_clock(shape: Shape, surroundings: Surroundings, minute: float) -> float:
    """Read the clock that advances with the energy: the year plus the fraction of its energy used."""
    year = year_at(minute, surroundings)
    here = shaped_year(shape, year, surroundings)
    return float(year + np.interp(minute, here.edges_min, here.done))


def moments(shape: Shape, surroundings: Surroundings, clock: Values) -> Values:
    """When the energy clock shows some values, which must be ascending; minutes since 1970."""
    years = np.floor(clock)
    found = np.empty_like(clock)
    for year in range(int(years[0]), int(years[-1]) + 1):
        here = shaped_year(shape, year, surroundings)
        chosen = years == year
        found[chosen] = np.interp(clock[chosen] - year, here.done, here.edges_min)
    return found


def flat(year: LocalYear) -> Values:
    """The same power at all times."""
    return np.ones(len(year.minute))
