"""Fold a sensor's rules anew over what is stored, and put its episodes right.

Needed when a reading came that is older than one that was judged already, and at a restart. What was
before the moment of doubt is certain: which episodes went on then is in `alarms`, and how far the
rules were on their way to a change is found by reading back as far as that matters, and no further.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from ingestor.alarms.episode import note_peak, stands
from ingestor.alarms.evaluator import Evaluator, to_episode, to_point
from ingestor.alarms.manager import AlarmCorrection, AlarmManager
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.reevaluate.reading_history import Enough, ReadingHistory
from ingestor.alarms.rules.functions import RuleState, WindowReading, is_calm, period_of, to_nano
from ingestor.alarms.rules.sensor_rules import READING_RULES, RuleHistory, SensorRules
from ingestor.alarms.sensor_state import NEVER, SensorState
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag.thresholds import threshold_of
from ingestor.store.sensor_updates import SensorUpdates

Episodes = dict[str, AlarmDocument]


class Reevaluator:
    """Folds anew.

    Args:
        manager: The sensors.
        evaluator: Who judges what comes meanwhile.
        records: What is kept of alarms.
        history: What is stored of readings.
        sensors: Told of the readings, which an earlier process perhaps left behind.
    """

    def __init__(
        self,
        manager: AlarmManager,
        evaluator: Evaluator,
        records: AlarmRecords,
        history: ReadingHistory,
        sensors: SensorUpdates,
    ) -> None:
        self._manager = manager
        self._sensors = sensors
        self._evaluator = evaluator
        self._records = records
        self._history = history

    async def reevaluate(self, sensor: SensorState) -> None:
        """Put one sensor right, from its moment of doubt on.

        Everything that was changed on the manager before must be written down.
        """
        sensor_id, since = sensor.key.name, sensor.dirty_since or NEVER
        found = await self._records.around(sensor_id, READING_RULES, since)
        before = EarlierState(self._history, self._manager, sensor, found, since)
        rules, active = await before.fold(), await before.active()
        # What came by now and is not found below was taken out of the database by somebody.
        asked = {each["timestamp"] for each in sensor.pending or [] if each["timestamp"] >= since}
        measures = await self._history.since(sensor_id, since)
        self._sensors.on_stored(measures)
        if rules.settings is not self._manager.config.of(*sensor.key):
            return  # there are new rules since: it stays in doubt, and is folded once more
        computed = self._replay(sensor, rules, active, measures)
        affected = {each["_id"]: each for each in found if each["retracted_at"] or not _is_over(each, since)}
        self._apply(sensor, affected, computed)
        self._go_on(sensor, rules, measures, asked)

    def _replay(
        self, sensor: SensorState, rules: SensorRules, active: Episodes, measures: Sequence[Measure]
    ) -> list[AlarmDocument]:
        """The episodes that went on at the moment of doubt, and all since, as they should be."""
        computed = list(active.values())
        threshold_kwh = threshold_of(self._manager.thresholds, *sensor.key)
        for measure in measures:
            if is_late(measure):
                if rules.history is not None:
                    rules.history.late(to_point(measure))
                continue
            for transition in rules.step(to_point(measure), threshold_kwh):
                if transition.before is not None and transition.rule in active:
                    active.pop(transition.rule)["cleared_at"] = measure["timestamp"]
                if transition.after is not None:
                    active[transition.rule] = to_episode(sensor.key, rules, transition, measure)
                    computed.append(active[transition.rule])
            for document in active.values():
                note_peak(document, measure["value_kwh"])
        return computed

    def _apply(self, sensor: SensorState, affected: Episodes, computed: Sequence[AlarmDocument]) -> None:
        """Compare what is kept with what should be, and keep and tell the difference."""
        for alarm in affected:
            # What waits to be written down of it is what it was.
            self._evaluator.new_peaks.pop(alarm, None)
        ids = {document["_id"] for document in computed}
        gone = [each for each in affected.values() if not each["retracted_at"] and each["_id"] not in ids]
        for document in gone:
            document["retracted_at"] = self._manager.clock.now()
        new = [each for each in computed if each["_id"] not in affected]
        for document in new:
            _inherit(document, gone)
        known = [(each, affected[each["_id"]]) for each in computed if each["_id"] in affected]
        changed = [document for document, kept in known if self._differs(document, kept)]
        over = {kept["_id"] for document, kept in known if document["cleared_at"] and not kept["cleared_at"]}
        standing = {each["rule"]: each for each in computed if stands(each)}
        self._manager.correct(sensor, standing, AlarmCorrection(new, [*changed, *gone], over))

    def _differs(self, document: AlarmDocument, kept: AlarmDocument) -> bool:
        """Whether an episode is not what it was thought to be; what people did with it stays."""
        document["acknowledged_at"] = kept["acknowledged_at"]
        document["acknowledged_by"] = kept["acknowledged_by"]
        document["notified_at"] = kept["notified_at"]
        document["in_storm"] = kept["in_storm"]
        if document["peak_kwh"] != kept["peak_kwh"]:
            self._evaluator.new_peaks[document["_id"]] = document
        if kept["retracted_at"] is not None or document["raised_at"] != kept["raised_at"]:
            return True
        return document["cleared_at"] != kept["cleared_at"]

    def _go_on(
        self, sensor: SensorState, rules: SensorRules, measures: Sequence[Measure], asked: set[datetime]
    ) -> None:
        """Judge what came meanwhile."""
        seen = {each["timestamp"]: each["received_at"] for each in measures if not is_late(each)}
        waiting = sorted(sensor.pending or [], key=lambda each: each["timestamp"])
        sensor.rules, sensor.is_primed, sensor.pending, sensor.dirty_since = rules, True, None, None
        sensor.at = max([sensor.at, *seen])
        sensor.ahead = {at: came for at, came in seen.items() if came > self._evaluator.evaluated} or None
        silent = sensor.alarm("silent")
        if silent is not None and sensor.at > silent["since"]:
            self._manager.clear(sensor, "silent", sensor.at)
        unseen = [
            each for each in waiting if each["timestamp"] not in asked and each["timestamp"] not in seen
        ]
        if unseen and unseen[0]["timestamp"] <= sensor.at:
            self._evaluator.mark_dirty(sensor, unseen)
        else:
            self._evaluator.dirty.discard(sensor.key.name)
            for measure in unseen:
                self._evaluator.step(sensor, measure)
        sensor.update_quiet()


def _is_over(document: AlarmDocument, since: datetime) -> bool:
    return document["cleared_at"] is not None and document["cleared_at"] < since


def _inherit(document: AlarmDocument, gone: Sequence[AlarmDocument]) -> None:
    """Who has seen or was told of an episode has seen the one that takes its place."""
    for each in gone:
        ends = [at for at in (document["cleared_at"], each["cleared_at"]) if at is not None]
        begins = max(document["since"], each["since"])
        if each["rule"] == document["rule"] and all(begins <= end for end in ends):
            document["acknowledged_at"] = document["acknowledged_at"] or each["acknowledged_at"]
            document["acknowledged_by"] = document["acknowledged_by"] or each["acknowledged_by"]
            document["notified_at"] = document["notified_at"] or each["notified_at"]


class EarlierState:
    """What was at the moment of doubt, just before its readings."""

    def __init__(
        self,
        history: ReadingHistory,
        manager: AlarmManager,
        sensor: SensorState,
        found: Sequence[AlarmDocument],
        since: datetime,
    ) -> None:
        self._history = history
        self._manager = manager
        self._place = sensor.key
        self._since = since
        kept = [each for each in found if each["retracted_at"] is None]
        self._active = {
            each["rule"]: each for each in kept if each["raised_at"] < since and not _is_over(each, since)
        }
        # Counting began anew when the last episode was over.
        self._over: dict[str, datetime] = {}
        for each in kept:
            if each["cleared_at"] is not None and each["cleared_at"] < since:
                self._over[each["rule"]] = max(self._over.get(each["rule"], NEVER), each["cleared_at"])

    async def active(self) -> Episodes:
        """The episodes that went on, as they were then."""
        active: Episodes = {}
        for rule, document in self._active.items():
            begin = document["raised_at"] if rule == "budget" else document["since"]
            peak_kwh = await self._history.peak_kwh(self._place.name, begin, self._since)
            active[rule] = cast("AlarmDocument", {**document, "cleared_at": None, "peak_kwh": peak_kwh})
        return active

    async def fold(self) -> SensorRules:
        """The rules, as far as they were."""
        rules = self._manager.new_rules(self._place)
        rules.overconsumption = await self._held(rules)
        if rules.history is not None:
            await self._look_back(rules, rules.history)
        return rules

    def _since_of(self, rule: str) -> datetime | None:
        document = self._active.get(rule)
        return document["since"] if document else None

    async def _held(self, rules: SensorRules) -> RuleState:
        rule, document = rules.settings.overconsumption, self._active.get("overconsumption")
        threshold_kwh = threshold_of(self._manager.thresholds, *self._place)
        if document is None:
            has_run = rule.on_readings > 1 or rule.on_delay
            floor = self._over.get("overconsumption", NEVER)
        else:
            has_run = rule.off_readings > 1 or rule.off_delay
            floor = document["raised_at"]

        def ends_the_run(_: Sequence[Measure], measure: Measure) -> bool:
            point = to_point(measure)
            speaks = point.above if document is None else is_calm(point, threshold_kwh, rule)
            return measure["timestamp"] <= floor or not speaks

        run = await self._read_back(ends_the_run) if rule.enabled and has_run else []
        since = self._since_of("overconsumption")
        if not run:
            return RuleState(since=since) if since else rules.overconsumption
        highest_kwh = max(each["value_kwh"] for each in run)
        return RuleState(since, run[-1]["timestamp"], len(run), highest_kwh if since is None else -1.0)

    async def _look_back(self, rules: SensorRules, history: RuleHistory) -> None:
        settings = rules.settings
        if settings.stuck.is_on:
            history.flatline = await self._stuck(settings.stuck.readings or 0)
        if settings.sustained.is_on:
            begin = self._since - settings.sustained.window
            window = await self._read_back(lambda _, each: each["timestamp"] <= begin)
            spans = [
                WindowReading(each["timestamp"], to_nano(each["value_kwh"])) for each in reversed(window)
            ]
            history.window.extend(spans)
            history.window_nano = sum(each.nano_kwh for each in spans)
            first = await self._history.first_reading(self._place.name)
            history.watched_from = first if first is not None and first < self._since else None
            history.sustained_since = self._since_of("sustained")
        if settings.budget.is_on and (last := await self._read_back(lambda found, _: bool(found))):
            at = last[0]["timestamp"]
            history.period = period_of(at, history.zone, settings.budget)
            history.period_nano = await self._history.energy_nano(
                self._place.name, history.period[0], self._since
            )
            history.budget_since = self._since_of("budget")

    async def _stuck(self, readings: int) -> RuleState:
        run = await self._read_back(
            lambda run, each: len(run) > readings or each["value_kwh"] != [*run, each][0]["value_kwh"]
        )
        if not run:
            return RuleState()
        return RuleState(self._since_of("stuck"), run[-1]["timestamp"], len(run), run[0]["value_kwh"])

    async def _read_back(self, enough: Enough) -> list[Measure]:
        return await self._history.before(self._place.name, self._since, enough)
