"""Logs do not grow for ever, whatever makes others write into them."""

import sys
from pathlib import Path

import pytest

from stack.log_rotation import bound_logs
from stack.processes import Process, running
from tests.security.ingestors import attacked
from tests.security.world import World
from tests.servers import eventually

pytestmark = pytest.mark.integration

MAX_BYTES = 200_000
FLOODS = """
import itertools
for number in itertools.count():
    print(f"{number:099}")
"""
PAYLOADS = 300


def flood(folder: Path) -> Process:
    """A process that writes lines of 100 bytes without end."""
    return Process("flood", [sys.executable, "-c", FLOODS], log=folder / "flood.log")


async def test_log_of_a_process_that_floods_is_cut_and_its_end_is_kept(tmp_path: Path) -> None:
    log, older = tmp_path / "flood.log", tmp_path / "flood.log.1"
    async with running(flood(tmp_path)):
        numbers = []
        for _ in range(3):
            await eventually(lambda: log.stat().st_size > MAX_BYTES)
            bound_logs(tmp_path, MAX_BYTES)
            # The process writes on at the new end, and leaves no hole.
            await eventually(lambda: log.stat().st_size > 0)
            assert b"\0" not in log.read_bytes()
            assert older.stat().st_size <= MAX_BYTES
            numbers.append(int(older.read_bytes().splitlines()[-2]))
        assert numbers[0] < numbers[1] < numbers[2]
    size = log.stat().st_size
    bound_logs(tmp_path, size)
    assert log.stat().st_size == size


async def test_log_that_nobody_cuts_grows_on(tmp_path: Path) -> None:
    async with running(flood(tmp_path)):
        await eventually(lambda: (tmp_path / "flood.log").stat().st_size > 10 * MAX_BYTES)


async def provoke(arena: World, log: Path, build: str) -> int:
    """Send what the ingestor cannot read, again and again; how many lines it has written of that."""
    async with attacked(arena, log, build=build) as target, arena.wire("sensor-a1") as sensor:
        await sensor.publish("energy/readings/a/sensor-a1", *["unforeseen"] * PAYLOADS)
        await target.settled(PAYLOADS)
    return log.read_text().count("cannot be read; it is kept")  # noqa: ASYNC240 - a short file


async def test_sensor_cannot_fill_the_log_of_the_ingestor(arena: World, log: Path) -> None:
    assert 20 <= await provoke(arena, log, "unforeseen") < PAYLOADS / 3


async def test_without_a_limit_each_payload_is_a_line(arena: World, log: Path) -> None:
    assert await provoke(arena, log, "unforeseen_and_told") == PAYLOADS
