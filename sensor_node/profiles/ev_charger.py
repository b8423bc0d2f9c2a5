"""A charging point for cars: sessions of constant power that tapers off at the end."""

import math

import numpy as np

from sensor_node.profiles.devices import Runs, pair_factors, power_of, runs_per_year
from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.local_year import DAY_MIN, LocalYear
from sensor_node.profiles.rng import Values, seed_of, trait, uniform
from sensor_node.profiles.shapes import HOUR_MIN, YEAR_H, energy_clock, moments

STANDBY_KW, MOST_STANDBY = 0.004, 0.02
# Two to five a week; above 60 kWh a session, several cars come.
SESSION_KWH, MOST_SESSION_KWH = 14.0, 60.0
FEWEST, MOST = 110, 250
VARIES = 0.5
# Single-phase 16 A, three-phase 16 A (the most usual) and three-phase 32 A.
CHARGERS_KW = (3.7, 11.0, 11.0, 11.0, 22.0)
# Direct current, where the others would be in use more than half of the time.
FAST_CHARGERS_KW = (50.0, 150.0, 300.0)
LONGEST_H, MOST_USE = 6.0, 0.5
MOST_YEARLY_KWH = MOST_USE * FAST_CHARGERS_KW[-1] * YEAR_H
# Maximum number of cars that a car waits for, unless more of them charge in a day.
FEWEST_QUEUE = 8
# Fractions of the time that the energy would take at full power, and of that power.
PHASES = ((0.85, 1.0), (0.075, 0.8), (0.075, 0.6), (0.075, 0.4), (0.075, 0.2))
SATURDAY = 5


def ev_charger(consumer: Consumer, minutes: Minutes) -> Values:
    """Mean power of each minute, kW."""
    standby_kw = min(STANDBY_KW, MOST_STANDBY * consumer.yearly_kwh / YEAR_H)
    return power_of([_sessions(consumer, minutes)], minutes) + standby_kw


def plugged_in(year: LocalYear) -> Values:
    """When a car is plugged in: mostly in the evening of a working day, at weekends over the day."""
    evening = 0.72 * _bell(year, 18.0, 1.5) + 0.12 * _bell(year, 9.0, 1.2) + 0.16 * _bell(year, 14.0, 3.5)
    weekend = 0.85 * (0.75 * _bell(year, 15.0, 3.2) + 0.25 * _bell(year, 19.0, 1.5))
    # A car needs more energy when it is cold.
    winter: Values = 1 + 0.12 * np.cos(2 * np.pi * (year.season_day - 15) / 365.25)
    return winter * np.where(year.weekday < SATURDAY, evening, weekend)


def _bell(year: LocalYear, hour: float, width_h: float) -> Values:
    """A bell curve around an hour of the day, its area 1."""
    away_h = (year.minute / HOUR_MIN - hour + 12) % 24 - 12
    bell: Values = np.exp(-((away_h / width_h) ** 2) / 2) / width_h
    return bell


def _sessions(consumer: Consumer, minutes: Minutes) -> Runs:
    standby_kwh = min(STANDBY_KW * YEAR_H, MOST_STANDBY * consumer.yearly_kwh)
    energy_kwh = consumer.yearly_kwh - standby_kwh
    wanted = min(max(energy_kwh / SESSION_KWH, FEWEST), MOST)
    number = runs_per_year(max(wanted, energy_kwh / MOST_SESSION_KWH))
    mean_kwh = energy_kwh / number
    charger_kw = _charger_kw(consumer.key, mean_kwh, energy_kwh)
    mean_min = mean_kwh / charger_kw * HOUR_MIN
    time_share = sum(share for share, _ in PHASES)
    longest_min = (1 + VARIES) * mean_min * time_share
    surroundings, queue = consumer.surroundings, max(FEWEST_QUEUE, math.ceil(DAY_MIN / longest_min))
    # The longest that a car may wait for others, and its own session; and the sessions before the first.
    since_min = minutes.first - (queue + 1) * longest_min
    first = int(energy_clock(plugged_in, surroundings, since_min) * number) - queue
    last = int(energy_clock(plugged_in, surroundings, minutes.end) * number)
    index = np.arange(first, last + 1)
    chance = uniform(seed_of(consumer.key, "session"), index)
    arrival_min = moments(plugged_in, surroundings, (index + chance) / number)
    full_min = mean_min * pair_factors(consumer, "session", index, VARIES)
    # A car that comes while others charge waits for their end: each time for one more of them.
    start_min = arrival_min.copy()
    for _ in range(queue):
        start_min[1:] = np.maximum(arrival_min[1:], start_min[:-1] + full_min[:-1] * time_share)
    shares, powers = np.array(PHASES).T
    lengths_min = full_min[queue:, None] * shares
    starts_min = start_min[queue:, None] + full_min[queue:, None] * (np.cumsum(shares) - shares)
    power_kw = np.broadcast_to(charger_kw * powers, lengths_min.shape)
    return Runs(starts_min.ravel(), lengths_min.ravel(), power_kw.ravel())


def _charger_kw(key: str, session_kwh: float, year_kwh: float) -> float:
    """The charging point's power; a weak one only where it is enough."""
    least_kw = max(session_kwh / LONGEST_H, year_kwh / (MOST_USE * YEAR_H))
    chosen = CHARGERS_KW[int(trait(key, "charger") * len(CHARGERS_KW))]
    enough = (each for each in sorted(CHARGERS_KW + FAST_CHARGERS_KW) if each >= least_kw)
    return max(chosen, next(enough, FAST_CHARGERS_KW[-1]))
