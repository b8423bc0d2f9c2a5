"""The hours and days that ingestors have added up, and how some of them are found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from ingestor.documents import format_timestamp, measure_id
from monitor.queries.database import TimeRange, at_sites

Condition = dict[str, Any]


class RollupCollection(NamedTuple):
    """A collection of what sensors used in times of one width; ``stamp`` letters of an id name the time."""

    name: str
    width: timedelta
    stamp: int

    def condition(
        self, starts: Sequence[datetime], sites: Sequence[str], sensor_ids: Sequence[str]
    ) -> Condition | None:
        """The condition for those that begin at some times (UTC, naive, in order); None if there are none."""
        if not starts:
            return None
        runs = self._runs(starts)
        wanted: Condition = {"start": runs[0].query if len(runs) == 1 else {"$in": starts}, **at_sites(sites)}
        if sensor_ids:
            # Those of one sensor follow each other by their ids, and those of one time by their starts.
            wanted["$or"] = [self._ids(each, run) for each in sensor_ids for run in runs]
        return wanted

    def _runs(self, starts: Sequence[datetime]) -> list[TimeRange]:
        """The times in which starts follow each other without a gap."""
        breaks = [n for n in range(1, len(starts)) if starts[n] - starts[n - 1] > self.width]
        return [
            TimeRange(starts[first], starts[end - 1] + self.width)
            for first, end in pairwise([0, *breaks, len(starts)])
        ]

    def _ids(self, sensor_id: str, run: TimeRange) -> Condition:
        first, end = (measure_id(sensor_id, format_timestamp(each)[: self.stamp]) for each in run)
        return {"_id": {"$gte": first, "$lt": end}}


HOURS = RollupCollection("hourly", timedelta(hours=1), len("2026-11-23T10"))
DAYS = RollupCollection("daily", timedelta(days=1), len("2026-11-23"))


def hours_of_day(day: str) -> Condition:
    """The condition for the hours of a day, of which the id in ``daily`` is known."""
    # "U" is the character after "T".
    return {"_id": {"$gte": f"{day}T", "$lt": f"{day}U"}}
