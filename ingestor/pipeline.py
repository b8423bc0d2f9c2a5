"""The way of a reading, in the order in which it happens.

    receive -> decode -> validate -> flag -> store -> keep what is rejected -> alert -> judge (alarms)
        -> confirm -> acknowledge

Commands are executed beside it. What one sensor brings too fast for the others is acknowledged when it is
written down as it came, and goes this way when there is time.

Whatever kills this process on the way, a delivery that was not acknowledged comes again, and storing
it again changes nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.topics import Topics
from ingestor.alarms.command_queue import CommandQueue
from ingestor.alarms.service import AlarmService
from ingestor.alert.alert_publisher import AlertPublisher
from ingestor.batch_reader import BatchReader
from ingestor.confirm import Receipts
from ingestor.counters import Counters
from ingestor.delivery import Batch, Rejection
from ingestor.documents import Measure, late_before
from ingestor.flow_control.acknowledge import Acknowledgements
from ingestor.flow_control.quarantine import MAX_TOGETHER, Quarantine
from ingestor.receive.inbox import Inbox
from ingestor.store.batch_store import store_batch
from ingestor.store.dead_letters import DeadLetterPolicy, DeadLetters, to_document
from ingestor.store.reading_store import ReadingStore
from ingestor.store.rollups import Rollups
from ingestor.store.sensor_updates import SensorUpdates

GATHER_S = 0.01


@dataclass(slots=True)
class Pipeline:
    """Works off the inbox, one batch after the other; while one is written, the next is opened.

    It lives as long as the process; connections come and go. What came on a lost connection is
    stored all the same and comes again, as a duplicate.
    """

    inbox: Inbox
    reader: BatchReader
    store: ReadingStore
    counters: Counters
    alert_publisher: AlertPublisher
    alarms: AlarmService
    receipts: Receipts
    sensor_updates: SensorUpdates
    rollups: Rollups
    quarantine: Quarantine
    dead_letters: DeadLetterPolicy = field(default_factory=DeadLetterPolicy)
    _commands: CommandQueue = field(init=False)
    _acknowledgements: Acknowledgements = field(default_factory=Acknowledgements)
    _keeping: asyncio.Lock = field(default_factory=asyncio.Lock)
    _opened_s: float = float("-inf")
    _is_idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._commands = CommandQueue(self.alarms, self.reader.command_limits, self._finish_commands)

    async def work(self) -> None:
        """Work off the inbox for ever; first of all, learn how the last process ended."""
        await self.quarantine.open()
        await self.reader.deferral.open()
        async with asyncio.TaskGroup() as writes:
            writes.create_task(self._commands.work(), name="pipeline.commands")
            writes.create_task(self.quarantine.watch(), name="pipeline.watch")
            writes.create_task(self.reader.deferral.work_off(), name="pipeline.deferred")
            while True:
                await self.inbox.arrived.wait()
                self.inbox.arrived.clear()
                self._is_idle.clear()
                await self._work_off(writes)
                self.inbox.on_drained()
                self._is_idle.set()

    async def _work_off(self, writes: asyncio.TaskGroup) -> None:
        before: tuple[Batch, asyncio.Task[None]] | None = None
        # A batch of nothing but statuses and commands has no length, and is committed all the same.
        while len(self.inbox) or self.reader.deferral.is_ready or before is not None:
            batch = None
            if before is None and not len(self.inbox):
                self.inbox.on_drained()
            if self.quarantine.is_active and before is None:
                await self._work_with_care(writes)
                continue
            if before is None or (self.inbox.has_full_batch and not self.quarantine.is_active):
                batch = await self._next_batch()
            write = None if batch is None else self._begin(batch, writes)
            if before is not None:
                await self.commit(*before)
            before = None if batch is None or write is None else (batch, write)

    async def _next_batch(self) -> Batch | None:
        if self.reader.deferral.is_next(others_wait=len(self.inbox) > 0):
            return self.reader.next_deferred()
        await self._gather()
        return self.reader.next_batch()

    async def _work_with_care(self, writes: asyncio.TaskGroup) -> None:
        """Work off a few messages, of which the database knows that nothing else is worked on."""
        is_deferred = self.reader.deferral.is_next(others_wait=len(self.inbox) > 0)
        waiting = self.reader.deferral if is_deferred else self.inbox
        count, are_poison = await self.quarantine.begin(waiting.peek(MAX_TOGETHER))
        open_next = self.reader.next_deferred if is_deferred else self.reader.next_batch
        batch = open_next(count, are_poison=are_poison)
        if batch is not None:
            await self.commit(batch, self._begin(batch, writes))
            await self._acknowledgements.rest()
        await self.quarantine.end(is_drained=not len(self.inbox))

    def _begin(self, batch: Batch, writes: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Have the readings of a batch written, and its commands executed."""
        self._acknowledgements.begin(batch)
        self._commands.add(batch)
        return writes.create_task(self._write(batch))

    async def _write(self, batch: Batch) -> None:
        await store_batch(self.store, batch)
        await self.reader.deferral.write(batch)

    async def _gather(self) -> None:
        """Begin a small batch not sooner than 10 ms after the one before: each costs a journaled write."""
        wait_s = self._opened_s + GATHER_S - time.monotonic()
        if wait_s > 0 and not self.inbox.has_full_batch:
            await asyncio.sleep(wait_s)
        self._opened_s = time.monotonic()

    async def rest(self) -> None:
        """Wait until the inbox is empty and nothing is in flight; what is set aside stays so."""
        self.reader.deferral.close()
        while len(self.inbox) or not self._is_idle.is_set():
            self._is_idle.clear()
            self.inbox.arrived.set()
            await self._is_idle.wait()
        await self._acknowledgements.rest()

    async def finish(self) -> None:
        """Note that this process ends in order, unless the database is away."""
        if self.store.is_available:
            await self.quarantine.close()

    async def commit(self, batch: Batch, write: asyncio.Task[None]) -> None:
        """Finish one batch: stored or kept, announced, judged, confirmed, and only then acknowledged."""
        await write
        stored, rejections = batch.stored, batch.rejections
        letters = await self._keep(rejections, batch.received_at)
        self._count(batch, stored, rejections, letters)
        anomalies = [measure for measure in stored if measure["is_anomaly"]]
        self.alert_publisher.alerts(anomalies, batch.received_at)
        self.alert_publisher.notices([*letters.kept, *letters.begun])
        self._judge(batch, stored, [*letters.kept, *letters.flooding])
        self.receipts.confirm(batch, letters.kept)
        await self._acknowledgements.finish(batch)
        if batch.connection is None:
            self.reader.deferral.finish(batch)
        elif batch.deferred:
            self.reader.deferral.on_written()

    async def _keep(self, rejections: Sequence[Rejection], received_at: datetime) -> DeadLetters:
        """Write down what is rejected."""
        letters = self.dead_letters.sort(rejections, received_at)
        kept = [to_document(each, received_at) for each in letters.kept]
        if kept or letters.counts:
            # One after the other: both paths may count the same topic.
            async with self._keeping:
                await self.store.write_rejected([*kept, *letters.counts])
        return letters

    async def _finish_commands(self, batch: Batch, rejections: Sequence[Rejection]) -> None:
        """Finish the commands of a batch: what could not be executed is kept, and said."""
        self.counters.received += len(rejections)
        self.counters.in_flight += len(rejections)
        letters = await self._keep(rejections, batch.received_at)
        self.counters.in_flight -= len(rejections)
        self.counters.rejected += len(rejections)
        self.counters.flooded += letters.counted
        self.alert_publisher.notices([*letters.kept, *letters.begun])
        await self._acknowledgements.finish(batch)

    def _count(
        self, batch: Batch, stored: Sequence[Measure], rejections: Sequence[Rejection], letters: DeadLetters
    ) -> None:
        """Enter what became of the batch, at once, so that the counters balance at any moment."""
        self.counters.in_flight -= batch.size
        self.counters.stored += len(stored)
        self.counters.duplicates += batch.size - len(stored) - len(rejections)
        self.counters.rejected += len(rejections)
        self.counters.flooded += letters.counted
        late = late_before(batch.arrived_at)
        self.counters.late += sum([measure["timestamp"] < late for measure in batch.measures])
        # Only what is stored now: a conflict, or a repetition, does not say where its sensor is.
        self.sensor_updates.on_stored(stored)
        self.rollups.on_stored(batch.measures)

    def _judge(self, batch: Batch, stored: Sequence[Measure], rejections: Sequence[Rejection]) -> None:
        self.alarms.evaluator.on_stored(stored, batch.received_at)
        for each in rejections:
            key = Topics.sensor_key(each.topic)
            self.alarms.reject_rate.on_rejected(key, each.kind.value, each.reason, batch.received_at)
        for key, status in batch.statuses.items():
            self.alarms.liveness.on_status(key, status)
