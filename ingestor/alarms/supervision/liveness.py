"""Who is there: sensors that become silent, and nodes of which the broker says that they are gone.

Silence is told only of sensors that could be heard: not while the broker is away, not right after it
is back, and not of sensors whose node is known to be offline.
"""

import heapq
from datetime import UTC, datetime, timedelta
from itertools import islice

from broker.messages import NodeStatus
from broker.program.durations import format_duration
from broker.topics import SensorKey
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.offline import OFFLINE
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.rules.stale import STALE, stale_after
from ingestor.alarms.sensor_state import LEARN_FROM, SensorState
from ingestor.nodes import Nodes

GRACE_S = 60.0
LEARN_AGAIN_AFTER = 20
# In one go: a great many that are gone at once must not hold up readings.
MAX_LOOKS = 4_000
MAX_RAISED = 300


class LivenessMonitor:
    """Looks for sensors and nodes that are gone.

    Args:
        manager: The sensors.
        nodes: What nodes say.
    """

    def __init__(self, manager: AlarmManager, nodes: Nodes) -> None:
        self._manager = manager
        self._nodes = nodes
        self._listening_since_s: float | None = None
        # When to look after which sensor; each is in here once at most.
        self._due: list[tuple[float, str]] = []
        self._looks = 0
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
        """Look after those that are due, or after some of them if they are too many."""
        to_watch, self._manager.to_watch = self._manager.to_watch, []
        now_s = self._manager.clock.seconds()
        for sensor in to_watch:
            limit_s = stale_after(sensor.interval_s, sensor.rules.settings.of(STALE))
            if limit_s is not None and not sensor.is_watched:
                self._watch(sensor, now_s + limit_s)
        looks = raised = 0
        while self._due and self._due[0][0] <= now_s and looks < MAX_LOOKS and raised < MAX_RAISED:
            sensor = self._manager.sensors[heapq.heappop(self._due)[1]]
            sensor.is_watched = False
            looks += 1
            raised += self._look_after(sensor, now_s)
        gone = (key for key, (_, due_s) in self._leaving.items() if due_s <= now_s)
        for key in list(islice(gone, MAX_RAISED)):
            self._raise_offline(key, self._leaving.pop(key)[0])

    def _look_after(self, sensor: SensorState, now_s: float) -> bool:
        """Look whether a sensor is silent; whether an alarm was raised."""
        limit_s = stale_after(sensor.interval_s, sensor.rules.settings.of(STALE))
        if limit_s is None or sensor.is_active(STALE.name):
            return False
        stale_at_s = self._stale_at_s(sensor, limit_s)
        if stale_at_s is not None and stale_at_s <= now_s:
            self._raise_stale(sensor, limit_s)
            return True
        self._watch(sensor, max(stale_at_s or 0.0, now_s + limit_s / 2))
        self._looks += 1
        if self._looks % LEARN_AGAIN_AFTER == 0 and sensor.to_learn == 0:
            # Intervals change; measuring them all the time would cost every reading.
            sensor.to_learn, sensor.arrived, sensor.newest_then = LEARN_FROM, NEVER, NEVER
            sensor.update_quiet()
        return False

    def _stale_at_s(self, sensor: SensorState, limit_s: float) -> float | None:
        """From when on the sensor would be silent if nothing more came; None while that cannot be told."""
        listening_since_s = self._listening_since_s
        node = self._nodes.of_sensor(sensor.key)
        if listening_since_s is None or sensor.is_dirty or (node is not None and node.is_gone):
            return None
        # Who is back has its time to say something.
        heard_s = max(sensor.last_arrival_s, node.changed_s if node else 0.0)
        if heard_s > listening_since_s:
            return heard_s + limit_s
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
        sensor, now_s = self._manager.sensors.get(key.name), self._manager.clock.seconds()
        self._nodes.on_status(key, status, now_s, is_sensor=sensor is not None)
        if sensor is None:
            return  # statuses make no sensors, and no alarms of what is none
        if status is None or status.state != "offline":
            self._leaving.pop(key, None)
            self._manager.clear(sensor, OFFLINE.name, self._manager.clock.now())
        elif not sensor.is_active(OFFLINE.name):
            rule = self._manager.config.of(*key).of(OFFLINE)
            if rule.enabled:
                due_s = now_s + rule.after.total_seconds()
                self._leaving.setdefault(key, (self._manager.clock.now(), due_s))

    def _raise_offline(self, key: SensorKey, since: datetime) -> None:
        node = self._nodes.find(key)
        others = node.sensors - 1 if node is not None and self._nodes.has_others(node) else 0
        more = f", and with it {others} more sensors" if others else ""
        self._manager.raise_rule(
            self._manager.sensor(key), OFFLINE, since, since, f"the node is offline{more}"
        )
