"""A whole system to be harmed: servers, an ingestor behind proxies, and meters that keep ledgers."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from monitor.verify.command import verify
from monitor.verify.verifier import Verdict
from stack.processes import Process
from stack.secrets.credentials import DATABASE
from stack.servers import Servers
from tests.chaos.backlog import Backlog
from tests.chaos.nodes import Node, describe_node
from tests.chaos.proxy import Proxy, proxy_to
from tests.servers import RunningIngestor, eventually

RECOVERY_WITHIN_S = 90.0
SETTLE_WITHIN_S = 60.0
LOOK_EVERY_S = 0.25


@dataclass(slots=True)
class Rig:
    """What a fault may lay hands on.

    Attributes:
        to_broker: Between the ingestor and Mosquitto.
        nodes_to_broker: Between the nodes and Mosquitto.
        to_database: Between the ingestor and mongod.
        kills: How many processes were killed so far.
        backlog: What its nodes have tried and the database does not have.
    """

    servers: Servers
    site: str
    folder: Path
    to_broker: Proxy
    nodes_to_broker: Proxy
    to_database: Proxy
    ingestor: RunningIngestor
    interval: str = "200ms"
    nodes: list[Node] = field(default_factory=list)
    kills: int = 0
    backlog: Backlog = field(init=False)

    def __post_init__(self) -> None:
        self.backlog = Backlog(self.servers.mongo("viewer"))

    @property
    def alerts(self) -> Path:
        """What somebody who listens has recorded."""
        return self.folder / "alerts.jsonl"

    def node(self, kind: str, *options: str, build: Sequence[str] = ()) -> Node:
        """Describe one more node.

        Args:
            kind: One of ``KINDS``.
            options: More of its options.
            build: Another build than the kind's.
        """
        url = self.servers.accounts.mqtt("sensors", self.nodes_to_broker.port)
        name = f"{self.site}-{len(self.nodes)}-{kind}-01"
        node = describe_node(kind, name, self.site, self.folder, url, self.interval, options, build)
        self.nodes.append(node)
        return node

    async def start(self, *kinds: str) -> None:
        """Start the ingestor and a node of each kind, and wait until readings of all are stored."""
        await self.ingestor.start()
        for node in [self.node(kind) for kind in kinds]:
            await node.process.start()
        for node in self.nodes:
            await eventually(node.has_tried)
        assert await self.recovered() is not None

    async def kill(self, process: Process) -> None:
        """Kill a process that runs."""
        if process.running is not None and process.running.returncode is None:
            self.kills += 1
            await process.stop(signal.SIGKILL)

    async def restart_broker(self) -> None:
        """Start Mosquitto again and wait until it lets people in."""
        await self.servers.broker.start()
        await self.servers.broker.ready(self.servers.broker_ready)

    async def restart_database(self) -> None:
        """Start mongod again and wait until it answers."""
        await self.servers.database.start()
        await self.servers.database.ready(self.servers.database_ready)

    async def mend(self) -> None:
        """Leave the servers as they should be, also when a test has failed."""
        servers = self.servers
        for server, restart in (
            (servers.broker, self.restart_broker),
            (servers.database, self.restart_database),
        ):
            send_signal(server, signal.SIGCONT)
            if server.running is None or server.running.returncode is not None:
                await restart()

    async def spoil_store(self, *, delete: bool) -> None:
        """Delete or damage what Mosquitto has saved, as a bad disk does."""
        store = self.servers.state / "mosquitto" / "mosquitto.db"
        if delete:
            await asyncio.to_thread(store.unlink, missing_ok=True)
        else:
            await asyncio.to_thread(store.write_bytes, b"damaged")

    async def recovered(self, *, within_s: float = RECOVERY_WITHIN_S) -> float | None:
        """Wait until every reading that was tried before this moment is stored.

        Returns:
            How long that took, seconds; None if it did not come to it in time.
        """
        before, began = datetime.now(UTC), time.monotonic()
        while time.monotonic() - began < within_s:
            ledgers = [node.ledger for node in self.nodes]
            if not await asyncio.to_thread(self.backlog.holds_any, ledgers, before):
                return time.monotonic() - began
            await asyncio.sleep(LOOK_EVERY_S)  # between two looks
        return None

    async def settle(self, *, listened: bool = True, within_s: float = SETTLE_WITHIN_S) -> Verdict:
        """Wait until all is well or time is up, with the nodes and then without; say what came of all.

        Args:
            listened: Whether the recorded alerts must be complete.
            within_s: How long to wait for what is on its way.
        """
        # A node without a file forgets what is on its way when it is told to stop.
        await self.recovered(within_s=within_s)
        for node in self.nodes:
            await node.process.stop()
        until = time.monotonic() + within_s
        while True:
            verdict = await verify(
                [node.ledger for node in self.nodes],
                self.alerts if listened else None,
                self.servers.mongo("viewer"),
                "energy",
            )
            if verdict.passed or time.monotonic() > until:
                return verdict
            await asyncio.sleep(LOOK_EVERY_S)  # between two looks

    def count(self) -> int:
        """How many readings of the site are stored."""
        with MongoClient[dict[str, Any]](self.servers.mongo("viewer")) as client:
            return client[DATABASE].measures.count_documents({"site": self.site})

    def resident_kib(self, which: str = "VmRSS") -> int:
        """Memory of the ingestor now (or, for ``VmHWM``, at most so far), KiB."""
        assert self.ingestor.process.running is not None
        status = Path(f"/proc/{self.ingestor.process.running.pid}/status").read_text()
        return int(status.split(f"{which}:")[1].split()[0])


def send_signal(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    if process.running is not None and process.running.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.running.pid, number)


@asynccontextmanager
async def open_rig(
    servers: Servers, site: str, folder: Path, *, program: tuple[str, ...] = ("ingestor",)
) -> AsyncIterator[Rig]:
    """Prepare a system on servers that run; at the end everything but the servers is stopped.

    Args:
        servers: May be harmed.
        site: Of its own, so that it has them to itself.
        folder: For ledgers, outboxes and logs.
        program: The build of the ingestor.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as exits:
        to_broker = await exits.enter_async_context(proxy_to(servers.mqtt_port))
        nodes_to_broker = await exits.enter_async_context(proxy_to(servers.mqtt_port))
        to_database = await exits.enter_async_context(proxy_to(servers.mongo_port))
        ingestor = RunningIngestor(
            servers,
            site,
            folder / "ingestor.log",
            program=program,
            mqtt_port=to_broker.port,
            mongo_port=to_database.port,
        )
        rig = Rig(servers, site, folder, to_broker, nodes_to_broker, to_database, ingestor)
        exits.push_async_callback(ingestor.stop)
        await exits.enter_async_context(_recording(rig))
        try:
            yield rig
        finally:
            await rig.mend()
            for node in rig.nodes:
                await node.process.stop(signal.SIGKILL)


@asynccontextmanager
async def _recording(rig: Rig) -> AsyncIterator[None]:
    """Record alerts as users do, with a session that outlives a connection."""
    accounts, servers = rig.servers.accounts, rig.servers
    # What it says of a lost connection is no alert.
    command = [
        "sh",
        "-c",
        'exec mosquitto_sub "$@" 2>/dev/null',
        "sh",
        "-V",
        "5",
        "-h",
        "127.0.0.1",
        "-p",
        str(servers.mqtt_port),
        "-q",
        "1",
    ]
    command += ["-u", "viewer", "-P", accounts.passwords["MQTT_VIEWER_PASSWORD"], "-c", "-x", "3600"]
    command += ["-i", f"recorder-{rig.site}", "-t", f"energy/alerts/{rig.site}/+"]
    recorder = Process("recorder", command, log=rig.alerts)
    await recorder.start()
    await eventually(servers.broker_ready)
    try:
        yield
    finally:
        await recorder.stop()


async def wait_for(process: Process, within_s: float) -> bool:
    """Wait until a process ends by itself; whether it did in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await process.wait_ended()
            return True
    return False
