"""The readings of a sensor that count for alarms, in the order of their times."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from monitor.verify.attempts import AttemptedReading, Attempts
from monitor.verify.confusion_matrix import FLAGGED

FOREVER = timedelta.max


@dataclass(slots=True)
class ReadingTimeline:
    """One sensor's stored readings, without those that were late.

    Attributes:
        moments: Their times, in order, as ``Identity`` has them.
        flagged: Those that had to be flagged.
    """

    moments: list[str] = field(default_factory=list)
    flagged: set[str] = field(default_factory=set)

    @property
    def first(self) -> datetime:
        """When the first was taken, UTC, naive."""
        return to_time(self.moments[0])

    @property
    def last(self) -> datetime:
        """When the last was taken, UTC, naive."""
        return to_time(self.moments[-1])

    def overconsumption(self, stands_since: datetime | None) -> dict[datetime, datetime | None]:
        """The alarms that the readings make: by their beginning their end, None if they go on.

        Args:
            stands_since: Since when one goes on before the first reading; None if none does.
        """
        alarms: dict[datetime, datetime | None] = {}
        since = stands_since
        if since is not None:
            alarms[since] = None
        for moment in self.moments:
            if moment in self.flagged:
                if since is None:
                    since = to_time(moment)
                    alarms[since] = None
            elif since is not None:
                alarms[since] = to_time(moment)
                since = None
        return alarms

    def before(self, at: datetime) -> datetime | None:
        """The time of the last reading up to a moment; None if there is none."""
        place = self._place(at)
        return to_time(self.moments[place - 1]) if place else None

    def pause(self, at: datetime) -> timedelta:
        """How long nothing was measured around a moment; without end where nothing follows."""
        place = self._place(at)
        if place in {0, len(self.moments)}:
            return FOREVER
        return to_time(self.moments[place]) - to_time(self.moments[place - 1])

    @property
    def usual_pause(self) -> timedelta:
        """How far apart the readings are: as a rule, not on average."""
        moments_s = [to_time(each).timestamp() for each in self.moments]
        gaps_s = [later - earlier for earlier, later in pairwise(moments_s)]
        return timedelta(seconds=median(gaps_s)) if gaps_s else timedelta(0)

    def _place(self, at: datetime) -> int:
        return bisect_right(self.moments, at.replace(tzinfo=UTC).isoformat(timespec="milliseconds"))


def to_time(moment: str) -> datetime:
    """A reading's time as documents have it."""
    return datetime.fromisoformat(moment).replace(tzinfo=None)


def reading_timelines(tries: Attempts) -> Mapping[str, ReadingTimeline]:
    """Of each sensor of which readings are found that were not late."""
    found: dict[str, ReadingTimeline] = defaultdict(ReadingTimeline)
    for (sensor_id, moment), tried in tries.by_identity.items():
        if tried.times_stored and not tried.is_late:
            timeline = found[sensor_id]
            timeline.moments.append(moment)
            if _is_flagged(tried):
                timeline.flagged.add(moment)
    for timeline in found.values():
        timeline.moments.sort()
    return dict(found)


def _is_flagged(tried: AttemptedReading) -> bool:
    if tried.truth is not None and tried.expected == "stored":
        return tried.truth.must.flagged
    return tried.outcome == FLAGGED
