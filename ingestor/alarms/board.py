"""The tracks of all sensors and the alarms on them. Whatever changes an alarm goes through here."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from broker.connection import OutgoingMessage
from broker.topics import SensorKey, Topics
from ingestor.alarms.config import AlarmConfig
from ingestor.alarms.episode import begin, stands, to_state
from ingestor.alarms.fold import READING_RULES, Fold
from ingestor.alarms.notify import Notice
from ingestor.alarms.rulebook import RuleName
from ingestor.alarms.storm import Storms
from ingestor.alarms.track import Track
from ingestor.documents import AlarmDocument, sensor_of, utc_now
from ingestor.flag import Limits


class Change(NamedTuple):
    """What is to be kept and told, in this order.

    Attributes:
        document: The episode as it is now.
        message: Its sensor's state; None if it is not told now.
        notice: What is sent to phones, if anything is.
    """

    document: AlarmDocument
    message: OutgoingMessage | None
    notice: Notice | None = None


class Correction(NamedTuple):
    """What the rules over readings say of a sensor after they were folded anew, and did not say before.

    Attributes:
        new: Episodes that nobody knew of, oldest first; some are over already.
        changed: Episodes that were otherwise, or never were.
        over: The ids of those among them that went on as far as anybody knew.
    """

    new: Sequence[AlarmDocument]
    changed: Sequence[AlarmDocument]
    over: set[str]


class Keeper(Protocol):
    """Takes changes; never makes anybody wait."""

    def keep(self, change: Change) -> None:
        """Write a change down and then tell it."""

    def say(self, message: OutgoingMessage) -> None:
        """Tell something that is written nowhere."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is: as documents have it, and in seconds that no one sets back."""

    now: Callable[[], datetime] = utc_now
    seconds: Callable[[], float] = time.monotonic


class Board:
    """All tracks, and the only way to raise and clear.

    Args:
        topics: Where states are told.
        config: The rules.
        limits: The thresholds of the sensors.
        keeper: Takes what is to be kept and told.
        clock: What time it is.

    Attributes:
        tracks: By sensor id.
        learned: The intervals of sensors that were learned and are not written down yet, seconds.
        to_watch: Sensors after which somebody is to look whether they become silent.
    """

    def __init__(
        self, topics: Topics, config: AlarmConfig, limits: Limits, keeper: Keeper, clock: Clock
    ) -> None:
        self.config = config
        self.limits = limits
        self.tracks: dict[str, Track] = {}
        self.learned: dict[SensorKey, float] = {}
        self.to_watch: list[Track] = []
        # The episodes that a storm holds back.
        self._untold: set[str] = set()
        self.storms = Storms(topics, config.storm.alarms_per_minute)
        self.clock = clock
        self._topics = topics
        self._keeper = keeper

    def track(self, place: SensorKey) -> Track:
        """The track of a sensor, made when there is none."""
        track = self.tracks.get(place.name)
        if track is None:
            track = self.tracks[place.name] = Track(place, self.fold(place))
            if track.fold.rules.silent.interval is not None:
                self.to_watch.append(track)
        return track

    def find(self, alarm: str) -> AlarmDocument | None:
        """The standing episode of an id."""
        track = self.tracks.get(sensor_of(alarm))
        standing = (track.standing if track else None) or {}
        return next((each for each in standing.values() if each["_id"] == alarm), None)

    def fold(self, place: SensorKey) -> Fold:
        """The rules of a sensor, before any reading."""
        return Fold(self.config.of(*place), self.config.zone)

    def raise_(self, track: Track, document: AlarmDocument) -> None:
        """An episode begins."""
        previous = track.stands(document["rule"])
        if previous is not None and previous["_id"] == document["_id"]:
            return
        track.standing = {**(track.standing or {}), document["rule"]: document}
        track.is_quiet = False
        self._count(document)
        self.changed(track, document, notify=True)

    @staticmethod
    def begin(track: Track, name: RuleName, since: datetime, raised_at: datetime) -> AlarmDocument:
        """The document of an episode that is about to be raised."""
        return begin(track.place, name, track.fold.rules.rule(name), since, raised_at)

    def clear(self, track: Track, rule: str, at: datetime) -> None:
        """An episode ends, if one goes on."""
        document = track.stands(rule)
        if document is None or document["cleared_at"] is not None:
            return
        document["cleared_at"] = max(at, document["since"])
        self.drop_if_over(track, document)
        self.changed(track, document, notify=self.config.notifications.cleared)
        track.settle()
        if rule == "silent":
            # Nobody looks after a sensor that is known to be silent; it may become so again.
            self.to_watch.append(track)

    def correct(self, track: Track, standing: Mapping[str, AlarmDocument], correction: Correction) -> None:
        """Put right what readings show to have been otherwise.

        Args:
            track: Whose.
            standing: What stands of the rules over readings, by rule.
            correction: What nobody knew.
        """
        others = {rule: each for rule, each in (track.standing or {}).items() if rule not in READING_RULES}
        track.standing = {**others, **standing}
        for document in correction.new:
            self._count(document)
            if document["cleared_at"] is not None:
                # Whoever is told of changes is told that it was.
                self._keeper.keep(Change(document, self.state_with(track, document)))
            goes_on = document["cleared_at"] is None
            self.changed(track, document, notify=goes_on and document["notified_at"] is None)
        for document in correction.changed:
            is_over = document["_id"] in correction.over
            self.changed(track, document, notify=is_over and self.config.notifications.cleared)

    def _count(self, document: AlarmDocument) -> None:
        """Have the storm guard see an episode that starts."""
        now, place = self.clock.now(), SensorKey(document["site"], document["sensor_id"])
        if summary := self.storms.starts(*place, now, self.clock.seconds()):
            self._keeper.say(summary)
        document["in_storm"] = self.storms.holds_back(*place)
        if document["in_storm"]:
            self._untold.add(document["_id"])

    @staticmethod
    def drop_if_over(track: Track, document: AlarmDocument) -> None:
        """List an episode no more that does not stand."""
        if not stands(document):
            standing = (track.standing or {}).items()
            track.standing = {rule: each for rule, each in standing if each["_id"] != document["_id"]}

    def changed(self, track: Track, document: AlarmDocument, *, notify: bool = False) -> None:
        """Keep an episode as it is now, and tell its sensor's state."""
        document["changed_at"] = self.clock.now()
        place = SensorKey(document["site"], document["sensor_id"])
        # What was told in a storm's beginning, or before, is told to its end: nothing stands that is over.
        message = None if document["_id"] in self._untold else self.state(track, place)
        is_quiet = document["in_storm"] or document["rule"] in self.shelves(track)
        notice = to_notice(document) if notify and not is_quiet else None
        self._keeper.keep(Change(document, message, notice))

    def acknowledge(self, track: Track, document: AlarmDocument, user: str | None) -> None:
        """Somebody has seen an alarm; they are told so, storm or not."""
        if document["acknowledged_at"] is None:
            document["acknowledged_at"], document["acknowledged_by"] = self.clock.now(), user
            self.drop_if_over(track, document)
        self._untold.discard(document["_id"])
        document["changed_at"] = self.clock.now()
        place = SensorKey(document["site"], document["sensor_id"])
        self._keeper.keep(Change(document, self.state(track, place)))

    def remind(self, track: Track, rule: str) -> None:
        """Send to people what goes on, unless nobody wants to hear of it."""
        document = track.stands(rule)
        if document is not None and track.is_active(rule) and rule not in self.shelves(track):
            self._keeper.keep(Change(document, None, to_notice(document)))

    def state(self, track: Track, place: SensorKey) -> OutgoingMessage:
        """The retained message of a sensor at a site: what stands of it."""
        standing = (track.standing or {}).values()
        documents = [
            each for each in standing if each["site"] == place.site and each["_id"] not in self._untold
        ]
        return to_state(self._topics, place, documents, self.shelves(track), self.clock.now())

    def state_with(self, track: Track, document: AlarmDocument) -> OutgoingMessage | None:
        """The message as it was while an episode that is over went on; None in a storm."""
        place = SensorKey(document["site"], document["sensor_id"])
        if document["_id"] in self._untold:
            return None
        active: AlarmDocument = {**document, "cleared_at": None}
        documents = [each for each in (track.standing or {}).values() if each["rule"] != document["rule"]]
        return to_state(self._topics, place, [*documents, active], self.shelves(track), self.clock.now())

    def shelves(self, track: Track) -> dict[str, datetime]:
        """Until when each rule is shelved that is."""
        if track.shelved is None:
            return {}
        now = self.clock.now()
        return {rule: shelf.until for rule, shelf in track.shelved.items() if shelf.until > now}

    def notify_again(self, track: Track) -> None:
        """Send to people what goes on and was not sent, as far as anybody knows."""
        for document in (track.standing or {}).values():
            if document["notified_at"] is None and not document["in_storm"]:
                self.remind(track, document["rule"])

    def tell_again(self, document: AlarmDocument) -> None:
        """Tell an episode of which perhaps nobody was told: as it went on, and what stands now."""
        track = self.track(SensorKey(document["site"], document["sensor_id"]))
        if document["retracted_at"] is None and (message := self.state_with(track, document)) is not None:
            self._keeper.say(message)
        self.say_state(track)

    def say_state(self, track: Track) -> None:
        """Tell the state of a sensor once more, at every site where alarms of it stand."""
        for place in self.places(track):
            self._keeper.say(self.state(track, place))

    @staticmethod
    def places(track: Track) -> set[SensorKey]:
        """Where a sensor has a state: its own place, and those of its alarms, if it has moved."""
        standing = (track.standing or {}).values()
        return {track.place, *(SensorKey(each["site"], each["sensor_id"]) for each in standing)}

    def end_storms(self) -> None:
        """Tell what was held back in storms that are over."""
        for site, summary, sensor_ids in self.storms.ended(self.clock.now(), self.clock.seconds()):
            self._keeper.say(summary)
            self._untold = {each for each in self._untold if sensor_of(each) not in sensor_ids}
            for sensor_id in sorted(sensor_ids):
                if track := self.tracks.get(sensor_id):
                    self._keeper.say(self.state(track, SensorKey(site, sensor_id)))


def to_notice(document: AlarmDocument) -> Notice:
    """What is sent to phones of an episode that began or ended."""
    over = " is over" if document["cleared_at"] is not None else ""
    title = f"{document['sensor_id']}: {document['rule']}{over}"
    body = f"{document['message']} ({document['severity']}, {document['site']})"
    return Notice(document["_id"], document["severity"], title, body)
