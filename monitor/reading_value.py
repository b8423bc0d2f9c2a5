"""How a reading is written for people."""

from math import floor, log10

# From here up two places after the point tell enough; below, two digits that are not zero do.
TWO_PLACES_FROM_KWH = 0.1
MOST_PLACES = 6


def reading_value(value_kwh: float) -> str:
    """Write a reading: ``12.34``, and what a home uses in half a minute as ``0.0033``, not ``0.00``.

    Args:
        value_kwh: Energy, kWh.
    """
    if value_kwh >= TWO_PLACES_FROM_KWH or value_kwh < 0.5 * 10**-MOST_PLACES:
        return f"{value_kwh:,.2f}"
    return f"{value_kwh:.{min(MOST_PLACES, 1 - floor(log10(value_kwh)))}f}"
