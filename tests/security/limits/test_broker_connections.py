"""Silent connections: how many the broker takes, and that our own programs get in all the same."""

from pathlib import Path

import pytest

from stack.mosquitto import accepts_clients
from tests.security.limits.brokers import descriptors, silent, start_broker
from tests.security.storm import connect_all, drop_all
from tests.security.world import World

pytestmark = pytest.mark.integration

# What many systems allow a program at first.
USUAL = "-Sn 1024"
# So few that a test reaches the end of them: half for our own lane, and 64 for the broker itself.
FEW = "-n 400"
FOR_OTHERS = 400 - 200 - 64


async def lets_in(world: World) -> tuple[bool, bool]:
    """Whether one of our own programs gets in, and whether somebody else does."""
    servers = world.servers
    own = await accepts_clients(servers.mqtt_by_socket("ingestor"))
    return own, await accepts_clients(servers.mqtt("viewer"))


async def test_thousand_silent_connections_shut_nobody_out(tmp_path: Path) -> None:
    with descriptors(2000):
        async with start_broker(tmp_path, files=USUAL) as world, silent(world.servers.mqtt_port, 1100):
            assert await lets_in(world) == (True, True)


async def test_with_the_usual_number_of_files_they_shut_others_out(tmp_path: Path) -> None:
    with descriptors(2000):
        async with (
            start_broker(tmp_path, files=USUAL, without="ulimit -n .*Hn") as world,
            silent(world.servers.mqtt_port, 1100),
        ):
            assert await lets_in(world) == (True, False)


async def test_as_many_as_there_are_do_not_shut_out_our_own_programs(tmp_path: Path) -> None:
    async with start_broker(tmp_path, files=FEW) as world, silent(world.servers.mqtt_port, 500):
        assert await lets_in(world) == (True, False)


async def test_without_a_limit_of_the_public_listener_they_would(tmp_path: Path) -> None:
    async with (
        start_broker(tmp_path, files=FEW, without="max_connections") as world,
        silent(world.servers.mqtt_port, 500),
    ):
        assert await lets_in(world) == (False, False)


async def let_in(folder: Path, without: str = "") -> int:
    """How many of 200 clients get in at once."""
    async with start_broker(folder, files=FEW, without=without) as world:
        clients = await connect_all(world.url("gateway-a"), [f"storm-{number}" for number in range(200)])
        drop_all(clients)
        return len(clients)


async def test_more_than_the_broker_has_room_for_are_turned_away(tmp_path: Path) -> None:
    # Mosquitto counts a few too late.
    assert FOR_OTHERS <= await let_in(tmp_path) < FOR_OTHERS + 10


async def test_without_the_limit_all_come_in(tmp_path: Path) -> None:
    assert await let_in(tmp_path, "max_connections") == 200
