"""Evaluate a sensor's rules again over stored readings, and correct its episodes.

Needed when a reading came that is older than one already evaluated, and at a restart. What was before it is
certain: `alarms` has the episodes that were active then, and each rule looks back as far as it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ingestor.alarms.episode import note_peak, stands
from ingestor.alarms.evaluation.evaluator import Evaluator, to_episode
from ingestor.alarms.evaluation.meanwhile import Meanwhile
from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.rules.rule_settings import READING_RULE_NAMES, READING_RULES
from ingestor.alarms.rules.sensor_rules import SensorRules
from ingestor.alarms.rules.stale import STALE
from ingestor.alarms.sensor_state import SensorState
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag import threshold_of
from ingestor.store.reading_store import ReadingStore
from ingestor.store.sensor_updates import SensorUpdates

Episodes = dict[str, AlarmDocument]
PEAK_FROM = {rule.name: rule.state.peak_from for rule in READING_RULES if rule.state}


@dataclass(frozen=True, slots=True)
class Reevaluator:
    """Evaluates again.

    Attributes:
        manager: The sensors.
        evaluator: What comes meanwhile.
        records: The episodes.
        store: The readings.
        sensors: Told of the readings, which an earlier process perhaps left behind.
    """

    manager: AlarmManager
    evaluator: Evaluator
    records: AlarmRecords
    store: ReadingStore
    sensors: SensorUpdates

    async def reevaluate(self, sensor: SensorState) -> None:
        """Correct one sensor. Whatever the manager changed before must be written."""
        since = self.evaluator.dirty[sensor.key.name]
        meanwhile = sensor.meanwhile = Meanwhile(since)
        try:
            await self._correct(sensor, meanwhile)
        finally:
            if sensor.meanwhile is not None:  # it stays dirty
                sensor.meanwhile = None
                self.evaluator.mark_dirty(sensor, meanwhile.oldest)

    async def _correct(self, sensor: SensorState, meanwhile: Meanwhile) -> None:
        sensor_id, since = sensor.key.name, meanwhile.since
        history = ReadingHistory(self.store, sensor_id, since)
        found = await self.records.around(sensor_id, READING_RULE_NAMES, since)
        rules = self.manager.new_rules(sensor.key)
        threshold_kwh = threshold_of(self.manager.thresholds, *sensor.key)
        active = await _look_back(rules, history, found, threshold_kwh)
        computed, page, newest = list(active.values()), None, sensor.at
        while page is None or page:
            meanwhile.before_page()
            # Waiting for the next page gives all others a turn.
            page = await history.since(page[-1] if page else None)
            self.sensors.on_stored(page)
            if rules.settings is not self.manager.config.of(*sensor.key):
                return  # there are new rules since: it is evaluated once more
            meanwhile.on_page(page, max(self.evaluator.evaluated, self.evaluator.began))
            computed += self._replay(sensor, rules, active, page)
            newest = max([newest, *(each["timestamp"] for each in page if not is_late(each))])
        affected = {each["_id"]: each for each in found if each["retracted_at"] or not _is_over(each, since)}
        self._apply(sensor, affected, computed)
        sensor.meanwhile = None
        self._go_on(sensor, rules, newest, meanwhile)

    def _replay(
        self, sensor: SensorState, rules: SensorRules, active: Episodes, measures: Sequence[Measure]
    ) -> list[AlarmDocument]:
        """Go on with the episodes that are active; the episodes that begin, as they should be."""
        computed: list[AlarmDocument] = []
        threshold_kwh = threshold_of(self.manager.thresholds, *sensor.key)
        for measure in measures:
            if is_late(measure):
                rules.late(measure)
                continue
            for state, before in rules.step(measure, threshold_kwh):
                if before is not None and state.name in active:
                    active.pop(state.name)["cleared_at"] = measure["timestamp"]
                if state.since is not None:
                    active[state.name] = to_episode(sensor.key, state, measure)
                    computed.append(active[state.name])
            for document in active.values():
                note_peak(document, measure["value_kwh"])
        return computed

    def _apply(
        self, sensor: SensorState, affected: Mapping[str, AlarmDocument], computed: Sequence[AlarmDocument]
    ) -> None:
        """Compare the episodes with what they should be; write and publish the difference."""
        for alarm in affected:
            # A peak of it that is not written yet is superseded.
            self.evaluator.new_peaks.pop(alarm, None)
        ids = {document["_id"] for document in computed}
        gone = [each for each in affected.values() if not each["retracted_at"] and each["_id"] not in ids]
        for document in gone:
            document["retracted_at"] = self.manager.clock.now()
        new = [each for each in computed if each["_id"] not in affected]
        for document in new:
            _inherit(document, gone)
        known = [(each, affected[each["_id"]]) for each in computed if each["_id"] in affected]
        changed = [document for document, kept in known if self._differs(document, kept)]
        over = {kept["_id"] for document, kept in known if document["cleared_at"] and not kept["cleared_at"]}
        standing = {each["rule"]: each for each in computed if stands(each)}
        self.manager.correct(sensor, standing, new, [*changed, *gone], over)

    def _differs(self, document: AlarmDocument, kept: AlarmDocument) -> bool:
        """Whether an episode is not what it was thought to be; what people did with it stays."""
        document["acknowledged_at"] = kept["acknowledged_at"]
        document["acknowledged_by"] = kept["acknowledged_by"]
        document["notified_at"] = kept["notified_at"]
        document["in_storm"] = kept["in_storm"]
        if document["peak_kwh"] != kept["peak_kwh"]:
            self.evaluator.new_peaks[document["_id"]] = document
        if kept["retracted_at"] is not None or document["raised_at"] != kept["raised_at"]:
            return True
        return document["cleared_at"] != kept["cleared_at"]

    def _go_on(self, sensor: SensorState, rules: SensorRules, newest: datetime, meanwhile: Meanwhile) -> None:
        """Evaluate what came meanwhile."""
        del self.evaluator.dirty[sensor.key.name]
        sensor.rules, sensor.is_primed, sensor.is_dirty = rules, True, False
        sensor.at = max(sensor.at, newest)
        sensor.ahead = meanwhile.ahead(self.evaluator.evaluated)
        stale = sensor.alarms.get(STALE.name)
        if stale is not None and sensor.at > stale["since"]:
            self.manager.clear(sensor, STALE.name, sensor.at)
        late, unseen = meanwhile.unseen()
        for measure in late:
            rules.late(measure)
        if meanwhile.missed or (unseen and unseen[0]["timestamp"] <= sensor.at):
            self.evaluator.mark_dirty(sensor, meanwhile.oldest)
        else:
            for measure in unseen:
                self.evaluator.step(sensor, measure)
        sensor.update_quiet()


async def _look_back(
    rules: SensorRules, history: ReadingHistory, found: Sequence[AlarmDocument], threshold_kwh: float
) -> Episodes:
    """Put rules into the state in which they were just before a moment; the episodes active then."""
    kept = [each for each in found if each["retracted_at"] is None]
    active = {
        each["rule"]: cast("AlarmDocument", {**each, "cleared_at": None})
        for each in kept
        if each["raised_at"] < history.moment and not _is_over(each, history.moment)
    }
    for document in active.values():
        document["peak_kwh"] = await history.peak_kwh(document[PEAK_FROM[document["rule"]]])
    rules.resume(active)
    for state in rules.states:
        ends = [each["cleared_at"] or NEVER for each in kept if each["rule"] == state.name]
        cleared_at = max([end for end in ends if end < history.moment], default=NEVER)
        changed_at = active[state.name]["raised_at"] if state.name in active else cleared_at
        await state.look_back(history, threshold_kwh, changed_at)
    return active


def _is_over(document: AlarmDocument, moment: datetime) -> bool:
    return document["cleared_at"] is not None and document["cleared_at"] < moment


def _inherit(document: AlarmDocument, gone: Sequence[AlarmDocument]) -> None:
    """Who has acknowledged or was told of an episode has done so of the one that takes its place."""
    for each in gone:
        ends = [at for at in (document["cleared_at"], each["cleared_at"]) if at is not None]
        begins = max(document["since"], each["since"])
        if each["rule"] == document["rule"] and all(begins <= end for end in ends):
            document["acknowledged_at"] = document["acknowledged_at"] or each["acknowledged_at"]
            document["acknowledged_by"] = document["acknowledged_by"] or each["acknowledged_by"]
            document["notified_at"] = document["notified_at"] or each["notified_at"]
