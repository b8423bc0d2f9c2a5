"""All sensors and their alarms. Every change of an alarm goes through here."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from broker.connection import OutgoingMessage
from broker.topics import SensorKey, Topics
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.episode import AlarmChange, begin, key_of, stands, to_notice, to_state
from ingestor.alarms.notify.alarm_flood import AlarmFloods
from ingestor.alarms.rules.rule import AlarmRule
from ingestor.alarms.rules.rule_settings import READING_RULE_NAMES
from ingestor.alarms.rules.sensor_rules import SensorRules
from ingestor.alarms.rules.stale import STALE
from ingestor.alarms.sensor_state import SensorState
from ingestor.documents import AlarmDocument, sensor_of, utc_now
from ingestor.flag import Thresholds

# Of so many sensors the states are made in one go: readings must not wait for a great many.
MAX_TOLD = 500


@dataclass(frozen=True, slots=True)
class AlarmClock:
    """What time it is: as documents have it, and in seconds that no one sets back."""

    now: Callable[[], datetime] = utc_now
    seconds: Callable[[], float] = time.monotonic


class AlarmManager:
    """All sensors, and the only way to raise and clear their alarms.

    Args:
        topics: Where to tell.
        config: The rules.
        limits: The thresholds; those of sites are entered here.
        add: Takes each change, to write it down and then tell it; never makes anybody wait.
        clock: What the alarms go by.

    Attributes:
        sensors: By sensor id.
        learned_intervals: Learned intervals that are not written yet, seconds.
        to_watch: Sensors that can become stale from now on.
    """

    def __init__(
        self,
        topics: Topics,
        config: AlarmConfig,
        limits: Thresholds,
        add: Callable[[AlarmChange], None],
        clock: AlarmClock,
    ) -> None:
        self.config = config
        self.thresholds = limits
        limits.site_kwh = config.thresholds()[1]
        self.sensors: dict[str, SensorState] = {}
        self.learned_intervals: dict[SensorKey, float] = {}
        self.to_watch: list[SensorState] = []
        self.floods = AlarmFloods(topics, config.storm.alarms_per_minute)
        # Whose states are to be published once more, and at which site; in the order of a set that keeps it.
        self._to_tell: dict[SensorKey, None] = {}
        self.clock = clock
        self._topics = topics
        self._add = add

    def sensor(self, key: SensorKey) -> SensorState:
        """The state of a sensor, made when there is none."""
        sensor = self.sensors.get(key.name)
        if sensor is None:
            sensor = self.sensors[key.name] = SensorState(key, self.new_rules(key))
            if sensor.rules.settings.of(STALE).interval is not None:
                self.to_watch.append(sensor)
        return sensor

    def find(self, alarm: str) -> AlarmDocument | None:
        """The standing episode of an id."""
        sensor = self.sensors.get(sensor_of(alarm))
        standing = sensor.alarms.values() if sensor else ()
        return next((each for each in standing if each["_id"] == alarm), None)

    def new_rules(self, key: SensorKey) -> SensorRules:
        """The rules of a sensor, before any reading."""
        return SensorRules(self.config.of(*key), self.config.zone)

    def raise_rule(
        self, sensor: SensorState, rule: AlarmRule[Any], since: datetime, raised_at: datetime, message: str
    ) -> None:
        """An episode of a rule begins that does not follow from a reading."""
        document = begin(sensor.key, rule.name, sensor.rules.settings.of(rule), since, raised_at)
        document["message"] = message
        self.raise_(sensor, document)

    def raise_(self, sensor: SensorState, document: AlarmDocument) -> None:
        """An episode begins."""
        previous = sensor.alarms.get(document["rule"])
        if previous is not None and previous["_id"] == document["_id"]:
            return
        sensor.alarms = {**sensor.alarms, document["rule"]: document}
        sensor.is_quiet = False
        self._count(document)
        self.changed(sensor, document, notify=True)

    def clear(self, sensor: SensorState, rule: str, at: datetime) -> None:
        """An episode ends, if one is active."""
        document = sensor.alarms.get(rule)
        if document is None or document["cleared_at"] is not None:
            return
        document["cleared_at"] = max(at, document["since"])
        self.changed(sensor, document, notify=self.config.notifications.cleared)
        sensor.update_quiet()
        if rule == STALE.name:
            # A stale sensor is not watched; it may become stale again.
            self.to_watch.append(sensor)

    def correct(
        self,
        sensor: SensorState,
        standing: Mapping[str, AlarmDocument],
        new: Sequence[AlarmDocument],
        changed: Sequence[AlarmDocument],
        over: set[str],
    ) -> None:
        """Put right what the rules over readings said before.

        Args:
            sensor: Whose.
            standing: What stands of these rules, by rule.
            new: Episodes that nobody knew of, oldest first; some are over already.
            changed: Episodes that were otherwise, or never were.
            over: The ids of those among them that went on as far as anybody knew.
        """
        others = {rule: each for rule, each in sensor.alarms.items() if rule not in READING_RULE_NAMES}
        sensor.alarms = {**others, **standing}
        for document in new:
            self._count(document)
            is_active = document["cleared_at"] is None
            if not is_active and not self.floods.holds_back(document):
                # Subscribers see that it was active, before they see that it is over.
                self._add(AlarmChange(document, self._state_message(sensor, key_of(document), document)))
            self.changed(sensor, document, notify=is_active and document["notified_at"] is None)
        for document in changed:
            is_over = document["_id"] in over
            self.changed(sensor, document, notify=is_over and self.config.notifications.cleared)

    def _count(self, document: AlarmDocument) -> None:
        """Count an episode that begins towards an alarm flood."""
        if summary := self.floods.starts(document, self.clock.now(), self.clock.seconds()):
            self._add(AlarmChange(None, summary))

    def changed(self, sensor: SensorState, document: AlarmDocument, *, notify: bool = False) -> None:
        """Write an episode as it is now, and publish its sensor's state."""
        if not stands(document):
            standing = sensor.alarms.items()
            sensor.alarms = {rule: each for rule, each in standing if each["_id"] != document["_id"]}
        document["changed_at"] = self.clock.now()
        # What was published before a flood is followed to its end: nothing stands that is over.
        is_told = not self.floods.holds_back(document)
        message = self._state_message(sensor, key_of(document)) if is_told else None
        is_muted = document["in_storm"] or document["rule"] in self._shelves(sensor)
        notice = to_notice(document) if notify and not is_muted else None
        self._add(AlarmChange(document, message, notice))

    def acknowledge(self, sensor: SensorState, document: AlarmDocument, user: str | None) -> None:
        """A person has seen an alarm. That is published during an alarm flood as well."""
        if document["acknowledged_at"] is None:
            document["acknowledged_at"], document["acknowledged_by"] = self.clock.now(), user
        self.floods.acknowledge(document)
        self.changed(sensor, document)

    def notify(self, sensor: SensorState, rule: str) -> None:
        """Send an active alarm to people, unless its rule is shelved."""
        document = sensor.alarms.get(rule)
        if document and document["cleared_at"] is None and rule not in self._shelves(sensor):
            self._add(AlarmChange(document, None, to_notice(document)))

    def _state_message(
        self, sensor: SensorState, key: SensorKey, was_active: AlarmDocument | None = None
    ) -> OutgoingMessage:
        """The retained message of a sensor at a site: what stands of it.

        Args:
            sensor: The sensor.
            key: Its name at that site.
            was_active: An episode to be shown as it was while it was active; None for what is true now.
        """
        standing = dict(sensor.alarms)
        if was_active is not None:
            standing[was_active["rule"]] = {**was_active, "cleared_at": None}
        documents = [
            each
            for each in standing.values()
            if each["site"] == key.site and not self.floods.holds_back(each)
        ]
        return to_state(self._topics, key, documents, self._shelves(sensor), self.clock.now())

    def _shelves(self, sensor: SensorState) -> dict[str, datetime]:
        """Until when each rule is shelved that is."""
        now = self.clock.now()
        return {rule: shelf["until"] for rule, shelf in sensor.shelved.items() if shelf["until"] > now}

    def republish(self, document: AlarmDocument) -> None:
        """Publish an episode that was perhaps not published: as it was while active, and what stands now."""
        sensor = self.sensor(key_of(document))
        if document["retracted_at"] is None and not self.floods.holds_back(document):
            message = self._state_message(sensor, key_of(document), document)
            self._add(AlarmChange(None, message))
        self.publish_state(sensor)

    def publish_state(self, sensor: SensorState) -> None:
        """Publish the state of a sensor once more, at every site where alarms of it stand."""
        for key in self.keys(sensor):
            self._add(AlarmChange(None, self._state_message(sensor, key)))

    @staticmethod
    def keys(sensor: SensorState) -> set[SensorKey]:
        """Where a sensor has a state: at its own site, and those of its alarms, if it has moved."""
        return {sensor.key, *map(key_of, sensor.alarms.values())}

    def end_floods(self) -> None:
        """Publish what was held back in alarm floods that are over."""
        for site, summary, sensor_ids in self.floods.ended(self.clock.now(), self.clock.seconds()):
            self._add(AlarmChange(None, summary))
            self._to_tell |= dict.fromkeys(SensorKey(site, sensor_id) for sensor_id in sorted(sensor_ids))
        self._tell_some()

    def tell_again(self, sensors: Iterable[SensorState]) -> None:
        """Publish the states of many sensors once more: some now, the others with each look at the floods."""
        self._to_tell |= dict.fromkeys(key for sensor in sensors for key in self.keys(sensor))
        self._tell_some()

    def _tell_some(self) -> None:
        for key in list(islice(self._to_tell, MAX_TOLD)):
            del self._to_tell[key]
            if sensor := self.sensors.get(key.name):
                self._add(AlarmChange(None, self._state_message(sensor, key)))
