"""What comes of a sensor while its rules are evaluated again.

Nearly all of it is found by the pages that are still to be read: it is stored. What is left over is kept, so
many readings and no more; beyond that the rules are evaluated once more, from the oldest that was not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ingestor.documents import Measure, is_late

MAX_KEPT = 1000


@dataclass(slots=True)
class Ahead:
    """Readings that were found stored before they came here, and when the newest of them was received."""

    times: set[datetime]
    until: datetime


@dataclass(slots=True)
class Meanwhile:
    """Readings that came and were not found yet, and those that were found and did not come yet.

    Attributes:
        since: From when on the rules are evaluated again.
        done: The last reading of the pages that were read; None before the first page.
        missed: The oldest reading that came and could not be kept; None if all could.
    """

    since: datetime
    done: datetime | None = None
    missed: datetime | None = None
    _came: dict[datetime, Measure] = field(default_factory=dict)
    _found: dict[datetime, datetime] = field(default_factory=dict)

    def add(self, measure: Measure) -> None:
        """Take a reading that came, and is stored."""
        at = measure["timestamp"]
        if self._found.pop(at, None) is not None:
            return
        if len(self._came) < MAX_KEPT:
            self._came[at] = measure
        elif at >= self.since or not is_late(measure):
            self.missed = min(at, self.missed or at)

    def before_page(self) -> None:
        """Forget what came and will be found. If it is not, somebody took it out of the database."""
        self._came = {at: each for at, each in self._came.items() if not self._is_ahead_of_pages(at)}
        if self.missed is not None and self._is_ahead_of_pages(self.missed):
            self.missed = None

    def _is_ahead_of_pages(self, at: datetime) -> bool:
        return at >= self.since if self.done is None else at > self.done

    def on_page(self, page: Sequence[Measure], evaluated: datetime) -> None:
        """Note what a page has.

        Args:
            page: The readings.
            evaluated: What was received until then does not come any more.
        """
        for each in page:
            came = self._came.pop(each["timestamp"], None)
            # One that is not noted counts as out of order when it comes, and is found again.
            if came is None and each["received_at"] > evaluated and len(self._found) < MAX_KEPT:
                self._found[each["timestamp"]] = each["received_at"]
        if page:
            self.done = page[-1]["timestamp"]

    def ahead(self, evaluated: datetime) -> Ahead | None:
        """The readings that were found and still come; None if there are none."""
        found = {at: received for at, received in self._found.items() if received > evaluated}
        return Ahead(set(found), max(found.values())) if found else None

    def unseen(self) -> tuple[list[Measure], list[Measure]]:
        """What came and was not found, by time: late readings that count for energy, and timely ones."""
        by_time = [self._came[at] for at in sorted(self._came)]
        late = [each for each in by_time if is_late(each) and each["timestamp"] >= self.since]
        return late, [each for each in by_time if not is_late(each)]

    @property
    def oldest(self) -> datetime:
        """From when on the rules must be evaluated if they must be once more."""
        came = [each["timestamp"] for each in self.unseen()[1]]
        missed = [] if self.missed is None else [self.missed]
        return min([*came, *missed], default=self.since)
