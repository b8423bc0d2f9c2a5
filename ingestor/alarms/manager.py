"""The sensors of all sensors and the alarms on them. Whatever changes an alarm goes through here."""

from collections.abc import Mapping
from datetime import datetime

from broker.connection import OutgoingMessage
from broker.topics import SensorKey, Topics
from ingestor.alarms.changes import AlarmChange, AlarmClock, AlarmCorrection, ChangeSink
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.episode import begin, stands, to_state
from ingestor.alarms.notify.alarm_flood import AlarmFloods
from ingestor.alarms.notify.notifier import Notice
from ingestor.alarms.rules.rule_settings import RuleName
from ingestor.alarms.rules.sensor_rules import READING_RULES, SensorRules
from ingestor.alarms.sensor_state import SensorState
from ingestor.documents import AlarmDocument, sensor_of
from ingestor.flag import Thresholds


class AlarmManager:
    """All tracks, and the only way to raise and clear.

    Args:
        topics: Where states are told.
        config: The rules.
        thresholds: The thresholds of the sensors.
        sink: Takes what is to be kept and told.
        clock: What time it is.

    Attributes:
        sensors: By sensor id.
        learned_intervals: The intervals of sensors that were learned and are not written down yet, seconds.
        to_watch: Sensors after which somebody is to look whether they become silent.
    """

    def __init__(
        self, topics: Topics, config: AlarmConfig, limits: Thresholds, sink: ChangeSink, clock: AlarmClock
    ) -> None:
        self.config = config
        self.thresholds = limits
        self.sensors: dict[str, SensorState] = {}
        self.learned_intervals: dict[SensorKey, float] = {}
        self.to_watch: list[SensorState] = []
        # The episodes that a storm holds back.
        self._held_back: set[str] = set()
        self.floods = AlarmFloods(topics, config.storm.alarms_per_minute)
        self.clock = clock
        self._topics = topics
        self._sink = sink

    def sensor(self, place: SensorKey) -> SensorState:
        """The sensor of a sensor, made when there is none."""
        sensor = self.sensors.get(place.name)
        if sensor is None:
            sensor = self.sensors[place.name] = SensorState(place, self.new_rules(place))
            if sensor.rules.settings.silent.interval is not None:
                self.to_watch.append(sensor)
        return sensor

    def find(self, alarm: str) -> AlarmDocument | None:
        """The standing episode of an id."""
        sensor = self.sensors.get(sensor_of(alarm))
        standing = (sensor.alarms if sensor else None) or {}
        return next((each for each in standing.values() if each["_id"] == alarm), None)

    def new_rules(self, place: SensorKey) -> SensorRules:
        """The rules of a sensor, before any reading."""
        return SensorRules(self.config.of(*place), self.config.zone)

    def raise_(self, sensor: SensorState, document: AlarmDocument) -> None:
        """An episode begins."""
        previous = sensor.alarm(document["rule"])
        if previous is not None and previous["_id"] == document["_id"]:
            return
        sensor.alarms = {**(sensor.alarms or {}), document["rule"]: document}
        sensor.is_quiet = False
        self._count(document)
        self.changed(sensor, document, notify=True)

    @staticmethod
    def begin(sensor: SensorState, name: RuleName, since: datetime, raised_at: datetime) -> AlarmDocument:
        """The document of an episode that is about to be raised."""
        return begin(sensor.key, name, sensor.rules.settings.rule(name), since, raised_at)

    def clear(self, sensor: SensorState, rule: str, at: datetime) -> None:
        """An episode ends, if one goes on."""
        document = sensor.alarm(rule)
        if document is None or document["cleared_at"] is not None:
            return
        document["cleared_at"] = max(at, document["since"])
        self.drop_if_over(sensor, document)
        self.changed(sensor, document, notify=self.config.notifications.cleared)
        sensor.update_quiet()
        if rule == "silent":
            # Nobody looks after a sensor that is known to be silent; it may become so again.
            self.to_watch.append(sensor)

    def correct(
        self, sensor: SensorState, standing: Mapping[str, AlarmDocument], correction: AlarmCorrection
    ) -> None:
        """Put right what readings show to have been otherwise.

        Args:
            sensor: Whose.
            standing: What stands of the rules over readings, by rule.
            correction: What nobody knew.
        """
        others = {rule: each for rule, each in (sensor.alarms or {}).items() if rule not in READING_RULES}
        sensor.alarms = {**others, **standing}
        for document in correction.new:
            self._count(document)
            if document["cleared_at"] is not None:
                # Whoever is told of changes is told that it was.
                self._sink.add(AlarmChange(document, self.state_message_with(sensor, document)))
            goes_on = document["cleared_at"] is None
            self.changed(sensor, document, notify=goes_on and document["notified_at"] is None)
        for document in correction.changed:
            is_over = document["_id"] in correction.over
            self.changed(sensor, document, notify=is_over and self.config.notifications.cleared)

    def _count(self, document: AlarmDocument) -> None:
        """Have the storm guard see an episode that starts."""
        now, place = self.clock.now(), SensorKey(document["site"], document["sensor_id"])
        if summary := self.floods.starts(*place, now, self.clock.seconds()):
            self._sink.add_message(summary)
        document["in_storm"] = self.floods.holds_back(*place)
        if document["in_storm"]:
            self._held_back.add(document["_id"])

    @staticmethod
    def drop_if_over(sensor: SensorState, document: AlarmDocument) -> None:
        """List an episode no more that does not stand."""
        if not stands(document):
            standing = (sensor.alarms or {}).items()
            sensor.alarms = {rule: each for rule, each in standing if each["_id"] != document["_id"]}

    def changed(self, sensor: SensorState, document: AlarmDocument, *, notify: bool = False) -> None:
        """Keep an episode as it is now, and tell its sensor's state."""
        document["changed_at"] = self.clock.now()
        place = SensorKey(document["site"], document["sensor_id"])
        # What was told in a storm's beginning, or before, is told to its end: nothing stands that is over.
        message = None if document["_id"] in self._held_back else self.state_message(sensor, place)
        is_quiet = document["in_storm"] or document["rule"] in self.shelves(sensor)
        notice = to_notice(document) if notify and not is_quiet else None
        self._sink.add(AlarmChange(document, message, notice))

    def acknowledge(self, sensor: SensorState, document: AlarmDocument, user: str | None) -> None:
        """Somebody has seen an alarm; they are told so, storm or not."""
        if document["acknowledged_at"] is None:
            document["acknowledged_at"], document["acknowledged_by"] = self.clock.now(), user
            self.drop_if_over(sensor, document)
        self._held_back.discard(document["_id"])
        document["changed_at"] = self.clock.now()
        place = SensorKey(document["site"], document["sensor_id"])
        self._sink.add(AlarmChange(document, self.state_message(sensor, place)))

    def notify(self, sensor: SensorState, rule: str) -> None:
        """Send to people what goes on, unless nobody wants to hear of it."""
        document = sensor.alarm(rule)
        if document is not None and sensor.is_active(rule) and rule not in self.shelves(sensor):
            self._sink.add(AlarmChange(document, None, to_notice(document)))

    def state_message(self, sensor: SensorState, place: SensorKey) -> OutgoingMessage:
        """The retained message of a sensor at a site: what stands of it."""
        standing = (sensor.alarms or {}).values()
        documents = [
            each for each in standing if each["site"] == place.site and each["_id"] not in self._held_back
        ]
        return to_state(self._topics, place, documents, self.shelves(sensor), self.clock.now())

    def state_message_with(self, sensor: SensorState, document: AlarmDocument) -> OutgoingMessage | None:
        """The message as it was while an episode that is over went on; None in a storm."""
        place = SensorKey(document["site"], document["sensor_id"])
        if document["_id"] in self._held_back:
            return None
        active: AlarmDocument = {**document, "cleared_at": None}
        documents = [each for each in (sensor.alarms or {}).values() if each["rule"] != document["rule"]]
        return to_state(self._topics, place, [*documents, active], self.shelves(sensor), self.clock.now())

    def shelves(self, sensor: SensorState) -> dict[str, datetime]:
        """Until when each rule is shelved that is."""
        if sensor.shelved is None:
            return {}
        now = self.clock.now()
        return {rule: shelf.until for rule, shelf in sensor.shelved.items() if shelf.until > now}

    def notify_unsent(self, sensor: SensorState) -> None:
        """Send to people what goes on and was not sent, as far as anybody knows."""
        for document in (sensor.alarms or {}).values():
            if document["notified_at"] is None and not document["in_storm"]:
                self.notify(sensor, document["rule"])

    def republish(self, document: AlarmDocument) -> None:
        """Tell an episode of which perhaps nobody was told: as it went on, and what stands now."""
        sensor = self.sensor(SensorKey(document["site"], document["sensor_id"]))
        if (
            document["retracted_at"] is None
            and (message := self.state_message_with(sensor, document)) is not None
        ):
            self._sink.add_message(message)
        self.publish_state(sensor)

    def publish_state(self, sensor: SensorState) -> None:
        """Tell the state of a sensor once more, at every site where alarms of it stand."""
        for place in self.keys(sensor):
            self._sink.add_message(self.state_message(sensor, place))

    @staticmethod
    def keys(sensor: SensorState) -> set[SensorKey]:
        """Where a sensor has a state: its own place, and those of its alarms, if it has moved."""
        standing = (sensor.alarms or {}).values()
        return {sensor.key, *(SensorKey(each["site"], each["sensor_id"]) for each in standing)}

    def end_floods(self) -> None:
        """Tell what was held back in storms that are over."""
        for site, summary, sensor_ids in self.floods.ended(self.clock.now(), self.clock.seconds()):
            self._sink.add_message(summary)
            self._held_back = {each for each in self._held_back if sensor_of(each) not in sensor_ids}
            for sensor_id in sorted(sensor_ids):
                if sensor := self.sensors.get(sensor_id):
                    self._sink.add_message(self.state_message(sensor, SensorKey(site, sensor_id)))


def to_notice(document: AlarmDocument) -> Notice:
    """What is sent to phones of an episode that began or ended."""
    over = " is over" if document["cleared_at"] is not None else ""
    title = f"{document['sensor_id']}: {document['rule']}{over}"
    body = f"{document['message']} ({document['severity']}, {document['site']})"
    return Notice(document["_id"], document["severity"], title, body)
