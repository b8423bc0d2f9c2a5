"""Our programs, run in this process: what they say, at a tenth of what a process of their own costs.

For those that end by themselves, as after a mistake. What a process is besides, such as its signals and its
terminal, is seen only of a real one; each program has tests that start it as users do.
"""

import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple
from unittest.mock import patch


class Ended(NamedTuple):
    """How a program ended."""

    status: int
    output: str
    errors: str


def run_program(
    name: str, *arguments: str, variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> Ended:
    """Run a program as ``python -m`` does, to its end.

    Not where a loop runs, if the program has one of its own; in a thread it cannot listen to signals.

    Args:
        name: The package, such as ``monitor``, or the module.
        arguments: What stands behind it on the command line.
        variables: Added to the environment.
        folder: Where it is started.
    """
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    with (
        # Files, for there are programs that write to what is below a stream.
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as output,
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as errors,
        patch.object(sys, "argv", [str(module.__file__), *arguments]),
        patch.dict(os.environ, variables or {}),
        contextlib.chdir(folder or Path()),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        _process_as_it_was(),
    ):
        status = _status_of(module.main)
        return Ended(status, _written(output), _written(errors))


def _written(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()


def _status_of(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as ended:
        # Our programs give a number, or nothing when all is well.
        return int(ended.code or 0)
    return 0


@contextlib.contextmanager
def _process_as_it_was() -> Iterator[None]:
    """Let a program set up its process, and undo that."""
    root, thresholds = logging.getLogger(), gc.get_threshold()
    handlers, level = root.handlers, root.level
    listening = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # There is no other way to look at it.
    os.umask(mask := os.umask(0))
    # Those of the test run would keep the program from making its own.
    root.handlers = []
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        os.umask(mask)
        for number, listener in listening.items():
            if signal.getsignal(number) is not listener:
                signal.signal(number, listener)
