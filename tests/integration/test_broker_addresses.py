"""The broker is reached over IPv4, IPv6 and a Unix socket."""

from pathlib import Path

import pytest

from stack.mosquitto import accepts_clients
from tests.security.limits.brokers import start_broker

pytestmark = pytest.mark.integration


async def test_client_reaches_a_broker_on_ipv6_only_and_through_its_socket(tmp_path: Path) -> None:
    async with start_broker(tmp_path) as world:
        servers = world.servers
        await servers.broker.stop()
        port = servers.mqtt_port
        servers.broker.ports = ()
        servers.broker.environment = {**servers.broker.environment, "MOSQUITTO_LISTENER": f"{port} ::1"}
        await servers.broker.start()
        await servers.broker.ready(servers.broker_ready)
        assert await accepts_clients(servers.mqtt_by_socket("viewer"))
        assert await accepts_clients(servers.accounts.mqtt("viewer", port, "[::1]"))
        assert not await accepts_clients(servers.mqtt("viewer"))
