"""The users of the broker and of the database, as the URLs that they connect with."""

import re
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

DATABASE = "energy_db"
PASSWORD = re.compile(r"[A-Za-z0-9._~-]+\Z")


class AccountsError(Exception):
    """Raised when a password is missing or cannot be part of a URL."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """All passwords, by their names in ``.env``."""

    passwords: dict[str, str]

    @classmethod
    def read(cls, root: Path) -> "Accounts":
        """Read ``.env.example`` and, over it, ``.env``.

        Raises:
            AccountsError: A password has characters that would break a URL.
        """
        found = {**dotenv_values(root / ".env.example"), **dotenv_values(root / ".env")}
        passwords = {name: value or "" for name, value in found.items() if name.endswith("_PASSWORD")}
        for name, value in passwords.items():
            if not PASSWORD.match(value):
                raise AccountsError(
                    f"{name} in .env may have letters, digits and . _ - ~ only, and at least one"
                )
        return cls(passwords)

    def mqtt(self, role: str, port: int) -> str:
        """The URL of ``ingestor``, ``sensors``, ``viewer`` or ``operator`` on the broker."""
        return f"mqtt://{role}:{self.passwords[f'MQTT_{role.upper()}_PASSWORD']}@127.0.0.1:{port}"

    def mongo(self, role: str, port: int) -> str:
        """The URL of ``ingestor``, ``viewer``, ``operator`` or ``admin`` on the database."""
        password = self.passwords[f"MONGO_{role.upper()}_PASSWORD"]
        options = "?authSource=admin" if role == "admin" else ""
        return f"mongodb://{role}:{password}@127.0.0.1:{port}/{DATABASE}{options}"


def read_notify(root: Path) -> dict[str, str]:
    """Where alarms are sent to, as ``.env`` has it for the ingestor; nothing if it does not say."""
    notify = dotenv_values(root / ".env").get("ENERGY_NOTIFY")
    return {"ENERGY_NOTIFY": notify} if notify else {}
