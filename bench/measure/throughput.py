"""How many readings a second come home: live, and catching up with what the broker kept."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from bench.load.load_plan import LoadPlan
from bench.processes import BenchError, BenchProcess, cpu_s, resident_mib
from bench.rig import ROOT, BenchRig

Mode = Literal["live", "catch-up"]
PEERS = ROOT / "bench" / "peers"
PEERS_PYTHON = str(ROOT / "var" / "peers" / "bin" / "python")
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class BenchConsumer:
    """Something that brings readings home.

    Attributes:
        name: In tables.
        collection: Where it stores; None if it stores nothing.
        open: Describes its process.
        plan: What is published to it.
    """

    name: str
    collection: str | None
    open: Callable[[BenchRig, LoadPlan], BenchProcess]
    plan: LoadPlan


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one consumer.

    Attributes:
        rate: Readings per second.
        cpu_us: CPU time of the consumer's process per reading, user and system, microseconds.
        resident_mib: Its memory at the end, MiB.
        publisher_us: CPU time of the publisher per reading, microseconds; 0 when it had ended before.
        broker_us: CPU time of the broker per reading, microseconds; live, it takes readings in as well.
        database_us: CPU time of the database per reading, microseconds.
    """

    consumer: str
    mode: Mode
    rate: float
    cpu_us: float
    resident_mib: float
    publisher_us: float = 0.0
    broker_us: float = 0.0
    database_us: float = 0.0


def _peer(name: str, *arguments: str) -> Callable[[BenchRig, LoadPlan], BenchProcess]:
    return lambda rig, _: rig.child(name, str(PEERS / f"{name}.py"), *arguments, python=PEERS_PYTHON)


def ours(name: str, plan: LoadPlan) -> BenchConsumer:
    """The ingestor as users run it."""
    return BenchConsumer(name, "measures", lambda rig, _: rig.ingestor(), plan)


def consumers(count: int) -> list[BenchConsumer]:
    """All of them; the slow ones get a part of the readings.

    Args:
        count: How many readings the fast ones get.
    """
    plan = LoadPlan(count)
    slow = replace(plan, count=count // 10)

    def limit(*options: str) -> Callable[[BenchRig, LoadPlan], BenchProcess]:
        return lambda rig, plan: rig.child("limit", "-m", "bench.load.limit", str(plan.messages), *options)

    def prototype(rig: BenchRig, _: LoadPlan) -> BenchProcess:
        return rig.child("prototype", str(PEERS / "prototype.py"))

    return [
        BenchConsumer("limit", None, limit(), plan),
        BenchConsumer("limit, gathering", None, limit("--gather"), plan),
        ours("ours", plan),
        ours("ours, with sequences", replace(plan, sequences=True)),
        ours("ours, no anomalies", replace(plan, anomalies=0)),
        ours("ours, 17 % anomalies", replace(plan, anomalies=17)),
        BenchConsumer("mq-bridge", "readings", _peer("bridge"), plan),
        BenchConsumer("prototype", "readings", prototype, plan),
        BenchConsumer("idiomatic, batches", "readings", _peer("idiomatic", "batches"), slow),
        BenchConsumer("idiomatic, each", "readings", _peer("idiomatic", "each"), slow),
        BenchConsumer("seed", "readings", _peer("seed"), slow),
    ]


async def live(rig: BenchRig, consumer: BenchConsumer, *, keep: bool = False) -> Sample:
    """Publish while the consumer brings home: from the first PUBLISH to the last reading stored.

    Args:
        rig: The servers.
        consumer: What is measured.
        keep: Leave the database as it is.
    """
    rig.reset(keep=keep)
    already = rig.stored(consumer.collection) if consumer.collection else 0
    child, publisher = consumer.open(rig, consumer.plan), rig.publisher(consumer.plan)
    count = consumer.plan.count
    try:
        await publisher.start()
        await child.start()
        before_s, of_servers = cpu_s(child.process), _servers_s(rig)
        publisher.go()
        if consumer.collection is None:
            came = await child.report()
            last_s, used_s, resident = came["last_s"], came["cpu_s"], came["resident_mib"]
        else:
            _, last_s = await rig.until_stored(consumer.collection, already + count)
            await asyncio.sleep(SETTLE_S)
            used_s = cpu_s(child.process) - before_s
            resident = resident_mib(child.process)
        sent = await publisher.report()
        broker_us, database_us = _since(rig, of_servers, count)
    finally:
        await child.stop()
        await publisher.stop()
        rig.reset(keep=keep)
    publisher_us = sent["cpu_s"] * 1e6 / count
    rate = count / (last_s - sent["first_s"])
    cpu_us = used_s * 1e6 / count
    return Sample(consumer.name, "live", rate, cpu_us, resident, publisher_us, broker_us, database_us)


def _servers_s(rig: BenchRig) -> tuple[float, float]:
    """CPU time that the broker and the database have used so far, seconds."""
    return cpu_s(rig.broker), cpu_s(rig.mongod)


def _since(rig: BenchRig, before_s: tuple[float, float], count: int) -> tuple[float, float]:
    """What they have used since then, microseconds per reading."""
    broker_s, database_s = _servers_s(rig)
    return (broker_s - before_s[0]) * 1e6 / count, (database_s - before_s[1]) * 1e6 / count


async def catch_up(rig: BenchRig, consumer: BenchConsumer) -> Sample:
    """Bring home what waits in the broker's queue: from the first reading stored to the last."""
    rig.reset()
    plan = consumer.plan
    child, publisher = consumer.open(rig, plan), rig.publisher(plan)
    try:
        await publisher.start()
        await child.start()
        await child.stop()
        publisher.go()
        await publisher.report()
        child, of_servers = consumer.open(rig, plan), _servers_s(rig)
        starting = asyncio.ensure_future(child.start())
        if consumer.collection is None:
            await starting
            came = await child.report()
            count, first_s, last_s = plan.count, came["first_s"], came["last_s"]
            used_s, resident = came["cpu_s"], came["resident_mib"]
        else:
            already, first_s = await rig.until_stored(consumer.collection, 1)
            if already == plan.count:
                raise BenchError(f"{already:,} readings were stored at the first look; take more")
            before_s, of_servers = cpu_s(child.process), _servers_s(rig)
            _, last_s = await rig.until_stored(consumer.collection, plan.count)
            count = plan.count - already
            await starting
            used_s = cpu_s(child.process) - before_s
            resident = resident_mib(child.process)
        broker_us, database_us = _since(rig, of_servers, count)
    finally:
        await child.stop()
        await publisher.stop()
        rig.reset()
    cpu_us = used_s * 1e6 / count
    rate = count / (last_s - first_s)
    return Sample(consumer.name, "catch-up", rate, cpu_us, resident, 0.0, broker_us, database_us)
