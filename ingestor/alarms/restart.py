"""Take up where an earlier process left: what stood, what was not judged, what was not told."""

from broker.topics import SensorKey
from ingestor.alarms.commands import AlarmCommands
from ingestor.alarms.evaluator import Evaluator
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.reading_history import ReadingHistory
from ingestor.alarms.records import AlarmRecords, KnownSensor
from ingestor.alarms.reject_rate import RejectRateMonitor
from ingestor.alarms.sensor_state import NEVER
from ingestor.documents import AlarmDocument


class AlarmRestart:
    """Loads the manager.

    Args:
        manager: To be filled.
        evaluator: Told what it must judge anew.
        records: What is kept of alarms.
        history: What is stored of readings.
    """

    def __init__(
        self, manager: AlarmManager, evaluator: Evaluator, records: AlarmRecords, history: ReadingHistory
    ) -> None:
        self._manager = manager
        self._evaluator = evaluator
        self._records = records
        self._history = history

    async def load(self, reject_rate: RejectRateMonitor, commands: AlarmCommands) -> None:
        """Fill the manager; before any reading."""
        since = await self._records.checkpoint.own()
        if since is None:
            # What was stored before there were alarms raises none.
            since = self._manager.clock.now()
            await self._records.checkpoint.set(since)
        for known in await self._records.known_sensors():
            self._resume(known)
        for document in sorted(await self._records.listed(), key=lambda each: each["since"]):
            self._list(document)
        for unjudged in await self._history.unevaluated(since):
            sensor = self._manager.sensor(SensorKey(unjudged.site, unjudged.sensor_id))
            self._evaluator.mark_dirty(sensor, [], unjudged.since)
        await self._count_refusals(reject_rate)
        for sensor in self._manager.sensors.values():
            reject_rate.resume(sensor)
            commands.resume(sensor)
            self._manager.notify_unsent(sensor)
            sensor.update_quiet()
        for document in sorted(await self._records.changed_since(since), key=lambda each: each["changed_at"]):
            # Perhaps nobody was told of it; whoever was hears it twice.
            self._manager.republish(document)

    def _resume(self, known: KnownSensor) -> None:
        sensor = self._manager.sensor(SensorKey(known.site, known.sensor_id))
        sensor.at = known.last_reading or NEVER
        sensor.is_node_offline, sensor.shelved = known.is_node_offline, known.shelved or None
        sensor.is_primed = not sensor.rules.settings.looks_back
        if known.interval_s is not None:
            sensor.interval_s, sensor.to_learn = known.interval_s, 0
            self._manager.to_watch.append(sensor)

    def _list(self, document: AlarmDocument) -> None:
        """List an episode; one that goes on before one that is over, and else the newer."""
        sensor = self._manager.sensor(SensorKey(document["site"], document["sensor_id"]))
        rule = document["rule"]
        if document["cleared_at"] is not None and sensor.is_active(rule):
            return
        sensor.alarms = {**(sensor.alarms or {}), rule: document}
        sensor.rules.resume(sensor.alarms)

    async def _count_refusals(self, reject_rate: RejectRateMonitor) -> None:
        since = self._manager.clock.now() - self._manager.config.longest_quiet()
        for refused in await self._records.rejected_since(since):
            reject_rate.on_rejected(*refused)
