"""A cold store: a compressor that starts and stops all day, the more the hotter it is, and defrosts."""

import numpy as np

from sensor_node.profiles.devices import Device, power_of, runs
from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.local_year import DAY_MIN, LocalYear
from sensor_node.profiles.rng import Values, drift, seed_of, trait
from sensor_node.profiles.shapes import YEAR_H, flat

# Fractions of a year's energy.
FANS, DEFROST, COMPRESSOR = 0.15, 0.05, 0.80
# The fraction of the time that the compressor runs, over the year; on the hottest days it is twice that.
DUTY = 0.42
DEFROST_MIN = 25.0
USUAL_C, PER_DEGREE = 10.0, 0.017


def cold_store(consumer: Consumer, minutes: Minutes) -> Values:
    """Mean power of each minute, kW."""
    key, year_kwh = consumer.key, consumer.yearly_kwh
    mean_kw = year_kwh / YEAR_H
    running_min = 11 + 8 * trait(key, "running")
    compressor = Device(
        "compressor", ((running_min, COMPRESSOR * mean_kw / DUTY),), spread=0.2, varies=0.1, differs=0.1
    )
    times_a_day = 2 + int(3 * trait(key, "defrosts"))
    heater_kw = DEFROST * mean_kw * DAY_MIN / (times_a_day * DEFROST_MIN)
    heater = Device("defrost", ((DEFROST_MIN, heater_kw),), spread=0.03, varies=0.0, differs=0.0)
    defrost_kw = power_of([runs(heater, DEFROST * year_kwh, flat, consumer, minutes)], minutes)
    compressor_kw = power_of([runs(compressor, COMPRESSOR * year_kwh, cooled, consumer, minutes)], minutes)
    # The compressor rests while the heater runs, and makes up for it.
    works: Values = 1 - np.minimum(defrost_kw / heater_kw, 1)
    makes_up = 1 / (1 - times_a_day * DEFROST_MIN / DAY_MIN)
    fans = FANS * (1 + 0.03 * drift(seed_of(key, "fans"), *minutes, 15))
    return compressor_kw * works * makes_up + defrost_kw + mean_kw * fans


def cooled(year: LocalYear) -> Values:
    """The cooling that is needed: doors and goods as in the standard profile, and the heat outside."""
    g3 = year.standard["g3"]
    return g3 * np.maximum(1 + PER_DEGREE * (year.temperature_c - USUAL_C), 0.4)
