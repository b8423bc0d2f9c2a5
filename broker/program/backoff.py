"""How long to wait between attempts at something that is away: longer each time, and by chance."""

import asyncio
import contextlib
import random

MAX_DELAY_S = 30.0


class Backoff:
    """Draws each delay between zero and a limit that doubles, so that not all come back at once.

    Args:
        first_s: Limit of the first delay, seconds.
        max_s: No delay is longer, seconds.
    """

    def __init__(self, first_s: float = 0.5, max_s: float = MAX_DELAY_S) -> None:
        self._first_s, self._max_s = min(first_s, max_s), max_s
        self._limit_s = self._first_s

    def reset(self) -> None:
        """Begin anew, after an attempt that succeeded."""
        self._limit_s = self._first_s

    async def wait(self, stop: asyncio.Event | None = None) -> None:
        """Wait before the next attempt, but no longer than until ``stop`` is set."""
        delay_s = random.uniform(0, self._limit_s)
        self._limit_s = min(self._max_s, 2 * self._limit_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await (stop or asyncio.Event()).wait()
