"""Late readings of a sensor with a great many: its rules are evaluated again, page by page."""

from datetime import timedelta
from pathlib import Path

import pytest

from ingestor.documents import format_timestamp, measure_id
from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.limits.memory import resident_mib
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

OWN = "energy/readings/a/sensor-a1"
READINGS = 80_000
APART = timedelta(milliseconds=5)
# All readings at once take about 100 MiB, a page of them takes 1 MiB.
MOST_MIB = 40
SOON_S = 120.0


async def grown_mib(target: Target) -> int:
    """A sensor that has so many readings of eight minutes sends an older one; how much memory that takes."""
    async with target.world.wire("sensor-a1") as bad:
        await bad.publish(OWN, payload("sensor-a1", 1.0))
        await eventually(lambda: target.stored("sensor-a1") == 1)
        (measure,) = target.database.measures.find({"sensor_id": "sensor-a1"})
        first = measure["timestamp"] - timedelta(minutes=8)
        times = [first + APART * number for number in range(READINGS)]
        written = [(at, measure_id("sensor-a1", format_timestamp(at))) for at in times]
        rows = [{**measure, "_id": name, "timestamp": at} for at, name in written]
        # The end of it all shows that everything was gone through.
        rows[-1] |= {"value_kwh": 99.0, "is_anomaly": True, "threshold_kwh": 12.0}
        target.database.measures.insert_many(rows, ordered=False)
        running = target.ingestor.process.running
        assert running is not None
        before_mib = resident_mib(running.pid)
        await bad.publish(OWN, payload("sensor-a1", 1.0, ago_s=500))
        raised = {"sensor_id": "sensor-a1", "rule": "overconsumption", "since": times[-1]}
        await eventually(lambda: target.database.alarms.count_documents(raised) == 1, SOON_S)
        return resident_mib(running.pid, "VmHWM") - before_mib


async def test_rules_are_evaluated_again_page_by_page(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert await grown_mib(target) < MOST_MIB


async def test_in_one_page_all_readings_are_in_memory(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="one_page") as target:
        assert await grown_mib(target) > MOST_MIB
