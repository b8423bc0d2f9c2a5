"""A broker or a database of somebody else: ``ENERGY_MQTT_URL`` and ``ENERGY_MONGO_URL`` in ``.env``.

Without a user in the URL each program logs in as its own user, with its password in ``.env``. With one, all
programs use the URL as it is. Users and rights are made by those who run that server.
"""

from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from broker.address import MqttAddress
from broker.program.settings import check_mongo_url


class ExternalError(Exception):
    """Raised when a URL in ``.env`` cannot be used; says which, and never shows it."""


@dataclass(frozen=True, slots=True)
class External:
    """The URLs of the servers that are not the stack's own; None for one that is.

    They may hold passwords, so they are not in the text of this.
    """

    mqtt_url: str | None = None
    mongo_url: str | None = None

    def __repr__(self) -> str:
        return f"External(mqtt={self.mqtt_url is not None}, mongo={self.mongo_url is not None})"

    def mqtt(self, name: str, password: str) -> str | None:
        """The broker's URL for a user; None if the broker is the stack's own."""
        return self.mqtt_url and _with_user(self.mqtt_url, name, password)

    def mongo(self, name: str, password: str) -> str | None:
        """The database's URL for a user; None if the database is the stack's own."""
        return self.mongo_url and _with_user(self.mongo_url, name, password)


def read_external(env: Path) -> External:
    """Read both URLs from ``.env``.

    Raises:
        ExternalError: One cannot be used.
    """
    values = dotenv_values(env)
    external = External(values.get("ENERGY_MQTT_URL") or None, values.get("ENERGY_MONGO_URL") or None)
    for name, url, check in (
        ("ENERGY_MQTT_URL", external.mqtt_url, MqttAddress.parse),
        ("ENERGY_MONGO_URL", external.mongo_url, check_mongo_url),
    ):
        try:
            if url is not None:
                check(url)
        except ValueError as error:
            raise ExternalError(f"{name} in {env.name}: {error}") from None
    return external


def _with_user(url: str, name: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return url if "@" in rest.partition("/")[0] else f"{scheme}://{name}:{password}@{rest}"
