"""The alarms of one ingestor: its parts put together, and what they do again and again."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from broker.connection import Connection
from broker.messages import NodeStatus
from broker.process import repeat_every
from broker.topics import SensorKey, Topics
from ingestor.alarms.board import Board, Change, Clock
from ingestor.alarms.commands import Command, Commands
from ingestor.alarms.config import AlarmConfig
from ingestor.alarms.history import ReadingHistory
from ingestor.alarms.judge import Judge
from ingestor.alarms.keep import Keep
from ingestor.alarms.notify import Notifier
from ingestor.alarms.presence import Presence
from ingestor.alarms.rebuild import Rebuild
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.refusing import Refusing
from ingestor.alarms.reload import follow, reconfigure
from ingestor.alarms.restart import Restart
from ingestor.alarms.track import NEVER, Track
from ingestor.documents import Measure
from ingestor.flag import Limits
from ingestor.sensors import Sensors
from ingestor.settings import IngestorSettings
from ingestor.store import Store
from ingestor.validate import Rejection

TICK_S = 0.5
REBUILD_EVERY_S = 0.5
REBUILD_REST = 3  # of so many parts of the time, one is spent on folding anew
CHECKPOINT_EVERY_S = 10.0


class Alarms:
    """Judges what is stored, and keeps and tells the alarms.

    Args:
        settings: What the ingestor was told.
        config: The rules at the start.
        store: The open database.
        limits: The thresholds; those of the file are entered here.
        sensors: What is written down of sensors, which a restart begins with.
    """

    def __init__(
        self,
        settings: IngestorSettings,
        config: AlarmConfig,
        store: Store,
        limits: Limits,
        sensors: Sensors,
    ) -> None:
        topics = Topics(settings.topic_root)
        self._file = settings.alarms
        self._limits = limits
        self._sensors = sensors
        self._records = AlarmRecords(store, settings.name, settings.sites)
        self._notifier = (
            Notifier(settings.notify, config.notifications, self._mark_notified) if settings.notify else None
        )
        self.keep = Keep(self._records, self._notifier)
        self.board = Board(topics, config, limits, self.keep, Clock())
        self.judge = Judge(self.board)
        self._presence = Presence(self.board)
        self._refusing = Refusing(self.board)
        self._commands = Commands(self.board)
        history = ReadingHistory(store, settings.sites)
        self._rebuild = Rebuild(self.board, self.judge, self._records, history, sensors)
        self._restart = Restart(self.board, self.judge, self._records, history)
        self._topics = topics
        self._lock = asyncio.Lock()
        self._to_note = NEVER, 0
        limits.site_kwh = config.thresholds()[1]

    @property
    def thresholds_kwh(self) -> dict[str, float]:
        """The thresholds that the file gives to sensors, kWh."""
        return self.board.config.thresholds()[0]

    async def load(self) -> None:
        """Take up what an earlier process left; before any reading."""
        await self._restart.load(self._refusing, self._commands)

    def saw(self, measures: Iterable[Measure], received_at: datetime) -> None:
        """Judge readings that are stored now, and were not before."""
        self.judge.saw(measures, received_at)

    def refused(self, rejections: Iterable[Rejection], received_at: datetime) -> None:
        """Note payloads that were refused and kept."""
        for each in rejections:
            self._refusing.refused(self._topics.sensor_key(each.topic), each.kind, each.reason, received_at)

    def heard(self, place: SensorKey, status: NodeStatus | None) -> None:
        """Note what a node says of itself, or the broker in its place."""
        self._presence.heard(place, status, self.board.clock.now())

    async def obey(self, place: SensorKey, command: Command) -> str | None:
        """Carry out a command; when this is done, it is written down.

        Returns:
            None; or in one sentence why it cannot be carried out.
        """
        async with self._lock:
            refusal = self._commands.obey(place, command)
            for track in await self._write_sensors():
                # Whoever is told of a shelf finds it written down.
                self.board.say_state(track)
        await self.keep.written()
        return refusal

    def attach(self, connection: Connection | None) -> None:
        """Tell on this connection from now on, and first what a broker may have forgotten."""
        lately = self.keep.told_lately()
        self._presence.listen(listening=connection is not None)
        if connection is not None:
            for track in self.board.tracks.values():
                if track.standing or self._topics.alarms(*track.place) in lately:
                    self.board.say_state(track)
        self.keep.attach(connection)

    async def work(self) -> None:
        """Do all that is to be done again and again, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.keep.work(), name="alarms.keep")
            group.create_task(repeat_every(TICK_S, self._tick), name="alarms.tick")
            group.create_task(self._rebuild_doubtful(), name="alarms.rebuild")
            group.create_task(repeat_every(CHECKPOINT_EVERY_S, self.note_progress), name="alarms.checkpoint")
            if self._file is not None:
                group.create_task(follow(self._file, self._reconfigure), name="alarms.reload")
            if self._notifier is not None:
                group.create_task(self._notifier.work(), name="alarms.notify")

    async def finish(self) -> None:
        """Write down what is known; at the end, when nothing more is judged."""
        await self.note_progress()
        await self.keep.written()
        await self.note_progress()

    def _reconfigure(self, config: AlarmConfig) -> None:
        reconfigure(self.board, config)
        self._limits.site_kwh = config.thresholds()[1]
        if self._notifier is not None:
            self._notifier.settings = config.notifications

    async def _tick(self) -> None:
        self._presence.tick()
        self._refusing.tick()
        self._commands.tick()
        self.board.end_storms()

    async def _rebuild_doubtful(self) -> None:
        while True:
            await asyncio.sleep(REBUILD_EVERY_S)
            began_s = time.monotonic()
            await self.rebuild()
            await asyncio.sleep((time.monotonic() - began_s) * REBUILD_REST)

    async def rebuild(self) -> None:
        """Fold anew the rules of all sensors whose state is in doubt."""
        doubtful = sorted(self.judge.doubtful)
        if not doubtful:
            return
        # From its doubt on, only this changes what the rules over readings have said of a sensor.
        await self.keep.written()
        for sensor_id in doubtful:
            async with self._lock:
                await self._rebuild.settle(self.board.tracks[sensor_id])

    async def note_progress(self) -> None:
        """Write down up to when all is judged and told, and what was learned meanwhile."""
        judged, number = self._to_note
        if judged != NEVER and self.keep.has_told(number):
            # A restart must know of all before that which reading of a sensor was the newest.
            await self._records.checkpoint.set(min(judged, self._sensors.unwritten_since or judged))
            self._to_note = NEVER, 0
        higher, self.judge.higher = self.judge.higher, {}
        for document in higher.values():
            self.keep.keep(Change(document, None))
        await self._write_sensors()
        if self._to_note[0] == NEVER and not self.judge.doubtful:
            self._to_note = self.judge.judged, self.keep.kept

    async def _write_sensors(self) -> list[Track]:
        """Write down what is to be; say of which sensors shelves were."""
        intervals, self.board.learned = self.board.learned, {}
        unwritten, self._commands.unwritten = self._commands.unwritten, set()
        tracks = [self.board.tracks[sensor_id] for sensor_id in unwritten]
        shelves = {track.place: track.shelved or {} for track in tracks}
        await self._records.write_sensors(intervals, shelves)
        return tracks

    async def _mark_notified(self, ids: Sequence[str]) -> None:
        now, over = self.board.clock.now(), []
        for alarm in ids:
            if document := self.board.find(alarm):
                document["notified_at"] = now
                self.keep.keep(Change(document, None))
            else:
                over.append(alarm)
        if over:
            await self._records.mark_notified(over, now)
