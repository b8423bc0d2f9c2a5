"""The sensor side: does one node with ten thousand meters keep its schedule?"""

import asyncio
import sys
from dataclasses import dataclass

from bench.load.load_plan import SITE
from bench.measure.latency import read
from bench.processes import BenchProcess, cpu_s, resident_mib
from bench.rig import BenchRig

SETTLED_AFTER = 10


@dataclass(frozen=True, slots=True)
class Schedule:
    """How late readings came at a subscriber, against an even schedule.

    Attributes:
        meters: How many the node has; each is read once a second.
        timed: Readings that were looked at.
        late_ms: Median, 99th percentile and maximum, milliseconds behind the one that was least late. A node
            that cannot keep its rate falls ever further behind, which is seen here as well.
        cpu_share: Of one core, that the node used.
        resident_mib: Its memory at the end, MiB.
    """

    meters: int
    timed: int
    late_ms: tuple[float, ...]
    cpu_share: float
    resident_mib: float


async def keeps_schedule(rig: BenchRig, meters: int, seconds: int) -> Schedule:
    """Run a node beside an ingestor, and time its readings at a subscriber.

    The first ten seconds, in which the node connects and subscribes, are left out.
    """
    rig.reset()
    count, skipped = meters * (seconds + SETTLED_AFTER), meters * SETTLED_AFTER
    came = rig.folder / "came"
    topic = f"energy/readings/{SITE}/+"
    subscriber = rig.child(
        "limit", "-m", "bench.load.limit", str(count), "--topic", topic, "--times", str(came)
    )
    ingestor, node = rig.ingestor(), _node(rig, meters)
    try:
        await ingestor.start()
        await subscriber.start()
        await node.launch()
        await rig.until_stored("measures", skipped)
        before_s, began_s = cpu_s(node.process), asyncio.get_running_loop().time()
        await subscriber.report()
        used_s = cpu_s(node.process) - before_s
        share = used_s / (asyncio.get_running_loop().time() - began_s)
        resident = resident_mib(node.process)
    finally:
        await node.stop()
        await subscriber.stop()
        await ingestor.stop()
    times = read(came)[skipped:]
    step_s = 1 / meters
    behind_s = [moment - number * step_s for number, moment in enumerate(times)]
    least = min(behind_s)
    late = sorted((each - least) * 1000 for each in behind_s)
    shown = tuple(late[int((len(late) - 1) * part)] for part in (0.5, 0.99, 1.0))
    return Schedule(meters, len(times), shown, share, resident)


def _node(rig: BenchRig, meters: int) -> BenchProcess:
    command = [sys.executable, "-m", "sensor_node", "--count", str(meters), "--interval", "1s"]
    environment = {
        "ENERGY_MQTT_URL": rig.servers.mqtt("sensors"),
        "ENERGY_SITE": SITE,
    }
    sensor = ["--sensor-id", f"{SITE}-000001"]
    return BenchProcess("sensor-node", command + sensor, environment, rig.folder / "sensor-node.log")
