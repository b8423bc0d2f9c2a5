"""A home: standby, a refrigerator, light and electronics, and appliances.

Over many homes the power follows the BDEW's dynamic H0 profile; a single home has its own evenings.
"""

import numpy as np

from sensor_node.profiles.devices import Device, power_of, runs
from sensor_node.profiles.load import Consumer, Minutes
from sensor_node.profiles.local_year import LocalYear
from sensor_node.profiles.rng import Values
from sensor_node.profiles.shapes import YEAR_H, flat

# Fractions of a year's energy.
STANDBY, COLD, APPLIANCES = 0.12, 0.09, 0.41
COLD_DUTY = 0.35
# Nobody cooks or washes while the standard profile is below this fraction of its mean.
ASLEEP = 0.5

# Each with its fraction of the energy of all appliances.
DEVICES = (
    (0.12, Device("kettle and coffee", ((3, 2.0),), varies=0.5)),
    (0.08, Device("microwave and toaster", ((4, 1.1),), varies=0.5)),
    (0.22, Device("hob", ((5, 2.2), (3, 0.0), (3, 1.6), (4, 0.0), (3, 1.6), (4, 0.0), (2, 1.6)), varies=0.5)),
    (0.10, Device("oven", ((9, 2.4), (4, 0.1), (3, 2.4), (5, 0.1), (3, 2.4), (5, 0.1), (3, 2.4)))),
    (0.15, Device("dishwasher", ((8, 0.1), (14, 2.0), (35, 0.1), (12, 2.0), (20, 0.05)))),
    (0.14, Device("washing machine", ((4, 0.1), (17, 2.0), (45, 0.18), (10, 0.45)), varies=0.4)),
    (0.14, Device("dryer", ((55, 1.4), (15, 0.5)))),
    (0.05, Device("vacuum cleaner and iron", ((15, 1.0),), varies=0.6)),
)
LIGHTS = (
    (0.45, Device("light", ((70, 0.06),), varies=0.8)),
    (0.55, Device("screens", ((110, 0.14),), varies=0.6)),
)


def household(consumer: Consumer, minutes: Minutes) -> Values:
    """Mean power of each minute, kW."""
    year_kwh, lights = consumer.yearly_kwh, 1 - STANDBY - COLD - APPLIANCES
    cold_kw = COLD * year_kwh / YEAR_H / COLD_DUTY
    cold = Device("refrigerator", ((17, cold_kw),), spread=0.25, varies=0.15)
    found = [runs(cold, COLD * year_kwh, flat, consumer, minutes)]
    for part, device in DEVICES:
        found.append(runs(device, part * APPLIANCES * year_kwh, busy, consumer, minutes))
    for part, device in LIGHTS:
        found.append(runs(device, part * lights * year_kwh, awake, consumer, minutes))
    return power_of(found, minutes) + STANDBY * year_kwh / YEAR_H


def busy(year: LocalYear) -> Values:
    """When people cook and wash: the standard profile above the night."""
    return np.maximum(_h0(year) - ASLEEP, 0)


def awake(year: LocalYear) -> Values:
    """When there is light: the standard profile without everything else."""
    above = busy(year)
    appliances: Values = APPLIANCES * above / above.mean()
    return _h0(year) - STANDBY - COLD - appliances


def _h0(year: LocalYear) -> Values:
    h0 = year.standard["h0_dyn"]
    return h0 / float(h0.mean())
