"""A password is changed while a program runs: it says so, and goes on once it has been given the new one."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.access.accounts import new_password, open_accounts
from broker.access.roles import Account
from broker.errors import BrokerError
from stack.processes import Process, running
from tests.security.world import World
from tests.servers import PATIENCE_S, Wire, eventually

pytestmark = pytest.mark.integration
NAME = "renewed"


@dataclass
class Renewal:
    """A sensor node whose URL is in a file, and its user on the broker."""

    world: World
    process: Process
    file: Path

    def renew(self) -> str:
        """Give the user another password; the URL with it."""
        password = new_password()
        with open_accounts(self.world.users, "energy") as accounts:
            accounts.put(Account(name=NAME, role="sensor", sites=("a",)), password)
        servers = self.world.servers
        return servers.accounts.mqtt_url(NAME, password, servers.mqtt_port)

    @property
    def log(self) -> str:
        assert self.process.log is not None
        return self.process.log.read_text()


@pytest.fixture
async def renewal(world: World, tmp_path: Path) -> AsyncIterator[Renewal]:
    file = tmp_path / "mqtt-url"
    command = [sys.executable, "-m", "sensor_node", "--sensor-id", NAME, "--interval", "100ms"]
    environment = {"ENERGY_MQTT_URL_FILE": str(file), "ENERGY_SITE": "a", "ENERGY_MQTT_URL": ""}
    command += ["--outbox", str(tmp_path / "outbox.db"), "--drain", "0s"]
    renewal = Renewal(world, Process("node", command, environment, tmp_path / "node.log"), file)
    file.write_text(renewal.renew())
    async with world.wire("viewer") as viewer:
        await viewer.listen(f"energy/readings/a/{NAME}")
        # The broker reads its users again within a second, and lets nobody in whom it does not know yet.
        await eventually(lambda: _lets_in(file.read_text()))
        async with running(renewal.process):
            await eventually(lambda: bool(viewer.messages))
            yield renewal


async def _lets_in(url: str) -> bool:
    try:
        async with Wire(url):
            return True
    except BrokerError:
        return False


async def test_program_says_that_its_password_no_longer_fits(renewal: Renewal) -> None:
    renewal.renew()
    address = f"127.0.0.1:{renewal.world.servers.mqtt_port}"
    sentence = f"Now the broker at {address} does not let user {NAME} in (not authorized); "
    await eventually(lambda: sentence in renewal.log)
    assert renewal.log.count("does not let user") == 1


async def test_program_with_another_password_in_its_file_stops_in_order_to_be_started_again(
    renewal: Renewal,
) -> None:
    renewal.file.write_text(renewal.renew())
    async with asyncio.timeout(PATIENCE_S):
        assert "status 1" in await renewal.process.wait_ended()
    assert "ENERGY_MQTT_URL_FILE has a new value; stopping, to be started again with it." in renewal.log
    assert "Traceback" not in renewal.log
