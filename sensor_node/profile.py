"""What a meter measures in one interval: pure functions of chance. No I/O, no clock."""

import random
from collections.abc import Callable, Mapping

Profile = Callable[[random.Random], float]

PEAK_SHARE = 0.4
PEAK_KWH = (8.0, 15.0)
NORMAL_KWH = (0.8, 2.5)


def lari(rng: random.Random) -> float:
    """The laboratory: in 40 % of the intervals a machine runs.

    Returns:
        Energy of one interval, kWh, with two decimals: uniform in 8.0 to 15.0 for a peak, else in
        0.8 to 2.5.
    """
    low, high = PEAK_KWH if rng.random() < PEAK_SHARE else NORMAL_KWH
    return round(rng.uniform(low, high), 2)


PROFILES: Mapping[str, Profile] = {"lari": lari}
