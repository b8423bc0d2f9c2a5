"""The trip of a reading, in the order in which it happens.

    open a batch (validate, flag) -> store -> keep what was refused -> announce -> judge (alarms)
        -> confirm -> acknowledge

Whatever kills this process on the way, a delivery that was not acknowledged comes again, and storing
it again changes nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.client import BrokerLostError
from broker.connection import OutgoingMessage
from broker.messages import RejectionNotice
from broker.topics import Topics
from ingestor.alarms.service import AlarmService
from ingestor.alert.alert_publisher import AlertPublisher
from ingestor.confirm.receipts import Receipts
from ingestor.counters import Counters
from ingestor.decode.batch_decoder import Batch, BatchDecoder
from ingestor.decode.energy_json import Rejection, reject
from ingestor.documents import Measure, late_before
from ingestor.receive.inbox import Inbox
from ingestor.store.dead_letters import DeadLetterPolicy, DeadLetters
from ingestor.store.reading_store import ExistingMeasure, ReadingStore, RejectedByDatabase
from ingestor.store.rollups import Rollups
from ingestor.store.sensor_updates import SensorUpdates

GATHER_S = 0.01

Write = asyncio.Task[dict[int, ExistingMeasure | RejectedByDatabase]]


@dataclass(slots=True)
class Pipeline:
    """Works off the inbox, one batch after the other; while one is written, the next is opened.

    It lives as long as the process; connections come and go. What came on a lost connection is
    stored all the same and comes again, as a duplicate.
    """

    inbox: Inbox
    opener: BatchDecoder
    store: ReadingStore
    topics: Topics
    books: Counters
    announcer: AlertPublisher
    alarms: AlarmService
    confirmations: Receipts
    sensors: SensorUpdates
    periods: Rollups
    floods: DeadLetterPolicy
    _opened_s: float = float("-inf")
    _at_rest: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> None:
        """Work off the inbox for ever."""
        async with asyncio.TaskGroup() as writes:
            while True:
                await self.inbox.arrived.wait()
                self.inbox.arrived.clear()
                self._at_rest.clear()
                await self._work_off(writes)
                self.inbox.on_drained()
                self._at_rest.set()

    async def _work_off(self, writes: asyncio.TaskGroup) -> None:
        before: tuple[Batch, Write] | None = None
        # A batch of nothing but statuses and commands has no length, and is brought home all the same.
        while len(self.inbox) or before is not None:
            batch = None
            if before is None or self.inbox.has_full_batch:
                await self._gather()
                batch = self.opener.next_batch()
            write = None if batch is None else writes.create_task(self.store.insert(batch.measures))
            if before is not None:
                await self.commit(*before)
            before = None if batch is None or write is None else (batch, write)

    async def _gather(self) -> None:
        """Begin a small batch not sooner than 10 ms after the one before: each costs a journaled write."""
        wait_s = self._opened_s + GATHER_S - time.monotonic()
        if wait_s > 0 and not self.inbox.has_full_batch:
            await asyncio.sleep(wait_s)
        self._opened_s = time.monotonic()

    async def rest(self) -> None:
        """Wait until the inbox is empty and nothing is in hand."""
        while len(self.inbox) or not self._at_rest.is_set():
            self._at_rest.clear()
            self.inbox.arrived.set()
            await self._at_rest.wait()

    async def commit(self, batch: Batch, write: Write) -> None:
        """Bring one batch home: stored or kept, announced, confirmed, and only then acknowledged."""
        problems = await write
        refused = {
            index: rejection
            for index, problem in problems.items()
            if (rejection := _refusal(batch, index, problem)) is not None
        }
        await self._obey(batch)
        rejections = [*batch.rejections, *refused.values()]
        sorted_out = self.floods.sort(rejections, batch.received_at)
        if sorted_out.kept:
            await self.store.insert_rejected(
                [_to_document(each, batch.received_at) for each in sorted_out.kept]
            )
        if sorted_out.counts:
            await self.store.count_rejected(sorted_out.counts)
        stored = batch.measures
        if problems:
            stored = [measure for index, measure in enumerate(stored) if index not in problems]
        self._book(batch, stored, duplicates=len(problems) - len(refused), rejected=len(rejections))
        self.books.flooded += sorted_out.counted
        self._announce(batch, stored, [*sorted_out.kept, *sorted_out.begun])
        self._judge(batch, stored, [*sorted_out.kept, *sorted_out.flooding])
        self._confirm(batch, refused, sorted_out)
        await _acknowledge(batch)

    def _book(self, batch: Batch, stored: Sequence[Measure], *, duplicates: int, rejected: int) -> None:
        """Enter what became of the batch, at once, so that the books balance at any moment."""
        self.books.in_flight -= len(batch)
        self.books.stored += len(batch) - duplicates - rejected
        self.books.duplicates += duplicates
        self.books.rejected += rejected
        # Only what is stored now: a conflict, or a repetition, does not say where its sensor is.
        self.sensors.on_stored(stored)
        self.periods.on_stored(batch.measures)
        late = late_before(batch.received_at)
        self.books.late += sum([measure["timestamp"] < late for measure in batch.measures])

    def _announce(self, batch: Batch, stored: Sequence[Measure], rejections: Sequence[Rejection]) -> None:
        anomalies = [measure for measure in stored if measure["is_anomaly"]]
        self.announcer.alerts(anomalies, batch.received_at)
        notices = []
        for each in rejections:
            notice = RejectionNotice(kind=each.kind, reason=each.reason, row=each.row, sequence=each.sequence)
            payload = notice.model_dump_json(exclude_none=True).encode()
            notices.append(OutgoingMessage(self.topics.rejected(self.topics.sensor_key(each.topic)), payload))
        self.announcer.notices(notices)

    async def _obey(self, batch: Batch) -> None:
        """Carry out what people say to alarms; what cannot be is refused like a payload."""
        for packet, command in batch.commands:
            if reason := await self.alarms.execute(self.topics.sensor_key(packet.topic), command):
                batch.rejections.append(Rejection("command", reason, packet.topic, packet.payload))
                self.books.received += 1
                self.books.in_flight += 1

    def _judge(self, batch: Batch, stored: Sequence[Measure], rejections: Sequence[Rejection]) -> None:
        self.alarms.on_stored(stored, batch.received_at)
        if rejections:
            self.alarms.on_rejected(rejections, batch.received_at)
        for place, status in batch.statuses:
            self.alarms.on_status(place, status)

    def _confirm(self, batch: Batch, refused: Mapping[int, Rejection], sorted_out: DeadLetters) -> None:
        """Tell sensors what they may forget: what is stored, or kept as it came."""
        for index, valid in enumerate(batch.valid):
            sequence = valid.reading.get("sequence")
            if sequence is None:
                continue
            if index not in refused:
                self.confirmations.stored(valid.key, sequence)
        for rejection in sorted_out.kept:
            if rejection.sequence is not None:
                self.confirmations.rejected(self.topics.sensor_key(rejection.topic), rejection.sequence)


def _refusal(batch: Batch, index: int, problem: ExistingMeasure | RejectedByDatabase) -> Rejection | None:
    """Tell a row that must be refused from one that is merely there already."""
    value_kwh = batch.measures[index]["value_kwh"]
    if isinstance(problem, RejectedByDatabase):
        kind, reason = "refused", f"the database refuses it: it {problem.reason}"
    elif problem.measure["value_kwh"] != value_kwh:
        stored_kwh = problem.measure["value_kwh"]
        kind = "conflict"
        reason = f"conflict: {problem.measure['_id']} is stored with {stored_kwh} kWh, not {value_kwh} kWh"
    else:
        return None
    valid = batch.valid[index]
    return reject(kind, reason, valid.packet, valid.row, valid.reading)


def _to_document(rejection: Rejection, received_at: datetime) -> dict[str, Any]:
    document = {
        "topic": rejection.topic,
        "payload": rejection.payload,
        "kind": rejection.kind,
        "reason": rejection.reason,
        "row": rejection.row,
        "sequence": rejection.sequence,
        "received_at": received_at,
    }
    return {name: value for name, value in document.items() if value is not None}


async def _acknowledge(batch: Batch) -> None:
    """Acknowledge in the order of arrival, and only on the connection that brought the messages."""
    with contextlib.suppress(BrokerLostError):
        await batch.connection.puback_many(batch.packet_ids)
