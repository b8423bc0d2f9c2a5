"""The servers that measurements share, and what is measured on them."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.database import Database

from bench.load.load_plan import LoadPlan
from bench.load.mqtt_socket import MqttSocket
from bench.processes import POLL_EVERY_S, BenchError, BenchProcess
from broker.address import MqttAddress, client_id
from stack.mongod import CACHE_GB
from stack.ports import reserve_port
from stack.processes import Process
from stack.secrets.credentials import Credentials
from stack.servers import Servers, start_servers

ROOT = Path(__file__).parent.parent
NAME = "bench"
CLIENT = "bench-consumer"  # of all but the ingestor
STALLED_S = 60.0


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
            # A great many sensors are measured too.
            "ENERGY_SITE_QUOTA": "200000",
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
