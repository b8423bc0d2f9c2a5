"""A running sensor node: its meters, its readings, its connection, and its shutdown."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from broker.address import MqttAddress
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey
from sensor_node.faults.oracle import MeterOutput, expected_alarms, ground_truth, malformed_entry
from sensor_node.faults.outages import Outages
from sensor_node.meter.factory import MeterGroup, build_group, make_injector
from sensor_node.meter.meter import first_sequence
from sensor_node.meter.scheduler import ReadingScheduler, Readout, as_recorded, simultaneous, staggered
from sensor_node.outbox.outbox import Outbox, OutboxEntry
from sensor_node.outbox.publisher import Publisher
from sensor_node.outbox.settings import TransportSettings
from sensor_node.plan import NodePlan, SimulationPlan

if TYPE_CHECKING:
    from broker.ledger import ExpectedAlarmEntry, MalformedEntry

CHECK_EVERY_S = 0.1
# Maximum number of unconfirmed readings in simulated time: of each meter as many as are confirmed together,
# within the limits of memory.
MAX_PENDING_OF_ONE = 2_000
MIN_PENDING, MAX_PENDING = 20_000, 200_000

logger = logging.getLogger(__name__)


class SensorNode:
    """A node with one or more meters; counts the readings it has ``made``."""

    def __init__(
        self,
        plan: SimulationPlan,
        node_plan: NodePlan,
        settings: TransportSettings,
        outbox: Outbox,
        stop: asyncio.Event,
    ) -> None:
        self.sensor_key = node_plan.sensor_key
        self.outbox = outbox
        self.made = 0
        self._plan = plan
        self._node_plan = node_plan
        self._settings = settings
        self._ledger = outbox.ledger
        self._stop = stop
        self._limit = plan.timeline.limit or sys.maxsize
        self._begin = plan.timeline.begin or datetime.now(UTC)
        self._publisher = Publisher(settings, node_plan.sensor_key, node_plan.sensor_keys, outbox)
        self._faults = [
            fault for fault in node_plan.faults if fnmatchcase(node_plan.sensor_key.name, fault.meters)
        ]
        self._outages = Outages(
            node_plan.sensor_key,
            make_injector(self._faults, plan, node_plan.sensor_key.name, self._begin),
            self._publisher,
        )
        self._scheduler = ReadingScheduler(plan.timeline, stop, self._has_room)

    @property
    def ends_by_itself(self) -> bool:
        """Whether it stops when all readings are made."""
        timeline = self._plan.timeline
        has_end = timeline.end or timeline.duration or timeline.limit
        return bool(has_end) or any(group.recordings for group in self._node_plan.groups)

    @property
    def _is_live(self) -> bool:
        return self._plan.timeline.begin is None

    async def run(self) -> None:
        """Run until all readings are made and confirmed, the drain time is over, or ``stop`` is set."""
        supervisor = ConnectionSupervisor(
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
            await self._outages.run(supervisor)
            for task in tasks:
                task.cancel()

    async def _make_readings(self) -> None:
        sequences = {
            sensor_key: await self._sequence(sensor_key) for sensor_key in self._node_plan.sensor_keys
        }
        groups = [
            build_group(each, self._node_plan.site, self._plan, self._begin, sequences)
            for each in self._node_plan.groups
        ]
        logger.info("%s", self._introduction())
        async with asyncio.TaskGroup() as tasks:
            for group in groups:
                tasks.create_task(self._measure(group), name="node.group")
        await self._send(
            [output for group in groups for meter in group.meters for output in meter.flush()],
            datetime.now(UTC),
        )
        until = time.monotonic() + self._settings.drain.total_seconds()
        while (
            (len(self.outbox) or self._publisher.has_unsent)
            and not self._stop.is_set()
            and time.monotonic() < until
        ):
            await self._scheduler.sleep(CHECK_EVERY_S)
        self._publisher.finished.set()
        self._publisher.wakeup.set()

    async def _sequence(self, sensor_key: SensorKey) -> int:
        """The first sequence of a meter; in simulated time always the same, so that runs can be repeated."""
        sequence = first_sequence(self._begin)
        return max(sequence, await self.outbox.last_sequence(sensor_key) + 1) if self._is_live else sequence

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
                continue  # the energy of that time is in the next reading
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
        outputs: list[MeterOutput] = []
        alarms: list[ExpectedAlarmEntry] = []
        interval = group.plan.interval
        # A lost connection gives a meter more time before the alarm.
        is_told = self._is_live and not self._faults and not group.plan.recordings
        for number in numbers:
            meter, load_source = group.meters[number], group.load_sources[number]
            outputs += meter.read(moment, load_source(moment))
            if meter.sensor_key == self.sensor_key:
                alarms += self._outages.draw(moment)
            if missing := meter.silent_readings:
                length, must = interval * (missing + 1), is_told and meter.is_interval_known
                alarms += expected_alarms(meter.sensor_key, interval, moment - interval, length, is_told=must)
        await self._ledger.append(alarms)
        self._outages.start()
        await self._send(outputs, datetime.now(UTC))

    async def _send(self, outputs: Sequence[MeterOutput], now: datetime) -> None:
        """Record outputs in the ledger, then put readings into the outbox and send the rest once."""
        is_crowded = self._publisher.is_queue_full
        # Nobody confirms malformed payloads; those that cannot be sent now are dropped, to bound the memory.
        outputs = [each for each in outputs if each.is_reading or not is_crowded]
        if not outputs:
            return
        malformed: list[MalformedEntry] = []
        withheld: list[OutboxEntry] = []
        readings: list[OutboxEntry] = []
        for each in outputs:
            truth = ground_truth(each, now, self._settings.threshold_kwh)
            if each.is_reading:
                entry = OutboxEntry(each.sensor_key, each.sequence, each.payload, truth)
                (withheld if each.is_withheld else readings).append(entry)
            elif not each.is_withheld:
                malformed.append(malformed_entry(each, truth, now))
        await self._ledger.append(malformed)
        await self._ledger.attempts("withheld", withheld)
        is_kept = await self.outbox.add(readings)
        self._publisher.wakeup.set()
        self._publisher.send_once(
            (each.sensor_key, each.payload)
            for each in outputs
            if not each.is_withheld and (is_kept or not each.is_reading) and not is_crowded
            for _ in range(each.copies - each.is_reading)
        )

    def _has_room(self) -> bool:
        most = min(max(MIN_PENDING, MAX_PENDING_OF_ONE * len(self._node_plan.sensor_keys)), MAX_PENDING)
        return len(self.outbox) < min(most, self._settings.outbox_limit) and not self._outages.is_off

    def _introduction(self) -> str:
        first, last = self.sensor_key.name, self._node_plan.sensor_keys[-1].name
        names = first if first == last else f"{first} to {last}"
        intervals = sorted({group.interval.total_seconds() for group in self._node_plan.groups})
        every = " or ".join(f"{each:g} s" for each in intervals)
        group = self._node_plan.groups[0]
        how = "replays a recording" if group.recordings else f"measures every {every}"
        return f"{names} ({group.location}) {how}, site {self._node_plan.site}."
