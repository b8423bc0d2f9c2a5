"""Take over a new `alarms.toml` while the ingestor runs, or leave the rules as they are."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from broker.program.file_changes import FileChanges
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.config.parse import AlarmConfigError, read_config
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.sensor_state import SensorState

logger = logging.getLogger(__name__)


async def follow(file: Path, apply: Callable[[AlarmConfig], None]) -> None:
    """Look at a file again and again, and hand over what it says when it has changed.

    A file that cannot be used is said once, and changes nothing.
    """
    changes = FileChanges(file)
    while True:
        await changes.wait()
        try:
            config = await asyncio.to_thread(read_config, file)
        except AlarmConfigError as error:
            logger.warning("%s: %s; the rules stay as they were.", file, error)
        else:
            apply(config)
            logger.info("%s has changed; the new rules count from now on.", file)


def reconfigure(manager: AlarmManager, config: AlarmConfig) -> None:
    """Have new rules count for all sensors from their next reading on; what was, stays."""
    old, manager.config = manager.config, config
    manager.thresholds.site_kwh = config.thresholds()[1]
    manager.floods.most = config.storm.alarms_per_minute
    same: dict[tuple[int, int], bool] = {}  # a great many sensors share few sets of rules
    for sensor in manager.sensors.values():
        before, after = sensor.rules.settings, config.of(*sensor.key)
        pair = id(before), id(after)
        if pair not in same:
            same[pair] = before == after
        if not same[pair] or (after.looks_back and old.time_zone != config.time_zone):
            _change(manager, sensor, after)


def _change(manager: AlarmManager, sensor: SensorState, rules: AllRuleSettings) -> None:
    sensor.rules = manager.new_rules(sensor.key)
    sensor.rules.resume(sensor.alarms)
    sensor.is_primed = not rules.looks_back
    for document in list(sensor.alarms.values()):
        if not rules.named(document["rule"]).is_on:
            manager.clear(sensor, document["rule"], manager.clock.now())
    manager.to_watch.append(sensor)
    sensor.update_quiet()
