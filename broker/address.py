"""Where the broker is, as whom to connect, and under which client id."""

import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """What an MQTT URL says. As text it shows neither user nor password."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``mqtt[s]://[user[:password]@]host[:port]``.

        Raises:
            ValueError: It is not of that form. The message never shows the URL, which may hold a
                password.
        """
        form = "write the URL as mqtt://user:password@host:port or mqtts://…"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(form) from None
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError(form)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(f"{form}, with nothing behind the port")
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def _check(url: str) -> str:
    MqttAddress.parse(url)
    return url


MqttUrl = Annotated[str, AfterValidator(_check)]


def client_id(name: str, address: MqttAddress) -> str:
    """Make the id that a process keeps over restarts and that nobody else can guess.

    Whoever connects with another client's id takes over its session. The digest of the password
    keeps that to those who know the password.
    """
    secret = f"{name}\0{address.user}\0{address.password}".encode()
    return f"{name}-{hashlib.sha256(secret).hexdigest()[:16]}"
