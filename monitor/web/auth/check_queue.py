"""Passwords are checked one at a time: those of known clients first, then operators', then all others'."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

from monitor.web.auth.login_throttle import LoginAttempt

# With a check of 0.1 s, who has a place in the first lane waits for 2 s at most if others share its network.
MAX_WAITING_OF_NETWORK = 20
MAX_WAITING = 100


class Lane(IntEnum):
    """Whose password it is; lower ones come first."""

    KNOWN = 0
    OPERATOR = 1
    OTHER = 2


class QueueFullError(Exception):
    """Raised when too many wait already."""


class CheckQueue:
    """Lets one pass at a time; each lane has places of its own, which one network cannot fill."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in Lane}
        self._waiting: Counter[tuple[Lane, str]] = Counter()
        self._is_busy = False

    @asynccontextmanager
    async def turn(self, lane: Lane, attempt: LoginAttempt) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the context is open.

        Raises:
            QueueFullError: Too many wait in this lane, or from this network.
        """
        place = (lane, attempt.network)
        if len(self._lanes[lane]) >= MAX_WAITING or self._waiting[place] >= MAX_WAITING_OF_NETWORK:
            raise QueueFullError
        self._waiting[place] += 1
        try:
            await self._wait(lane)
        finally:
            self._waiting[place] -= 1
            self._waiting = +self._waiting
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, lane: Lane) -> None:
        if not self._is_busy:
            self._is_busy = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._lanes[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        for turns in self._lanes.values():
            while turns:
                turn = turns.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._is_busy = False
