"""Sensors whose payloads are rejected: for their timestamps (`clock`), or for anything else (`rejecting`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from broker.topics import SensorKey
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.rejections import CLOCK, REJECTING
from ingestor.alarms.sensor_state import SensorState

# Of what is no sensor's fault.
NOT_OF_SENSORS = frozenset({"status", "command", "foreign"})
RULES = (CLOCK, REJECTING)


class RejectRateMonitor:
    """Counts the rejections of each sensor."""

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        self._sensors: set[str] = set()

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
        sensor = self._manager.sensor(key)
        settings = sensor.rules.settings.of(rule)
        if not settings.enabled:
            return
        counted = sensor.rejected_at = sensor.rejected_at or {}
        # Only as many as count, and the newest of them.
        recent = [*recent_rejections(counted.get(rule.name, []), at, settings.quiet), at]
        counted[rule.name] = recent = recent[-settings.payloads :]
        self._sensors.add(key.name)
        if len(recent) >= settings.payloads and not sensor.is_active(rule.name):
            times = "a payload was" if settings.payloads == 1 else f"{settings.payloads} payloads were"
            self._manager.raise_rule(sensor, rule, recent[0], at, f"{times} rejected: {reason}")

    def tick(self) -> None:
        """Clear what has come to an end."""
        now = self._manager.clock.now()
        for sensor_id in list(self._sensors):
            sensor = self._manager.sensors[sensor_id]
            counted = sensor.rejected_at = sensor.rejected_at or {}
            for rule in RULES:
                quiet = sensor.rules.settings.of(rule).quiet
                counted[rule.name] = recent_rejections(counted.get(rule.name, []), now, quiet)
                if not counted[rule.name]:
                    self._manager.clear(sensor, rule.name, now)
            if not any(counted.values()):
                sensor.rejected_at = None
                self._sensors.discard(sensor_id)

    def resume(self, sensor: SensorState) -> None:
        """Go on with alarms that were active when the ingestor ended."""
        for rule in RULES:
            if sensor.is_active(rule.name):
                counted = sensor.rejected_at = sensor.rejected_at or {}
                counted.setdefault(rule.name, [self._manager.clock.now()])
                self._sensors.add(sensor.key.name)


def recent_rejections(moments: Sequence[datetime], now: datetime, quiet: timedelta) -> list[datetime]:
    """Those that still count: none longer ago than ``quiet``."""
    return [moment for moment in moments if now - moment <= quiet]
