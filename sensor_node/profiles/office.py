"""An office: working days of the BDEW's profile G1, on a base of servers, standby and emergency light."""

import numpy as np

from sensor_node.profiles.devices import Device, power_of, runs
from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.local_year import LocalYear
from sensor_node.profiles.rng import Values, drift, seed_of
from sensor_node.profiles.shapes import YEAR_H, relative_power

# Fractions of a year's energy; the rest is the working day.
BASE, COOLING, KITCHEN = 0.38, 0.05, 0.03
COOL_ABOVE_C = 20.0
# When the cooling starts, reaches full power, is reduced, and stops.
COOLING_MIN = (7.5 * 60, 9.5 * 60, 16 * 60, 19 * 60)
SATURDAY = 5
SEASON_DAYS = 61

COFFEE = Device("coffee machine", ((4, 2.4),), varies=0.5)


def office(consumer: Consumer, minutes: Minutes) -> Values:
    """Mean power of each minute, kW."""
    key, surroundings, mean_kw = consumer.key, consumer.surroundings, consumer.yearly_kwh / YEAR_H
    # The number of people differs between weeks and between hours.
    people = 1 + 0.08 * drift(seed_of(key, "days"), *minutes, 2000)
    people += 0.09 * drift(seed_of(key, "hours"), *minutes, 40)
    devices = 1 + 0.04 * drift(seed_of(key, "devices"), *minutes, 3)
    base = 1 + 0.03 * drift(seed_of(key, "base"), *minutes, 25)
    work = (1 - BASE - COOLING - KITCHEN) * relative_power(at_work, surroundings, *minutes) * people
    cooling = COOLING * relative_power(cooled, surroundings, *minutes)
    coffee_kw = power_of([runs(COFFEE, KITCHEN * consumer.yearly_kwh, at_work, consumer, minutes)], minutes)
    return mean_kw * (BASE * base + (work + cooling) * devices) + coffee_kw


def at_work(year: LocalYear) -> Values:
    """When people work: the standard profile above its night."""
    g1 = year.standard["g1"]
    work = np.maximum(g1 - np.quantile(g1, 0.4), 0)
    return work * _smooth_seasons(work, year)[year.day]


def cooled(year: LocalYear) -> Values:
    """Cooling of the rooms: on working days, more when it is hot."""
    hours = np.interp(year.minute, COOLING_MIN, (0, 1, 1, 0))
    # Always a little, so that there is energy to distribute where it is never hot.
    heat: Values = 0.1 + np.maximum(year.temperature_c - COOL_ABOVE_C, 0)
    return np.where(year.weekday < SATURDAY, hours, 0) * heat


def _smooth_seasons(work: Values, year: LocalYear) -> Values:
    """Factor for each day that turns the steps between the standard profile's seasons into slopes."""
    daily = np.bincount(year.day, work)
    is_working = np.bincount(year.day, year.weekday < SATURDAY) > 0
    half = SEASON_DAYS // 2
    around = np.ones(SEASON_DAYS)
    total = np.convolve(np.pad(daily * is_working, half, mode="wrap"), around, mode="valid")
    number = np.convolve(np.pad(is_working * 1.0, half, mode="wrap"), around, mode="valid")
    return np.where(is_working, total / number / np.where(is_working, daily, 1.0), 1.0)
