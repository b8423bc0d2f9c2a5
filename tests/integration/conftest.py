"""What tests of alarms need besides."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.servers import Servers
from tests.listener import Listener
from tests.servers import Site, Wire


@pytest.fixture
async def alarms(servers: Servers, viewer: Wire, place: Site) -> AsyncIterator[Listener]:
    async with Wire(servers.mqtt("operator")) as operator:
        yield Listener(viewer, operator, place)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return tmp_path / "alarms.toml"
