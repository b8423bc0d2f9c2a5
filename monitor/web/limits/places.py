"""What sessions may have under way at a time, counted by role: viewers do not take the operators' part."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

from monitor.web.auth.sessions import Session

REQUESTS_OF_ROLE = 50
# Of these requests. An answer with many readings or payloads takes up to 40 MB until it has been read.
ANSWERS_OF_ROLE = 3
WAIT_FOR_ANSWER_S = 30
SOCKETS_OF_SESSION = 20
SOCKETS_OF_ROLE = 100


class Places:
    """Counts what sessions have under way."""

    def __init__(self) -> None:
        self._taken: Counter[Hashable] = Counter()
        self._answers: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(ANSWERS_OF_ROLE)
        )

    @contextmanager
    def take_for_request(self, session: Session | None) -> Iterator[bool]:
        """Take a place for a request, if there is one left; strangers need none."""
        with self._take({("request", session.role): REQUESTS_OF_ROLE} if session else {}) as is_taken:
            yield is_taken

    @contextmanager
    def take_for_socket(self, session: Session) -> Iterator[bool]:
        """Take a place for a web socket, if there is one left."""
        places = {session: SOCKETS_OF_SESSION, ("socket", session.role): SOCKETS_OF_ROLE}
        with self._take(places) as is_taken:
            yield is_taken

    @asynccontextmanager
    async def take_for_answer(self, session: Session | None) -> AsyncIterator[bool]:
        """Wait for a place for a large answer, not for ever."""
        if session is None:
            yield True
            return
        places = self._answers[session.role]
        try:
            async with asyncio.timeout(WAIT_FOR_ANSWER_S):
                await places.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            places.release()

    @contextmanager
    def _take(self, places: dict[Hashable, int]) -> Iterator[bool]:
        if any(self._taken[key] >= most for key, most in places.items()):
            yield False
            return
        self._taken.update(places.keys())
        try:
            yield True
        finally:
            self._taken.subtract(places.keys())
            self._taken = +self._taken
