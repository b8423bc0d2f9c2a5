"""What stays the same when there is more: of sensors, stored readings, payloads, or waiting."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bench.load.history import insert_history, stored_measure
from bench.load.load_plan import NORMAL_KWH, LoadPlan
from bench.measure.throughput import live, ours
from bench.processes import cpu_s, resident_mib
from bench.rig import NAME, BenchRig
from broker.topics import SensorKey
from ingestor.documents import Measure, utc_now

KIB = 1024
SAMPLE_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class SensorCountResult:
    """How an ingestor fares with so many sensors, at a fixed rate.

    Attributes:
        cpu_us: CPU time per reading, microseconds.
        resident_mib: Memory at the end, MiB.
    """

    sensors: int
    rate: float
    cpu_us: float
    resident_mib: float


async def with_sensors(rig: BenchRig, sensors: int, rate: float, count: int) -> SensorCountResult:
    """Publish a number of readings of so many sensors at a rate, once each of them has been seen."""
    rig.reset()
    plan = LoadPlan(sensors + count, sensors=sensors, rate=rate)
    ingestor, publisher = rig.ingestor(), rig.publisher(plan)
    try:
        await publisher.start()
        await ingestor.start()
        publisher.go()
        already, _ = await rig.until_stored("measures", sensors)
        before_s = cpu_s(ingestor.process)
        await rig.until_stored("measures", plan.count)
        await publisher.report()
        used_s, count = cpu_s(ingestor.process) - before_s, plan.count - already
        return SensorCountResult(sensors, rate, used_s * 1e6 / count, resident_mib(ingestor.process))
    finally:
        await ingestor.stop()
        await publisher.stop()


@dataclass(frozen=True, slots=True)
class StoredCountResult:
    """How fast readings come home when so many are stored already.

    Attributes:
        stored: Documents in ``measures`` before.
        rate: Readings per second, live.
    """

    stored: int
    rate: float


async def with_documents(
    rig: BenchRig, stored: int, count: int, tell: Callable[[str], None]
) -> StoredCountResult:
    """Fill the database with the past up to a number, and measure live."""
    missing = stored - rig.stored("measures")
    past = _past(stored - missing, stored)
    await asyncio.to_thread(
        insert_history, rig, "measures", past, lambda done: tell(f"the past: {done:,} of {missing:,}")
    )
    # Its periods count as computed, as in a system that has run all the time.
    rig.database["checkpoints"].replace_one({"_id": NAME}, {"until": utc_now()}, upsert=True)
    sample = await live(rig, ours("ours", LoadPlan(count)), keep=True)
    return StoredCountResult(stored, sample.rate)


def _past(first: int, end: int) -> Iterator[Measure]:
    """One reading a second of a thousand sensors, up to yesterday."""
    received_at = utc_now() - timedelta(days=1)
    start = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    for number in range(first, end):
        moment, sensor = start + timedelta(seconds=number // 1000), f"past-{number % 1000:04}"
        yield stored_measure(SensorKey("bench", sensor), NORMAL_KWH, moment, received_at)


@dataclass(frozen=True, slots=True)
class ArrayResult:
    """How fast readings come home when each payload holds several."""

    array: int
    rate: float
    cpu_us: float


async def with_arrays(rig: BenchRig, array: int, count: int) -> ArrayResult:
    """Measure live with so many readings in a payload."""
    sample = await live(rig, ours("ours", replace(LoadPlan(count), array=array)))
    return ArrayResult(array, sample.rate, sample.cpu_us)


@dataclass(frozen=True, slots=True)
class StallResult:
    """A database that does not answer for a while, at full rate.

    Attributes:
        before_mib: Memory of the ingestor before, MiB.
        most_mib: The most that it took.
        waiting: Readings published and not stored when the database answered again.
        catch_up_rate: Stored readings per second from then on.
    """

    seconds: float
    before_mib: float
    most_mib: float
    waiting: int
    catch_up_rate: float


async def stalled(rig: BenchRig, seconds: float, count: int) -> StallResult:
    """Publish at full speed while mongod is stopped, then let it go on."""
    rig.reset()
    ingestor, publisher = rig.ingestor(), rig.publisher(LoadPlan(count))
    try:
        await publisher.start()
        await ingestor.start()
        before_mib = most_mib = resident_mib(ingestor.process)
        publisher.go()
        await rig.until_stored("measures", 1)
        rig.mongod.suspend()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            most_mib = max(most_mib, resident_mib(ingestor.process))
            await asyncio.sleep(SAMPLE_EVERY_S)
        rig.mongod.resume()
        await publisher.report()
        already = rig.stored("measures")
        first, first_s = await rig.until_stored("measures", already + 1)
        _, last_s = await rig.until_stored("measures", count)
        most_mib = max(most_mib, resident_mib(ingestor.process))
        rate = (count - first) / (last_s - first_s)
        return StallResult(seconds, before_mib, most_mib, count - already, rate)
    finally:
        rig.mongod.resume()
        await ingestor.stop()
        await publisher.stop()
