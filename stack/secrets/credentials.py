"""The users of the broker and of the database: their passwords, their URLs, and their accounts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from broker.access.accounts import AccountsError, new_password, open_accounts
from broker.access.roles import Account, Role
from stack.secrets.external import External
from stack.secrets.passwords import NAMES

DATABASE = "energy_db"
DEFAULT_SITE = "lari"
# The users of the broker and their roles. The web page acts for operators with a user of its own.
ROLES: dict[str, Role] = {
    "ingestor": "ingestor",
    "sensors": "gateway",
    "viewer": "viewer",
    "operator": "operator",
    "web": "operator",
    "health": "health",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """All passwords, by their names in ``.env``.

    Attributes:
        authority: The certificate of the stack's own authority; None without TLS.
        external: Servers that are not the stack's own. Their URLs are given whatever port is asked for.
    """

    passwords: dict[str, str]
    authority: Path | None = None
    external: External = field(default_factory=External)

    @classmethod
    def generate(cls) -> "Credentials":
        """New passwords, for servers that last no longer than this process."""
        return cls({name: new_password() for name in NAMES})

    def mqtt_password(self, name: str) -> str:
        """The password of one of ``ROLES`` on the broker."""
        return self.passwords[f"MQTT_{name.upper()}_PASSWORD"]

    def mqtt(self, name: str, port: int, host: str = "127.0.0.1") -> str:
        """The URL of one of ``ROLES`` on the broker."""
        return self.mqtt_url(name, self.mqtt_password(name), port, host)

    def mqtt_url(self, name: str, password: str, port: int, host: str = "127.0.0.1") -> str:
        """The URL of anybody on the broker."""
        if external := self.external.mqtt(name, password):
            return external
        url = f"{name}:{password}@{host}:{port}"
        return f"mqtts://{url}/?tlsCAFile={quote(str(self.authority))}" if self.authority else f"mqtt://{url}"

    def mqtt_by_socket(self, name: str, password: str, socket: Path) -> str:
        """The URL of anybody through the broker's Unix socket."""
        if external := self.external.mqtt(name, password):
            return external
        return f"mqtt+unix://{name}:{password}@localhost{quote(str(socket))}"

    def mongo_password(self, role: str) -> str:
        """The password of a role on the database."""
        return self.passwords[f"MONGO_{role.upper()}_PASSWORD"]

    def mongo(self, role: str, port: int, host: str = "127.0.0.1") -> str:
        """The URL of ``ingestor``, ``viewer``, ``operator`` or ``admin`` on the database."""
        password = self.mongo_password(role)
        if external := self.external.mongo(role, password):
            return external
        return f"mongodb://{role}:{password}@{host}:{port}/{DATABASE}{self.mongo_options(role)}"

    def mongo_by_socket(self, role: str, socket: Path) -> str:
        """The same through the database's Unix socket; without a user if there is no role."""
        if role and (external := self.external.mongo(role, self.mongo_password(role))):
            return external
        # A password from before there was a rule for them may have any character.
        user = f"{role}:{quote(self.mongo_password(role), safe='')}@" if role else ""
        # Of a user who is not there the server tells no mechanism, and the driver would take SCRAM-SHA-1.
        options = ["authMechanism=SCRAM-SHA-256"] if role else []
        if self.authority:
            # No certificate has the name of a file; who may put one there may read all passwords.
            options.append("tlsAllowInvalidHostnames=true")
        server = quote(str(socket), safe="")
        return f"mongodb://{user}{server}/{DATABASE}{self.mongo_options(role, *options)}"

    def mongo_options(self, role: str = "", *more: str) -> str:
        """What is behind the database's name in a URL: where the user is kept, TLS, and more."""
        options = [*more, *(["authSource=admin"] if role == "admin" else [])]
        if self.authority:
            options += ["tls=true", f"tlsCAFile={quote(str(self.authority))}"]
        return f"?{'&'.join(options)}" if options else ""

    def write_accounts(self, folder: Path, root: str, gateway: str = "+") -> None:
        """Write ``ROLES`` as users of the broker; users that somebody added stay.

        Args:
            folder: The folder of the broker's users.
            root: First topic level(s).
            gateway: The sites that ``sensors`` may publish for, with commas; ``+`` for all.

        Raises:
            AccountsError: The folder or a password cannot be used.
        """
        with open_accounts(folder, root) as store:
            for name in [name for name, account in store.accounts.items() if account.managed]:
                del store.accounts[name]
            for name, role in ROLES.items():
                sites = tuple(gateway.split(",")) if role == "gateway" else ("+",)
                account = Account(name=name, role=role, sites=sites, managed=True)
                store.put(account, self.mqtt_password(name))


def add_sensor_accounts(folder: Path, sensors: Sequence[str]) -> dict[str, str]:
    """Add a user for each simulated sensor, with a password that lasts until the next start.

    Returns:
        The password of each.

    Raises:
        AccountsError: The users cannot be read or written, or a real sensor has such a name.
    """
    passwords = {sensor_id: new_password() for sensor_id in sensors}
    site = os.environ.get("ENERGY_SITE") or DEFAULT_SITE
    with open_accounts(folder, os.environ.get("ENERGY_TOPIC_ROOT", "energy")) as store:
        for name, password in passwords.items():
            if name in store.accounts and not store.accounts[name].managed:
                raise AccountsError(
                    f"{name} is a user that somebody added, and would be a simulated sensor; use --nodes 0"
                )
            store.put(Account(name=name, role="sensor", sites=(site,), managed=True), password)
    return passwords
