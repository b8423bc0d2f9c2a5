"""Real servers for all tests, started once; each test gets a site of its own on them."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import MongoClient
from pymongo.database import Database

from stack.secrets.credentials import DATABASE, Credentials
from stack.servers import Servers, start_servers
from tests.servers import RunningIngestor, Site, Wire

ROOT = Path(__file__).parent.parent
numbers = itertools.count(1)

StartIngestor = Callable[..., AbstractAsyncContextManager[RunningIngestor]]


@pytest.fixture(scope="session")
def accounts() -> Credentials:
    return Credentials.generate()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory, accounts: Credentials) -> AsyncIterator[Servers]:
    """Mosquitto and mongod for all tests that do not harm them."""
    async with start_servers(tmp_path_factory.mktemp("servers"), accounts) as both:
        yield both


@pytest.fixture
def database(servers: Servers) -> Iterator[Database[dict[str, Any]]]:
    """The database as its administrator sees it."""
    with MongoClient[dict[str, Any]](servers.mongo("admin")) as client:
        yield client[DATABASE]


@pytest.fixture
async def own_servers(tmp_path: Path, accounts: Credentials) -> AsyncIterator[Servers]:
    """Servers for one test, to be harmed."""
    async with start_servers(tmp_path / "servers", accounts) as both:
        yield both


@pytest.fixture
async def own_place(own_servers: Servers, site: str, sensor: str) -> AsyncIterator[Site]:
    """The test's site on its own servers."""
    async with Wire(own_servers.mqtt("sensors")) as wire:
        with MongoClient[dict[str, Any]](own_servers.mongo("admin")) as client:
            yield Site(client[DATABASE], wire, site, sensor)


@pytest.fixture
def site() -> str:
    return f"site-{next(numbers)}"


@pytest.fixture
def sensor(site: str) -> str:
    """A sensor of the test's own; a node that counts up from it meets no other test's sensor either."""
    return f"Sensor-{site}-1"


@pytest.fixture
async def sensors(servers: Servers) -> AsyncIterator[Wire]:
    """A client with the rights of a sensor node."""
    async with Wire(servers.mqtt("sensors")) as wire:
        yield wire


@pytest.fixture
def place(database: Database[dict[str, Any]], sensors: Wire, site: str, sensor: str) -> Site:
    return Site(database, sensors, site, sensor)


@pytest.fixture
async def viewer(servers: Servers, site: str) -> AsyncIterator[Wire]:
    """A client that sees everything of the test's site."""
    async with Wire(servers.mqtt("viewer")) as wire:
        await wire.listen(f"energy/+/{site}/+")
        await wire.listen(f"energy/ingestors/{site}")
        yield wire


@pytest.fixture
def start_ingestor(servers: Servers, site: str, tmp_path: Path) -> StartIngestor:
    """Starts an ingestor for the test's site; its log may never show a traceback."""

    @asynccontextmanager
    async def start(
        *options: str, on: Servers = servers, mqtt_port: int = 0, ready: bool = True
    ) -> AsyncIterator[RunningIngestor]:
        ingestor = RunningIngestor(on, site, tmp_path / "ingestor.log", options, mqtt_port=mqtt_port)
        try:
            await ingestor.start(ready=ready)
            yield ingestor
        finally:
            await ingestor.stop()
            assert "Traceback" not in ingestor.log.read_text()

    return start


@pytest.fixture
async def ingestor(start_ingestor: StartIngestor) -> AsyncIterator[RunningIngestor]:
    async with start_ingestor() as one:
        yield one
