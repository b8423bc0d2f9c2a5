"""Our programs, forked from a process that has loaded them: each start takes half a second less.

They are the same programs with the same options, in processes of their own that may be killed. What else
belongs to a start is seen where tests start ``scripts/up``, a ``Process`` or containers.
"""

import asyncio
import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.processes import Process

PROGRAMS = ("ingestor.__main__", "sensor_node.__main__")
BUILDS = ("tests.chaos.build", "tests.security.ingestor_builds")
PR_SET_PDEATHSIG = 1

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([*PROGRAMS, *BUILDS])


@dataclass(slots=True)
class PreloadedProcess(Process):
    """A process of ``python -m MODULE …``."""

    async def start(self) -> None:
        """Fork it, in a session of its own."""
        interpreter, switch, module, *arguments = self.command
        assert (interpreter, switch) == (sys.executable, "-m")
        environment = {**os.environ, **self.environment}
        if self.log is not None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.touch()
        child = _server.Process(target=_run, args=(module, arguments, environment, self.log))
        child.start()
        self.running = _Running(child)  # type: ignore[assignment]  # all that is used of an asyncio process


class _Running:
    """What ``Process`` uses of an ``asyncio.subprocess.Process``."""

    def __init__(self, child: multiprocessing.process.BaseProcess) -> None:
        self._child = child
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(child.sentinel, self._note_end)

    def _note_end(self) -> None:
        self._loop.remove_reader(self._child.sentinel)
        self._child.join()
        self._ended.set()

    @property
    def pid(self) -> int:
        assert self._child.pid is not None
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        return self._child.exitcode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int | None:
        await self._ended.wait()
        return self.returncode


def _run(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path | None) -> None:
    """Be that program."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.environ.clear()
    os.environ.update(environment)
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    for number, stream in ((1, "stdout"), (2, "stderr")):
        setattr(sys, stream, os.fdopen(number, "w", buffering=1, closefd=False))
    sys.argv = [module, *arguments]
    # It is run, not imported; what it imports is loaded already.
    for loaded in (module, f"{module}.__main__"):
        if loaded in {*PROGRAMS, *BUILDS}:
            sys.modules.pop(loaded, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
