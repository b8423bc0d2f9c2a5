"""A child process: started, watched, and ended in order."""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from stack.listeners import listening_sockets, sockets_of_session

READY_WITHIN_S = 60.0
READY_CHECK_S = 0.1
STOP_WITHIN_S = 30.0


Check = Callable[[], Awaitable[bool]]


class ProcessError(Exception):
    """Raised when a process does not start or does not stay."""


@dataclass(slots=True)
class Process:
    """A child process, before and while it runs.

    Args:
        command: Program and arguments; no secrets, since everybody can read them.
        environment: Added to this process's own.
        log: The file for its output; None for this terminal.
        ports: Where on 127.0.0.1 it listens, if it is a server.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    ports: Sequence[int] = ()
    running: asyncio.subprocess.Process | None = None
    logged_before: int = field(default=0, init=False)

    async def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C does not reach it."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self.environment}
        with contextlib.ExitStack() as files:
            output = None
            if self.log is not None:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                output = files.enter_context(self.log.open("ab"))
                # Bytes of earlier runs.
                self.logged_before = output.tell()
            self.running = await asyncio.create_subprocess_exec(
                *_ending_with_parent_process(),
                *self.command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def ready(self, check: Check) -> None:
        """Wait until it listens on its ports, and ``check``, which is not called before, says that it works.

        Raises:
            ProcessError: It ended, is not ready within a minute, or another program has one of its ports.
        """
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not (self._has_ports() and await check()):
                    if self._has_ended():
                        raise ProcessError(self._exit_message())
                    await asyncio.sleep(READY_CHECK_S)
        except TimeoutError:
            raise ProcessError(
                f"{self.name} is not ready after {READY_WITHIN_S:g} s{self._see_log()}"
            ) from None

    async def listening(self) -> None:
        """Wait until it listens on its ports, or ends.

        Raises:
            ProcessError: Another program has one of its ports.
        """
        while not (self._has_ports() or self._has_ended()):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(READY_CHECK_S)

    def _has_ports(self) -> bool:
        """Whether it is this process, or a descendant, that listens on each of its ports."""
        for port in self.ports:
            listening = listening_sockets(port)
            if not listening:
                return False
            foreign = listening - (sockets_of_session(self.running.pid) if self.running else set())
            # One of ours may have been closed meanwhile.
            if foreign & listening_sockets(port):
                raise ProcessError(
                    f"another program took port {port} while {self.name} started; start the stack again"
                )
        return True

    def _has_ended(self) -> bool:
        return self.running is not None and self.running.returncode is not None

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end and wait; after 30 s it is killed."""
        if self.running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.running.send_signal(number)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self.running.wait()
        except TimeoutError:
            self.running.kill()
            await self.running.wait()

    async def wait_ended(self) -> str:
        """Wait until it ends and say so."""
        if self.running is not None:
            await self.running.wait()
        return self._exit_message()

    def _exit_message(self) -> str:
        status = self.running.returncode if self.running is not None else None
        how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        return f"{self.name} ended ({how}){self._see_log()}"

    def _see_log(self) -> str:
        if self.log is None or not self.log.exists():
            return ""
        said = self.log.read_bytes()
        # A log that was cut meanwhile is shorter; then all in it is of this run.
        said = said[self.logged_before if len(said) >= self.logged_before else 0 :]
        lines = said.decode(errors="replace").splitlines()
        return f": {lines[-1][:200]} (more in {self.log})" if lines else f"; see {self.log}"


def _ending_with_parent_process() -> list[str]:
    """The beginning of a command that the kernel ends when this process is killed."""
    # setpriv is of util-linux. Our own code between fork and exec could wait for locks of other threads.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


async def http_ready(url: str, authority: Path | None = None) -> bool:
    """Whether a page answers with 200, over TLS with a certificate of this authority."""
    context = ssl.create_default_context(cafile=authority)

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310 - the URL is ours
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    return await asyncio.to_thread(ask)


@asynccontextmanager
async def running(process: Process, check: Check | None = None) -> AsyncIterator[Process]:
    """Start a process, wait until it is ready, and stop it at the end."""
    await process.start()
    try:
        if check is not None:
            await process.ready(check)
        yield process
    finally:
        await process.stop()
