"""The processes that are measured: started, told to begin, and what they report and use."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stack.processes import http_ready

POLL_EVERY_S = 0.02
SUBSCRIBED_AFTER_S = 0.5
MIB = 1024 * 1024


class BenchError(Exception):
    """Raised when what is measured does not do its work."""


@dataclass(slots=True)
class BenchProcess:
    """A process that says ``ready``, does its work, and may report on it as JSON.

    Args:
        name: For people.
        command: Program and arguments.
        environment: Added to this process's own.
        log: Where its errors go.
        health: A page that tells whether it is ready, for one that does not say so itself.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    health: str | None = None
    _running: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def process(self) -> psutil.Process:
        """What the kernel knows of it."""
        return psutil.Process(self._child.pid)

    @property
    def _child(self) -> asyncio.subprocess.Process:
        if self._running is None:
            raise BenchError(f"{self.name} was not started")
        return self._running

    async def launch(self) -> None:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                *self.command,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            BenchError: It ended before.
        """
        await self.launch()
        if self.health is None:
            await self._line()
            return
        while not await http_ready(self.health):
            if self._child.returncode is not None:
                raise BenchError(f"{self.name} ended before it was ready; see {self.log}")
            await asyncio.sleep(POLL_EVERY_S)
        await asyncio.sleep(SUBSCRIBED_AFTER_S)

    async def _line(self) -> bytes:
        if self._child.stdout is None:
            raise BenchError(f"{self.name} has no output")
        line = await self._child.stdout.readline()
        if not line:
            raise BenchError(f"{self.name} ended before its work was done; see {self.log}")
        return line

    def go(self) -> None:
        """Have it begin."""
        if self._child.stdin is not None:
            self._child.stdin.write(b"go\n")

    async def report(self) -> dict[str, float]:
        """Wait for what it says at its end."""
        report: dict[str, float] = json.loads(await self._line())
        await self._child.wait()
        return report

    async def stop(self) -> None:
        """Ask it to end and wait; kill it if it does not."""
        if self._running is None or self._running.returncode is not None:
            return
        self._running.terminate()
        try:
            async with asyncio.timeout(20):
                await self._running.wait()
        except TimeoutError:
            self._running.kill()
            await self._running.wait()


def cpu_s(process: psutil.Process) -> float:
    """CPU time that a process has used so far, user and system, seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_mib(process: psutil.Process) -> float:
    """Memory that a process has in use, MiB."""
    return float(process.memory_info().rss) / MIB
