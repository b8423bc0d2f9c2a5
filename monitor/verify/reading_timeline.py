"""The readings of a sensor that count for alarms, in the order of their times."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from monitor.verify.attempts import AttemptedReading, Attempts
from monitor.verify.confusion_matrix import FLAGGED


@dataclass(slots=True)
class ReadingTimeline:
    """The times (UTC, naive) of one sensor's stored readings, in order, without those that were late.

    Attributes:
        flagged: Those that had to be flagged.
    """

    moments: list[datetime] = field(default_factory=list)
    flagged: set[datetime] = field(default_factory=set)

    @property
    def first(self) -> datetime:
        """When the first was taken."""
        return self.moments[0]

    @property
    def last(self) -> datetime:
        """When the last was taken."""
        return self.moments[-1]

    def overconsumption(self, stands_since: datetime | None) -> dict[datetime, datetime | None]:
        """The alarms that the readings make: by their beginning their end, None if they go on.

        Args:
            stands_since: Since when one goes on before the first reading; None if none does.
        """
        since = stands_since
        alarms: dict[datetime, datetime | None] = {} if since is None else {since: None}
        for moment in self.moments:
            if moment in self.flagged:
                if since is None:
                    alarms[since := moment] = None
            elif since is not None:
                alarms[since] = moment
                since = None
        return alarms

    def before(self, at: datetime) -> datetime | None:
        """The time of the last reading up to a moment; None if there is none."""
        position = bisect_right(self.moments, at)
        return self.moments[position - 1] if position else None

    def pause(self, at: datetime) -> timedelta:
        """How long nothing was measured around a moment; without end where nothing follows."""
        position = bisect_right(self.moments, at)
        if position in {0, len(self.moments)}:
            return timedelta.max
        return self.moments[position] - self.moments[position - 1]

    @property
    def usual_pause(self) -> timedelta:
        """The median of the times between readings."""
        gaps_s = [(later - earlier).total_seconds() for earlier, later in pairwise(self.moments)]
        return timedelta(seconds=median(gaps_s)) if gaps_s else timedelta(0)


def to_time(moment: str) -> datetime:
    """A reading's time as documents have it."""
    return datetime.fromisoformat(moment).replace(tzinfo=None)


def reading_timelines(attempts: Attempts) -> Mapping[str, ReadingTimeline]:
    """The timeline of each sensor of which readings are found that were not late."""
    found: dict[str, ReadingTimeline] = defaultdict(ReadingTimeline)
    for (sensor_id, moment), tried in attempts.by_identity.items():
        if tried.times_stored and not tried.is_late:
            at = to_time(moment)
            found[sensor_id].moments.append(at)
            if _is_flagged(tried):
                found[sensor_id].flagged.add(at)
    for timeline in found.values():
        timeline.moments.sort()
    return dict(found)


def _is_flagged(tried: AttemptedReading) -> bool:
    if tried.truth is not None and tried.expected == "stored":
        return tried.truth.must.flagged
    return tried.outcome == FLAGGED
