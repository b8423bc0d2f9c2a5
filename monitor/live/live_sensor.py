"""One sensor as it is known now: where it is, what it measured last, and whether readings arrive."""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import sub
from statistics import median

from ingestor.documents import Measure, SensorDocument

RECENT_READINGS = 30
STALE_INTERVALS = 3
STALE_AT_LEAST_S = 10.0
# As long as nobody knows how often it measures.
STALE_UNKNOWN_S = 600.0
SECONDS_PER_HOUR = 3600.0
EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
NEVER_S = float("-inf")


def to_seconds(moment: datetime) -> float:
    """A document's time as seconds since 1970."""
    return (moment - EPOCH).total_seconds()


@dataclass(slots=True)
class LiveSensor:
    """What is known of one sensor. Times are UTC, naive.

    Readings are kept as plain numbers: of 100,000 sensors, objects would take half a gigabyte.

    Attributes:
        status: ``online`` or ``offline``, what its node last said; None if it never did.
        interval_s: How far apart its readings are: as the ingestor learned it, or else the median of the
            known gaps; None if nothing says it.
        is_loaded: Whether its last readings were asked for.
        is_listed: Whether ``sensors`` has it.
    """

    sensor_id: str
    site: str = ""
    status: str | None = None
    is_anomaly: bool = False
    interval_s: float | None = None
    is_loaded: bool = False
    is_listed: bool = False
    _reported_location: str | None = None
    _own_location: str | None = None
    _own_threshold_kwh: float | None = None
    _seen_threshold_kwh: float | None = None
    _learned_s: float | None = None
    # Parallel, the oldest first: seconds since 1970, kWh.
    _moments_s: "array[float]" = field(default_factory=lambda: array("d"))
    _values_kwh: "array[float]" = field(default_factory=lambda: array("d"))
    # When it was last seen and is stale from on, seconds since 1970; and what it takes until then.
    _stale_from_s: float = NEVER_S
    _last_seen_s: float = NEVER_S
    _power_kw: float | None = None
    # The reading before which others may be missing here.
    _gap_before_s: float | None = None

    @property
    def location(self) -> str | None:
        """Where it is, as a person has set it or else as its readings say. Hostile text."""
        return self._own_location or self._reported_location

    @property
    def threshold_kwh(self) -> float | None:
        """Its own threshold, or the one that a reading exceeded; None if neither is known, kWh."""
        return self._seen_threshold_kwh if self._own_threshold_kwh is None else self._own_threshold_kwh

    @property
    def value_kwh(self) -> float | None:
        """Its last reading, kWh; None as long as none is known."""
        return self._values_kwh[-1] if self._values_kwh else None

    @property
    def last_seen_at(self) -> datetime | None:
        """The time of its newest reading, whether its value is known here or not."""
        return None if self._last_seen_s == NEVER_S else EPOCH + timedelta(seconds=self._last_seen_s)

    @property
    def count(self) -> int:
        """How many readings are known, at most 30."""
        return len(self._moments_s)

    @property
    def recent_kwh(self) -> list[float]:
        """Its last readings, at most 30, the oldest first, kWh."""
        return self._values_kwh.tolist()

    def state(self, now: datetime) -> str:
        """``online``, ``stale`` (no reading for three intervals) or ``offline`` (its node said so)."""
        if self.status == "offline":
            return "offline"
        return "stale" if self.is_stale_at(to_seconds(now)) else "online"

    def is_stale_at(self, now_s: float) -> bool:
        """Whether it sent nothing for three intervals, and for ten seconds at least, or never."""
        return now_s > self._stale_from_s

    def power_kw(self, now: datetime) -> float | None:
        """Its last reading by the time since the one before it; None if that is not known or it is stale."""
        return self.power_kw_at(to_seconds(now))

    def power_kw_at(self, now_s: float) -> float | None:
        """The same, for those who ask it of a great many: seconds since 1970."""
        return None if self.is_stale_at(now_s) else self._power_kw

    def update(self, document: SensorDocument) -> None:
        """Take over what ``sensors`` has of it.

        Raises:
            TypeError: Something is not what it should be.
            ValueError: The same.
        """
        # All sensors of a site share its name.
        self.site = sys.intern(document.get("site") or self.site)
        self._reported_location = _text(document.get("location"))
        self._own_location = _text(document.get("own_location"))
        threshold_kwh = document.get("threshold_kwh")
        self._own_threshold_kwh = None if threshold_kwh is None else float(threshold_kwh)
        self.status = sys.intern(document["status"]) if document.get("status") else None
        self._learned_s = document.get("interval_s")
        if "last_reading" in document:
            self._last_seen_s = max(self._last_seen_s, to_seconds(document["last_reading"]))
        self._derive()
        self.is_listed = True

    def add(self, measures: Iterable[Measure], *, after_hole: bool = False) -> None:
        """Take over readings, in any order; known ones change nothing, and old ones not the last.

        Right before the first of them others may be missing, after a hole. One that is not what it should be
        is left out, and so are those behind it: a TypeError or ValueError says so.
        """
        for measure in measures:
            moment_s, value_kwh = to_seconds(measure["timestamp"]), float(measure["value_kwh"])
            position = bisect_right(self._moments_s, moment_s)
            if position and self._moments_s[position - 1] == moment_s:
                continue
            if position == len(self._moments_s):
                self._apply_newest(measure)
                self._gap_before_s = moment_s if after_hole else None
            after_hole = False
            self._moments_s.insert(position, moment_s)
            self._values_kwh.insert(position, value_kwh)
            del self._moments_s[:-RECENT_READINGS], self._values_kwh[:-RECENT_READINGS]
        if self._moments_s:
            self._last_seen_s = max(self._last_seen_s, self._moments_s[-1])
            self._derive()

    def load(self, measures: Iterable[Measure]) -> None:
        """Take over its last readings, all of them: none is missing between."""
        self.add(measures)
        self._gap_before_s = None
        self._derive()

    def _apply_newest(self, newest: Measure) -> None:
        self.is_anomaly = newest["is_anomaly"]
        self.site = sys.intern(newest["site"])
        if newest["location"] != self._reported_location and newest["location"] is not None:
            self._reported_location = _text(newest["location"])
        if "threshold_kwh" in newest:
            self._seen_threshold_kwh = float(newest["threshold_kwh"])

    def _derive(self) -> None:
        """Work out once what many will ask for."""
        moments_s = self._moments_s
        self.interval_s = self._learned_s
        if not self._learned_s:
            gaps_s = list(map(sub, moments_s[1:], moments_s))
            self.interval_s = median(gaps_s) if gaps_s else None
        wait_s = STALE_UNKNOWN_S
        if self.interval_s is not None:
            wait_s = max(STALE_INTERVALS * self.interval_s, STALE_AT_LEAST_S)
        self._stale_from_s = self._last_seen_s + wait_s
        gap_s = self.interval_s
        if len(moments_s) > 1 and moments_s[-1] != self._gap_before_s:
            gap_s = moments_s[-1] - moments_s[-2]
        self._power_kw = self._values_kwh[-1] / gap_s * SECONDS_PER_HOUR if moments_s and gap_s else None


def _text(value: object) -> str | None:
    """What people are to read. Pages would fail on something else, one by one."""
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"a {type(value).__name__} stands where a text belongs")
