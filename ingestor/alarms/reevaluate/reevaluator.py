"""Fold a sensor's rules anew over what is stored, and put its episodes right.

Needed when a reading came that is older than one that was judged already, and at a restart. What was
before the moment of doubt is certain: which episodes went on then is in `alarms`, and how far the
rules were on their way to a change is found by reading back as far as that matters, and no further.
"""

from collections.abc import Sequence
from datetime import datetime

from ingestor.alarms.changes import AlarmCorrection
from ingestor.alarms.episode import note_peak, stands
from ingestor.alarms.evaluator import Evaluator, to_episode, to_point
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.reevaluate.earlier_state import EarlierState, Episodes, is_over
from ingestor.alarms.reevaluate.reading_history import ReadingHistory
from ingestor.alarms.rules.sensor_rules import READING_RULES, SensorRules
from ingestor.alarms.sensor_state import NEVER, SensorState
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag import threshold_of
from ingestor.store.sensor_updates import SensorUpdates


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
        affected = {each["_id"]: each for each in found if each["retracted_at"] or not is_over(each, since)}
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


def _inherit(document: AlarmDocument, gone: Sequence[AlarmDocument]) -> None:
    """Who has seen or was told of an episode has seen the one that takes its place."""
    for each in gone:
        ends = [at for at in (document["cleared_at"], each["cleared_at"]) if at is not None]
        begins = max(document["since"], each["since"])
        if each["rule"] == document["rule"] and all(begins <= end for end in ends):
            document["acknowledged_at"] = document["acknowledged_at"] or each["acknowledged_at"]
            document["acknowledged_by"] = document["acknowledged_by"] or each["acknowledged_by"]
            document["notified_at"] = document["notified_at"] or each["notified_at"]
