"""Which time a report is of, with which one it is compared, and how both are named."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from monitor.queries.database import TimeRange

Unit = Literal["day", "week", "month"]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """A day, week or month in a time zone, as far as it is over.

    Energy is known per hour of UTC. In a zone that is half an hour beside it, an hour belongs to the
    day in which it begins. ``now`` is UTC, naive.
    """

    unit: Unit
    first_day: date
    days: int
    zone: ZoneInfo
    now: datetime

    @classmethod
    def around(cls, day: date, unit: Unit, zone: ZoneInfo, now: datetime) -> "ReportPeriod":
        """The day, week or month that a day is in."""
        if unit == "month":
            return cls(unit, day.replace(day=1), monthrange(day.year, day.month)[1], zone, now)
        if unit == "week":
            return cls(unit, day - day.weekday() * DAY, 7, zone, now)
        return cls(unit, day, 1, zone, now)

    @property
    def whole(self) -> TimeRange:
        """All of it."""
        return TimeRange(self._midnight(self.first_day), self._midnight(self.first_day + self.days * DAY))

    @property
    def is_so_far(self) -> bool:
        """Whether it goes on."""
        return self.now < self.whole.end

    @property
    def span(self) -> TimeRange:
        """What is over of it."""
        return TimeRange(self.whole.first, min(self.whole.end, self.now))

    @property
    def compared(self) -> TimeRange:
        """What is compared of it: hours that are over."""
        if not self.is_so_far:
            return self.whole
        first = self.whole.first
        return TimeRange(first, max(first, self.now.replace(minute=0, second=0, microsecond=0)))

    @property
    def before(self) -> "ReportPeriod":
        """As many days right before it, all of them over."""
        return ReportPeriod(self.unit, self.first_day - self.days * DAY, self.days, self.zone, self.now)

    @property
    def compared_before(self) -> TimeRange:
        """What it is compared with: as much of the time before, by the clock there."""
        whole = self.before.whole
        if not self.is_so_far:
            return whole
        end = self.local(self.compared.end).replace(tzinfo=None) - self.days * DAY
        return TimeRange(whole.first, self._to_utc(end))

    @property
    def buckets(self) -> list[datetime]:
        """When each hour of a day, or each day of a week or month, begins; UTC, naive."""
        if self.unit != "day":
            return [self._midnight(self.first_day + number * DAY) for number in range(self.days)]
        first, end = self.whole
        first += -timedelta(minutes=first.minute, seconds=first.second) % HOUR
        return [first + number * HOUR for number in range(-((first - end) // HOUR))]

    def local(self, moment: datetime) -> datetime:
        """A document's time in this zone."""
        return moment.replace(tzinfo=UTC).astimezone(self.zone)

    def _midnight(self, day: date) -> datetime:
        return self._to_utc(datetime.combine(day, time()))

    def _to_utc(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC).replace(tzinfo=None)

    @property
    def name(self) -> str:
        """What people call it: ``Monday, 23 November 2026``."""
        first, last = self.first_day, self.first_day + (self.days - 1) * DAY
        if self.unit == "day":
            return f"{first:%A}, {day_name(first)} {first.year}"
        if self.unit == "month" and first.day == 1 and last.month == first.month:
            return f"{first:%B %Y}"
        years = f" {first.year}" if first.year != last.year else ""
        begin = str(first.day) if first.month == last.month else day_name(first)
        return f"{begin}{years} to {day_name(last)} {last.year}"

    def bucket_name(self, start: datetime) -> str:
        """What people call an hour or a day of it: ``14:00``, ``Mon 23 Nov``."""
        local = self.local(start)
        return f"{local:%H:%M}" if self.unit == "day" else f"{local:%a} {local.day} {local:%b}"

    def hour_name(self, start: datetime) -> str:
        """What people call an hour in it: ``14:00 to 15:00``, and the day unless it is of one."""
        begin, end = self.local(start), self.local(start + HOUR)
        day = "" if self.unit == "day" else f", {begin:%a} {begin.day} {begin:%b}"
        return f"{begin:%H:%M} to {end:%H:%M}{day}"

    def clock(self, moment: datetime) -> str:
        """A moment as people write it, without the day if it is of the one day."""
        local = self.local(moment)
        if self.unit == "day" and local.date() == self.first_day:
            return f"{local:%H:%M}"
        return f"{local.day} {local:%b %H:%M}" + (
            f" {local.year}" if local.year != self.first_day.year else ""
        )


def day_name(day: date) -> str:
    """Write a day: ``23 November``."""
    return f"{day.day} {day:%B}"
