"""A Mosquitto and a mongod that work together; on free ports for tests and measurements."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pymongo.errors import ConnectionFailure

from broker.access.authority import CertificateAuthority
from stack import mongo_accounts, mongod, mosquitto
from stack.ports import reserve_port
from stack.processes import Process, ProcessError, running
from stack.secrets.credentials import Credentials
from stack.socket_folder import private_socket_folder

# The least that MongoDB takes.
SMALL_CACHE_GB = 0.25


@dataclass(slots=True)
class Servers:
    """A Mosquitto and a mongod with the project's own access rules, on 127.0.0.1.

    Without the one, or both, that is an external server by the accounts.

    Args:
        state: The folder of their data and logs.
        mutual_port: The broker's port for clients with a certificate; only with TLS.
        cache_gb: How much of its data the database holds in memory.
    """

    accounts: Credentials
    state: Path
    mqtt_port: int
    mongo_port: int
    mutual_port: int | None = None
    cache_gb: float = mongod.CACHE_GB
    mqtt_socket: Path = field(init=False)
    mongo_socket: Path = field(init=False)
    broker: Process = field(init=False)
    database: Process = field(init=False)

    def __post_init__(self) -> None:
        state, sockets = self.state, private_socket_folder()
        self.mqtt_socket = sockets / "mosquitto.sock"
        self.mongo_socket = sockets / f"mongodb-{self.mongo_port}.sock"
        external, accounts = self.accounts.external, self.accounts
        if external.mqtt_url is None:
            self.broker = mosquitto.mosquitto(
                state, self.mqtt_port, self.mqtt_socket, accounts, self.mutual_port
            )
        if external.mongo_url is None:
            self.database = mongod.mongod(state, self.mongo_port, self.mongo_socket, accounts, self.cache_gb)

    def mqtt(self, role: str) -> str:
        """The URL of a role on this broker."""
        return self.accounts.mqtt(role, self.mqtt_port)

    def mqtt_by_socket(self, role: str) -> str:
        """The URL of a role on this broker for programs of ours, which no stranger can shut out."""
        return self.accounts.mqtt_by_socket(role, self.accounts.mqtt_password(role), self.mqtt_socket)

    def mongo(self, role: str) -> str:
        """The URL of a role on this database."""
        return self.accounts.mongo(role, self.mongo_port)

    def mongo_by_socket(self, role: str) -> str:
        """The URL of a role on this database for programs of ours, which no stranger can shut out."""
        return self.accounts.mongo_by_socket(role, self.mongo_socket)

    async def broker_ready(self) -> bool:
        """Whether the broker accepts clients."""
        return await mosquitto.accepts_clients(self.mqtt_by_socket("health"))

    async def database_ready(self) -> bool:
        """Whether the database answers."""
        return await mongo_accounts.accepts_clients(self.accounts, self.mongo_socket)

    async def make_users(self) -> None:
        """Make the users of the database that runs, or set their passwords and rights.

        Raises:
            ProcessError: The data was made with another administrator's password.
        """
        try:
            await asyncio.to_thread(mongo_accounts.make_users, self.accounts, self.mongo_socket)
        except ConnectionFailure as error:
            raise ProcessError(
                "MongoDB does not answer while its users are made; start the stack again"
            ) from error


@asynccontextmanager
async def start_servers(
    state: Path, accounts: Credentials, *, tls: bool = False, cache_gb: float = SMALL_CACHE_GB
) -> AsyncIterator[Servers]:
    """Start both, make the database's users, and stop both at the end.

    Args:
        state: The folder of their data and logs.
        accounts: The users of both.
        tls: Whether both speak TLS only.
        cache_gb: How much of its data the database holds in memory; little, since several may run at once.

    Raises:
        ProcessError: One is missing or does not start.
    """
    mutual_port = None
    if tls:
        accounts = replace(accounts, authority=CertificateAuthority(state / "certificates").ensure_servers())
        mutual_port = reserve_port()
    servers = Servers(accounts, state, reserve_port(), reserve_port(), mutual_port, cache_gb)
    # Tests and measurements come as strangers do, and are many.
    servers.database.command = [*servers.database.command, "--maxConns", "1000"]
    async with (
        running(servers.broker, servers.broker_ready),
        running(servers.database, servers.database_ready),
    ):
        await servers.make_users()
        yield servers
