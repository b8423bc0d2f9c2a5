"""Fault points of the terminal's views, the export and the queries; those of the web page are apart."""

from monitor.export import formats
from monitor.live.snapshot import LiveSnapshot
from monitor.queries import readings
from monitor.queries.paging import PageCursor
from tests.fault_points.point import Point

READ_CURSOR = Point(PageCursor, "parse")
READINGS_AT_ONCE = Point(readings, "STREAM_BATCH")
BEGINS_OF_FORMULAS = Point(formats, "FORMULA_BEGINS")


def fail_last_look(live: LiveSnapshot, why: str) -> None:
    """Have the database not answer when it was asked last."""
    live._error = why
