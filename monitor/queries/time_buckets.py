"""The hours, days and weeks of a time zone, and how the database is asked for many of them.

It could find out by itself to which day an hour belongs, but takes longer for that than for all the
rest. It only divides here: by how long a day is, which is the same between two changes of clocks.
What is stored of whole days (UTC) spares it 23 of 24 hours wherever a slot has such days in it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby, pairwise
from typing import Any, Literal, NamedTuple

from monitor.queries.database import TimeRange

Unit = Literal["hour", "day", "week"]
DAYS = {"day": 1, "week": 7}
PARTS = 4
MILLISECOND, HOUR, DAY = timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=1)


def bucket_starts(span: TimeRange, unit: Unit, zone: tzinfo) -> Iterator[datetime]:
    """When each hour, day or week (from Monday) of a time begins, UTC, naive; the first may be before it."""
    local = span.first.replace(tzinfo=UTC).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    if unit != "hour":
        # Of two midnights on one day, as in the Azores, the first begins it.
        local = local.replace(hour=0, fold=0) - timedelta(days=local.weekday() if unit == "week" else 0)
    last = datetime.min  # noqa: DTZ901 - naive like all here
    while (start := local.astimezone(UTC).replace(tzinfo=None)) < span.end:
        # A day that the calendar left out, as Samoa's of 2011, begins when the next one does.
        if start > last:
            yield start
        last = start
        # A day is a day of the calendar, an hour one of the clock: they differ when clocks are changed.
        later = start.replace(tzinfo=UTC) + timedelta(hours=1)
        local = later.astimezone(zone) if unit == "hour" else local + timedelta(days=DAYS[unit])


class BucketRun(NamedTuple):
    """Equally wide buckets, one after the other, for one question.

    Attributes:
        span: Their time, as far as it is asked for.
        origin: When the first of them begins, UTC, naive.
    """

    span: TimeRange
    origin: datetime
    width: timedelta

    @property
    def number(self) -> dict[str, Any]:
        """The expression that says in which slot the field ``start`` lies, counted from 0."""
        if self.span.end - self.origin <= self.width:
            return {"$literal": 0}
        since_ms = {"$subtract": ["$start", self.origin]}
        return {"$floor": {"$divide": [since_ms, self.width // MILLISECOND]}}

    def start(self, number: float) -> datetime:
        """When a slot begins, UTC, naive."""
        return self.origin + int(number) * self.width

    def days(self) -> list[datetime]:
        """When the days (UTC) begin of which all hours belong to one slot."""
        found, start = list[datetime](), self.origin
        while self.width >= DAY and start < self.span.end:
            end = min(start + self.width, self.span.end)
            day = _next(max(start, self.span.first), DAY)
            while day + 23 * HOUR < end:
                found.append(day)
                day += DAY
            start += self.width
        return found

    def hours(self) -> list[datetime]:
        """When the hours begin that belong to none of these days."""
        days, found = set(self.days()), list[datetime]()
        hour = _next(self.span.first, HOUR)
        while hour < self.span.end:
            if hour.replace(hour=0) not in days:
                found.append(hour)
            hour += HOUR
        return found


def _next(moment: datetime, width: timedelta) -> datetime:
    """The moment, or the first one after it, at which an hour or a day begins."""
    return moment + (datetime.min - moment) % width  # noqa: DTZ901 - naive like all here


def single_bucket(span: TimeRange) -> list[BucketRun]:
    """A time as one part with one slot."""
    return [BucketRun(span, span.first, span.end - span.first)]


def bucket_runs(span: TimeRange, unit: Unit, zone: tzinfo) -> list[BucketRun]:
    """A time as parts, some more than there are changes of clocks in it, in order."""
    edges = list(bucket_starts(span, unit, zone))
    widths = [end - start for start, end in pairwise(edges)]
    # How long the last one would go on does not matter, as nothing of later is asked for.
    widths.append(max([span.end - edges[-1], *widths[-1:]]) if edges else timedelta())
    ends = [*edges[1:], span.end]
    most = -(-len(edges) // PARTS)
    found = []
    for _, alike in groupby(range(len(edges)), widths.__getitem__):
        numbers = list(alike)
        for chunk in (numbers[at : at + most] for at in range(0, len(numbers), most)):
            first, last = chunk[0], chunk[-1]
            within = TimeRange(max(edges[first], span.first), min(ends[last], span.end))
            found.append(BucketRun(within, edges[first], widths[first]))
    return found
