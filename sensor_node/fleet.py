"""All nodes of one process, and the log lines about them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from broker.errors import BrokerRejectedError
from broker.program.process import run
from sensor_node.node import SensorNode
from sensor_node.outbox.durable import OutboxError
from sensor_node.outbox.ledger import Ledger, LedgerWriteError, open_ledger
from sensor_node.outbox.outbox import Outbox
from sensor_node.outbox.settings import TransportSettings
from sensor_node.plan import SimulationPlan

REPORT_EVERY_S = 60.0
REPORT_PROGRESS_S = 5.0

logger = logging.getLogger(__name__)


class NotConfirmedError(Exception):
    """Raised when readings of a run with an end were not confirmed in time, or lost."""


def run_fleet(
    settings: TransportSettings,
    prepare: Callable[[AsyncExitStack, Ledger], Awaitable[tuple[SimulationPlan, list[Outbox]]]],
) -> None:
    """Run nodes until all is done or told to stop; ``prepare`` makes the plan and opens the outboxes."""

    async def simulate(stop: asyncio.Event) -> None:
        async with open_ledger(settings.ledger) as ledger, AsyncExitStack() as stack:
            plan, outboxes = await prepare(stack, ledger)
            try:
                nodes = [
                    SensorNode(plan, each, settings, outbox, stop)
                    for each, outbox in zip(plan.nodes, outboxes, strict=True)
                ]
                await Fleet(plan, nodes, stop).run()
            finally:
                await ledger.mark_unknown([entry for outbox in outboxes for entry in outbox.entries])

    run(
        "sensor-node",
        simulate,
        BrokerRejectedError,
        LedgerWriteError,
        OutboxError,
        NotConfirmedError,
        is_service=True,
    )


@dataclass(frozen=True, slots=True)
class Fleet:
    """Runs nodes until all readings are made and confirmed, or until ``stop`` is set."""

    plan: SimulationPlan
    nodes: Sequence[SensorNode]
    stop: asyncio.Event

    async def run(self) -> None:
        """Run all nodes.

        Raises:
            NotConfirmedError: Some readings were not confirmed in time, or lost.
        """
        if len(self.nodes) > 1:
            name = self.plan.name or "The scenario"
            logger.info("%s: %s meters on %d nodes.", name, f"{self.plan.meter_count:,}", len(self.nodes))
        reporting = asyncio.create_task(self._report(), name="fleet.report")
        try:
            async with asyncio.TaskGroup() as group:
                for node in self.nodes:
                    group.create_task(node.run(), name=f"node.{node.sensor_key.name}")
        finally:
            reporting.cancel()
        self._report_end()

    def _report_end(self) -> None:
        """Report unconfirmed and lost readings."""
        left, dropped, made = self._unconfirmed, self._dropped, self._readings_made
        ends_by_itself = self.nodes[0].ends_by_itself
        if ends_by_itself and left and not self.stop.is_set():
            raise NotConfirmedError(f"{left} of {made} readings are not confirmed; is the ingestor running?")
        if ends_by_itself and dropped:
            raise NotConfirmedError(f"{dropped} of {made} readings are LOST: the outbox was full")
        if left and self.nodes[0].outbox.is_durable:
            logger.info("%d readings are not confirmed; they stay in the outbox for the next start.", left)
        elif left:
            logger.warning(
                "%d unconfirmed readings are LOST; --outbox would keep them for the next start.", left
            )
        elif self.plan.timeline.begin is not None or len(self.nodes) > 1:
            logger.info("%s readings made, all confirmed.", f"{made:,}")

    @property
    def _readings_made(self) -> int:
        return sum(node.made for node in self.nodes)

    @property
    def _unconfirmed(self) -> int:
        return sum(len(node.outbox) for node in self.nodes)

    @property
    def _dropped(self) -> int:
        return sum(node.outbox.dropped for node in self.nodes)

    async def _report(self) -> None:
        period_s = REPORT_PROGRESS_S if self.nodes[0].ends_by_itself else REPORT_EVERY_S
        while True:
            await asyncio.sleep(period_s)
            of_all = f" of {self.plan.timeline.limit:,}" if self.plan.timeline.limit else ""
            logger.info("%s%s readings made, %s.", f"{self._readings_made:,}", of_all, self._progress())

    def _progress(self) -> str:
        # The age of simulated readings means nothing.
        is_live = len(self.nodes) == 1 and self.plan.timeline.begin is None
        age_s = self.nodes[0].outbox.oldest_age_s if is_live else None
        oldest = "" if age_s is None else f", the oldest {age_s:,.0f} s old"
        full = f"; {self._dropped:,} LOST: the outbox was full" if self._dropped else ""
        return f"{self._unconfirmed:,} not confirmed yet{oldest}{full}"
