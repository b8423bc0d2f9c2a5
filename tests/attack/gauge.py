"""What an attack does to everybody else: how long they wait, and what it costs."""

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from pymongo.collection import Collection

from broker.errors import BrokerError
from stack.secrets.credentials import DATABASE
from tests.attack.target import AttackTarget
from tests.readings import payload
from tests.servers import comes_true

NEIGHBOUR = "sensor-a2"
PROBE_EVERY_S = 0.5
SAMPLE_EVERY_S = 0.2
ANSWER_WITHIN_S = 5.0
STORED_WITHIN_S = 60.0
MIB = 1024 * 1024


@dataclass(slots=True)
class Gauge:
    """The worst of everything so far.

    Attributes:
        stored_s: From the first try of a neighbour, who connects anew each time, until its reading was
            stored, seconds.
        answered_s: Until ``/ready`` and the page answered somebody new, seconds.
        memory_mib: Of each process, MiB.
        disk_mib: How much the servers' folder grew, MiB.
        readings: How many of the neighbour's were stored.
        had_outage: Whether the database stood still meanwhile; what came then is stored first.
    """

    stored_s: float = 0.0
    answered_s: float = 0.0
    memory_mib: dict[str, float] = field(default_factory=dict)
    disk_mib: float = 0.0
    readings: int = 0
    had_outage: bool = False

    async def probe_storing(self, target: AttackTarget) -> None:
        """Publish as a neighbour, for ever: connect, send a reading, wait until it is stored."""
        with MongoClient[dict[str, Any]](target.world.servers.mongo("viewer")) as client:
            measures = client[DATABASE].measures
            while True:
                await asyncio.sleep(PROBE_EVERY_S)  # as often as a neighbour has something to say
                if target.is_database_stopped:
                    self.had_outage = True
                    continue
                began = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    await _store_one(target, measures)
                    self.readings += 1
                if not target.is_database_stopped:
                    self.note_stored(time.monotonic() - max(began, target.database_back_s))

    def note_stored(self, waited_s: float) -> None:
        """Note how long a reading took."""
        self.stored_s = max(self.stored_s, waited_s)

    async def probe_answers(self, target: AttackTarget) -> None:
        """Ask the page and ``/ready`` as somebody new, for ever."""
        urls = [f"{target.page.url}/live", f"http://127.0.0.1:{target.ingestor.http_port}/ready"]
        while True:
            for url in urls:
                began = time.monotonic()
                while not await asyncio.to_thread(_answers, url):
                    if target.is_database_stopped:
                        break
                    await asyncio.sleep(SAMPLE_EVERY_S)  # before the next try
                if not target.is_database_stopped:
                    waited_s = time.monotonic() - max(began, target.database_back_s)
                    self.answered_s = max(self.answered_s, waited_s)
            await asyncio.sleep(PROBE_EVERY_S)  # between two looks

    async def sample(self, target: AttackTarget) -> None:
        """Look at memory and disk, for ever."""
        before = await asyncio.to_thread(_bytes_in, target.folder)
        while True:
            for name, process in target.processes.items():
                if process.running is not None:
                    self.memory_mib[name] = max(
                        self.memory_mib.get(name, 0), resident_mib(process.running.pid)
                    )
            self.disk_mib = max(
                self.disk_mib, (await asyncio.to_thread(_bytes_in, target.folder) - before) / MIB
            )
            await asyncio.sleep(SAMPLE_EVERY_S)  # between two looks


@asynccontextmanager
async def measured(target: AttackTarget) -> AsyncIterator[Gauge]:
    """Measure while the context is open."""
    gauge = Gauge()
    probes = (gauge.probe_storing, gauge.probe_answers, gauge.sample)
    tasks = [asyncio.create_task(probe(target)) for probe in probes]
    try:
        yield gauge
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _store_one(target: AttackTarget, measures: Collection[dict[str, Any]]) -> None:
    """Connect as the neighbour and have a reading stored; again until it is."""
    message = payload(NEIGHBOUR, 1.0)
    before = await asyncio.to_thread(measures.count_documents, {"sensor_id": NEIGHBOUR})
    async with asyncio.timeout(STORED_WITHIN_S):
        while True:
            with contextlib.suppress(BrokerError):
                async with target.wire(NEIGHBOUR) as neighbour:
                    await neighbour.publish(f"energy/readings/a/{NEIGHBOUR}", message)
                    break
            await asyncio.sleep(SAMPLE_EVERY_S)  # before the next try

        async def is_stored() -> bool:
            return await asyncio.to_thread(measures.count_documents, {"sensor_id": NEIGHBOUR}) > before

        await comes_true(is_stored, STORED_WITHIN_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 - our own servers
            return bool(answer.status == 200)
    except OSError:
        return False


def resident_mib(pid: int) -> float:
    """The resident memory of a process with its children, MiB; 0 when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return float(process.memory_info().rss) / MIB
    return 0.0


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.stat().st_blocks * 512
    return total
