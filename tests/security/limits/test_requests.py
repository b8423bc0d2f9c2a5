"""Requests that have no end, by strangers: of headers, of bodies, of what is sent before a web socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.servers import Servers
from tests.security.ingestors import attacked
from tests.security.limits.page import (
    MEBIBYTE,
    answers,
    attacked_page,
    is_closed,
    memory_of,
    send_until_closed,
)
from tests.security.web import WebSite
from tests.security.world import World

pytestmark = pytest.mark.integration

LINE = b"".join(b"X-%05d: y\r\n" % number for number in range(1000))
PLAIN = b"GET /login HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
ENDLESS = {
    "header-lines": (PLAIN, LINE),
    "one-header": (PLAIN + b"X: ", b"y" * 4096),
    "address": (b"GET /login?", b"y" * 4096),
    "web-socket": (PLAIN.replace(b"/login", b"/_nicegui_ws/socket.io/") + UPGRADE, LINE),
    "chunks": (
        PLAIN.replace(b"GET", b"POST") + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1000\r\n%4096d\r\n" % 1,
    ),
    "body": (PLAIN.replace(b"GET", b"POST") + b"Content-Length: 99999999999\r\n\r\n", b"y" * 4096),
}
LENGTH = b"Content-Length: 50\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nuser=v"
UNFINISHED = {
    "nothing": b"",
    "half-a-line": b"GET /lo",
    "no-end": PLAIN,
    "form": PLAIN.replace(b"GET", b"POST") + LENGTH,
    "rest": PLAIN.replace(b"GET /login", b"POST /api/v1/token") + LENGTH,
    "second-request": PLAIN + b"\r\nGET /lo",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[WebSite, int]]:
    async with attacked_page(servers, tmp_path_factory.mktemp("page")) as one:
        yield one


@pytest.mark.parametrize("kind", ENDLESS)
async def test_request_without_end_is_not_kept(page: tuple[WebSite, int], kind: str) -> None:
    site, process = page
    before = memory_of(process)
    await asyncio.to_thread(send_until_closed, site.port, *ENDLESS[kind], 24 * MEBIBYTE)
    assert memory_of(process) - before < 30 * MEBIBYTE
    assert (await answers(site.port)).endswith("200 OK")


async def test_without_the_bound_it_is(servers: Servers, tmp_path: Path) -> None:
    async with attacked_page(servers, tmp_path, "endless_headers") as (site, process):
        before = memory_of(process)
        await asyncio.to_thread(send_until_closed, site.port, *ENDLESS["header-lines"], 24 * MEBIBYTE)
        assert memory_of(process) - before > 60 * MEBIBYTE


@pytest.mark.parametrize("kind", UNFINISHED)
async def test_request_that_is_not_finished_ends_with_its_time(page: tuple[WebSite, int], kind: str) -> None:
    site, _ = page
    assert await is_closed(site.port, [UNFINISHED[kind]], within_s=30)


@pytest.mark.parametrize("kind", ["nothing", "form"])
async def test_without_the_time_it_goes_on(servers: Servers, tmp_path: Path, kind: str) -> None:
    async with attacked_page(servers, tmp_path, "endless_requests") as (site, _):
        assert not await is_closed(site.port, [UNFINISHED[kind]], within_s=13)


@pytest.mark.parametrize("kind", ["header-lines", "one-header", "address", "chunks", "body"])
async def test_ingestor_keeps_none_either(arena: World, log: Path, kind: str) -> None:
    async with attacked(arena, log) as target:
        port = target.ingestor.http_port
        before = memory_of(target.ingestor.process_id)
        await asyncio.to_thread(send_until_closed, port, *ENDLESS[kind], 24 * MEBIBYTE)
        assert memory_of(target.ingestor.process_id) - before < 30 * MEBIBYTE
        assert await is_closed(port, [UNFINISHED["no-end"]], within_s=30)
        assert (await answers(port, "/ready")).endswith("200 OK")
