"""Large answers: many requests at once for the largest rejected payloads that there are."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from stack.servers import Servers
from tests.integration.api import Stock
from tests.security.limits.memory import resident_mib
from tests.security.limits.page import attacked_page, silent_connections
from tests.servers import PATIENCE_S, eventually

pytestmark = pytest.mark.integration

PAYLOADS = 100
PAYLOAD_BYTES = 65_000
AT_ONCE = 48
PATH = "/api/v1/rejected?limit=100"


@pytest.fixture
def large_payloads(database: Database[dict[str, Any]], site: str) -> Iterator[None]:
    stock = Stock(database, site)
    try:
        for _ in range(PAYLOADS):
            stock.reject("large", datetime.now(UTC), payload=os.urandom(PAYLOAD_BYTES))
        yield
    finally:
        stock.clear()


async def ask(servers: Servers, folder: Path, build: str) -> int:
    """Ask for the same page of payloads many times at once; by how much the page grows at most, MiB."""
    async with attacked_page(servers, folder, build) as (site, process):
        token = await site.log_in("viewer")
        shown = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        before = resident_mib(process)
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(base_url=site.url, headers=shown, timeout=300, limits=limits) as many:
            asked = [many.get(PATH) for _ in range(AT_ONCE)]
            ended = await asyncio.gather(*asked, return_exceptions=True)
        found = [each for each in ended if isinstance(each, httpx.Response)]
        # On a busy machine some do not read fast enough, and are hung up on.
        hung_up = [each for each in ended if isinstance(each, httpx.RemoteProtocolError)]
        assert len(found) + len(hung_up) == AT_ONCE
        whole = [each for each in found if each.status_code == 200]
        assert len(whole) > 4
        assert all(len(each.json()["items"]) == PAYLOADS for each in whole)
        assert {each.status_code for each in found} <= {200, 429}
        return resident_mib(process, "VmHWM") - before


@pytest.mark.usefixtures("large_payloads")
async def test_few_large_answers_are_made_at_a_time(servers: Servers, tmp_path: Path) -> None:
    assert await ask(servers, tmp_path, "as_it_is") < 220


@pytest.mark.usefixtures("large_payloads")
async def test_if_all_were_made_at_once_memory_would_grow(servers: Servers, tmp_path: Path) -> None:
    assert await ask(servers, tmp_path, "all_answers_at_once") > 300


async def _is_answered(viewer: httpx.AsyncClient) -> bool:
    return (await viewer.get("/api/v1/rejected?limit=1", timeout=60)).status_code == 200


async def leave_unread(servers: Servers, folder: Path, build: str) -> int:
    """Ask for it on many connections and read nothing; by how much the page grows at most, MiB."""
    async with attacked_page(servers, folder, build) as (site, process):
        token = await site.log_in("viewer")
        request = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        before = resident_mib(process)
        async with silent_connections(site.port, AT_ONCE, request.encode()):
            await asyncio.sleep(5)  # for answers to be made that nobody reads
        # Those that nobody waits for any more come first.
        async with site.browser(token) as viewer:
            await eventually(lambda: _is_answered(viewer), PATIENCE_S)
        return resident_mib(process, "VmHWM") - before


@pytest.mark.usefixtures("large_payloads")
async def test_few_are_kept_for_who_does_not_read_them(servers: Servers, tmp_path: Path) -> None:
    assert await leave_unread(servers, tmp_path, "as_it_is") < 220
