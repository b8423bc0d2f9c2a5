"""The web page as a process that is attacked, as it is or without one of its protections."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from stack.servers import Servers
from tests.security.web import WebSite, as_users_run_it

MEBIBYTE = 1024 * 1024
ANSWER_S = 10


@asynccontextmanager
async def attacked_page(
    servers: Servers, folder: Path, build: str = "as_it_is", *, https: bool = False
) -> AsyncIterator[tuple[WebSite, int]]:
    """Run ``monitor web``, which may open 400 files; gives it and its process id."""
    program = ("tests.security.limits.page_builds", build)
    async with as_users_run_it(servers, folder, https=https, program=program) as site:
        yield site, site.process_id


def memory_of(process: int) -> int:
    """What a process has in memory, bytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError(process)


def send_until_closed(port: int, first: bytes, part: bytes, most: int) -> bool:
    """Send one thing and then another over and over; whether it was closed before ``most`` bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as stranger:
        try:
            stranger.sendall(first)
            for _ in range(most // len(part)):
                stranger.sendall(part)
        except (ConnectionError, TimeoutError):
            return True
    return False


async def is_closed(port: int, said: Iterable[bytes], within_s: float) -> bool:
    """Whether a connection on which this was said is closed in time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for each in said:
            writer.write(each)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(within_s):
                while await reader.read(65536):
                    pass
                return True
        return False
    finally:
        writer.transport.abort()


@asynccontextmanager
async def silent_connections(port: int, count: int, said: bytes = b"") -> AsyncIterator[None]:
    """Hold so many connections on which nothing more is said."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count)), hard))
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            stranger = socket.socket()
            held.append(stranger)
            stranger.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                stranger.connect(("127.0.0.1", port))
            # At the pace of one who is let in; more would wait in the queue of the system.
            await asyncio.sleep(0)  # for the connection to be made
            if said:
                with contextlib.suppress(OSError):
                    stranger.send(said)
        yield
    finally:
        for stranger in held:
            stranger.close()


async def answers(port: int, path: str = "/live", host: str = "localhost", within_s: float = ANSWER_S) -> str:
    """The first line of an answer, or nothing if there is none in time."""
    writer = None
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return (await reader.readline()).decode().strip()
    except (TimeoutError, ConnectionError):
        return ""
    finally:
        if writer is not None:
            writer.transport.abort()
