"""Strangers hold connections to MongoDB and say nothing: programs of ours go on, the server stays small."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from stack.secrets.credentials import Credentials
from stack.servers import Servers
from tests.security.databases import start_database
from tests.servers import eventually

pytestmark = pytest.mark.integration

SILENT = 200
BOUND = 64
# The longest message that MongoDB takes has 48 MB; of what is announced it keeps what has come.
LONG_MESSAGE = struct.pack("<iiii", 48_000_000, 1, 0, 2013)
BEGUN_BYTES = 4 << 20
# Bytes: each connection that is let in has a thread.
FOR_EACH = 100 << 10


@contextmanager
def silent_connections(port: int, count: int, *, begun: bool = False) -> Iterator[None]:
    """Connections that say nothing, or begin a long message; those that MongoDB ends at once count, too."""
    with ExitStack() as open_ones:
        for _ in range(count):
            with suppress(ConnectionError):
                one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), 20))
                if begun:
                    one.sendall(LONG_MESSAGE + bytes(BEGUN_BYTES))
        yield


def answers(url: str) -> bool:
    try:
        with MongoClient[dict[str, object]](url, timeoutMS=5000) as client:
            client.energy_db.measures.find_one()
    except PyMongoError:
        return False
    return True


def connections(url: str) -> int:
    with MongoClient[dict[str, object]](url) as client:
        return int(client.admin.command("serverStatus")["connections"]["current"])


async def until_strangers_are_turned_away(servers: Servers) -> None:
    await eventually(lambda: not answers(servers.mongo("viewer")))


async def test_silent_connections_shut_out_no_program_of_ours_and_cost_little(tmp_path: Path) -> None:
    async with start_database(tmp_path, Credentials.generate()) as servers:
        assert servers.database.running is not None
        server = psutil.Process(servers.database.running.pid)
        before = server.memory_info().rss
        with silent_connections(servers.mongo_port, SILENT):
            await until_strangers_are_turned_away(servers)
            assert await asyncio.to_thread(answers, servers.mongo_by_socket("ingestor"))
            # What is held besides is this test's own.
            assert await asyncio.to_thread(connections, servers.mongo_by_socket("admin")) < BOUND + 20
            assert server.memory_info().rss - before < SILENT * FOR_EACH


async def test_long_messages_that_strangers_begin_cost_no_more_than_is_promised(tmp_path: Path) -> None:
    async with start_database(tmp_path, Credentials.generate()) as servers:
        assert servers.database.running is not None
        server = psutil.Process(servers.database.running.pid)
        before = server.memory_info().rss
        with silent_connections(servers.mongo_port, SILENT, begun=True):
            await until_strangers_are_turned_away(servers)
            assert await asyncio.to_thread(answers, servers.mongo_by_socket("ingestor"))
            assert server.memory_info().rss - before < BOUND * BEGUN_BYTES * 1.5


async def test_without_a_lane_of_their_own_they_would_be_shut_out(tmp_path: Path) -> None:
    async with start_database(tmp_path, Credentials.generate(), without="Override") as servers:
        url = servers.mongo_by_socket("ingestor")
        with ExitStack() as strangers:

            def is_shut_out() -> bool:
                # What a client of the test's own held a moment ago is for strangers, too.
                strangers.enter_context(silent_connections(servers.mongo_port, BOUND))
                return not answers(url)

            await eventually(is_shut_out)


async def test_without_the_bound_all_are_let_in(tmp_path: Path) -> None:
    async with start_database(tmp_path, Credentials.generate(), without="maxIncoming") as servers:
        with silent_connections(servers.mongo_port, SILENT):
            await eventually(lambda: connections(servers.mongo_by_socket("admin")) >= SILENT)
