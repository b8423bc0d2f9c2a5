"""Sensors of which payloads are refused: for their time (`clock`), or for anything else (`rejecting`)."""

from datetime import datetime

from broker.topics import SensorKey
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.functions import recent_rejections
from ingestor.alarms.rules.rule_settings import RejectingSettings, RuleName
from ingestor.alarms.sensor_state import SensorState

# Of what is no sensor's fault.
NOT_OF_SENSORS = frozenset({"status", "command", "foreign"})
RULES: tuple[RuleName, ...] = ("clock", "rejecting")


class RejectRateMonitor:
    """Counts refusals of each sensor.

    Args:
        manager: The sensors.
    """

    def __init__(self, manager: AlarmManager) -> None:
        self._manager = manager
        self._sensors: set[str] = set()

    def on_rejected(self, place: SensorKey, kind: str, reason: str, at: datetime) -> None:
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
        sensor = self._manager.sensor(place)
        rule = _rule(sensor, name)
        if not rule.enabled:
            return
        counted = sensor.rejected_at = sensor.rejected_at or {}
        # Only as many as count, and the newest of them.
        counted[name] = [*recent_rejections(counted.get(name, []), at, rule.quiet), at][-rule.payloads :]
        self._sensors.add(place.name)
        if len(counted[name]) >= rule.payloads and not sensor.is_active(name):
            document = self._manager.begin(sensor, name, counted[name][0], at)
            times = "a payload was" if rule.payloads == 1 else f"{rule.payloads} payloads were"
            document["message"] = f"{times} refused: {reason}"
            self._manager.raise_(sensor, document)

    def tick(self) -> None:
        """Clear what has come to an end."""
        now = self._manager.clock.now()
        for sensor_id in list(self._sensors):
            sensor = self._manager.sensors[sensor_id]
            counted = sensor.rejected_at = sensor.rejected_at or {}
            for name in RULES:
                counted[name] = list(recent_rejections(counted.get(name, []), now, _rule(sensor, name).quiet))
                if not counted[name]:
                    self._manager.clear(sensor, name, now)
            if not any(counted.values()):
                sensor.rejected_at = None
                self._sensors.discard(sensor_id)

    def resume(self, sensor: SensorState) -> None:
        """Go on with alarms that stood when the ingestor ended."""
        for name in RULES:
            if sensor.is_active(name):
                counted = sensor.rejected_at = sensor.rejected_at or {}
                counted.setdefault(name, [self._manager.clock.now()])
                self._sensors.add(sensor.key.name)


def _rule(sensor: SensorState, name: RuleName) -> RejectingSettings:
    rules = sensor.rules.settings
    return rules.clock if name == "clock" else rules.rejecting
