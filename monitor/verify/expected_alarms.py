"""Which alarms had to be raised and cleared by the rules as they are delivered, against those that were.

Nothing here asks the ingestor's own code: what checks a rule must not share its mistakes.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestor.documents import AlarmDocument, alarm_id
from monitor.verify.alarm_verdict import FALSE, MISSING, RULES, AlarmVerdict
from monitor.verify.attempts import Absence
from monitor.verify.reading_timeline import ReadingTimeline

# As `alarms.toml` is delivered.
PAYLOADS = {"clock": 1, "rejecting": 3}
QUIET = timedelta(minutes=1)
LEAST_SILENCE = timedelta(seconds=5)
# The interval that the ingestor has learned may be less than the usual one.
SILENT_INTERVALS = 4

# An ingestor that starts again waits for the minute once more, and looks every second or so.
LONGEST_QUIET = 2 * QUIET + timedelta(seconds=30)
SECOND = timedelta(seconds=1)
# Between what a node does and when the ingestor hears of it.
SLACK = timedelta(seconds=10)

AlarmsByRule = defaultdict[tuple[str, str], list[AlarmDocument]]


@dataclass(slots=True)
class ExpectedAlarms:
    """What alarms follow from.

    Attributes:
        timelines: By sensor, its readings.
        rejections: By sensor and rule, when payloads were rejected (UTC, naive).
        flooded: Sensors of which some rejections are only counted; ``#`` stands for any.
        absences: What silences and outages there were.
        came: When the first and the last of the ledgers' readings came, by the ingestor's clock.
    """

    timelines: Mapping[str, ReadingTimeline]
    rejections: Mapping[tuple[str, str], Sequence[datetime]]
    flooded: Set[str]
    absences: Sequence[Absence]
    came: tuple[datetime, datetime]
    verdict: AlarmVerdict = field(default_factory=AlarmVerdict)

    def judge(self, documents: Iterable[AlarmDocument], now: datetime) -> AlarmVerdict:
        """Compare all alarms of the time with those that were expected."""
        self.verdict = AlarmVerdict()
        sensors = {*self.timelines, *(each.sensor_id for each in self.absences)}
        sensors |= {sensor_id for sensor_id, _ in self.rejections}
        found: AlarmsByRule = defaultdict(list)
        for document in sorted(documents, key=lambda each: each["raised_at"]):
            if document["sensor_id"] not in sensors:
                continue
            if document["rule"] in RULES:
                found[document["sensor_id"], document["rule"]].append(document)
            elif self._is_meanwhile(document["raised_at"]):
                self.verdict.not_judged[document["rule"]] += 1
        self._judge_all(sorted(sensors), found, now)
        return self.verdict

    def _judge_all(self, sensors: Sequence[str], found: AlarmsByRule, now: datetime) -> None:
        for sensor_id in sensors:
            if timeline := self.timelines.get(sensor_id):
                self._judge_overconsumption(sensor_id, timeline, found[sensor_id, "overconsumption"])
            for rule in PAYLOADS:
                self._judge_rejecting(sensor_id, rule, found[sensor_id, rule], now)
            for rule in ("silent", "offline"):
                self._judge_absences(sensor_id, rule, found[sensor_id, rule])

    def _judge_overconsumption(
        self, sensor_id: str, timeline: ReadingTimeline, documents: Sequence[AlarmDocument]
    ) -> None:
        first, last = timeline.first, timeline.last
        actual = {each["since"]: each for each in documents if first <= each["since"] <= last}
        stood = [each for each in documents if each["since"] < first and _goes_on(each, first)]
        if stood:
            actual[stood[-1]["since"]] = stood[-1]
        for since, ends in timeline.overconsumption(stood[-1]["since"] if stood else None).items():
            document = actual.pop(since, None)
            if document is None:
                self._miss("overconsumption", sensor_id, since)
                continue
            cleared_at = document["cleared_at"]
            # What goes on at the end of the ledger may have been ended by a reading that is in another.
            is_later = ends is None and cleared_at is not None and cleared_at > last
            self.verdict.add(document, ends_well=cleared_at == ends or is_later)
        for document in actual.values():
            self.verdict.note(FALSE, document["rule"], document["_id"])

    def _judge_rejecting(
        self, sensor_id: str, rule: str, documents: Sequence[AlarmDocument], now: datetime
    ) -> None:
        times = sorted(self.rejections.get((sensor_id, rule), []))
        self._find_missing_rejecting(sensor_id, rule, documents, times)
        is_flooded = bool(self.flooded & {sensor_id, "#"})
        for document in documents:
            if not self._is_meanwhile(document["raised_at"]):
                continue
            if is_flooded or _is_raised_by(document, times, PAYLOADS[rule]):
                self.verdict.add(document, ends_well=is_flooded or _ends_in_quiet(document, times, now))
            else:
                self.verdict.note(FALSE, document["rule"], document["_id"])

    def _find_missing_rejecting(
        self, sensor_id: str, rule: str, documents: Sequence[AlarmDocument], times: Sequence[datetime]
    ) -> None:
        raised, enough = [each["raised_at"] for each in documents], PAYLOADS[rule]
        missed_at = datetime.min  # noqa: DTZ901 - before any
        for begin, at in zip(times, times[enough - 1 :], strict=False):
            if not self._is_meanwhile(at) or at - begin > QUIET - SECOND:
                continue
            before = bisect_right(raised, at)
            if before and _goes_on(documents[before - 1], at):
                continue
            if at - missed_at > QUIET:
                self._miss(rule, sensor_id, begin)
            missed_at = at

    def _judge_absences(self, sensor_id: str, rule: str, documents: Sequence[AlarmDocument]) -> None:
        timeline, left = self.timelines.get(sensor_id), list(documents)
        absences = [each for each in self.absences if (each.sensor_id, each.rule) == (sensor_id, rule)]
        for absence in sorted(absences, key=lambda each: (not each.must, each.begins)):
            if document := self._of_absence(absence, left):
                left.remove(document)
                lasts = timeline is None or timeline.last <= absence.ends
                self.verdict.add(document, ends_well=lasts or document["cleared_at"] is not None)
            elif absence.must and self._must_be_raised(absence):
                self._miss(rule, sensor_id, absence.begins)
        for document in left:
            if timeline is not None and timeline.first <= document["since"] < timeline.last:
                # The ledgers may show that nothing was measured: a node was stopped and started, say.
                pause = timeline.pause(document["since"])
                if pause >= max(LEAST_SILENCE, SILENT_INTERVALS * timeline.usual_pause):
                    self.verdict.add(document, ends_well=True)
                else:
                    self.verdict.note(FALSE, document["rule"], document["_id"])

    def _must_be_raised(self, absence: Absence) -> bool:
        """Whether the ingestor can know of an absence: nobody misses a node that was never there.

        A silence must have been seen to its end, and no sensor is called silent while its node is offline.
        """
        timeline = self.timelines.get(absence.sensor_id)
        if timeline is None:
            return False
        if absence.rule == "offline":
            return timeline.first <= absence.begins - SECOND
        outages = (each for each in self.absences if each.rule == "offline")
        is_hidden = any(each.begins <= absence.ends and absence.begins <= each.ends for each in outages)
        return timeline.last >= absence.ends - SECOND and not is_hidden

    def _of_absence(self, absence: Absence, documents: Iterable[AlarmDocument]) -> AlarmDocument | None:
        """The alarm that tells of an absence: one of silence begins with the last reading before it."""
        timeline = self.timelines.get(absence.sensor_id)
        last_reading = timeline.before(absence.begins) if timeline and absence.rule == "silent" else None
        begins = min(absence.begins, last_reading or absence.begins) - SLACK
        return next((each for each in documents if begins <= each["since"] <= absence.ends + SLACK), None)

    def _miss(self, rule: str, sensor_id: str, since: datetime) -> None:
        self.verdict.note(MISSING, rule, alarm_id(sensor_id, rule, since))

    def _is_meanwhile(self, at: datetime) -> bool:
        return self.came[0] <= at <= self.came[1] + SECOND


def _goes_on(document: AlarmDocument, at: datetime) -> bool:
    return document["cleared_at"] is None or document["cleared_at"] >= at


def _is_raised_by(document: AlarmDocument, times: Sequence[datetime], enough: int) -> bool:
    """Whether so many rejections, within a minute, are what an alarm began with."""
    first, last = bisect_left(times, document["since"]), bisect_right(times, document["raised_at"])
    is_there = first < len(times) and times[first] == document["since"] and last - first >= enough
    return is_there and document["raised_at"] - document["since"] <= QUIET + SECOND


def _ends_in_quiet(document: AlarmDocument, times: Sequence[datetime], now: datetime) -> bool:
    """Whether an alarm ended when nothing more was rejected for a minute, and not before."""
    ended_at = document["cleared_at"] or now
    last = times[bisect_right(times, ended_at) - 1]
    if document["cleared_at"] is None:
        return ended_at - last <= LONGEST_QUIET
    return QUIET - SECOND <= ended_at - last <= LONGEST_QUIET
