"""A backlog makes confirmations late; a node waits for them, and does not send all of it twice."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.chaos.rig import send_signal
from tests.preloaded import PreloadedProcess
from tests.servers import RunningIngestor, Site, Wire, eventually

pytestmark = pytest.mark.integration

READINGS = 3000


async def send_while_it_hangs(
    build: str, ingestor: RunningIngestor, place: Site, viewer: Wire, folder: Path, *, until: int
) -> int:
    """How many readings are sent in all if the ingestor hangs until the broker has had so many."""
    command = [sys.executable, "-m", "tests.chaos.build", "sensor_node", "--mutant", build, "--"]
    command += ["--sensor-id", place.sensor, "--count", "3", "--readings", str(READINGS)]
    command += ["--interval", "1s", "--from", "2026-11-01", "--speed", "max"]
    environment = {"ENERGY_MQTT_URL": ingestor.servers.mqtt("sensors"), "ENERGY_SITE": place.site}
    node = PreloadedProcess("node", command, environment, folder / "node.log")
    send_signal(ingestor.process, signal.SIGSTOP)
    await node.start()
    await eventually(lambda: len(viewer.on("energy/readings/")) >= until, 60)
    await asyncio.sleep(3)  # three times as long as a reading must wait before it is sent again
    send_signal(ingestor.process, signal.SIGCONT)
    assert "status 0" in await node.wait_ended()
    assert place.count() == READINGS
    return len(viewer.on("energy/readings/"))


async def test_backlog_is_not_sent_twice(
    ingestor: RunningIngestor, place: Site, viewer: Wire, tmp_path: Path
) -> None:
    sent = await send_while_it_hangs("hasty", ingestor, place, viewer, tmp_path, until=READINGS)
    # A few to see whether anybody is there.
    assert READINGS <= sent < READINGS + 10


async def test_node_that_goes_by_the_clock_would_send_it_twice(
    ingestor: RunningIngestor, place: Site, viewer: Wire, tmp_path: Path
) -> None:
    until = READINGS + 1000
    assert await send_while_it_hangs("by-the-clock", ingestor, place, viewer, tmp_path, until=until) >= until
