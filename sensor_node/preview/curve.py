"""What both drawings of a curve share: mean power, a round axis, and the labels of its times."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sensor_node.profiles import Edges

HOUR_S = 3600
DAY_S = 24 * HOUR_S
# The longest spans whose hours, weekdays and days are named; an hour more, as clocks are put back.
HOURS_UP_TO_S, WEEKDAYS_UP_TO_S, DAYS_UP_TO_S = (days * DAY_S + HOUR_S for days in (2, 8, 62))

Values = NDArray[np.float64]


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
    """Name some times: hours of one or two days, days of some weeks, else months.

    Yields:
        Unix seconds and a label.
    """
    begin, end = (datetime.fromtimestamp(edge, zone) for edge in (edges_s[0], edges_s[-1]))
    length_s = edges_s[-1] - edges_s[0]
    if length_s <= HOURS_UP_TO_S:
        return _hours(begin, end)
    form = "%a %d" if length_s <= WEEKDAYS_UP_TO_S else "%d %b" if length_s <= DAYS_UP_TO_S else "%b"
    return _days(begin, end, form)


def _hours(begin: datetime, end: datetime) -> Iterator[tuple[float, str]]:
    for day in _dates(begin, end):
        for hour in range(0, 24, 6):
            at_s = datetime.combine(day, time(hour), tzinfo=begin.tzinfo).timestamp()
            if begin.timestamp() <= at_s < end.timestamp():
                yield at_s, f"{day:%a %d}" if hour == 0 else f"{hour:02}:00"


def _days(begin: datetime, end: datetime, form: str) -> Iterator[tuple[float, str]]:
    for day in _dates(begin, end):
        at_s = datetime.combine(day, time(), tzinfo=begin.tzinfo).timestamp()
        if begin.timestamp() <= at_s < end.timestamp() and (form != "%b" or day.day == 1):
            yield at_s, f"{day:{form}}"


def _dates(begin: datetime, end: datetime) -> Iterator[date]:
    day = begin.date()
    while day <= end.date():
        yield day
        day += timedelta(days=1)
