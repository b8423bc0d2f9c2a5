"""A running sensor node: its meters, its readings, its connection, and its shutdown."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from broker.address import MqttAddress
from broker.ledger import ExpectedAlarmEntry
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey
from sensor_node.faults.expected_alarms import expected_silence
from sensor_node.faults.oracle import MeterOutput, ground_truth, malformed_entry
from sensor_node.faults.outages import Outages
from sensor_node.meter.factory import MeterGroup, build_group, make_injector
from sensor_node.meter.meter import Meter, first_sequence
from sensor_node.outbox.durable import DurableOutbox
from sensor_node.outbox.outbox import Outbox, OutboxEntry
from sensor_node.outbox.publisher import Publisher
from sensor_node.outbox.settings import TransportSettings
from sensor_node.outbox.status import OutboxStatus
from sensor_node.plan import NodePlan, SimulationPlan
from sensor_node.scheduler import ReadingScheduler, Readout, as_recorded, simultaneous, staggered

CHECK_EVERY_S = 0.1
# In simulated time no more than that waits for confirmation, the rest waits to be made: of each meter as
# many as are confirmed together, within what memory can bear.
MAX_PENDING_OF_ONE = 2_000
MIN_PENDING, MAX_PENDING = 20_000, 200_000

logger = logging.getLogger(__name__)


class SensorNode:
    """A node with one or more meters.

    Attributes:
        made: Number of readings made so far.
    """

    def __init__(
        self,
        plan: SimulationPlan,
        own: NodePlan,
        settings: TransportSettings,
        outbox: Outbox,
        stop: asyncio.Event,
    ) -> None:
        self.sensor_key = own.sensor_key
        self.outbox = outbox
        self.made = 0
        self._plan = plan
        self._own = own
        self._settings = settings
        self._ledger = outbox.ledger
        self._stop = stop
        self._limit = plan.timeline.limit or sys.maxsize
        self._begin = plan.timeline.begin or datetime.now(UTC)
        self._publisher = Publisher(settings, own.sensor_key, own.sensor_keys, outbox)
        self._faults = [fault for fault in own.faults if fnmatchcase(own.sensor_key.name, fault.meters)]
        self._outages = Outages(
            own, make_injector(self._faults, plan, own.sensor_key.name, self._begin), self._publisher
        )
        self._scheduler = ReadingScheduler(plan.timeline, stop, self._has_room)

    @property
    def ends_by_itself(self) -> bool:
        """Whether it stops when all readings are made."""
        course = self._plan.timeline
        is_recorded = any(group.recordings for group in self._own.groups)
        has_end = course.end is not None or course.duration is not None or is_recorded
        return has_end or self._limit < sys.maxsize

    @property
    def is_durable(self) -> bool:
        """Whether its outbox survives the process."""
        return isinstance(self.outbox, DurableOutbox)

    @property
    def _is_live(self) -> bool:
        return self._plan.timeline.begin is None

    @property
    def outbox_status(self) -> OutboxStatus:
        """The state of its outbox."""
        return self._publisher.outbox_status

    async def run(self) -> None:
        """Run until all readings are made and confirmed, the drain time is over, or ``stop`` is set.

        Raises:
            BrokerRejectedError: The broker rejects this user.
            OutboxError: The outbox file failed.
        """
        link = ConnectionSupervisor(
            MqttAddress.parse(self._settings.mqtt_url),
            name=f"{self.sensor_key.site}-{self.sensor_key.name}",
            on_messages=self._publisher.on_messages,
            will=self._publisher.last_will,
            takeover_hint=f"another sensor node runs as {self.sensor_key.name}; "
            "give one of them another --sensor-id",
        )
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._make_readings(), name="node.meters"),
                group.create_task(self._publisher.process_receipts(), name="node.confirm"),
            ]
            await self._outages.run(link)
            for task in tasks:
                task.cancel()

    async def _make_readings(self) -> None:
        sequences = {place: await self._sequence(place) for place in self._own.sensor_keys}
        groups = [
            build_group(each, self._own.site, self._plan, self._begin, sequences) for each in self._own.groups
        ]
        logger.info("%s", self._introduction())
        async with asyncio.TaskGroup() as tasks:
            for group in groups:
                tasks.create_task(self._measure(group), name="node.group")
        await self._send(
            [made for group in groups for meter in group.meters for made in meter.flush()],
            datetime.now(UTC),
        )
        until = time.monotonic() + self._settings.drain.total_seconds()
        while self._is_busy and not self._stop.is_set() and time.monotonic() < until:
            await self._scheduler.sleep(CHECK_EVERY_S)
        self._publisher.finished.set()
        self._publisher.wakeup.set()

    @property
    def _is_busy(self) -> bool:
        return bool(len(self.outbox)) or self._publisher.has_unsent

    async def _sequence(self, place: SensorKey) -> int:
        """The first sequence of a meter; in simulated time always the same, so that runs can be repeated."""
        sequence = first_sequence(self._begin)
        if self._is_live and isinstance(self.outbox, DurableOutbox):
            sequence = max(sequence, await self.outbox.last_sequence(place) + 1)
        return sequence

    def _readouts(self, group: MeterGroup) -> AsyncIterator[Readout]:
        if group.plan.recordings:
            return as_recorded(group.plan.recordings, self._scheduler)
        if self._is_live:
            return staggered(len(group.meters), group.plan.interval, self._scheduler)
        return simultaneous(len(group.meters), group.plan.interval, self._begin, self._scheduler)

    async def _measure(self, group: MeterGroup) -> None:
        """Read the meters of a group until the run is over."""
        boots = 0
        async for moment, numbers in self._readouts(group):
            if self._is_live and self._outages.is_off:
                continue  # what is used meanwhile is in the next reading
            if self._outages.reboots > boots:
                boots = self._outages.reboots
                # In simulated time nothing may depend on when the node was connected.
                for meter in group.meters if self._is_live else ():
                    meter.restart(first_sequence(moment))
            due = numbers[: self._limit - self.made]
            self.made += len(due)
            await self._read(group, due, moment)
            if self.made >= self._limit:
                return

    async def _read(self, group: MeterGroup, numbers: Sequence[int], moment: datetime) -> None:
        made: list[MeterOutput] = []
        troubles: list[ExpectedAlarmEntry] = []
        for number in numbers:
            meter, supply = group.meters[number], group.load_sources[number]
            made += meter.read(moment, supply(moment))
            if meter.sensor_key == self.sensor_key:
                troubles += self._outages.draw(moment)
            if meter.silent_readings:
                troubles += self._expected_silence(meter, group, moment)
        await self._ledger.append(troubles)
        self._outages.start()
        await self._send(made, datetime.now(UTC))

    def _expected_silence(
        self, meter: Meter, group: MeterGroup, moment: datetime
    ) -> list[ExpectedAlarmEntry]:
        # Whoever loses the connection is given time anew to say something.
        is_told = self._is_live and not self._faults and not group.plan.recordings
        return expected_silence(meter, group.plan.interval, moment, is_told=is_told)

    async def _send(self, made: Sequence[MeterOutput], now: datetime) -> None:
        """Record outputs in the ledger, then put readings into the outbox and send the rest once."""
        is_crowded = self._publisher.is_queue_full
        # Nobody confirms what is no reading; while it cannot be sent, not more than memory bears is kept.
        made = [each for each in made if each.is_reading or not is_crowded]
        if not made:
            return
        threshold_kwh = self._settings.threshold_kwh
        judged = [(each, ground_truth(each, now, threshold_kwh)) for each in made]
        malformed = [
            malformed_entry(each, truth, now)
            for each, truth in judged
            if not each.is_reading and not each.is_withheld
        ]
        await self._ledger.append(malformed)
        kept = [
            (each, OutboxEntry(each.sensor_key, each.sequence, each.payload, truth))
            for each, truth in judged
            if each.is_reading
        ]
        await self._ledger.withheld([row for each, row in kept if each.is_withheld])
        is_kept = await self._add([row for each, row in kept if not each.is_withheld])
        self._publisher.send_once(
            (each.sensor_key, each.payload)
            for each in made
            if not each.is_withheld and (is_kept or not each.is_reading) and not is_crowded
            for _ in range(each.copies - each.is_reading)
        )

    async def _add(self, readings: Sequence[OutboxEntry]) -> bool:
        """Put readings into the outbox; return whether there was room for all."""
        dropped = self.outbox.dropped
        await self.outbox.add(readings)
        if self.outbox.dropped > dropped == 0:
            logger.error(
                "The outbox is full (%s readings): new ones are LOST. A larger --outbox-limit holds more.",
                f"{len(self.outbox):,}",
            )
        self._publisher.wakeup.set()
        return self.outbox.dropped == dropped

    def _has_room(self) -> bool:
        most = min(max(MIN_PENDING, MAX_PENDING_OF_ONE * len(self._own.sensor_keys)), MAX_PENDING)
        return len(self.outbox) < min(most, self._settings.outbox_limit) and not self._outages.is_off

    def _introduction(self) -> str:
        own, places = self._own, self._own.sensor_keys
        who = self.sensor_key.name if len(places) == 1 else f"{self.sensor_key.name} to {places[-1].name}"
        first = own.groups[0]
        intervals = sorted({group.interval.total_seconds() for group in own.groups})
        every = " or ".join(f"{each:g} s" for each in intervals)
        how = "was recorded" if first.recordings else f"measures every {every}"
        return f"{who} ({first.location}) {how}, site {own.site}."
