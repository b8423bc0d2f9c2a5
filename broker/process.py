"""How every process begins and ends: logging, signals, and errors told in one sentence."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from broker.escape import escape_text
from broker.settings import exit_with as end

T = TypeVar("T")

if sys.platform == "win32":
    run_loop = asyncio.run
else:
    import uvloop

    run_loop = uvloop.run


class EscapingFormatter(logging.Formatter):
    """Writes each record as one line, whatever is in it; a traceback, if there is one, below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Write the line."""
        return escape_text(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - as the library has it
        """Write the traceback, in which only line breaks are left."""
        return "\n".join(map(escape_text, super().formatException(ei).split("\n")))


def run(
    program: str,
    main: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    *expected: type[Exception],
) -> None:
    """Run a process until it is done or told to stop.

    The first SIGTERM or Ctrl-C asks ``main`` to end in order, the second makes it.

    Args:
        program: Its name in messages.
        main: Called with the event that asks it to stop.
        expected: Errors that a user can mend. Their texts are complete sentences' bodies.

    Raises:
        SystemExit: With status 1 after one sentence on stderr, or 130 when it was made to stop.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EscapingFormatter(f"%(asctime)s {program}: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        run_loop(_until_stopped(main))
    except asyncio.CancelledError:
        end(program, "stopped before everything was finished", 130)
    except expected as error:
        end(program, str(error), 1)
    except ExceptionGroup as group:
        mendable = group.subgroup(expected)
        if mendable is None:
            raise
        end(program, str(_first_error(mendable)), 1)


async def _until_stopped(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    asked = asyncio.Event()
    task = asyncio.ensure_future(main(asked))

    def on_signal() -> None:
        if asked.is_set():
            task.cancel()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    await task


async def unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """Do work that is worth nothing unless it is finished; give it up when asked to stop.

    Returns:
        Its result, or None when it was given up.
    """
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if doing.done():
        return doing.result()
    doing.cancel()
    await asyncio.wait([doing])
    return None


async def repeat_every(period_s: float, action: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again, for ever, with a pause before each."""
    while True:
        await asyncio.sleep(period_s)
        await action()


def _first_error(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
