"""What is attacked: servers with people, an ingestor and the web page, as users run them."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.processes import Process
from tests.security.web import WebSite, as_users_run_it
from tests.security.world import World, start_world
from tests.servers import RunningIngestor, Wire

# What a process may open unless it asks for more.
ORDINARY_FILES = 1024


@dataclass(slots=True)
class AttackTarget:
    """A system to attack.

    Attributes:
        database_back_s: When the database was last let go on, by the monotonic clock, seconds.
        is_database_stopped: Whether it stands still now, because an attack asks for that.
    """

    world: World
    ingestor: RunningIngestor
    page: WebSite
    database_back_s: float = 0.0
    is_database_stopped: bool = False

    @property
    def folder(self) -> Path:
        """Where the servers keep everything."""
        return self.world.servers.state

    @property
    def processes(self) -> dict[str, Process]:
        """The processes whose memory is bounded."""
        assert self.page.process is not None
        servers = self.world.servers
        return {"ingestor": self.ingestor.process, "broker": servers.broker, "page": self.page.process}

    def wire(self, name: str) -> Wire:
        """A client of the broker for one of the people."""
        return self.world.wire(name)

    @asynccontextmanager
    async def without_database(self) -> AsyncIterator[None]:
        """Let the database stand still."""
        database = self.world.servers.database.running
        assert database is not None
        os.kill(database.pid, signal.SIGSTOP)
        self.is_database_stopped = True
        try:
            yield
        finally:
            os.kill(database.pid, signal.SIGCONT)
            self.is_database_stopped = False
            self.database_back_s = time.monotonic()


@asynccontextmanager
async def start_target(folder: Path) -> AsyncIterator[AttackTarget]:
    """Start everything as on an ordinary Linux; at the end all of it is stopped.

    Afterwards this process may open as many files as the system lets it: attackers have many connections.
    """
    async with AsyncExitStack() as exits:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (ORDINARY_FILES, hard))
        world = await exits.enter_async_context(start_world(folder / "servers", tls=False))
        # All sites; and a name that is none.
        ingestor = RunningIngestor(world.servers, "+", folder / "ingestor.log")
        ingestor.site = "attacked"
        ingestor.become("ingestor")
        exits.push_async_callback(ingestor.stop)
        await ingestor.start()
        await asyncio.to_thread((folder / "page").mkdir)
        page = await exits.enter_async_context(as_users_run_it(world.servers, folder / "page", https=False))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        yield AttackTarget(world, ingestor, page)
