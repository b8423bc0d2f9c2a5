"""The users of the broker and of the database, as the URLs that they connect with."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from broker.access.accounts import AccountStore, new_password, open_accounts
from broker.access.roles import Account, Role
from stack.secrets.passwords import NAMES

DATABASE = "energy_db"
# What connects to the broker, as what. The web page acts for operators with a user of its own.
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
        passwords: The passwords.
        authority: The certificate of whom to trust; None without TLS.
    """

    passwords: dict[str, str]
    authority: Path | None = None

    @classmethod
    def generate(cls, authority: Path | None = None) -> "Credentials":
        """Accounts for servers that last no longer than this process."""
        return cls({name: new_password() for name in NAMES}, authority)

    def mqtt(self, name: str, port: int, host: str = "127.0.0.1") -> str:
        """The URL of one of ``ROLES`` on the broker."""
        return self.mqtt_url(name, self.passwords[f"MQTT_{name.upper()}_PASSWORD"], port, host)

    def mqtt_url(self, name: str, password: str, port: int, host: str = "127.0.0.1") -> str:
        """The URL of anybody on the broker."""
        scheme, options = (
            ("mqtts", f"/?tlsCAFile={quote(str(self.authority))}") if self.authority else ("mqtt", "")
        )
        return f"{scheme}://{name}:{password}@{host}:{port}{options}"

    def mongo(self, role: str, port: int, host: str = "127.0.0.1") -> str:
        """The URL of ``ingestor``, ``viewer``, ``operator`` or ``admin`` on the database."""
        password = self.passwords[f"MONGO_{role.upper()}_PASSWORD"]
        return f"mongodb://{role}:{password}@{host}:{port}/{DATABASE}{self.mongo_options(role)}"

    def mongo_options(self, role: str = "") -> str:
        """What is behind the database's name in a URL: where the user is kept, and TLS."""
        options = ["authSource=admin"] if role == "admin" else []
        if self.authority:
            options += ["tls=true", f"tlsCAFile={quote(str(self.authority))}"]
        return f"?{'&'.join(options)}" if options else ""

    def write_accounts(self, folder: Path, root: str, gateway: str = "+") -> None:
        """Let the broker know everybody in ``ROLES``; whoever else it knows stays.

        Args:
            folder: Where the broker's users are.
            root: First topic level(s).
            gateway: The sites that ``sensors`` may publish for, with commas; ``+`` for all, nothing for none.

        Raises:
            RegisterError: The folder or a password cannot be used.
        """
        with open_accounts(folder, root) as register:
            self._put_managed_accounts(register, gateway)

    def _put_managed_accounts(self, register: AccountStore, gateway: str) -> None:
        for name in [name for name, account in register.accounts.items() if account.managed]:
            register.remove(name)
        pairs: list[tuple[Account, str | None]] = []
        for name, role in ROLES.items():
            sites = tuple(gateway.split(",")) if role == "gateway" else ("+",)
            if all(sites):
                account = Account(name=name, role=role, sites=sites, managed=True)
                pairs.append((account, self.passwords[f"MQTT_{name.upper()}_PASSWORD"]))
        register.put_all(pairs)
