"""Sensors whose payloads are rejected: for their timestamps (`clock`), or for anything else (`rejecting`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from broker.topics import SensorKey
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.rejections import CLOCK, REJECTING
from ingestor.alarms.sensor_state import SensorState

# Of what is no sensor's fault.
NOT_OF_SENSORS = frozenset({"status", "command", "foreign"})
# So many are counted at a time; and while there are so many sensors, no others than these.
MAX_COUNTED = 20_000
MAX_SENSORS = 100_000
RULES = {rule.name: rule for rule in (CLOCK, REJECTING)}


class RejectRateMonitor:
    """Counts the rejections of each sensor."""

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        # By sensor and rule, when the last few were that count.
        self._rejected_at: dict[tuple[str, str], list[datetime]] = {}

    def on_rejected(self, key: SensorKey, kind: str, reason: str, at: datetime) -> None:
        """Note that a payload was rejected.

        Args:
            key: Whose, as its topic says.
            kind: Why, in one word.
            reason: Why, for people.
            at: When, by the ingestor's clock.
        """
        if kind in NOT_OF_SENSORS or not key.is_valid:
            return
        rule = CLOCK if kind == "time" else REJECTING
        if not self._has_room(key.name, rule.name):
            return
        sensor = self._manager.sensor(key)
        settings = sensor.rules.settings.of(rule)
        if not settings.enabled:
            return
        before = self._rejected_at.get((key.name, rule.name), [])
        recent = [*recent_rejections(before, at, settings.quiet), at][-settings.payloads :]
        self._rejected_at[key.name, rule.name] = recent
        if len(recent) >= settings.payloads and not sensor.is_active(rule.name):
            times = "a payload was" if settings.payloads == 1 else f"{settings.payloads} payloads were"
            self._manager.raise_rule(sensor, rule, recent[0], at, f"{times} rejected: {reason}")

    def _has_room(self, sensor_id: str, rule: str) -> bool:
        """Whether it may be counted: names can be invented without end."""
        if (sensor_id, rule) in self._rejected_at:
            return True
        is_known = sensor_id in self._manager.sensors
        return len(self._rejected_at) < MAX_COUNTED and (is_known or len(self._manager.sensors) < MAX_SENSORS)

    def tick(self) -> None:
        """Clear what has come to an end."""
        now = self._manager.clock.now()
        for (sensor_id, name), moments in list(self._rejected_at.items()):
            sensor = self._manager.sensors[sensor_id]
            quiet = sensor.rules.settings.of(RULES[name]).quiet
            if not recent_rejections(moments, now, quiet):
                del self._rejected_at[sensor_id, name]
                self._manager.clear(sensor, name, now)

    def resume(self, sensor: SensorState) -> None:
        """Go on with alarms that were active when the ingestor ended."""
        for name in filter(sensor.is_active, RULES):
            self._rejected_at.setdefault((sensor.key.name, name), [self._manager.clock.now()])


def recent_rejections(moments: Sequence[datetime], now: datetime, quiet: timedelta) -> list[datetime]:
    """Those that still count: none longer ago than ``quiet``."""
    return [moment for moment in moments if now - moment <= quiet]
