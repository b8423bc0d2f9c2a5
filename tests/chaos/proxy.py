"""A TCP proxy that breaks the line between a client and a server on demand."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

READ_BYTES = 64 * 1024
AT_ONCE = struct.pack("ii", 1, 0)


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass(eq=False, slots=True)
class Line:
    """What the two directions of one connection share.

    Attributes:
        gates: By direction, whether bytes pass; while one is shut they wait, as they do in a network
            that loses every packet.
    """

    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(
        default_factory=lambda: {"up": _open_gate(), "down": _open_gate()}
    )


class Proxy:
    """Passes bytes on, until told otherwise.

    Attributes:
        port: Where clients connect.
        delay_s: How long each piece takes in each direction, seconds.
        is_down: New connections are ended at once.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._lines: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.delay_s = 0.0
        self.is_down = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection from a client."""
        self._keep(self._connect(reader, writer))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        line = Line([writer, up_writer])
        self._lines.add(line)
        try:
            await asyncio.gather(
                self._pass_on(line, "up", reader, up_writer),
                self._pass_on(line, "down", up_reader, writer),
            )
        finally:
            self._lines.discard(line)

    async def _pass_on(
        self, line: Line, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)  # the fault itself
                await line.gates[direction].wait()
                writer.write(data)
                await writer.drain()
        except (OSError, RuntimeError):
            pass  # an end was reset, or this line was cut; uvloop says the latter with a RuntimeError
        # What a silent line holds back, also the news that one end is gone, waits as well.
        await line.gates[direction].wait()
        self._end(line)

    @staticmethod
    def _end(line: Line) -> None:
        for writer in line.writers:
            writer.close()

    def cut(self) -> None:
        """End all connections in order, as a router does that is switched off."""
        for line in list(self._lines):
            self._open(line)
            self._end(line)

    def reset(self) -> None:
        """End all connections with a TCP RST, as a machine does that crashed and is back."""
        for line in list(self._lines):
            self._open(line)
            for writer in line.writers:
                with contextlib.suppress(OSError):
                    connection: socket.socket = writer.get_extra_info("socket")
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                writer.transport.abort()

    def silence(self, *directions: str) -> None:
        """Hold back everything on the connections of this moment: ``up``, ``down`` or both."""
        for line in self._lines:
            for direction in directions:
                line.gates[direction].clear()

    def heal(self) -> None:
        """Pass everything on again."""
        self.delay_s, self.is_down = 0.0, False
        for line in self._lines:
            self._open(line)

    @staticmethod
    def _open(line: Line) -> None:
        for gate in line.gates.values():
            gate.set()

    async def close(self) -> None:
        """End everything."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxy_to(server_port: int) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a server on 127.0.0.1."""
    proxy = Proxy(server_port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
