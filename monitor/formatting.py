"""How a reading, or another number of its kind, is written for people."""

from math import floor, log10

# From here up two places after the point tell enough; below, two digits that are not zero do.
TWO_PLACES_FROM = 0.1
MOST_PLACES = 6


def format_number(value: float) -> str:
    """Write a number: ``12.34``, and the kWh of a home in half a minute as ``0.0033``, not ``0.00``."""
    if value >= TWO_PLACES_FROM or value < 0.5 * 10**-MOST_PLACES:
        return f"{value:,.2f}"
    return f"{value:.{min(MOST_PLACES, 1 - floor(log10(value)))}f}"
