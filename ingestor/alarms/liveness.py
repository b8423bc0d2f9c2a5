"""Who is there: sensors that become silent, and nodes of which the broker says that they are gone.

Silence is told only of sensors that could be heard: not while the broker is away, not right after it
is back, and not of sensors whose node is known to be offline.
"""

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.messages import NodeStatus, numbered_sensor_ids
from broker.program.durations import format_duration
from broker.topics import SensorKey
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.offline import OFFLINE
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.rules.stale import STALE, stale_after
from ingestor.alarms.sensor_state import LEARN_FROM, SensorState

GRACE_S = 60.0
LEARN_AGAIN_AFTER = 20
MOST_NODES = 100_000


class _NodeLiveness(NamedTuple):
    is_gone: bool
    sensors: int


@dataclass(slots=True)
class _OfflineDelay:
    since: datetime
    due_s: float


class LivenessMonitor:
    """Looks for sensors and nodes that are gone.

    Args:
        manager: The sensors.
    """

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        self._listening_since_s: float | None = None
        # When to look after which sensor; each is in here once at most.
        self._due: list[tuple[float, str]] = []
        self._looks = 0
        self._nodes: dict[SensorKey, _NodeLiveness] = {}
        self._leaving: dict[SensorKey, _OfflineDelay] = {}

    def listen(self, *, listening: bool) -> None:
        """Note whether readings can come in at all."""
        if not listening:
            self._listening_since_s = None
        elif self._listening_since_s is None:
            self._listening_since_s = self._manager.clock.seconds()

    def _watch(self, sensor: SensorState) -> None:
        """Look after a sensor whose interval is known."""
        rule = sensor.rules.settings.of(STALE)
        limit_s = stale_after(sensor.interval_s, rule)
        if sensor.is_watched or limit_s is None or not rule.enabled:
            return
        sensor.is_watched = True
        heapq.heappush(self._due, (self._manager.clock.seconds() + limit_s, sensor.key.name))

    def tick(self) -> None:
        """Look after those that are due."""
        to_watch, self._manager.to_watch = self._manager.to_watch, []
        for sensor in to_watch:
            self._watch(sensor)
        now_s = self._manager.clock.seconds()
        while self._due and self._due[0][0] <= now_s:
            _, sensor_id = heapq.heappop(self._due)
            sensor = self._manager.sensors[sensor_id]
            sensor.is_watched = False
            self._look_after(sensor, now_s)
        for place, leaving in list(self._leaving.items()):
            if leaving.due_s <= now_s:
                del self._leaving[place]
                self._raise_offline(place, leaving.since)

    def _look_after(self, sensor: SensorState, now_s: float) -> None:
        rule = sensor.rules.settings.of(STALE)
        limit_s = stale_after(sensor.interval_s, rule)
        if not rule.enabled or limit_s is None or sensor.is_active(STALE.name):
            return
        silent_at_s = self._stale_at_s(sensor, limit_s)
        if silent_at_s is None or silent_at_s > now_s:
            self._again(sensor, max(silent_at_s or 0.0, now_s + limit_s / 2))
            return
        self._raise_stale(sensor, limit_s)

    def _stale_at_s(self, sensor: SensorState, limit_s: float) -> float | None:
        """From when on the sensor would be silent if nothing more came; None while that cannot be told."""
        listening_since_s = self._listening_since_s
        if listening_since_s is None or sensor.is_node_offline or sensor.pending is not None:
            return None
        if sensor.last_arrival_s > listening_since_s:
            return sensor.last_arrival_s + limit_s
        return listening_since_s + max(limit_s, GRACE_S)

    def _again(self, sensor: SensorState, due_s: float) -> None:
        sensor.is_watched = True
        heapq.heappush(self._due, (due_s, sensor.key.name))
        self._looks += 1
        if self._looks % LEARN_AGAIN_AFTER == 0 and sensor.to_learn == 0:
            # Intervals change; measuring them all the time would cost every reading.
            sensor.to_learn, sensor.arrived, sensor.newest_then = LEARN_FROM, NEVER, NEVER
            sensor.update_quiet()

    def _raise_stale(self, sensor: SensorState, limit_s: float) -> None:
        if sensor.at == NEVER:
            return
        last = sensor.at.replace(tzinfo=UTC).astimezone(self._manager.config.zone)
        limit = format_duration(timedelta(seconds=limit_s), units=2)
        message = f"no reading for more than {limit}, since {last:%Y-%m-%d %H:%M:%S %Z}"
        self._manager.raise_rule(sensor, STALE, sensor.at, sensor.at, message)

    def on_status(self, place: SensorKey, status: NodeStatus | None, at: datetime) -> None:
        """Note what a node, or the broker in its place, says of it; None: nobody knows it any more."""
        if not place.is_valid:
            return
        is_gone = status is not None and status.state == "offline"
        self._note(place, status.sensors if status else None, is_gone=is_gone)
        node = self._manager.sensors.get(place.name)
        if not is_gone:
            self._leaving.pop(place, None)
            if node is not None:
                self._manager.clear(node, OFFLINE.name, at)
        elif node is None or not node.is_active(OFFLINE.name):
            rule = self._manager.config.of(*place).of(OFFLINE)
            if rule.enabled:
                due_s = self._manager.clock.seconds() + rule.after.total_seconds()
                self._leaving.setdefault(place, _OfflineDelay(at, due_s))

    def _note(self, place: SensorKey, sensors: int | None, *, is_gone: bool) -> None:
        """Note how many sensors a node has, and that they are away, or back."""
        before = self._nodes.get(place)
        now = _NodeLiveness(is_gone, sensors or (before.sensors if before else 1))
        # Nodes say again and again that they are there, and some have a great many sensors.
        if now == before:
            return
        if before is None and len(self._nodes) >= MOST_NODES:
            self._nodes.clear()
        self._nodes[place] = now
        self._mark_away(place, is_gone=is_gone)

    def _mark_away(self, place: SensorKey, *, is_gone: bool) -> None:
        now_s = self._manager.clock.seconds()
        for sensor_id in numbered_sensor_ids(place.name, self._nodes[place].sensors):
            sensor = self._manager.sensors.get(sensor_id)
            if sensor is None or not self._speaks_for(place, sensor):
                continue
            if sensor.is_node_offline != is_gone:
                sensor.is_node_offline = is_gone
                # Who is back has its time to say something.
                sensor.last_arrival_s = now_s

    def _speaks_for(self, node: SensorKey, sensor: SensorState) -> bool:
        """Whether a node may say so of a sensor: one of its site that is not a node itself."""
        return node == sensor.key or (node.site == sensor.key.site and sensor.key not in self._nodes)

    def _raise_offline(self, place: SensorKey, since: datetime) -> None:
        sensor = self._manager.sensor(place)
        node = self._nodes.get(place)
        sensors = node.sensors if node else 1
        more = f", and with it {sensors - 1} more sensors" if sensors > 1 else ""
        self._manager.raise_rule(sensor, OFFLINE, since, since, f"the node is offline{more}")
