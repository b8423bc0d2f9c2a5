"""What stored readings mean for alarms: the path that every reading takes, and that of the few.

Nearly all readings are newer than the one before, not flagged, and of a sensor that is well: they
cost one look. A reading older than one that was judged already casts a doubt on its sensor's state,
which is then folded anew from what is stored (`rebuild`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from broker.topics import SensorKey
from ingestor.alarms.episode import begin, note_peak
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.functions import Point, learn_interval
from ingestor.alarms.rules.messages import describe
from ingestor.alarms.rules.sensor_rules import READING_RULES, SensorRules, Transition
from ingestor.alarms.sensor_state import NEVER, SensorState
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag import threshold_of


class Evaluator:
    """Judges readings that are stored.

    Args:
        manager: The sensors.

    Attributes:
        dirty: The sensors whose rules must be folded anew.
        evaluated: When the newest batch came of which this saw the readings.
        new_peaks: Active episodes of which a new peak is not written down yet, by id.
    """

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        self.dirty: set[str] = set()
        self.evaluated = NEVER
        self.new_peaks: dict[str, AlarmDocument] = {}

    def on_stored(self, measures: Iterable[Measure], received_at: datetime) -> None:
        """Judge readings that were stored, each once, in the order of their arrival."""
        track_of, now_s = self._manager.sensors.get, self._manager.clock.seconds()
        for measure in measures:
            sensor = track_of(measure["sensor_id"])
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
        if is_late(measure):
            if sensor.rules.history is not None and sensor.pending is None:
                sensor.rules.history.late(to_point(measure))
            return
        if measure["site"] != sensor.key.site and measure["timestamp"] > sensor.at:
            sensor.key = SensorKey(measure["site"], measure["sensor_id"])
        if sensor.pending is not None:
            sensor.pending.append(measure)
        elif sensor.ahead is not None and self._is_ahead(sensor, measure):
            sensor.update_quiet()
        elif measure["timestamp"] <= sensor.at or not sensor.is_primed:
            self.mark_dirty(sensor, [measure])
        else:
            if sensor.to_learn:
                self._learn(sensor, measure)
            self.step(sensor, measure)
            sensor.update_quiet()

    @staticmethod
    def _is_ahead(sensor: SensorState, measure: Measure) -> bool:
        """Whether a reading was judged when its sensor's rules were folded anew, before it came here."""
        ahead = sensor.ahead or {}
        is_ahead = ahead.pop(measure["timestamp"], None) is not None
        if not ahead or measure["received_at"] > max(ahead.values()):
            sensor.ahead = None
        return is_ahead

    def mark_dirty(self, sensor: SensorState, measures: list[Measure], since: datetime | None = None) -> None:
        """Have a sensor's rules folded anew.

        Args:
            sensor: Whose.
            measures: What is to be judged after that, by time.
            since: From when on; None for the first of the measures.
        """
        sensor.dirty_since = since or measures[0]["timestamp"]
        sensor.pending = measures
        sensor.is_quiet = False
        self.dirty.add(sensor.key.name)

    def step(self, sensor: SensorState, measure: Measure) -> None:
        """Take in a reading that is newer than all before."""
        sensor.at = measure["timestamp"]
        if sensor.alarms and sensor.is_active("silent"):
            self._manager.clear(sensor, "silent", sensor.at)
        threshold_kwh = threshold_of(self._manager.thresholds, *sensor.key)
        for transition in sensor.rules.step(to_point(measure), threshold_kwh):
            self._apply(sensor, transition, measure)
        if sensor.alarms:
            self._note_peaks(sensor, measure)

    def _note_peaks(self, sensor: SensorState, measure: Measure) -> None:
        for document in (sensor.alarms or {}).values():
            goes_on = document["rule"] in READING_RULES and document["cleared_at"] is None
            if goes_on and note_peak(document, measure["value_kwh"]):
                self.new_peaks[document["_id"]] = document

    def _apply(self, sensor: SensorState, transition: Transition, measure: Measure) -> None:
        if transition.before is not None:
            self._manager.clear(sensor, transition.rule, measure["timestamp"])
        if transition.after is not None:
            self._manager.raise_(sensor, to_episode(sensor.key, sensor.rules, transition, measure))

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


def to_episode(
    place: SensorKey, rules: SensorRules, transition: Transition, measure: Measure
) -> AlarmDocument:
    """The document of an episode that a reading has just raised."""
    at = measure["timestamp"]
    document = begin(place, transition.rule, rules.settings.rule(transition.rule), transition.after or at, at)
    document["limit_kwh"], document["message"] = describe(transition.rule, rules, measure)
    note_peak(
        document,
        rules.overconsumption.value_kwh if transition.rule == "overconsumption" else measure["value_kwh"],
    )
    return document


def to_point(measure: Measure) -> Point:
    """What the rules look at of a reading."""
    return Point(measure["timestamp"], measure["value_kwh"], measure["is_anomaly"])
