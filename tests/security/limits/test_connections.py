"""More silent connections than files: they shut out nobody, and the ingestor still reaches its broker."""

import asyncio
from pathlib import Path

import pytest

from stack.servers import Servers
from tests.readings import payload
from tests.security.ingestors import Target, attacked
from tests.security.limits.page import answers, attacked_page, silent_connections
from tests.security.world import start_world
from tests.servers import eventually

pytestmark = pytest.mark.integration

# A process may open 400 files here.
SILENT = 1000
TRIES = 5


async def is_answered(port: int, path: str) -> bool:
    """Whether somebody who asks at once gets an answer while all others are silent."""
    return [(await answers(port, path)).endswith("200 OK") for _ in range(TRIES)] == [True] * TRIES


@pytest.mark.parametrize(
    "said", [b"", b"GET /login HTTP/1.1\r\nHost: localhost\r\n"], ids=["nothing", "half"]
)
async def test_silent_connections_shut_out_nobody(servers: Servers, tmp_path: Path, said: bytes) -> None:
    async with attacked_page(servers, tmp_path) as (site, _):
        token = await site.log_in("viewer")
        async with site.socket(token) as live, silent_connections(site.port, SILENT, said):
            assert await is_answered(site.port, "/live")
            # Who is logged in stays so.
            assert await live.goes_on()
            assert len(token) > 20


async def test_without_a_limit_they_do(servers: Servers, tmp_path: Path) -> None:
    build = "endless_requests"
    async with attacked_page(servers, tmp_path, build) as (site, _), silent_connections(site.port, SILENT):
        assert not await answers(site.port)


async def test_who_does_not_speak_tls_shuts_out_nobody(servers: Servers, tmp_path: Path) -> None:
    async with (
        attacked_page(servers, tmp_path, https=True) as (site, _),
        silent_connections(site.port, SILENT),
    ):
        assert await site.is_live()


async def lose_broker(target: Target) -> None:
    """Have the broker start anew, and a sensor send a reading."""
    broker = target.world.servers.broker
    await broker.stop()
    await broker.start()
    await broker.ready(target.world.servers.broker_ready)
    async with target.world.wire("sensor-a1") as wire:
        await wire.publish("energy/readings/a/sensor-a1", payload("sensor-a1", 1.0))


async def test_ingestor_reaches_its_broker_while_strangers_hold_its_pages(tmp_path: Path, log: Path) -> None:
    async with (
        start_world(tmp_path / "world", tls=False) as world,
        attacked(world, log, build="few_files") as target,
    ):
        port = target.ingestor.http_port
        async with silent_connections(port, SILENT, b"GET /metrics HTTP/1.1\r\n"):
            assert await is_answered(port, "/metrics")
            await lose_broker(target)
            await eventually(lambda: target.stored("sensor-a1") == 1)


async def test_without_files_of_its_own_it_does_not(tmp_path: Path, log: Path) -> None:
    async with (
        start_world(tmp_path / "world", tls=False) as world,
        attacked(world, log, build="no_connection_limit") as target,
    ):
        async with silent_connections(target.ingestor.http_port, SILENT):
            await lose_broker(target)
            await asyncio.sleep(5)  # more than it takes to connect again
            assert target.stored("sensor-a1") == 0
        await eventually(lambda: target.stored("sensor-a1") == 1, 60)
