"""Brokers alone, to be filled up: with all limits, with other limits, or without one of them."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from broker.access.authority import CertificateAuthority
from stack.ports import reserve_port
from stack.processes import running
from stack.secrets.credentials import Credentials
from stack.servers import Servers
from tests.security.world import World, build_without, change_build, enrol

AT_ONCE = 100


@asynccontextmanager
async def start_broker(
    state: Path,
    *,
    tls: bool = False,
    without: str = "",
    files: str = "",
    connections: int | None = None,
    looks_often: bool = False,
    changes: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """Start a broker with people.

    Args:
        state: Where to keep everything.
        tls: Whether to speak TLS.
        without: A pattern of lines that are left out of ``mosquitto-start``.
        files: Options of ``ulimit``: how many files the broker may have open.
        connections: How many the public listeners take; none for as many as without a setting.
        looks_often: Whether ``mosquitto-start`` looks five times as often as it does.
        changes: What to replace in ``mosquitto.conf``, and by what.
    """
    passwords = enrol(state / "mosquitto" / "users")
    accounts = Credentials.generate()
    if tls:
        accounts = replace(accounts, authority=CertificateAuthority(state / "certificates").ensure_servers())
    servers = Servers(accounts, state, reserve_port(), reserve_port(), reserve_port() if tls else None)
    if without:
        build_without(servers, without)
    if looks_often:
        change_build(servers, "sleep 0.5", "sleep 0.1")
    if files:
        servers.broker.command = ["sh", "-c", f"ulimit {files}; exec {servers.broker.command[0]}"]
    servers.broker.environment = {
        **servers.broker.environment,
        "MOSQUITTO_CONF": str(_changed_conf(servers, changes or {})),
    }
    if connections is not None:
        servers.broker.environment |= {"MOSQUITTO_MAX_CONNECTIONS": str(connections)}
    async with running(servers.broker, servers.broker_ready):
        yield World(servers, passwords)


def _changed_conf(servers: Servers, changes: Mapping[str, str]) -> Path:
    text = Path(servers.broker.environment["MOSQUITTO_CONF"]).read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    other = servers.state / "changed.conf"
    other.write_text(text)
    return other


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Let this process have so many sockets open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert before[1] >= count
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, before[0]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def silent(port: int, count: int, begin: bytes = b"") -> AsyncIterator[None]:
    """Hold connections on which nothing more is said; those that the server closes stay closed.

    Args:
        port: Where to.
        count: How many.
        begin: What is said on each first.
    """
    with contextlib.ExitStack() as held:
        await hold(held, port, [begin] * count)
        await asyncio.sleep(0.5)  # the server takes them all
        yield


async def hold(held: contextlib.ExitStack, port: int, begins: Sequence[bytes]) -> None:
    """Open a connection for each beginning and say that, and no more."""
    loop = asyncio.get_running_loop()
    for number, begin in enumerate(begins):
        one = held.enter_context(socket.socket())
        one.setblocking(False)
        with contextlib.suppress(ConnectionError):
            await loop.sock_connect(one, ("127.0.0.1", port))
            await loop.sock_sendall(one, begin)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0.05)  # the queue of the operating system has an end
