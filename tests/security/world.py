"""Servers to be attacked, and people of every role on them."""

import re
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from broker.access.accounts import new_password, open_accounts
from broker.access.roles import Account, Role
from stack.secrets.credentials import Credentials
from stack.servers import Servers, start_servers
from tests.fault_points.broker import ACCESS_LIST
from tests.servers import Wire

# Who there is besides the stack's own: two sensors of a site, one of another, and a gateway for each site.
PEOPLE: dict[str, tuple[Role, str]] = {
    "sensor-a1": ("sensor", "a"),
    "sensor-a2": ("sensor", "a"),
    "sensor-b1": ("sensor", "b"),
    "gateway-a": ("gateway", "a"),
    "gateway-b": ("gateway", "b"),
    "viewer-a": ("viewer", "a"),
}


@dataclass(slots=True)
class World:
    """Servers with people.

    Attributes:
        servers: Mosquitto and mongod.
        passwords: Of the people, by name.
    """

    servers: Servers
    passwords: dict[str, str]

    @property
    def users(self) -> Path:
        """The folder of the broker's users."""
        return self.servers.state / "mosquitto" / "users"

    def url(self, name: str, password: str | None = None) -> str:
        """The broker's URL for somebody."""
        if name not in self.passwords:
            return self.servers.mqtt(name)
        port = self.servers.mqtt_port
        return self.servers.accounts.mqtt_url(name, password or self.passwords[name], port)

    def wire(self, name: str) -> Wire:
        """A client for somebody. With TLS only one of each at a time."""
        return Wire(self.url(name))

    def wire_inside(self, name: str) -> Wire:
        """The same on the listener for the stack's own programs."""
        accounts, socket = self.servers.accounts, self.servers.mqtt_socket
        password = self.passwords.get(name) or accounts.mqtt_password(name)
        return Wire(accounts.mqtt_by_socket(name, password, socket))


def enrol(folder: Path) -> dict[str, str]:
    """Let the people in; gives their passwords."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    passwords = {name: new_password() for name in PEOPLE}
    with open_accounts(folder, "energy") as register:
        for name, (role, site) in PEOPLE.items():
            register.put(Account(name=name, role=role, sites=(site,)), passwords[name])
    return passwords


@contextmanager
def _no_rights() -> Iterator[None]:
    """What the access list would be without the rights of roles: everything for everybody."""

    def everything(self: Account, _root: str) -> list[str]:
        return [f"user {self.name}", "topic readwrite #", "topic readwrite $SYS/#"]

    with ACCESS_LIST.replace(everything):
        yield


@asynccontextmanager
async def start_world(
    state: Path, *, tls: bool, rights: bool = True, without: str = ""
) -> AsyncIterator[World]:
    """Start servers with people.

    Args:
        state: Where to keep everything.
        tls: Whether to speak TLS.
        rights: Whether the roles' rights are in force; without them everybody may do everything.
        without: A pattern of lines that are left out of what ``mosquitto-start`` tells the broker.
    """
    async with AsyncExitStack() as running:
        # No longer than this world is made: others are made while it is there.
        with nullcontext() if rights else _no_rights():
            passwords = enrol(state / "mosquitto" / "users")
            servers = await running.enter_async_context(start_servers(state, Credentials.generate(), tls=tls))
        if without:
            await _restart_without(servers, without)
        yield World(servers, passwords)


async def _restart_without(servers: Servers, lines: str) -> None:
    """Have the broker run on a build of ``mosquitto-start`` from which something was taken out."""
    await servers.broker.stop()
    build_without(servers, lines)
    await servers.broker.start()
    await servers.broker.ready(servers.broker_ready)


def build_without(servers: Servers, lines: str) -> None:
    """Take the lines that match a pattern out of the ``mosquitto-start`` of a broker that does not run."""
    text = Path(servers.broker.command[0]).read_text()
    # A branch of the script must not be left empty.
    kept = [":\n" if re.search(lines, line) else line for line in text.splitlines(keepends=True)]
    change_build(servers, text, "".join(kept))


def change_build(servers: Servers, old: str, new: str) -> None:
    """Replace a text in the ``mosquitto-start`` of a broker that does not run."""
    text = Path(servers.broker.command[0]).read_text()
    changed = text.replace(old, new)
    assert changed != text
    build = servers.state / "mosquitto-start"
    build.write_text(changed)
    build.chmod(build.stat().st_mode | stat.S_IXUSR)
    servers.broker.command = [str(build)]
