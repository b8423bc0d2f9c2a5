"""Outages of a node: a reboot, or a connection that is lost again and again."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from broker.ledger import ExpectedAlarmEntry
from broker.supervisor import ConnectionSupervisor
from sensor_node.faults.injector import Injector
from sensor_node.faults.oracle import expected_alarms
from sensor_node.outbox.publisher import Publisher
from sensor_node.plan import NodePlan

if TYPE_CHECKING:
    from sensor_node.faults.fault import InjectedFault

# How long a lost connection of a flapping node stays lost.
FLAP = timedelta(seconds=0.2)


class Outages:
    """Drops and restores the connection of a node when its faults say so; counts its ``reboots``."""

    def __init__(self, node_plan: NodePlan, injector: Injector | None, publisher: Publisher) -> None:
        self._node_plan = node_plan
        self._injector = injector
        self._publisher = publisher
        self._drawn: list[InjectedFault] = []
        self._disconnects: asyncio.Queue[tuple[timedelta, timedelta]] = asyncio.Queue()
        self._off_until_s = float("-inf")
        self.reboots = 0

    @property
    def is_off(self) -> bool:
        """Whether the node is switched off."""
        return time.monotonic() < self._off_until_s

    def draw(self, moment: datetime) -> Sequence[ExpectedAlarmEntry]:
        """Draw the faults at a reading of the node's first meter; return the alarms to expect."""
        if self._injector is None or not self._publisher.is_online or not self._disconnects.empty():
            return []
        self._drawn = [each.fault for each in self._injector.draw(moment).values()]
        node, now = self._node_plan.sensor_key, datetime.now(UTC)
        return [
            entry
            for fault in self._drawn
            if fault.kind == "reboot"
            for entry in expected_alarms(node, None, now, fault.away, is_told=True)
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
            self._publisher.abort_requested.set()
            self._publisher.wakeup.set()

    async def run(self, supervisor: ConnectionSupervisor) -> None:
        """Keep the node connected until its end, except during outages."""
        while True:
            await supervisor.run(self._publisher.run_on, self._publisher.finished)
            if self._publisher.finished.is_set():
                return
            away, again_after = (FLAP, FLAP) if self._disconnects.empty() else self._disconnects.get_nowait()
            self._publisher.abort_requested.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(away.total_seconds()):
                    await self._publisher.finished.wait()
            if not self._disconnects.empty():
                asyncio.get_running_loop().call_later(
                    again_after.total_seconds(), self._publisher.abort_requested.set
                )
