"""What stored readings mean for alarms: the path that every reading takes, and that of the few.

Nearly all readings are newer than the one before, not flagged, and of a sensor that is well: they
cost one look. A reading older than one that was judged already casts a doubt on its sensor's state,
which is then folded anew from what is stored (`rebuild`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from broker.topics import SensorKey
from ingestor.alarms.board import Board
from ingestor.alarms.episode import begin, note_peak
from ingestor.alarms.fold import READING_RULES, Fold, Turn
from ingestor.alarms.rules import Point, learned
from ingestor.alarms.texts import describe
from ingestor.alarms.track import NEVER, Track
from ingestor.documents import AlarmDocument, Measure, is_late
from ingestor.flag import threshold_of


class Judge:
    """Judges readings that are stored.

    Args:
        board: The tracks.

    Attributes:
        doubtful: The sensors whose rules must be folded anew.
        judged: When the newest batch came of which this saw the readings.
        higher: Active episodes of which a new peak is not written down yet, by id.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self.doubtful: set[str] = set()
        self.judged = NEVER
        self.higher: dict[str, AlarmDocument] = {}

    def saw(self, measures: Iterable[Measure], received_at: datetime) -> None:
        """Judge readings that were stored, each once, in the order of their arrival."""
        track_of, now_s = self._board.tracks.get, self._board.clock.seconds()
        for measure in measures:
            track = track_of(measure["sensor_id"])
            at = measure["timestamp"]
            if track is not None and track.is_quiet and at > track.at and not measure["is_anomaly"]:
                track.at, track.heard_s = at, now_s
            else:
                if track is None:
                    track = self._board.track(SensorKey(measure["site"], measure["sensor_id"]))
                track.heard_s = now_s
                self._look(track, measure)
        self.judged = received_at

    def _look(self, track: Track, measure: Measure) -> None:
        if is_late(measure):
            if track.fold.history is not None and track.pending is None:
                track.fold.history.late(to_point(measure))
            return
        if measure["site"] != track.place.site and measure["timestamp"] > track.at:
            track.place = SensorKey(measure["site"], measure["sensor_id"])
        if track.pending is not None:
            track.pending.append(measure)
        elif track.ahead is not None and self._is_ahead(track, measure):
            track.settle()
        elif measure["timestamp"] <= track.at or not track.is_primed:
            self.doubt(track, [measure])
        else:
            if track.to_learn:
                self._learn(track, measure)
            self.step(track, measure)
            track.settle()

    @staticmethod
    def _is_ahead(track: Track, measure: Measure) -> bool:
        """Whether a reading was judged when its sensor's rules were folded anew, before it came here."""
        ahead = track.ahead or {}
        is_ahead = ahead.pop(measure["timestamp"], None) is not None
        if not ahead or measure["received_at"] > max(ahead.values()):
            track.ahead = None
        return is_ahead

    def doubt(self, track: Track, measures: list[Measure], since: datetime | None = None) -> None:
        """Have a sensor's rules folded anew.

        Args:
            track: Whose.
            measures: What is to be judged after that, by time.
            since: From when on; None for the first of the measures.
        """
        track.doubt = since or measures[0]["timestamp"]
        track.pending = measures
        track.is_quiet = False
        self.doubtful.add(track.place.name)

    def step(self, track: Track, measure: Measure) -> None:
        """Take in a reading that is newer than all before."""
        track.at = measure["timestamp"]
        if track.standing and track.is_active("silent"):
            self._board.clear(track, "silent", track.at)
        threshold_kwh = threshold_of(self._board.limits, *track.place)
        for turn in track.fold.step(to_point(measure), threshold_kwh):
            self._turn(track, turn, measure)
        if track.standing:
            self._note_peaks(track, measure)

    def _note_peaks(self, track: Track, measure: Measure) -> None:
        for document in (track.standing or {}).values():
            goes_on = document["rule"] in READING_RULES and document["cleared_at"] is None
            if goes_on and note_peak(document, measure["value_kwh"]):
                self.higher[document["_id"]] = document

    def _turn(self, track: Track, turn: Turn, measure: Measure) -> None:
        if turn.before is not None:
            self._board.clear(track, turn.rule, measure["timestamp"])
        if turn.after is not None:
            self._board.raise_(track, to_episode(track.place, track.fold, turn, measure))

    def _learn(self, track: Track, measure: Measure) -> None:
        """Measure how far apart a sensor's arrivals are: those of a batch are one, whose newest counts."""
        if measure["received_at"] == track.arrived:
            return
        if NEVER not in (track.at, track.newest_then):
            gap_s = (track.at - track.newest_then) / timedelta(seconds=1)
            track.interval_s = learned(track.interval_s, gap_s)
            track.to_learn -= 1
            if track.to_learn == 0:
                self._board.learned[track.place] = track.interval_s
                self._board.to_watch.append(track)
        # What was before the first arrival says nothing: perhaps the sensor was silent, or its node away.
        track.newest_then = NEVER if track.arrived == NEVER else track.at
        track.arrived = measure["received_at"]


def to_episode(place: SensorKey, fold: Fold, turn: Turn, measure: Measure) -> AlarmDocument:
    """The document of an episode that a reading has just raised."""
    at = measure["timestamp"]
    document = begin(place, turn.rule, fold.rules.rule(turn.rule), turn.after or at, at)
    document["limit_kwh"], document["message"] = describe(turn.rule, fold, measure)
    note_peak(document, fold.held.value_kwh if turn.rule == "overconsumption" else measure["value_kwh"])
    return document


def to_point(measure: Measure) -> Point:
    """What the rules look at of a reading."""
    return Point(measure["timestamp"], measure["value_kwh"], measure["is_anomaly"])
