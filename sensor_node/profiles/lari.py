"""The laboratory: random energy, whatever the time and the length of the interval."""

import random

import numpy as np

from sensor_node.profiles.load import Edges
from sensor_node.profiles.rng import Values

PEAK_SHARE = 0.4
PEAK_KWH = (8.0, 15.0)
NORMAL_KWH = (0.8, 2.5)


class Laboratory:
    """In 40 % of the intervals a machine runs.

    The energy of an interval, kWh, has two decimals: uniform in 8.0 to 15.0 for a peak, else in 0.8 to 2.5.
    It only depends on the key and on how many intervals were measured before.
    """

    __slots__ = ("_rng",)

    def __init__(self, key: str) -> None:
        # A text gives the same numbers in all versions of Python.
        self._rng = random.Random(key)

    def energy_kwh(self, edges_s: Edges) -> Values:
        """Draw the energy of each interval; see ``Load``."""
        return np.array([self._draw_kwh() for _ in range(len(edges_s) - 1)])

    def _draw_kwh(self) -> float:
        low, high = PEAK_KWH if self._rng.random() < PEAK_SHARE else NORMAL_KWH
        return round(self._rng.uniform(low, high), 2)
