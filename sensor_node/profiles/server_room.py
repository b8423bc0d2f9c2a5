"""A server room: computers that hardly rest, and cooling that follows the weather."""

import numpy as np

from sensor_node.profiles.devices import Device, power_of, runs
from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.local_year import LocalYear
from sensor_node.profiles.rng import Values, drift, seed_of
from sensor_node.profiles.shapes import YEAR_H, relative_power

# Fractions of a year's energy; the supply is losses of the UPS, and fans.
COMPUTERS, COOLING, SUPPLY = 0.72, 0.20, 0.08
# Some of the cooling is a compressor that starts and stops.
CYCLING, CYCLE_DUTY, CYCLE_MIN = 0.25, 0.4, 6.0
FREE_COOLING_C = 4.0
SATURDAY = 5
NOON_MIN, WIDTH_MIN = 13 * 60, 4 * 60
BACKUP_MIN, BACKED_UP_MIN, ALL_BACKED_UP_MIN = 60, 150, 300


def server_room(consumer: Consumer, minutes: Minutes) -> Values:
    """Mean power of each minute, kW."""
    key, surroundings, mean_kw = consumer.key, consumer.surroundings, consumer.yearly_kwh / YEAR_H
    work = 1 + 0.02 * drift(seed_of(key, "days"), *minutes, 1500)
    work += 0.015 * drift(seed_of(key, "minutes"), *minutes, 4)
    computers = COMPUTERS * relative_power(computing, surroundings, *minutes) * work
    cooling = COOLING * (1 - CYCLING) * relative_power(cooled, surroundings, *minutes)
    cycling = COOLING * CYCLING
    cooler = Device("compressor", ((CYCLE_MIN, cycling * mean_kw / CYCLE_DUTY),), spread=0.2, varies=0.1)
    cooler_kw = power_of([runs(cooler, cycling * consumer.yearly_kwh, cooled, consumer, minutes)], minutes)
    return mean_kw * (computers + cooling + SUPPLY) + cooler_kw


def computing(year: LocalYear) -> Values:
    """The work of the computers: a little more in working hours, and back-ups at night."""
    hours: Values = np.exp(-(((year.minute - NOON_MIN) / WIDTH_MIN) ** 2))
    # Full back-ups at weekends, else incremental ones.
    end_min = np.where(year.weekday == SATURDAY, ALL_BACKED_UP_MIN, BACKED_UP_MIN)
    backup = (year.minute >= BACKUP_MIN) & (year.minute < end_min)
    return 1 + np.where(year.weekday < SATURDAY, 0.06, 0.015) * hours + np.where(backup, 0.04, 0.0)


def cooled(year: LocalYear) -> Values:
    """The cooling that is needed: little while it is cold outside, more when it is hot."""
    return 0.14 + 0.012 * np.maximum(year.temperature_c - FREE_COOLING_C, 0)
