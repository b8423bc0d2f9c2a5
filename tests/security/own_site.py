"""A web page of the test's own, in the test's process: as it is, or a build with something taken away."""

import asyncio
import socket
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import uvicorn
from argon2 import PasswordHasher

from broker.program.settings import read_settings
from monitor.queries.database import open_database
from monitor.web.auth.sessions import Authenticator
from monitor.web.serve import WebServer
from monitor.web.settings import WebSettings
from stack.servers import Servers
from tests.fault_points import web as points
from tests.security.anew import leaving_nothing, nicegui_anew, saying_it_in
from tests.security.web import PASSWORDS, WebSite
from tests.security.web_builds import BUILDS


@dataclass(slots=True)
class Clock:
    """A clock that can be put forward.

    Attributes:
        ahead_s: By how much, seconds.
    """

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@dataclass(slots=True)
class OwnSite(WebSite):
    """A web page of the test's own.

    Attributes:
        clock: Tells it how long people have been logged in.
    """

    clock: Clock = field(default_factory=Clock)


@asynccontextmanager
async def own_site(
    servers: Servers,
    folder: Path,
    build: str = "as_it_is",
    *,
    options: Sequence[str] = (),
    quiet: bool = True,
) -> AsyncIterator[OwnSite]:
    """Serve; whatever is thrown at it, the log may not hold a traceback, unless it need not be quiet.

    There is one at a time: NiceGUI is there only once in a process.

    Args:
        servers: Whose readings it shows.
        folder: For its log.
        build: What is taken away from it, see ``web_builds``.
        options: Of the command line.
        quiet: Whether nothing may go wrong in it.
    """
    urls = (f"--mqtt-url={servers.mqtt('operator')}", f"--mongo-url={servers.mongo('operator')}")
    settings = read_settings(WebSettings, [*urls, *options], "monitor web")
    asked = asyncio.Event()
    log = folder / "web.log"
    with saying_it_in(log), socket.create_server(("127.0.0.1", 0)) as listener:
        # As the page's own listener has it; else each answer takes 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        site = OwnSite(servers, listener.getsockname()[1], log)
        async with leaving_nothing(), nicegui_anew(), open_database(settings.mongo_url) as database:
            with BUILDS[build]():
                access = _quick_access(site.clock)
                task = asyncio.create_task(
                    _serve(WebServer(settings, database, access, listener, None), asked)
                )
                try:
                    # Who comes too early waits at the listener.
                    assert await site.is_live()
                    yield site
                finally:
                    asked.set()
                    await task
    assert not quiet or "Traceback" not in log.read_text(), log.read_text()


def _quick_access(clock: Clock) -> Authenticator:
    # What makes passwords hard to guess for who has stolen their hashes takes most of the time of a start.
    with points.PASSWORD_HASHER.replace(partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)):
        return Authenticator(dict(PASSWORDS), clock)


async def _serve(serving: WebServer, asked: asyncio.Event) -> None:
    """Serve until asked to end, or until it fails: then, as with a process, nobody answers any more."""
    servers: list[uvicorn.Server] = []
    make = points.HTTP_SERVER.original

    def keep(config: uvicorn.Config) -> uvicorn.Server:
        servers.append(make(config))
        return servers[-1]

    with serving.listener, points.HTTP_SERVER.replace(keep):
        try:
            await serving.serve(asked)
        except ExceptionGroup:
            traceback.print_exc()
            for server in servers:
                await server.shutdown([serving.listener])
