"""Outages of a node: a reboot, or a connection that is lost again and again."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from broker.ledger import ExpectedAlarmEntry
from broker.supervisor import ConnectionSupervisor
from broker.topics import SensorKey
from sensor_node.faults.fault import InjectedFault
from sensor_node.faults.injector import Injector
from sensor_node.faults.oracle import expected_alarms
from sensor_node.outbox.publisher import Publisher

# How long a lost connection of a flapping node stays lost.
FLAP = timedelta(seconds=0.2)


@dataclass(slots=True, eq=False)
class Outages:
    """Drops and restores the connection of a node when its faults say so; counts its ``reboots``."""

    node: SensorKey
    injector: Injector | None
    publisher: Publisher
    reboots: int = 0
    _drawn: list[InjectedFault] = field(default_factory=list)
    _disconnects: asyncio.Queue[tuple[timedelta, timedelta]] = field(default_factory=asyncio.Queue)
    _off_until_s: float = float("-inf")

    @property
    def is_off(self) -> bool:
        """Whether the node is switched off."""
        return time.monotonic() < self._off_until_s

    def draw(self, moment: datetime) -> Sequence[ExpectedAlarmEntry]:
        """Draw the faults at a reading of the node's first meter; return the alarms to expect."""
        if self.injector is None or not self.publisher.is_online or not self._disconnects.empty():
            return []
        self._drawn = [each.fault for each in self.injector.draw(moment).values()]
        now = datetime.now(UTC)
        return [
            entry
            for fault in self._drawn
            if fault.kind == "reboot"
            for entry in expected_alarms(self.node, None, now, fault.away, is_told=True)
        ]

    def start(self) -> None:
        """Begin the drawn faults."""
        begun, self._drawn = self._drawn, []
        for fault in begun:
            if fault.kind == "reboot":
                self._off_until_s = time.monotonic() + fault.away.total_seconds()
                self.reboots += 1
                self._disconnects.put_nowait((fault.away, timedelta(0)))
            else:
                for _ in range(fault.copies):
                    self._disconnects.put_nowait((FLAP, fault.away))
        if begun:
            self.publisher.abort_requested.set()
            self.publisher.wakeup.set()

    async def run(self, supervisor: ConnectionSupervisor) -> None:
        """Keep the node connected until its end, except during outages."""
        while True:
            await supervisor.run(self.publisher.run_on, self.publisher.finished)
            if self.publisher.finished.is_set():
                return
            away, again_after = (FLAP, FLAP) if self._disconnects.empty() else self._disconnects.get_nowait()
            self.publisher.abort_requested.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(away.total_seconds()):
                    await self.publisher.finished.wait()
            if not self._disconnects.empty():
                asyncio.get_running_loop().call_later(
                    again_after.total_seconds(), self.publisher.abort_requested.set
                )
