"""Servers, an ingestor and a web page for all browser tests that do not harm them; a browser for each."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from pymongo import MongoClient
from pymongo.database import Database

from stack.secrets.credentials import DATABASE, Credentials
from stack.servers import Servers, start_servers
from tests.browser.web import CHROMIUM, Web, start_browser
from tests.servers import RunningIngestor, Site, Wire


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def lit(tmp_path_factory: pytest.TempPathFactory, accounts: Credentials) -> AsyncIterator[Web]:
    """A web page on servers of its own, with an ingestor for all sites."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    folder = tmp_path_factory.mktemp("browser")
    async with start_servers(folder / "servers", accounts) as servers:
        ingestor = RunningIngestor(servers, "+", folder / "ingestor.log", ("--name", "ingestor"))
        await ingestor.start()
        try:
            async with Web(servers, folder / "web.log").running() as web:
                yield web
        finally:
            await ingestor.stop()


@pytest.fixture
def web(lit: Web) -> Iterator[Web]:
    """The web page; no test may leave behind that a script ran which should not."""
    yield lit
    told, lit.dialogs = lit.dialogs, []
    assert told == []


@pytest.fixture
def web_servers(lit: Web) -> Servers:
    return lit.servers


@pytest.fixture
def web_database(lit: Web) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](lit.servers.mongo("admin")) as client:
        yield client[DATABASE]


@pytest_asyncio.fixture(loop_scope="session")
async def meter(
    lit: Web, web_database: Database[dict[str, Any]], site: str, sensor: str
) -> AsyncIterator[Site]:
    """A sensor of the test's own."""
    async with Wire(lit.servers.mqtt("sensors")) as wire:
        yield Site(web_database, wire, site, sensor)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    async with start_browser() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """A browser; no test finds a window or a cookie of another."""
    yield chromium
    for context in chromium.contexts:
        await context.close()
