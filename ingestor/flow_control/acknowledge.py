"""Acknowledge in the order of arrival, also where something was done sooner than what came before it."""

import asyncio
import contextlib
from collections import deque

from broker.errors import BrokerLostError
from ingestor.delivery import Batch


class Acknowledgements:
    """The batches that are not acknowledged yet, in the order in which they were opened."""

    def __init__(self) -> None:
        self._open: deque[Batch] = deque()
        self._all_done = asyncio.Event()

    def begin(self, batch: Batch) -> None:
        """Take up a batch: it is done when its readings are, and its commands, if it has some."""
        batch.unfinished = 2 if batch.commands else 1
        self._open.append(batch)

    async def finish(self, batch: Batch) -> None:
        """Note that the readings of a batch are done, or its commands; acknowledge what can be."""
        batch.unfinished -= 1
        while self._open and self._open[0].unfinished == 0:
            await _acknowledge(self._open.popleft())
        if not self._open:
            self._all_done.set()

    async def rest(self) -> None:
        """Wait until all is acknowledged that was taken up."""
        while self._open:
            self._all_done.clear()
            await self._all_done.wait()


async def _acknowledge(batch: Batch) -> None:
    """Acknowledge the messages of a batch, and only on the connection that brought them."""
    if batch.connection is None:
        return
    # Subscribed at QoS 1, so every message has a packet id.
    packet_ids = [delivery.packet.packet_id or 0 for delivery in batch.deliveries]
    with contextlib.suppress(BrokerLostError):
        await batch.connection.puback_many(packet_ids)
