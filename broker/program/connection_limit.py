"""Limits for a TCP listener of ours: connections in all and from one address, and time for a request.

Without limits, strangers who open connections and stay silent take all the files that the process may open:
then it can answer nobody, and cannot reach its own broker and database either. Here a new connection always
gets a place: when all are taken, the one that has been silent the longest is closed in its favour. So
strangers shut out nobody who sends a request at once. Who asks for an answer and does not read it is silent
too. TLS is spoken after a connection was counted.
"""

import asyncio
import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator

if sys.platform != "win32":
    import resource

BACKLOG = 1024
REQUEST_S = 10.0
UNREAD_S = 30
UNREAD_BYTES = 64 * 1024 * 1024
CHECK_EVERY_S = 1.0
# For files, and for connections to the broker and the database.
OWN_FILES = 200


class Connection:
    """One connection to a listener: silent until its request is whole, and again after the answer."""

    def __init__(self, accepted: socket.socket, address: str) -> None:
        self.address = address
        self.silent_since = time.monotonic()
        self.unread_bytes = 0
        self.unread_s = 0.0
        self._socket = accepted
        self._answering = 0
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes one of the process's files."""
        return self._socket.fileno() >= 0

    @property
    def is_silent(self) -> bool:
        """Whether no request of it is being answered."""
        return not self._answering

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """It has sent a whole request, which is answered meanwhile."""
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
            self.silent_since = time.monotonic()

    def open(
        self, make_protocol: Callable[["Connection"], asyncio.Protocol], tls: ssl.SSLContext | None
    ) -> None:
        """Have a protocol speak on it."""
        self._opening = asyncio.create_task(self._open(make_protocol, tls), name="connection.open")
        self._opening.add_done_callback(self._on_opened)

    def abort(self) -> None:
        """Close it at once, whatever the other side has not read."""
        if self._transport is not None:
            self._transport.abort()
        elif self._opening is not None:
            self._opening.cancel()

    def check_reading(self) -> None:
        """Find out, once in ``CHECK_EVERY_S``, whether the other side reads what is sent."""
        before = self.unread_bytes
        self.unread_bytes = self._transport.get_write_buffer_size() if self._transport is not None else 0
        is_stuck = 0 < before <= self.unread_bytes
        self.unread_s = self.unread_s + CHECK_EVERY_S if is_stuck else 0.0

    async def _open(
        self, make_protocol: Callable[["Connection"], asyncio.Protocol], tls: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()
        # Who speaks no TLS, or is gone again.
        with contextlib.suppress(OSError):
            self._transport, _ = await loop.connect_accepted_socket(
                lambda: make_protocol(self), self._socket, ssl=tls
            )

    def _on_opened(self, _: object) -> None:
        if self._transport is None:
            self._socket.close()


class ConnectionLimit:
    """Accepts the connections of a listener, within limits.

    Args:
        listener: A TCP socket that listens.
        make_protocol: Makes what speaks on a connection.
        tls: For TLS; None for plain connections.
        most: Connections in all; fewer if the process may not open as many files.
        share: The part of them that one address may have.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[Connection], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None = None,
        most: int,
        share: float = 0.5,
    ) -> None:
        listener.setblocking(False)
        listener.listen(BACKLOG)
        self._listener = listener
        self._make_protocol = make_protocol
        self._tls = tls
        self._most = reserve_files(most)
        self._most_of_address = max(1, int(self._most * share))
        self._connections: list[Connection] = []

    async def serve(self) -> None:
        """Accept connections until cancelled; those that are open stay so."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._check(), name="connections.check")
            group.create_task(self._accept(), name="connections.accept")

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._listener)
            except OSError:
                # The other side is gone again, or something else has used up all files.
                await asyncio.sleep(CHECK_EVERY_S)
                continue
            connection = Connection(accepted, address[0])
            if self._make_room(connection.address):
                self._connections.append(connection)
                connection.open(self._make_protocol, self._tls)
            else:
                accepted.close()
            # However many come, those that are open go on.
            await asyncio.sleep(0)

    def _make_room(self, address: str) -> bool:
        """Whether there is a place, if need be that of the longest silent one."""
        self._connections = [each for each in self._connections if each.is_open]
        crowd = [each for each in self._connections if each.address == address]
        if len(crowd) < self._most_of_address:
            crowd = self._connections
            if len(crowd) < self._most:
                return True
        silent = min(
            (each for each in crowd if each.is_silent or each.unread_bytes),
            key=lambda each: (not each.is_silent, each.silent_since),
            default=None,
        )
        if silent is not None:
            self._connections.remove(silent)
            silent.abort()
        return silent is not None

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            late = time.monotonic() - REQUEST_S
            for each in self._connections:
                each.check_reading()
                if (each.is_silent and each.silent_since < late) or each.unread_s >= UNREAD_S:
                    each.abort()
            unread = sum(each.unread_bytes for each in self._connections)
            for each in sorted(self._connections, key=lambda each: each.unread_bytes, reverse=True):
                if unread <= UNREAD_BYTES:
                    break
                each.abort()
                unread -= each.unread_bytes


def reserve_files(connections: int) -> int:
    """How many connections there may be so that ``OWN_FILES`` are left; raises the limit of files."""
    if sys.platform == "win32":
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - OWN_FILES))
