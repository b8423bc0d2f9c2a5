"""Connections to a listener of ours: who is silent makes room, who is answered stays."""

import asyncio
import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from broker.program.connection_limit import OWN_FILES, Connection, ConnectionLimit
from tests.conftest import ROOT
from tests.fault_points.broker import MAKE_ROOM, REQUEST_LIMIT_S, UNREAD_LIMIT_BYTES, UNREAD_LIMIT_S

WAIT_S = 20
LARGE = 64 * 1024 * 1024


class Speaker(asyncio.Protocol):
    """Answers ``work`` after an hour, ``much`` with a lot, and all else at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held = contextlib.ExitStack()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if data == b"work":
            self._held.enter_context(self._connection.answering())
        self._transport.write(bytes(LARGE) if data == b"much" else data)

    def connection_lost(self, _: Exception | None) -> None:
        self._held.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read(100)
        return b""

    async def is_closed(self, within_s: float = WAIT_S) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                with contextlib.suppress(ConnectionError):
                    while await self.reader.read(100):
                        pass
                return True
        return False

    def close(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def limited(most: int, share: float = 1.0) -> AsyncIterator[list[Client]]:
    """A listener, and as many clients as it lets in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        limit = ConnectionLimit(listener, Speaker, most=most, share=share)
        serving = asyncio.create_task(limit.serve())
        clients: list[Client] = []
        try:
            for _ in range(most):
                clients.append(await connect(listener.getsockname()[1]))
                assert await clients[-1].ask(b"hello") == b"hello"
            yield clients
        finally:
            for each in clients:
                each.close()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def connect(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


def port_of(client: Client) -> int:
    port: int = client.writer.get_extra_info("peername")[1]
    return port


async def test_new_connection_gets_the_place_of_the_longest_silent_one() -> None:
    async with limited(5) as clients:
        assert await clients[0].ask(b"work") == b"work"
        clients.append(await connect(port_of(clients[0])))
        assert await clients[-1].ask(b"hello") == b"hello"
        assert await clients[1].is_closed()
        assert await clients[0].ask(b"hello") == b"hello"
        assert await clients[2].ask(b"hello") == b"hello"


async def test_where_all_are_answered_a_new_one_is_closed() -> None:
    async with limited(3) as clients:
        for each in clients:
            assert await each.ask(b"work") == b"work"
        clients.append(await connect(port_of(clients[0])))
        assert await clients[-1].is_closed()
        assert [await each.ask(b"hello") for each in clients[:3]] == [b"hello"] * 3


async def test_one_address_has_its_share_only() -> None:
    async with limited(4, share=0.5) as clients:
        assert await clients[0].is_closed()
        assert await clients[1].is_closed()
        assert await clients[3].ask(b"hello") == b"hello"


@MAKE_ROOM.replace(lambda *_: True)
async def test_without_the_limit_all_stay() -> None:
    async with limited(4, share=0.5) as clients:
        assert not await clients[0].is_closed(1)


@REQUEST_LIMIT_S.replace(0.5)
async def test_silent_connection_ends_with_its_time_and_one_that_is_answered_does_not() -> None:
    async with limited(2) as clients:
        assert await clients[0].ask(b"work") == b"work"
        assert await clients[1].is_closed()
        assert await clients[0].ask(b"hello") == b"hello"


@pytest.mark.parametrize(
    "limit", [UNREAD_LIMIT_S.replace(1), UNREAD_LIMIT_BYTES.replace(1024 * 1024)], ids=["time", "bytes"]
)
async def test_client_that_does_not_read_is_closed(limit: contextlib.AbstractContextManager[object]) -> None:
    with limit:
        async with limited(2) as clients:
            assert await clients[0].ask(b"work") == b"work"
            clients[0].writer.transport.pause_reading()  # type: ignore[attr-defined]
            clients[0].writer.write(b"much")
            await asyncio.sleep(4)  # it is looked at once a second
            clients[0].writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert await clients[0].is_closed()
            assert await clients[1].ask(b"hello") == b"hello"


PROGRAM = """
import resource
from broker.program.connection_limit import reserve_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(reserve_files(600), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [(256, 1000, (600, 800)), (256, 500, (300, 500)), (900, 900, (600, 900)), (100, 100, (1, 100))],
)
def test_files_are_left_for_connections_of_our_own(soft: int, hard: int, expected: tuple[int, int]) -> None:
    assert OWN_FILES == 200
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= hard
    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", PROGRAM.format(soft=soft, hard=hard)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert tuple(map(int, ended.stdout.split())) == expected
