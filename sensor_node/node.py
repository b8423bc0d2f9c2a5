"""One running sensor node: its meters, their schedule, and its orderly end."""

import asyncio
import contextlib
import logging
import sys
import time
from datetime import UTC, datetime

from broker.address import MqttAddress
from broker.link import Link
from broker.messages import sensor_series
from broker.topics import Place
from sensor_node.durable import DurableOutbox
from sensor_node.meter import Meter, first_sequence
from sensor_node.outbox import Kept, Outbox
from sensor_node.profile import PROFILES
from sensor_node.publish import Publisher
from sensor_node.settings import SensorNodeSettings

AT_ONCE = 1000
# Many meters are read a few at a time: to wake up for each would cost more than to read it.
TICK_S = 0.005
CHECK_EVERY_S = 0.1
REPORT_EVERY_S = 60.0
REPORT_PROGRESS_S = 5.0

logger = logging.getLogger(__name__)


class NotConfirmedError(Exception):
    """Raised when a node that was to stop after some readings could not bring all of them home."""


class Node:
    """A node with one meter or many.

    Args:
        settings: What it was told.
        sensor_id: Its first meter.
        outbox: Its open outbox.
        stop: Set from outside to end in order.
    """

    def __init__(
        self, settings: SensorNodeSettings, sensor_id: str, outbox: Outbox, stop: asyncio.Event
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._stop = stop
        self._made = 0
        self._node = Place(settings.site, sensor_id)
        self._places = [Place(settings.site, each) for each in sensor_series(sensor_id, settings.count)]
        self._publisher = Publisher(settings, self._node, self._places, outbox)

    async def run(self) -> None:
        """Run until told to stop, or until all readings are made and confirmed.

        Raises:
            BrokerRefusedError: The broker does not take this user.
            OutboxError: The outbox file failed.
            NotConfirmedError: With ``--readings``, some are not confirmed in time.
        """
        link = Link(
            MqttAddress.parse(self._settings.mqtt_url),
            name=f"{self._node.site}-{self._node.name}",
            deliver=self._publisher.deliver,
            will=self._publisher.farewell,
            rival=f"another sensor node runs as {self._node.name}; give one of them another --sensor-id",
        )
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._make_readings(), name="node.meters"),
                group.create_task(self._publisher.confirm(), name="node.confirm"),
                group.create_task(self._report(), name="node.report"),
            ]
            await link.keep(self._publisher.use, self._publisher.end)
            for task in tasks:
                task.cancel()
        self._take_leave()

    def _take_leave(self) -> None:
        """Say what is not safe, if something is not."""
        left, refused = len(self._outbox), self._outbox.refused
        if self._settings.readings and left and not self._stop.is_set():
            raise NotConfirmedError(
                f"{left} of {self._made} readings are not confirmed; is the ingestor running?"
            )
        if self._settings.readings and refused:
            raise NotConfirmedError(f"{refused} of {self._made} readings are LOST: the outbox was full")
        if left and isinstance(self._outbox, DurableOutbox):
            logger.info("%d readings are not confirmed; they wait in the outbox for the next start.", left)
        elif left:
            logger.warning(
                "%d readings are not confirmed and forgotten now; with --outbox they would be kept.", left
            )

    async def _make_readings(self) -> None:
        meters = await self._make_meters()
        logger.info("%s", self._introduction())
        await self._measure(meters)
        until = time.monotonic() + self._settings.drain.total_seconds()
        while len(self._outbox) and not self._stop.is_set() and time.monotonic() < until:
            await self._pause(CHECK_EVERY_S)
        self._publisher.end.set()
        self._publisher.news.set()

    async def _make_meters(self) -> list[Meter]:
        settings, profile = self._settings, PROFILES[self._settings.profile]
        meters = []
        for place in self._places:
            sequence = first_sequence(datetime.now(UTC))
            if isinstance(self._outbox, DurableOutbox):
                sequence = max(sequence, await self._outbox.last_sequence(place) + 1)
            meters.append(Meter(place.name, settings.location, profile, settings.seed, sequence))
        return meters

    async def _measure(self, meters: list[Meter]) -> None:
        """Read the meters in turn, evenly over the interval, until told to stop or all are made."""
        interval_s = self._settings.interval.total_seconds()
        step_s, tick_s = interval_s / len(meters), min(TICK_S, interval_s / 4)
        limit = self._settings.readings or sys.maxsize
        began, turn = time.monotonic(), 0
        while self._made < limit and not self._stop.is_set():
            due = int((time.monotonic() - began) / step_s) + 1 - turn
            if due > len(meters):
                # The process slept, or cannot keep up: a meter that was not read has no reading.
                missed = due // len(meters) * len(meters)
                turn, due = turn + missed, due - missed
            due = min(due, AT_ONCE, limit - self._made)
            await self._read([meters[number % len(meters)] for number in range(turn, turn + due)])
            turn += due
            wait_s = began + turn * step_s - time.monotonic()
            await self._pause(max(wait_s, tick_s) if wait_s > 0 else 0)

    async def _read(self, meters: list[Meter]) -> None:
        now, site = datetime.now(UTC), self._node.site
        readings = [meter.read(now) for meter in meters]
        refused = self._outbox.refused
        await self._outbox.add(
            [
                Kept(Place(site, each.sensor_id), each.sequence or 0, each.model_dump_json().encode())
                for each in readings
            ]
        )
        if self._outbox.refused > refused == 0:
            logger.error(
                "The outbox is full (%s readings): new ones are LOST. A larger --outbox-limit holds more.",
                f"{len(self._outbox):,}",
            )
        self._made += len(readings)
        self._publisher.news.set()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when told to stop; gives the other tasks a turn in any case."""
        await asyncio.sleep(0)
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stop.wait()

    async def _report(self) -> None:
        period_s = REPORT_PROGRESS_S if self._settings.readings else REPORT_EVERY_S
        while True:
            await asyncio.sleep(period_s)
            of_all = f" of {self._settings.readings:,}" if self._settings.readings else ""
            logger.info("%s%s readings made, %s.", f"{self._made:,}", of_all, self._publisher.state)

    def _introduction(self) -> str:
        settings, count = self._settings, len(self._places)
        who = self._node.name if count == 1 else f"{self._node.name} to {self._places[-1].name}"
        every = f"every {settings.interval.total_seconds():g} s"
        return f"{who} ({settings.location}) measures {every}, site {settings.site}."
