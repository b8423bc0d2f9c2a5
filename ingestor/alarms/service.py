"""The alarms of one ingestor: its parts put together, and what they do again and again."""

import asyncio
import time
from collections.abc import Sequence

from broker.connection import Connection
from broker.program.process import repeat_every
from broker.topics import SensorKey, Topics
from ingestor.alarms.commands import AlarmCommand, AlarmCommands
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.config.reload import follow, reconfigure
from ingestor.alarms.episode import AlarmChange
from ingestor.alarms.evaluation.evaluator import Evaluator
from ingestor.alarms.evaluation.reevaluator import Reevaluator
from ingestor.alarms.manager import AlarmClock, AlarmManager
from ingestor.alarms.notify.notifier import Notifier
from ingestor.alarms.outbox import AlarmOutbox
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.restart import resume
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.sensor_state import SensorState
from ingestor.alarms.supervision.liveness import LivenessMonitor
from ingestor.alarms.supervision.reject_rate import RejectRateMonitor
from ingestor.flag import Thresholds
from ingestor.settings import IngestorSettings
from ingestor.store.reading_store import ReadingStore
from ingestor.store.sensor_updates import SensorUpdates

TICK_S = 0.5
REBUILD_EVERY_S = 0.5
REBUILD_REST = 3  # of so many parts of the time, one is spent on folding anew
CHECKPOINT_EVERY_S = 10.0


class AlarmService:
    """Judges what is stored, and keeps and tells the alarms.

    Args:
        settings: What the ingestor was told.
        config: The rules at the start.
        store: The open database.
        limits: The thresholds; those of the file are entered here.
        sensors: What is written down of sensors and their nodes, which a restart begins with.

    Attributes:
        manager: The sensors.
        evaluator: Takes readings that are stored now, and were not before.
        liveness: Takes what nodes say of themselves, or the broker in their place.
        reject_rate: Takes payloads that were rejected and kept.
        outbox: What is to be written and told.
    """

    def __init__(
        self,
        settings: IngestorSettings,
        config: AlarmConfig,
        store: ReadingStore,
        limits: Thresholds,
        sensors: SensorUpdates,
    ) -> None:
        topics = Topics(settings.topic_root)
        self._file = settings.alarms
        self._sensors = sensors
        self._records = AlarmRecords(store, settings.name, settings.sites)
        self._notifier = Notifier(settings.notify or "", config.notifications, self._mark_notified)
        self.outbox = AlarmOutbox(self._records, self._notifier)
        self.manager = AlarmManager(topics, config, limits, self.outbox.add, AlarmClock())
        self.evaluator = Evaluator(self.manager)
        self.liveness = LivenessMonitor(self.manager, sensors.nodes)
        self.reject_rate = RejectRateMonitor(self.manager)
        self._commands = AlarmCommands(self.manager)
        self._reevaluator = Reevaluator(self.manager, self.evaluator, self._records, store, sensors)
        self._topics = topics
        self._lock = asyncio.Lock()
        self._to_note = NEVER, 0

    async def load(self) -> None:
        """Take up what an earlier process left; before any reading."""
        known = await resume(self.manager, self.evaluator, self._records, self.reject_rate, self._commands)
        self._sensors.nodes.resume(known)

    async def execute(self, commands: Sequence[tuple[SensorKey, AlarmCommand]]) -> list[str | None]:
        """Carry out commands, each given to a sensor; when this is done, they are written down.

        Returns:
            For each None; or in one sentence why it cannot be carried out.
        """
        async with self._lock:
            problems = [self._commands.execute(*each) for each in commands]
            for sensor in await self._write_sensors():
                # Whoever is told of a shelf finds it written down.
                self.manager.publish_state(sensor)
        await self.outbox.wait_written()
        return problems

    def attach(self, connection: Connection | None) -> None:
        """Tell on this connection from now on, and first what a broker may have forgotten."""
        lately = self.outbox.recently_published()
        self.liveness.listen(listening=connection is not None)
        if connection is not None:
            sensors = self.manager.sensors
            told = [sensors[name] for _, name in map(Topics.sensor_key, lately) if name in sensors]
            standing = [sensor for sensor in sensors.values() if sensor.alarms]
            self.manager.tell_again([*standing, *told])
        self.outbox.attach(connection)

    async def work(self) -> None:
        """Do all that is to be done again and again, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.outbox.work(), name="alarms.keep")
            group.create_task(repeat_every(TICK_S, self._tick), name="alarms.tick")
            group.create_task(self._rebuild_doubtful(), name="alarms.rebuild")
            group.create_task(repeat_every(CHECKPOINT_EVERY_S, self.note_progress), name="alarms.checkpoint")
            if self._file is not None:
                group.create_task(follow(self._file, self._reconfigure), name="alarms.reload")
            group.create_task(self._notifier.work(), name="alarms.notify")

    async def finish(self) -> None:
        """Write down what is known; at the end, when nothing more is judged."""
        await self.note_progress()
        await self.outbox.wait_written()
        await self.note_progress()

    def _reconfigure(self, config: AlarmConfig) -> None:
        reconfigure(self.manager, config)
        self._notifier.settings = config.notifications

    async def _tick(self) -> None:
        self.liveness.tick()
        self.reject_rate.tick()
        self._commands.tick()
        self.manager.end_floods()

    async def _rebuild_doubtful(self) -> None:
        while True:
            await asyncio.sleep(REBUILD_EVERY_S)
            began_s = time.monotonic()
            await self.reevaluate()
            await asyncio.sleep((time.monotonic() - began_s) * REBUILD_REST)

    async def reevaluate(self) -> None:
        """Fold anew the rules of all sensors whose state is in doubt."""
        doubtful = sorted(self.evaluator.dirty)
        if not doubtful:
            return
        # From its doubt on, only this changes what the rules over readings have said of a sensor.
        await self.outbox.wait_written()
        for sensor_id in doubtful:
            async with self._lock:
                await self._reevaluator.reevaluate(self.manager.sensors[sensor_id])

    async def note_progress(self) -> None:
        """Write down up to when all is judged and told, and what was learned meanwhile."""
        judged, number = self._to_note
        if judged != NEVER and self.outbox.is_published(number):
            # A restart must know of all before that which reading of a sensor was the newest.
            await self._records.checkpoint.set(min(judged, self._sensors.unwritten_since or judged))
            self._to_note = NEVER, 0
        higher, self.evaluator.new_peaks = self.evaluator.new_peaks, {}
        for document in higher.values():
            self.outbox.add(AlarmChange(document, None))
        await self._write_sensors()
        if self._to_note[0] == NEVER and not self.evaluator.dirty:
            self._to_note = self.evaluator.evaluated, self.outbox.count

    async def _write_sensors(self) -> list[SensorState]:
        """Write down what is to be; say of which sensors shelves were."""
        intervals, self.manager.learned_intervals = self.manager.learned_intervals, {}
        unwritten, self._commands.unwritten = self._commands.unwritten, set()
        tracks = [self.manager.sensors[sensor_id] for sensor_id in unwritten]
        shelves = {sensor.key: sensor.shelved for sensor in tracks}
        await self._records.write_sensors(intervals, shelves)
        return tracks

    async def _mark_notified(self, ids: Sequence[str]) -> None:
        now, over = self.manager.clock.now(), []
        for alarm in ids:
            if document := self.manager.find(alarm):
                document["notified_at"] = now
                self.outbox.add(AlarmChange(document, None))
            else:
                over.append(alarm)
        if over:
            await self._records.mark_notified(over, now)
