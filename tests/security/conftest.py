"""The worlds: as they are, with and without TLS, one in which nobody's rights are in force, and arenas."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.servers import Servers
from tests.security.web import WebSite, as_users_run_it
from tests.security.world import World, start_world


@pytest_asyncio.fixture(scope="package", loop_scope="session", params=["plain", "tls"])
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """The stack as it is."""
    folder = tmp_path_factory.mktemp("world")
    async with start_world(folder, tls=request.param == "tls") as one:
        yield one


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def tls_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The stack as it is, with TLS."""
    async with start_world(tmp_path_factory.mktemp("tls-world"), tls=True) as one:
        yield one


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def open_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Everybody who has a password may do everything on the broker."""
    async with start_world(tmp_path_factory.mktemp("open-world"), tls=False, rights=False) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def arena(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Servers for ingestors that are attacked."""
    async with start_world(tmp_path_factory.mktemp("arena"), tls=False) as one:
        yield one


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the ingestor that is attacked says."""
    return tmp_path / "ingestor.log"


@pytest_asyncio.fixture(scope="package", loop_scope="session", params=["http", "https"])
async def website(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WebSite]:
    """The web page as it is, over plain HTTP and over https."""
    folder = tmp_path_factory.mktemp("website")
    async with as_users_run_it(servers, folder, https=request.param == "https") as one:
        yield one
