"""Execute commands beside the readings, which never wait for them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from broker.topics import Topics
from ingestor.alarms.commands import read_command
from ingestor.alarms.service import AlarmService
from ingestor.delivery import Batch, Delivery, Rejection, RejectKind
from ingestor.receive.command_limits import CommandLimits

# So many are written down together, and worked on before others have a turn.
MAX_TOGETHER = 100


class CommandQueue:
    """The commands that wait, in the order in which they came.

    Args:
        alarms: Executes them.
        limits: Has let them in.
        on_done: Called when all commands of a batch are done with what of them is rejected; keeps it, and
            acknowledges the batch.
    """

    def __init__(
        self,
        alarms: AlarmService,
        limits: CommandLimits,
        on_done: Callable[[Batch, list[Rejection]], Awaitable[None]],
    ) -> None:
        self._alarms = alarms
        self._limits = limits
        self._on_done = on_done
        self._batches: deque[Batch] = deque()
        self._arrived = asyncio.Event()

    def add(self, batch: Batch) -> None:
        """Take the commands of a batch; never waits."""
        if batch.commands:
            self._batches.append(batch)
            self._arrived.set()

    async def work(self) -> None:
        """Execute commands for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._batches:
                batch = self._batches.popleft()
                rejections: list[Rejection] = []
                for start in range(0, len(batch.commands), MAX_TOGETHER):
                    rejections += await self._execute(batch.commands[start : start + MAX_TOGETHER])
                await self._on_done(batch, rejections)

    async def _execute(self, deliveries: list[Delivery]) -> list[Rejection]:
        """Execute some commands; what cannot be executed is rejected like a payload."""
        rejections, good = [], []
        for each in deliveries:
            command = read_command(each.packet.payload)
            if isinstance(command, str):
                rejections.append(each.reject(RejectKind.COMMAND, command))
            else:
                good.append((each, (Topics.sensor_key(each.packet.topic), command)))
        problems = await self._alarms.execute([given for _, given in good]) if good else []
        for (each, _), problem in zip(good, problems, strict=True):
            if problem:
                rejections.append(each.reject(RejectKind.COMMAND, problem))
        self._limits.waiting -= len(deliveries)
        return rejections
