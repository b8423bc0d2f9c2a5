"""How long a reading takes: from its PUBLISH until it is stored, and until its alert is heard."""

from array import array
from dataclasses import dataclass
from pathlib import Path

from bench.load.load_plan import LoadPlan
from bench.rig import BenchRig

RATES = (100, 1_000, 5_000)
SHARES = (0.50, 0.99, 1.0)
WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of one way at one rate.

    Attributes:
        way: From where to where.
        rate: Readings per second.
        count: How many were timed.
        milliseconds: Median, 99th percentile and maximum.
    """

    way: str
    rate: int
    count: int
    milliseconds: tuple[float, ...]


def percentiles(way: str, rate: int, sent: "array[float]", came: "array[float]") -> Latency:
    """Compare when messages were sent with when they came, in the same order.

    Args:
        way: From where to where.
        rate: Readings per second.
        sent: Monotonic seconds.
        came: Monotonic seconds.
    """
    waits_s = sorted(there - here for here, there in zip(sent, came, strict=True))
    last = len(waits_s) - 1
    return Latency(way, rate, len(waits_s), tuple(waits_s[int(last * share)] * 1000 for share in SHARES))


async def bare(rig: BenchRig, rate: int, seconds: float) -> Latency:
    """From a publisher through the broker to a subscriber that does nothing else."""
    rig.reset()
    plan = LoadPlan(int(rate * seconds), rate=rate)
    sent, came = rig.folder / "sent", rig.folder / "came"
    subscriber = rig.child("limit", "-m", "bench.load.limit", str(plan.count), "--times", str(came))
    publisher = rig.publisher(plan, sent)
    try:
        await subscriber.start()
        await publisher.start()
        publisher.go()
        await publisher.report()
        await subscriber.report()
    finally:
        await publisher.stop()
        await subscriber.stop()
    return percentiles("publish to a bare subscriber", rate, read(sent), read(came))


async def through(rig: BenchRig, rate: int, seconds: float) -> list[Latency]:
    """From a publisher into the database, and from a publisher to a subscriber of alerts."""
    rig.reset()
    plan = LoadPlan(int(rate * seconds), rate=rate, anomalies=10)
    high = [number for number in range(plan.count) if number % 100 < plan.anomalies]
    files = sent, stored, heard = [rig.folder / name for name in ("sent", "stored", "heard")]
    ingestor, publisher = rig.ingestor(), rig.publisher(plan, sent)
    watcher = rig.child("watcher", "-m", "bench.load.watcher", str(plan.count), str(stored))
    alerts = ["--topic", "energy/alerts/+/+", "--client", "bench-alerts", "--times", str(heard)]
    subscriber = rig.child("alerts", "-m", "bench.load.limit", str(len(high)), *alerts, role="viewer")
    children = ingestor, subscriber, watcher, publisher
    try:
        for child in children:
            await child.start()
        publisher.go()
        for child in (publisher, watcher, subscriber):
            await child.report()
    finally:
        for child in reversed(children):
            await child.stop()
    times, in_database, at_subscriber = map(read, files)
    return [
        percentiles("publish to stored", rate, times[WARM_UP:], in_database[WARM_UP:]),
        percentiles(
            "publish to alert heard", rate, array("d", [times[number] for number in high]), at_subscriber
        ),
    ]


def read(path: Path) -> "array[float]":
    """Read times that a process wrote."""
    times = array("d")
    times.frombytes(path.read_bytes())
    return times
