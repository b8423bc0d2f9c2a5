"""A local program takes a port of ours after it was chosen, or while our server is being started again."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from stack.ports import reserve_port
from stack.processes import Process, ProcessError, running
from stack.secrets.credentials import Credentials
from stack.servers import SMALL_CACHE_GB, Servers
from tests.fault_points.stack import RESTART_WHEN_ENDED, SOCKET_URL
from tests.security.stranger import fake_mongod
from tests.servers import PATIENCE_S, eventually
from tests.up import Up, children

pytestmark = pytest.mark.integration

SERVER = """
import signal, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    signal.pause()
"""
GRANDCHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SERVER!r}, sys.argv[1]])"


def own_server(port: int, code: str = SERVER) -> Process:
    return Process("The server", [sys.executable, "-c", code, str(port)], ports=[port])


async def works() -> bool:
    return True


@contextmanager
def stranger(port: int, host: str = "127.0.0.1") -> Iterator[None]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, dualstack_ipv6=":" in host):
        yield


@pytest.mark.parametrize("code", [SERVER, GRANDCHILD])
async def test_own_process_and_its_descendants_have_the_port(code: str) -> None:
    async with running(own_server(reserve_port(), code), works):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 - a stranger may
async def test_nobody_speaks_to_a_stranger_on_the_port(host: str) -> None:
    asked = []

    async def ask() -> bool:
        asked.append(True)
        return True

    port = reserve_port()
    server = own_server(port)
    with stranger(port, host), pytest.raises(ProcessError, match=f"another program took port {port} while"):
        async with running(server, ask):
            pass
    assert not asked


async def test_if_its_ports_were_not_looked_at_one_would() -> None:
    port = reserve_port()
    server = own_server(port)
    server.ports = ()
    with stranger(port):
        async with running(server, works):
            pass


@asynccontextmanager
async def supervised(process: Process) -> AsyncIterator[asyncio.Task[None]]:
    """A server that ``scripts/up`` starts again when it ends."""
    async with running(process, works):
        task = asyncio.create_task(RESTART_WHEN_ENDED.original(process))
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_stack_ends_when_a_stranger_takes_the_port_of_a_server_that_died() -> None:
    port = reserve_port()
    server = own_server(port)
    async with supervised(server) as restarting:
        assert server.running is not None
        os.kill(server.running.pid, signal.SIGKILL)
        await server.running.wait()
        with stranger(port), pytest.raises(ProcessError, match=f"another program took port {port} while"):
            await restarting


def is_another(server: Process, than: int) -> bool:
    return server.running is not None and server.running.pid != than


async def test_server_that_died_is_watched_again_once_it_has_its_port() -> None:
    server = own_server(reserve_port())
    async with supervised(server) as restarting:
        for _ in range(2):
            assert server.running is not None
            pid = server.running.pid
            os.kill(pid, signal.SIGKILL)
            await eventually(partial(is_another, server, pid))
        assert not restarting.done()


async def test_scripts_up_ends_with_one_sentence_then(tmp_path: Path) -> None:
    up = Up(tmp_path / "var", 1, "--nodes", "0")
    await up.process.start()
    try:
        await eventually(lambda: "Ctrl-C ends everything" in up.output(), seconds=60)
        port = int(up.environment()["ENERGY_MQTT_URL"].rsplit(":", 1)[1])
        broker = next(pid for pid, command in children(up.pid).items() if command.startswith("mosquitto "))
        os.kill(broker, signal.SIGKILL)
        with stranger_at_last(port):
            await up.process.wait_ended()
    finally:
        await up.process.stop()
    assert up.status == 1
    # Whom people's programs would tell their passwords at these addresses is not known any more.
    assert not up.env_file.exists()
    assert not (up.env_file.parent / "clients").exists()
    sentence = f"another program took port {port} while Mosquitto started; start the stack again"
    assert up.output().splitlines()[-1] == f"scripts/up: {sentence}"
    assert "Traceback" not in up.output()


@contextmanager
def stranger_at_last(port: int) -> Iterator[None]:
    """Take a port as soon as a server that was killed has let it go."""
    with ExitStack() as held:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                held.enter_context(stranger(port))
                break
            except OSError:
                assert time.monotonic() < until
        yield


def of_ours(folder: Path) -> Servers:
    port = reserve_port()
    return Servers(Credentials.generate(), folder, reserve_port(), port, cache_gb=SMALL_CACHE_GB)


def secrets_in(heard: list[dict[str, object]]) -> list[object]:
    return [command["pwd"] for command in heard if "pwd" in command]


async def test_who_takes_mongodbs_port_gets_no_password(tmp_path: Path) -> None:
    servers = of_ours(tmp_path)
    with fake_mongod(servers.mongo_port) as fake:
        with pytest.raises(ProcessError, match=f"another program took port {servers.mongo_port} while"):
            async with running(servers.database, servers.database_ready):
                pass
        with pytest.raises(ProcessError, match="MongoDB does not answer"):
            await servers.make_users()
    assert fake.heard == []


async def test_over_the_network_and_without_a_look_at_the_port_it_gets_them_all(tmp_path: Path) -> None:
    servers = of_ours(tmp_path)
    servers.database.ports = ()

    def over_tcp(accounts: Credentials, role: str, _: Path) -> str:
        return (
            accounts.mongo(role, servers.mongo_port) if role else f"mongodb://127.0.0.1:{servers.mongo_port}/"
        )

    with SOCKET_URL.replace(over_tcp), fake_mongod(servers.mongo_port) as fake:
        async with running(servers.database, servers.database_ready):
            with pytest.raises(OperationFailure, match="Authentication failed"):
                await servers.make_users()
    assert servers.accounts.passwords["MONGO_ADMIN_PASSWORD"] in secrets_in(fake.heard)


async def test_passwords_go_to_mongodb_by_scram_only(tmp_path: Path) -> None:
    """Whoever plays MongoDB for programs of ours hears no password, which Mosquitto's clients would tell."""
    servers = of_ours(tmp_path)
    with fake_mongod(servers.mongo_port) as fake:
        for role in ("ingestor", "operator", "viewer"):
            with (
                MongoClient[dict[str, object]](servers.mongo(role), timeoutMS=5000) as client,
                pytest.raises(OperationFailure, match="Authentication failed"),
            ):
                client.energy_db.measures.find_one()
    text = repr(fake.heard)
    assert "saslStart" in text
    assert not [each for each in servers.accounts.passwords.values() if each in text]
