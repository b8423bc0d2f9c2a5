"""Evaluate the rules over stored readings.

Nearly all readings are newer than the one before, not flagged, and of a sensor that is quiet: they cost one
look. A reading older than one already evaluated marks its sensor dirty; `reevaluator` then corrects it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from broker.topics import SensorKey
from ingestor.alarms.episode import begin, note_peak
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.rule import NEVER, RuleState
from ingestor.alarms.rules.rule_settings import READING_RULE_NAMES
from ingestor.alarms.rules.stale import STALE, learn_interval
from ingestor.alarms.sensor_state import SensorState
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag import threshold_of


class Evaluator:
    """Evaluates readings that are stored.

    Attributes:
        dirty: The sensors whose rules must be evaluated again, by id, and from when on.
        evaluated: When the newest batch came of which this saw the readings.
        began: When this process began: what came before is not seen here.
        new_peaks: Active episodes of which a new peak is not written yet, by id.
    """

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        self.dirty: dict[str, datetime] = {}
        self.evaluated = self.began = NEVER
        self.new_peaks: dict[str, AlarmDocument] = {}

    def on_stored(self, measures: Iterable[Measure], received_at: datetime) -> None:
        """Evaluate readings that were stored, each once, in the order of their arrival."""
        sensor_of, now_s = self._manager.sensors.get, self._manager.clock.seconds()
        for measure in measures:
            sensor = sensor_of(measure["sensor_id"])
            at = measure["timestamp"]
            if sensor is not None and sensor.is_quiet and at > sensor.at and not measure["is_anomaly"]:
                sensor.at, sensor.last_arrival_s = at, now_s
            else:
                if sensor is None:
                    sensor = self._manager.sensor(SensorKey(measure["site"], measure["sensor_id"]))
                sensor.last_arrival_s = now_s
                self._evaluate(sensor, measure)
        self.evaluated = received_at

    def _evaluate(self, sensor: SensorState, measure: Measure) -> None:
        late = is_late(measure)
        if measure["site"] != sensor.key.site and measure["timestamp"] > sensor.at and not late:
            sensor.key = SensorKey(measure["site"], measure["sensor_id"])
        if sensor.meanwhile is not None:
            sensor.meanwhile.add(measure)
        elif sensor.ahead is not None and self._is_ahead(sensor, measure):
            sensor.update_quiet()
        elif late:
            if not sensor.is_dirty:
                sensor.rules.late(measure)
        elif sensor.is_dirty or measure["timestamp"] <= sensor.at or not sensor.is_primed:
            # It is stored: whoever evaluates again finds it.
            self.mark_dirty(sensor, measure["timestamp"])
        else:
            if sensor.to_learn:
                self._learn(sensor, measure)
            self.step(sensor, measure)
            sensor.update_quiet()

    @staticmethod
    def _is_ahead(sensor: SensorState, measure: Measure) -> bool:
        """Whether a reading was found stored, and evaluated, before it came here."""
        ahead = sensor.ahead
        if ahead is None:
            return False
        is_ahead = measure["timestamp"] in ahead.times
        ahead.times.discard(measure["timestamp"])
        if not ahead.times or measure["received_at"] > ahead.until:
            sensor.ahead = None
        return is_ahead

    def mark_dirty(self, sensor: SensorState, since: datetime) -> None:
        """Have a sensor's rules evaluated again, from a moment on or an earlier one that was said before."""
        sensor.is_dirty, sensor.is_quiet = True, False
        self.dirty[sensor.key.name] = min(since, self.dirty.get(sensor.key.name, since))

    def step(self, sensor: SensorState, measure: Measure) -> None:
        """Take in a reading that is newer than all before."""
        sensor.at = measure["timestamp"]
        if sensor.alarms:
            self._manager.clear(sensor, STALE.name, sensor.at)
        threshold_kwh = threshold_of(self._manager.thresholds, *sensor.key)
        for state, before in sensor.rules.step(measure, threshold_kwh):
            if before is not None:
                self._manager.clear(sensor, state.name, sensor.at)
            if state.since is not None:
                self._manager.raise_(sensor, to_episode(sensor.key, state, measure))
        if sensor.alarms:
            self._note_peaks(sensor, measure)

    def _note_peaks(self, sensor: SensorState, measure: Measure) -> None:
        for document in sensor.alarms.values():
            goes_on = document["rule"] in READING_RULE_NAMES and document["cleared_at"] is None
            if goes_on and note_peak(document, measure["value_kwh"]):
                self.new_peaks[document["_id"]] = document

    def _learn(self, sensor: SensorState, measure: Measure) -> None:
        """Measure how far apart a sensor's arrivals are: those of a batch are one, whose newest counts."""
        if measure["received_at"] == sensor.arrived:
            return
        if NEVER not in (sensor.at, sensor.newest_then):
            gap_s = (sensor.at - sensor.newest_then) / timedelta(seconds=1)
            sensor.interval_s = learn_interval(sensor.interval_s, gap_s)
            sensor.to_learn -= 1
            if sensor.to_learn == 0:
                self._manager.learned_intervals[sensor.key] = sensor.interval_s
                self._manager.to_watch.append(sensor)
        # What was before the first arrival says nothing: perhaps the sensor was silent, or its node away.
        sensor.newest_then = NEVER if sensor.arrived == NEVER else sensor.at
        sensor.arrived = measure["received_at"]


def to_episode(key: SensorKey, state: RuleState[Any], measure: Measure) -> AlarmDocument:
    """The document of an episode that a reading has just raised."""
    at, found = measure["timestamp"], state.describe(measure)
    document = begin(key, state.name, state.settings, state.since or at, at)
    document["message"], document["limit_kwh"] = found.message, found.limit_kwh
    document["peak_kwh"] = measure["value_kwh"] if found.peak_kwh is None else found.peak_kwh
    return document
