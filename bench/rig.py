"""The servers, and the processes that are measured on them."""

import asyncio
import json
import os
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.database import Database

from bench.load.load_plan import LoadPlan
from bench.load.mqtt_socket import MqttSocket
from broker.address import MqttAddress, client_id
from stack.mongod import CACHE_GB
from stack.ports import reserve_port
from stack.processes import Process
from stack.secrets.credentials import Credentials
from stack.servers import Servers, start_servers

ROOT = Path(__file__).parent.parent
NAME = "bench"
CLIENT = "bench-consumer"  # of all but the ingestor
POLL_EVERY_S = 0.02
SUBSCRIBED_AFTER_S = 0.5
STALLED_S = 60.0
MIB = 1024 * 1024


class BenchError(Exception):
    """Raised when what is measured does not do its work."""


@dataclass(slots=True)
class BenchProcess:
    """A process that says ``ready``, does its work, and may report on it as JSON.

    Args:
        name: For people.
        command: Program and arguments.
        environment: Added to this process's own.
        log: Where its errors go.
        health: A page that tells whether it is ready, for one that does not say so itself.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    health: str | None = None
    _running: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def process(self) -> psutil.Process:
        """What the kernel knows of it."""
        return psutil.Process(self._child.pid)

    @property
    def _child(self) -> asyncio.subprocess.Process:
        if self._running is None:
            raise BenchError(f"{self.name} was not started")
        return self._running

    async def launch(self) -> None:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                *self.command,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            BenchError: It ended before.
        """
        await self.launch()
        if self.health is None:
            await self._line()
            return
        while not await asyncio.to_thread(_answers, self.health):
            if self._child.returncode is not None:
                raise BenchError(f"{self.name} ended before it was ready; see {self.log}")
            await asyncio.sleep(POLL_EVERY_S)
        await asyncio.sleep(SUBSCRIBED_AFTER_S)

    async def _line(self) -> bytes:
        if self._child.stdout is None:
            raise BenchError(f"{self.name} has no output")
        line = await self._child.stdout.readline()
        if not line:
            raise BenchError(f"{self.name} ended before its work was done; see {self.log}")
        return line

    def go(self) -> None:
        """Have it begin."""
        if self._child.stdin is not None:
            self._child.stdin.write(b"go\n")

    async def report(self) -> dict[str, float]:
        """Wait for what it says at its end."""
        report: dict[str, float] = json.loads(await self._line())
        await self._child.wait()
        return report

    async def stop(self) -> None:
        """Ask it to end and wait; kill it if it does not."""
        if self._running is None or self._running.returncode is not None:
            return
        self._running.terminate()
        try:
            async with asyncio.timeout(20):
                await self._running.wait()
        except TimeoutError:
            self._running.kill()
            await self._running.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - the URL is ours
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def cpu_s(process: psutil.Process) -> float:
    """CPU time that a process has used so far, user and system, seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_mib(process: psutil.Process) -> float:
    """Memory that a process has in use, MiB."""
    return float(process.memory_info().rss) / MIB


def _running(process: Process) -> psutil.Process:
    if process.running is None:
        raise BenchError(f"{process.name} does not run")
    return psutil.Process(process.running.pid)


class BenchRig:
    """What the measurements share.

    Args:
        servers: The running broker and database.
        folder: For logs.
        database: As its administrator sees it.
    """

    def __init__(self, servers: Servers, folder: Path, database: Database[dict[str, Any]]) -> None:
        self.servers = servers
        self.folder = folder
        self.database = database

    @property
    def broker(self) -> psutil.Process:
        """Mosquitto, as the kernel knows it."""
        return _running(self.servers.broker)

    @property
    def mongod(self) -> psutil.Process:
        """The database server, as the kernel knows it."""
        return _running(self.servers.database)

    def child(
        self, name: str, *command: str, python: str = sys.executable, role: str = "ingestor"
    ) -> BenchProcess:
        """Describe a process that finds both servers in its environment.

        Args:
            name: For people.
            command: The interpreter's arguments.
            python: The interpreter.
            role: Who it is at the broker.
        """
        environment = {
            "BENCH_URL": self.servers.mqtt(role),
            "BENCH_MONGO_URL": self.servers.mongo("admin"),
        }
        return BenchProcess(name, [python, *command], environment, self.folder / f"{name}.log")

    def ingestor(self, program: str = "ingestor") -> BenchProcess:
        """Describe an ingestor as users run it, or another build of it."""
        http = f"127.0.0.1:{reserve_port()}"
        environment = {
            "ENERGY_MQTT_URL": self.servers.mqtt("ingestor"),
            "ENERGY_MONGO_URL": self.servers.mongo("ingestor"),
            "ENERGY_HTTP": http,
            "ENERGY_SITE": "+",
        }
        command = [sys.executable, "-m", program, "--name", NAME]
        log = self.folder / "ingestor.log"
        return BenchProcess("ingestor", command, environment, log, health=f"http://{http}/ready")

    def publisher(self, plan: LoadPlan, times: Path | None = None) -> BenchProcess:
        """Describe a publisher."""
        arguments = [json.dumps(plan.to_dict())] + ([str(times)] if times else [])
        environment = {"BENCH_URL": self.servers.mqtt("sensors")}
        command = [sys.executable, "-m", "bench.load.publisher", *arguments]
        return BenchProcess("publisher", command, environment, self.folder / "publisher.log")

    def reset(self, *, keep: bool = False) -> None:
        """Empty the database, and have the broker forget all consumers and what waits for them.

        Args:
            keep: Leave the database as it is.
        """
        if not keep:
            self.database.client.drop_database(self.database.name)
        url = self.servers.mqtt("ingestor")
        for client in (CLIENT, client_id(f"ingestor-{NAME}", MqttAddress.parse(url))):
            MqttSocket(url, client).close()

    def stored(self, collection: str) -> int:
        """How many documents a collection has."""
        return self.database[collection].estimated_document_count()

    async def until_stored(self, collection: str, count: int) -> tuple[int, float]:
        """Wait until a collection has so many documents.

        Returns:
            How many it had then, and when that was, monotonic seconds.

        Raises:
            BenchError: Nothing more came for a minute.
        """
        before, since_s = -1, time.monotonic()
        while True:
            stored, now_s = self.stored(collection), time.monotonic()
            if stored >= count:
                return stored, now_s
            if stored != before:
                before, since_s = stored, now_s
            elif now_s - since_s > STALLED_S:
                raise BenchError(f"{stored:,} of {count:,} readings are in {collection}, and no more come")
            await asyncio.sleep(POLL_EVERY_S)


@asynccontextmanager
async def open_rig(folder: Path, *, tls: bool = False) -> AsyncIterator[BenchRig]:
    """Start a broker and a database on free ports, and stop them at the end."""
    async with start_servers(
        folder / "servers", Credentials.generate(), tls=tls, cache_gb=CACHE_GB
    ) as servers:
        with MongoClient[dict[str, Any]](servers.mongo("admin")) as client:
            yield BenchRig(servers, folder, client.get_default_database())
