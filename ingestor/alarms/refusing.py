"""Sensors of which payloads are refused: for their time (`clock`), or for anything else (`rejecting`)."""

from datetime import datetime

from broker.topics import SensorKey
from ingestor.alarms.board import Board
from ingestor.alarms.rulebook import Refusals, RuleName
from ingestor.alarms.rules import refusals
from ingestor.alarms.track import Track

# Of what is no sensor's fault.
NOT_OF_SENSORS = frozenset({"status", "command", "foreign"})
RULES: tuple[RuleName, ...] = ("clock", "rejecting")


class Refusing:
    """Counts refusals of each sensor.

    Args:
        board: The tracks.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._sensors: set[str] = set()

    def refused(self, place: SensorKey, kind: str, reason: str, at: datetime) -> None:
        """Note that a payload was refused.

        Args:
            place: Whose, as its topic says.
            kind: Why, in one word.
            reason: Why, for people.
            at: When, by the ingestor's clock.
        """
        if kind in NOT_OF_SENSORS or not place.is_valid:
            return
        name: RuleName = "clock" if kind == "time" else "rejecting"
        track = self._board.track(place)
        rule = _rule(track, name)
        if not rule.enabled:
            return
        counted = track.refused = track.refused or {}
        # Only as many as count, and the newest of them.
        counted[name] = [*refusals(counted.get(name, []), at, rule.quiet), at][-rule.payloads :]
        self._sensors.add(place.name)
        if len(counted[name]) >= rule.payloads and not track.is_active(name):
            document = self._board.begin(track, name, counted[name][0], at)
            times = "a payload was" if rule.payloads == 1 else f"{rule.payloads} payloads were"
            document["message"] = f"{times} refused: {reason}"
            self._board.raise_(track, document)

    def tick(self) -> None:
        """Clear what has come to an end."""
        now = self._board.clock.now()
        for sensor_id in list(self._sensors):
            track = self._board.tracks[sensor_id]
            counted = track.refused = track.refused or {}
            for name in RULES:
                counted[name] = list(refusals(counted.get(name, []), now, _rule(track, name).quiet))
                if not counted[name]:
                    self._board.clear(track, name, now)
            if not any(counted.values()):
                track.refused = None
                self._sensors.discard(sensor_id)

    def take_up(self, track: Track) -> None:
        """Go on with alarms that stood when the ingestor ended."""
        for name in RULES:
            if track.is_active(name):
                counted = track.refused = track.refused or {}
                counted.setdefault(name, [self._board.clock.now()])
                self._sensors.add(track.place.name)


def _rule(track: Track, name: RuleName) -> Refusals:
    rules = track.fold.rules
    return rules.clock if name == "clock" else rules.rejecting
