"""How every process starts and ends: logging, signals, and errors as one sentence."""

import asyncio
import errno
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from broker.program.escape import escape_text
from broker.program.log_limit import LogLimit
from broker.program.secret_changes import SecretChangedError, wait_for_new_secret
from broker.program.settings import exit_with

T = TypeVar("T")

# A disk, a quota or a limit of file sizes.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

if sys.platform == "win32":
    run_loop = asyncio.run
else:
    import uvloop

    run_loop = uvloop.run


def print_line(line: str) -> None:
    """Tell the user, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EscapingFormatter(logging.Formatter):
    """Writes each record as one line, whatever is in it; a traceback, if there is one, below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: D102, N802 - the library's name
        return escape_text(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, D102, N802 - the same
        # Only the line breaks are left in a traceback.
        return "\n".join(map(escape_text, super().formatException(ei).split("\n")))


def run(
    program: str,
    main: Callable[[asyncio.Event], Coroutine[Any, Any, T]],
    *expected: type[Exception],
    loop: Callable[[Coroutine[Any, Any, T]], T] = run_loop,
    is_service: bool = False,
) -> T:
    """Run a process until it is done or told to stop, and return what ``main`` does.

    Args:
        program: Its name in messages.
        main: Called with an event that the first SIGTERM or Ctrl-C sets; the second cancels it.
        expected: Errors that a user can mend; their texts are shown.
        loop: Runs the event loop. uvloop is fast, but runs libraries' fork handlers in each child process.
        is_service: Whether it is started again when it ends. If so, it stops in order, with status 1, as soon
            as a file with one of its secrets has a new value.

    Raises:
        SystemExit: With status 1 after one sentence on stderr, or 130 when it was cancelled.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EscapingFormatter(f"%(asctime)s {program}: %(message)s", "%H:%M:%S"))
    handler.addFilter(LogLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # It writes a traceback for whatever fails in its background; who asks the database says what fails.
    logging.getLogger("pymongo").setLevel(logging.CRITICAL)
    try:
        return loop(_until_stopped(main, is_service=is_service))
    except asyncio.CancelledError:
        exit_with(program, "stopped before everything was finished", 130)
    except SecretChangedError:
        raise SystemExit(1) from None
    except expected as error:
        exit_with(program, str(error), 1)
    except (OSError, ExceptionGroup) as error:
        mendable = _first_of(error, expected)
        if mendable is None:
            raise
        exit_with(program, mendable, 1)


def _first_of(error: Exception, expected: tuple[type[Exception], ...]) -> str | None:
    """What to say of the first error that a user can mend, a full disk among them; None if there is none."""
    if isinstance(error, ExceptionGroup):
        return next((found for each in error.exceptions if (found := _first_of(each, expected))), None)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        discard_output()
        return f"cannot write {error.filename or 'its output'} ({error.strerror}); make room on the disk"
    return str(error) if isinstance(error, expected) else None


def discard_output() -> None:
    """Write nothing more to standard output; Python would complain once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _until_stopped(main: Callable[[asyncio.Event], Coroutine[Any, Any, T]], *, is_service: bool) -> T:
    asked = asyncio.Event()
    task = asyncio.ensure_future(main(asked))

    def on_signal() -> None:
        if asked.is_set():
            task.cancel()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    if not is_service:
        return await task
    changed = asyncio.ensure_future(wait_for_new_secret())
    await asyncio.wait([task, changed], return_when=asyncio.FIRST_COMPLETED)
    if changed.done():
        asked.set()
        await task
        raise SecretChangedError
    changed.cancel()
    return task.result()


async def unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """Do ``work`` and give back its result; cancel it when asked to stop, and give back None."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        stopping.cancel()
        await asyncio.gather(doing, stopping, return_exceptions=True)


async def repeat_every(period_s: float, action: Callable[[], Awaitable[None]]) -> None:
    """Run an action for ever, with a pause of ``period_s`` seconds before each run."""
    while True:
        await asyncio.sleep(period_s)
        await action()
