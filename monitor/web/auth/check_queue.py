"""Passwords are checked one at a time, in lanes that take turns: those of known clients, and of operators."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from monitor.web.auth.login_throttle import LoginAttempt

MAX_WAITING_OF_NETWORK = 20
MAX_WAITING = 100


class Lane(NamedTuple):
    """Whose password it is. Nobody is held up by those in another lane for more than a check of each."""

    is_known: bool
    is_operator: bool


class QueueFullError(Exception):
    """Raised when too many wait already."""


class CheckQueue:
    """Lets one pass at a time; each lane has places of its own, which one network cannot fill."""

    def __init__(self) -> None:
        self._lanes: defaultdict[Lane, deque[asyncio.Future[None]]] = defaultdict(deque)
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
        for lane, turns in self._lanes.items():
            while turns:
                turn = turns.popleft()
                if not turn.done():
                    turn.set_result(None)
                    # It is the last one now.
                    self._lanes[lane] = self._lanes.pop(lane)
                    return
        self._is_busy = False
