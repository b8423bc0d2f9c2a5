"""What integration tests work with: real servers, real processes, a client of their own."""

import asyncio
import contextlib
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mqtt5 import PublishPacket
from prometheus_client.parser import text_string_to_metric_families
from pymongo.database import Database

from broker.address import MqttAddress
from broker.connection import Connection, OutgoingMessage
from broker.errors import BrokerLostError
from broker.supervisor import ConnectionSupervisor
from stack.ports import reserve_port
from stack.processes import Process
from stack.servers import Servers
from tests.preloaded import PreloadedProcess

# How long to wait for what must come: on a busy machine much later than on an idle one.
PATIENCE_S = 40.0
# Between two computations of sums is a pause of 50 times what the last one took.
SUMS_WITHIN_S = 120.0
LOOK_EVERY_S = 0.02


async def eventually(condition: Callable[[], bool | Awaitable[bool]], seconds: float = PATIENCE_S) -> None:
    """Wait until a condition holds; fail with the condition's name when it does not in time."""
    if not await comes_true(condition, seconds):
        raise AssertionError(f"not within {seconds:g} s: {condition}")


async def until_computed(condition: Callable[[], bool]) -> None:
    """Wait until sums are what they should be."""
    await eventually(condition, SUMS_WITHIN_S)


async def comes_true(condition: Callable[[], bool | Awaitable[bool]], seconds: float) -> bool:
    """Whether a condition holds in time."""
    until = time.monotonic() + seconds
    while True:
        holds = condition()
        if isinstance(holds, Awaitable):
            holds = await holds
        if holds or time.monotonic() > until:
            return holds
        await asyncio.sleep(LOOK_EVERY_S)  # between two looks


def fetch(url: str) -> tuple[int, str]:
    """Status and body of a page; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own servers
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


class Message(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


class Wire:
    """A client of the test's own."""

    def __init__(self, url: str, client: str = "") -> None:
        will = OutgoingMessage("health/test", b"")
        name = client or f"test-{uuid.uuid4().hex[:8]}"
        self._link = ConnectionSupervisor(
            MqttAddress.parse(url), name, self._deliver, will, takeover_hint="a rival"
        )
        self._connection = self._link.new_connection()
        self.messages: list[Message] = []
        self.arrived = asyncio.Event()

    def _deliver(self, _: Connection, packets: Sequence[PublishPacket]) -> None:
        self.messages += [Message(each.topic, each.payload, each.retain) for each in packets]
        self.arrived.set()
        ids = [each.packet_id or 0 for each in packets]
        asyncio.get_running_loop().create_task(self._acknowledge(ids))

    async def _acknowledge(self, packet_ids: Sequence[int]) -> None:
        with contextlib.suppress(BrokerLostError):
            await self._connection.puback_many(packet_ids)

    async def __aenter__(self) -> "Wire":
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.__aexit__(None, None, None)

    async def listen(self, pattern: str, *, retained: bool = True) -> None:
        await self._connection.add_subscription(pattern, retained=retained)

    async def publish(self, topic: str, *payloads: bytes | str, retain: bool = False) -> None:
        encoded = [each.encode() if isinstance(each, str) else each for each in payloads]
        await self.send([OutgoingMessage(topic, each, retain) for each in encoded])

    async def send(self, messages: Sequence[OutgoingMessage]) -> None:
        await self._connection.publish_many(messages)

    @property
    def is_lost(self) -> bool:
        """Whether the broker has ended the connection."""
        return self._connection.is_lost

    def on(self, prefix: str) -> list[Message]:
        return [each for each in self.messages if each.topic.startswith(prefix)]


class Site:
    """What a test sees of its site: publish there, count there."""

    def __init__(self, database: Database[dict[str, Any]], wire: Wire, site: str, sensor: str) -> None:
        self.database = database
        self.wire = wire
        self.site = site
        self.sensor = sensor

    async def publish(self, *payloads: str | bytes) -> None:
        await self.wire.publish(f"energy/readings/{self.site}/{self.sensor}", *payloads)

    def stored(self, **wanted: object) -> list[dict[str, Any]]:
        return list(self.database.measures.find({"site": self.site, **wanted}).sort("timestamp", 1))

    def count(self, **wanted: object) -> int:
        return self.database.measures.count_documents({"site": self.site, **wanted})

    async def until_count(self, count: int, seconds: float = PATIENCE_S, **wanted: object) -> None:
        await eventually(lambda: self.count(**wanted) >= count, seconds)

    def rejected(self) -> list[dict[str, Any]]:
        return list(self.database.rejected.find({"topic": {"$regex": f"/{self.site}/"}}))

    async def until_rejected(self, count: int) -> None:
        await eventually(lambda: len(self.rejected()) >= count)

    async def until_stored(self, count: int) -> list[dict[str, Any]]:
        await eventually(lambda: len(self.stored()) >= count)
        return self.stored()


@dataclass(slots=True)
class RunningIngestor:
    """An ingestor process as users run it, unless another program or other addresses are given."""

    servers: Servers
    site: str
    log: Path
    options: tuple[str, ...] = ()
    program: tuple[str, ...] = ("ingestor",)
    mqtt_port: int = 0
    mongo_port: int = 0
    http_port: int = field(default_factory=reserve_port)
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        accounts, servers = self.servers.accounts, self.servers
        environment = {
            "ENERGY_MQTT_URL": accounts.mqtt("ingestor", self.mqtt_port)
            if self.mqtt_port
            else servers.mqtt_by_socket("ingestor"),
            "ENERGY_MONGO_URL": accounts.mongo("ingestor", self.mongo_port or servers.mongo_port),
            "ENERGY_HTTP": f"127.0.0.1:{self.http_port}",
            "ENERGY_SITE": self.site,
            "ENERGY_REGISTER": str(servers.state / "mosquitto" / "users" / "register.json"),
        }
        self.process = PreloadedProcess("ingestor", [], environment, self.log)
        self.become(*self.program)

    def become(self, *program: str) -> None:
        """Be another build from the next start on."""
        self.process.command = [sys.executable, "-m", *program, "--name", self.site, *self.options]

    async def start(self, *, ready: bool = True) -> None:
        await self.process.start()
        await self.process.ready(self.is_ready if ready else self.is_live)

    async def kill(self) -> None:
        await self.process.stop(signal.SIGKILL)

    async def stop(self) -> int | None:
        await self.process.stop()
        return self.process.running.returncode if self.process.running else None

    @property
    def process_id(self) -> int:
        """While it runs."""
        return self.process.running.pid if self.process.running else 0

    async def get(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(fetch, f"http://127.0.0.1:{self.http_port}{path}")

    async def is_ready(self) -> bool:
        return (await self.get("/ready"))[0] == 200

    async def is_live(self) -> bool:
        return (await self.get("/live"))[0] == 200

    async def hears(self) -> bool:
        """Whether it is connected to the broker and has subscribed."""
        return '"broker": true' in (await self.get("/ready"))[1]

    async def books(self) -> dict[str, int]:
        metrics = await self._metrics()
        names = {name: name.removeprefix("energy_").removesuffix("_total") for name in metrics}
        return {short: int(metrics[name]) for name, short in names.items() if name.startswith("energy_")}

    async def cpu_s(self) -> float:
        """CPU time that the process has used so far, user and system, seconds."""
        return (await self._metrics())["process_cpu_seconds_total"]

    async def _metrics(self) -> dict[str, float]:
        _, text = await self.get("/metrics")
        families = text_string_to_metric_families(text)
        return {sample.name: sample.value for family in families for sample in family.samples}


def balance(books: dict[str, Any]) -> int:
    """What is missing in books; 0 when they balance."""
    settled = books["stored"] + books["duplicates"] + books["rejected"] + books["pending"]
    return int(books["received"] - settled)
