"""What both drawings of a curve share: mean power, a round axis, and the labels of its times."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

import numpy as np

from sensor_node.profiles.load import Edges
from sensor_node.profiles.rng import Values

HOUR_S = 3600
DAY_S = 24 * HOUR_S
# Labels by the longest span, days, that has them; an hour more, as clocks are set back.
FORMS = ((8, "%a %d"), (62, "%d %b"))
HOURS_UP_TO_S = 2 * DAY_S + HOUR_S


def mean_power_kw(edges_s: Edges, energy_kwh: Values) -> Values:
    """The mean power of each interval, kW."""
    return energy_kwh / np.diff(edges_s) * HOUR_S


def resampled_kw(edges_s: Edges, energy_kwh: Values, parts: int) -> Values:
    """The mean power of equal parts of the whole time, kW."""
    used_kwh = np.concatenate(([0.0], np.cumsum(energy_kwh)))
    at_s = np.linspace(edges_s[0], edges_s[-1], parts + 1)
    return mean_power_kw(at_s, np.diff(np.interp(at_s, edges_s, used_kwh)))


def axis_kw(most_kw: float, lines: int) -> list[float]:
    """Round numbers from 0, at most ``lines`` + 1, the last not below ``most_kw``."""
    if most_kw <= 0:
        return [0.0, 1.0]
    power = 10.0 ** floor(log10(most_kw / lines))
    step = next(power * each for each in (1, 2, 2.5, 5, 10, 20) if power * each * lines >= most_kw)
    return [step * number for number in range(ceil(most_kw / step - 1e-9) + 1)]


def format_kw(power_kw: float) -> str:
    """Format a power with about three digits, kW, and nothing below a watt."""
    most_by_digits = {3: 0.1, 2: 9.995, 1: 99.95}
    digits = next((digits for digits, most_kw in most_by_digits.items() if 0 < power_kw < most_kw), 0)
    return f"{power_kw:,.{digits}f}"


def ticks(edges_s: Edges, zone: ZoneInfo) -> Iterator[tuple[float, str]]:
    """Times with labels: hours of one or two days, days of some weeks, else months."""
    begin_s, end_s = edges_s[0], edges_s[-1]
    form = next((form for days, form in FORMS if end_s - begin_s <= days * DAY_S + HOUR_S), "%b")
    hours = range(0, 24, 6) if end_s - begin_s <= HOURS_UP_TO_S else (0,)
    midnight = datetime.combine(datetime.fromtimestamp(begin_s, zone), time(), zone)
    while midnight.timestamp() < end_s:
        for hour in hours:
            at_s = midnight.replace(hour=hour).timestamp()
            if begin_s <= at_s < end_s and (form != "%b" or midnight.day == 1):
                yield at_s, f"{hour:02}:00" if hour else f"{midnight:{form}}"
        midnight += timedelta(days=1)
