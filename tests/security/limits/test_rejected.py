"""Large payloads that are no readings: each takes long to read, and meanwhile everybody waits."""

from pathlib import Path

import pytest

from ingestor.receive.rejected_bytes import TOPIC_BYTES_AT_ONCE
from tests.security.ingestors import Target, attacked
from tests.security.world import World

pytestmark = pytest.mark.integration

LARGE = b"[" + b"7," * (32 * 1024 - 2) + b"7]"
SENT = 60
# Those that are read before there are too many, and what is allowed again on a slow machine.
MOST_READ = 2 * TOPIC_BYTES_AT_ONCE // len(LARGE)


async def read_in_vain(target: Target) -> int:
    """How many of many large payloads of one sensor are read; that many are kept as they came."""
    async with target.world.wire("sensor-a1") as bad:
        await bad.publish("energy/readings/a/sensor-a1", *[LARGE] * SENT)
        await target.settled(SENT)
    assert target.accounted("sensor-a1") == SENT
    return target.kept("sensor-a1")


async def test_only_some_are_read_and_the_others_counted(arena: World, log: Path) -> None:
    async with attacked(arena, log) as target:
        assert 0 < await read_in_vain(target) <= MOST_READ


async def test_all_would_be_read(arena: World, log: Path) -> None:
    async with attacked(arena, log, build="reads_everything") as target:
        assert await read_in_vain(target) == SENT
