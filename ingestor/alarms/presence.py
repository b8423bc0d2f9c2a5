"""Who is there: sensors that become silent, and nodes of which the broker says that they are gone.

Silence is told only of sensors that could be heard: not while the broker is away, not right after it
is back, and not of sensors whose node is known to be offline.
"""

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.durations import format_duration
from broker.messages import NodeStatus, numbered_sensor_ids
from broker.topics import SensorKey
from ingestor.alarms.board import Board
from ingestor.alarms.rules import silence
from ingestor.alarms.track import LEARN_FROM, NEVER, Track

GRACE_S = 60.0
LEARN_AGAIN_AFTER = 20
MOST_NODES = 100_000


class _Node(NamedTuple):
    is_gone: bool
    sensors: int


@dataclass(slots=True)
class _Leaving:
    since: datetime
    due_s: float


class Presence:
    """Looks for sensors and nodes that are gone.

    Args:
        board: The tracks.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._listening_since_s: float | None = None
        # When to look after which sensor; each is in here once at most.
        self._due: list[tuple[float, str]] = []
        self._looks = 0
        self._nodes: dict[SensorKey, _Node] = {}
        self._leaving: dict[SensorKey, _Leaving] = {}

    def listen(self, *, listening: bool) -> None:
        """Note whether readings can come in at all."""
        if not listening:
            self._listening_since_s = None
        elif self._listening_since_s is None:
            self._listening_since_s = self._board.clock.seconds()

    def _watch(self, track: Track) -> None:
        """Look after a sensor whose interval is known."""
        limit_s = silence(track.interval_s, track.fold.rules.silent)
        if track.is_timed or limit_s is None or not track.fold.rules.silent.enabled:
            return
        track.is_timed = True
        heapq.heappush(self._due, (self._board.clock.seconds() + limit_s, track.place.name))

    def tick(self) -> None:
        """Look after those that are due."""
        to_watch, self._board.to_watch = self._board.to_watch, []
        for track in to_watch:
            self._watch(track)
        now_s = self._board.clock.seconds()
        while self._due and self._due[0][0] <= now_s:
            _, sensor_id = heapq.heappop(self._due)
            track = self._board.tracks[sensor_id]
            track.is_timed = False
            self._look_after(track, now_s)
        for place, leaving in list(self._leaving.items()):
            if leaving.due_s <= now_s:
                del self._leaving[place]
                self._offline(place, leaving.since)

    def _look_after(self, track: Track, now_s: float) -> None:
        rule = track.fold.rules.silent
        limit_s = silence(track.interval_s, rule)
        if not rule.enabled or limit_s is None or track.is_active("silent"):
            return
        silent_at_s = self._silent_at_s(track, limit_s)
        if silent_at_s is None or silent_at_s > now_s:
            self._again(track, max(silent_at_s or 0.0, now_s + limit_s / 2))
            return
        self._silent(track, limit_s)

    def _silent_at_s(self, track: Track, limit_s: float) -> float | None:
        """From when on the sensor would be silent if nothing more came; None while that cannot be told."""
        listening_since_s = self._listening_since_s
        if listening_since_s is None or track.is_away or track.pending is not None:
            return None
        if track.heard_s > listening_since_s:
            return track.heard_s + limit_s
        return listening_since_s + max(limit_s, GRACE_S)

    def _again(self, track: Track, due_s: float) -> None:
        track.is_timed = True
        heapq.heappush(self._due, (due_s, track.place.name))
        self._looks += 1
        if self._looks % LEARN_AGAIN_AFTER == 0 and track.to_learn == 0:
            # Intervals change; measuring them all the time would cost every reading.
            track.to_learn, track.arrived, track.newest_then = LEARN_FROM, NEVER, NEVER
            track.settle()

    def _silent(self, track: Track, limit_s: float) -> None:
        if track.at == NEVER:
            return
        document = self._board.begin(track, "silent", track.at, track.at)
        last = track.at.replace(tzinfo=UTC).astimezone(self._board.config.zone)
        limit = format_duration(timedelta(seconds=limit_s), units=2)
        document["message"] = f"no reading for more than {limit}, since {last:%Y-%m-%d %H:%M:%S %Z}"
        self._board.raise_(track, document)

    def heard(self, place: SensorKey, status: NodeStatus | None, at: datetime) -> None:
        """Note what a node, or the broker in its place, says of it; None: nobody knows it any more."""
        if not place.is_valid:
            return
        is_gone = status is not None and status.state == "offline"
        self._note(place, status.sensors if status else None, is_gone=is_gone)
        node = self._board.tracks.get(place.name)
        if not is_gone:
            self._leaving.pop(place, None)
            if node is not None:
                self._board.clear(node, "offline", at)
        elif node is None or not node.is_active("offline"):
            rule = self._board.config.of(*place).offline
            if rule.enabled:
                due_s = self._board.clock.seconds() + rule.after.total_seconds()
                self._leaving.setdefault(place, _Leaving(at, due_s))

    def _note(self, place: SensorKey, sensors: int | None, *, is_gone: bool) -> None:
        """Note how many sensors a node has, and that they are away, or back."""
        before = self._nodes.get(place)
        now = _Node(is_gone, sensors or (before.sensors if before else 1))
        # Nodes say again and again that they are there, and some have a great many sensors.
        if now == before:
            return
        if before is None and len(self._nodes) >= MOST_NODES:
            self._nodes.clear()
        self._nodes[place] = now
        self._mark_away(place, is_gone=is_gone)

    def _mark_away(self, place: SensorKey, *, is_gone: bool) -> None:
        now_s = self._board.clock.seconds()
        for sensor_id in numbered_sensor_ids(place.name, self._nodes[place].sensors):
            track = self._board.tracks.get(sensor_id)
            if track is None or not self._speaks_for(place, track):
                continue
            if track.is_away != is_gone:
                track.is_away = is_gone
                # Who is back has its time to say something.
                track.heard_s = now_s

    def _speaks_for(self, node: SensorKey, track: Track) -> bool:
        """Whether a node may say so of a sensor: one of its site that is not a node itself."""
        return node == track.place or (node.site == track.place.site and track.place not in self._nodes)

    def _offline(self, place: SensorKey, since: datetime) -> None:
        track = self._board.track(place)
        document = self._board.begin(track, "offline", since, since)
        node = self._nodes.get(place)
        sensors = node.sensors if node else 1
        more = f", and with it {sensors - 1} more sensors" if sensors > 1 else ""
        document["message"] = f"the node is offline{more}"
        self._board.raise_(track, document)
