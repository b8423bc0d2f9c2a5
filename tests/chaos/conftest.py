"""A system for each test, on servers that all chaos tests share and harm."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from stack.secrets.credentials import Credentials
from stack.servers import Servers, start_servers
from tests.chaos.rig import Rig, open_rig

OpenRig = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def harmed_servers(
    tmp_path_factory: pytest.TempPathFactory, accounts: Credentials
) -> AsyncIterator[Servers]:
    """Whoever harms them mends them."""
    async with start_servers(tmp_path_factory.mktemp("harmed"), accounts) as both:
        yield both


@pytest.fixture
def rig_of(harmed_servers: Servers, site: str, tmp_path: Path) -> OpenRig:
    """Opens the test's system, with another build of the ingestor if it is given."""
    return partial(open_rig, harmed_servers, site, tmp_path)
