"""Fault points of what people look at."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor import formats
from monitor.live import Live
from monitor.queries import readings
from monitor.queries.database import Span
from monitor.queries.paging import Mark
from monitor.queries.slots import Unit
from monitor.web import access, guesses, origin
from tests.fault_points.point import Point

READ_CURSOR = Point(Mark, "parse")
READINGS_AT_ONCE = Point(readings, "STREAM_BATCH")
BEGINS_OF_FORMULAS = Point(formats, "FORMULA_BEGINS")

# Who may come in.
IS_HTTPS = Point(origin, "is_secure")
OWN_SITES = Point(origin, "OWN")
WHOSE_TOKEN = Point(access.Access, "whose")
MOST_TOKENS = Point(access, "MOST_TOKENS")
LONGEST_WAIT_OF_GUESSES_S = Point(guesses, "LONGEST_S")


def starts_of_bars(span: Span, unit: Unit, zone: ZoneInfo) -> Iterator[datetime]:
    """When the bars of the page that compares begin."""
    from monitor.web.pages import compare  # noqa: PLC0415 - pages take long to import

    return compare._starts(span, unit, zone)


def fail_last_look(live: Live, why: str) -> None:
    """Have the database not answer when it was asked last."""
    live._error = why
