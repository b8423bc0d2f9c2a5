"""Servers of MongoDB, as they are and with one of their options taken away."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from broker.access.authority import CertificateAuthority
from stack.mongod import CONFIGURATION as FILE
from stack.ports import reserve_port
from stack.processes import running
from stack.secrets.credentials import Credentials
from stack.servers import SMALL_CACHE_GB, Servers
from tests.fault_points.stack import CONFIGURATION


@asynccontextmanager
async def start_database(
    state: Path, accounts: Credentials, *, without: str = "", parameter: str = "", tls: bool = False
) -> AsyncIterator[Servers]:
    """Start a MongoDB with its users, and no broker.

    Args:
        state: Its folder, which is there.
        accounts: Its users.
        without: A pattern of lines that are left out of its configuration.
        parameter: A line that is put among its parameters.
        tls: Whether it speaks TLS only.
    """
    if tls:
        accounts = replace(accounts, authority=CertificateAuthority(state / "certificates").ensure_servers())
    lines = FILE.read_text().splitlines()
    kept = [line for line in lines if not (without and re.search(without, line))]
    assert (len(kept) < len(lines)) == bool(without)
    build = state / "build.conf"
    build.write_text("\n".join(kept).replace("setParameter:", f"setParameter:\n{parameter}") + "\n")
    with CONFIGURATION.replace(build):
        servers = Servers(accounts, state, reserve_port(), reserve_port(), reserve_port(), SMALL_CACHE_GB)
    async with running(servers.database, servers.database_ready):
        await servers.make_users()
        yield servers
