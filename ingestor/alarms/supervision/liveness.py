"""Who is there: sensors that become silent, and nodes of which the broker says that they are gone.

Silence is told only of sensors that could be heard: not while the broker is away, not right after it
is back, and not of sensors whose node is known to be offline.
"""

import heapq
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
        # Nodes whose on-delay runs: since when they are gone, and when it ends.
        self._leaving: dict[SensorKey, tuple[datetime, float]] = {}

    def listen(self, *, listening: bool) -> None:
        """Note whether readings can come in at all."""
        if not listening:
            self._listening_since_s = None
        elif self._listening_since_s is None:
            self._listening_since_s = self._manager.clock.seconds()

    def _watch(self, sensor: SensorState, due_s: float) -> None:
        sensor.is_watched = True
        heapq.heappush(self._due, (due_s, sensor.key.name))

    def tick(self) -> None:
        """Look after those that are due."""
        to_watch, self._manager.to_watch = self._manager.to_watch, []
        now_s = self._manager.clock.seconds()
        for sensor in to_watch:
            limit_s = stale_after(sensor.interval_s, sensor.rules.settings.of(STALE))
            if limit_s is not None and not sensor.is_watched:
                self._watch(sensor, now_s + limit_s)
        while self._due and self._due[0][0] <= now_s:
            sensor = self._manager.sensors[heapq.heappop(self._due)[1]]
            sensor.is_watched = False
            self._look_after(sensor, now_s)
        for key, (since, due_s) in list(self._leaving.items()):
            if due_s <= now_s:
                del self._leaving[key]
                self._raise_offline(key, since)

    def _look_after(self, sensor: SensorState, now_s: float) -> None:
        limit_s = stale_after(sensor.interval_s, sensor.rules.settings.of(STALE))
        if limit_s is None or sensor.is_active(STALE.name):
            return
        stale_at_s = self._stale_at_s(sensor, limit_s)
        if stale_at_s is not None and stale_at_s <= now_s:
            self._raise_stale(sensor, limit_s)
            return
        self._watch(sensor, max(stale_at_s or 0.0, now_s + limit_s / 2))
        self._looks += 1
        if self._looks % LEARN_AGAIN_AFTER == 0 and sensor.to_learn == 0:
            # Intervals change; measuring them all the time would cost every reading.
            sensor.to_learn, sensor.arrived, sensor.newest_then = LEARN_FROM, NEVER, NEVER
            sensor.update_quiet()

    def _stale_at_s(self, sensor: SensorState, limit_s: float) -> float | None:
        """From when on the sensor would be silent if nothing more came; None while that cannot be told."""
        listening_since_s = self._listening_since_s
        if listening_since_s is None or sensor.is_node_offline or sensor.pending is not None:
            return None
        if sensor.last_arrival_s > listening_since_s:
            return sensor.last_arrival_s + limit_s
        return listening_since_s + max(limit_s, GRACE_S)

    def _raise_stale(self, sensor: SensorState, limit_s: float) -> None:
        if sensor.at == NEVER:
            return
        last = sensor.at.replace(tzinfo=UTC).astimezone(self._manager.config.zone)
        limit = format_duration(timedelta(seconds=limit_s), units=2)
        message = f"no reading for more than {limit}, since {last:%Y-%m-%d %H:%M:%S %Z}"
        self._manager.raise_rule(sensor, STALE, sensor.at, sensor.at, message)

    def on_status(self, key: SensorKey, status: NodeStatus | None) -> None:
        """Note what a node, or the broker in its place, says of it; None: nobody knows it any more."""
        if not key.is_valid:
            return
        is_gone = status is not None and status.state == "offline"
        self._note(key, status.sensors if status else None, is_gone=is_gone)
        node, now = self._manager.sensors.get(key.name), self._manager.clock.now()
        if not is_gone:
            self._leaving.pop(key, None)
            if node is not None:
                self._manager.clear(node, OFFLINE.name, now)
        elif node is None or not node.is_active(OFFLINE.name):
            rule = self._manager.config.of(*key).of(OFFLINE)
            if rule.enabled:
                due_s = self._manager.clock.seconds() + rule.after.total_seconds()
                self._leaving.setdefault(key, (now, due_s))

    def _note(self, key: SensorKey, sensors: int | None, *, is_gone: bool) -> None:
        """Note how many sensors a node has, and that they are away, or back."""
        before = self._nodes.get(key)
        now = _NodeLiveness(is_gone, sensors or (before.sensors if before else 1))
        # Nodes say again and again that they are there, and some have a great many sensors.
        if now == before:
            return
        if before is None and len(self._nodes) >= MOST_NODES:
            self._nodes.clear()
        self._nodes[key] = now
        for sensor_id in numbered_sensor_ids(key.name, now.sensors):
            sensor = self._manager.sensors.get(sensor_id)
            if sensor and sensor.is_node_offline != is_gone and self._speaks_for(key, sensor):
                sensor.is_node_offline = is_gone
                # Who is back has its time to say something.
                sensor.last_arrival_s = self._manager.clock.seconds()

    def _speaks_for(self, node: SensorKey, sensor: SensorState) -> bool:
        """Whether a node may say so of a sensor: one of its site that is not a node itself."""
        return node == sensor.key or (node.site == sensor.key.site and sensor.key not in self._nodes)

    def _raise_offline(self, key: SensorKey, since: datetime) -> None:
        others = self._nodes[key].sensors - 1 if key in self._nodes else 0
        more = f", and with it {others} more sensors" if others else ""
        self._manager.raise_rule(
            self._manager.sensor(key), OFFLINE, since, since, f"the node is offline{more}"
        )
