"""The address of the broker: host, user, TLS, and the client id of a process."""

import hashlib
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator

from broker.program.url_escapes import escaping_hint, has_lone_percent

URL_FORMAT = "write the URL as mqtt://user:password@host:port or mqtts://…"
SOCKET_FORMAT = "write the URL as mqtt+unix://user:password@localhost/path/of/the/socket"
SCHEMES = frozenset({"mqtt", "mqtts", "mqtt+unix"})
# Named as in MongoDB's URLs, so that there is one thing to remember.
TLS_OPTIONS = {"tlsCAFile": "authority", "tlsCertificateKeyFile": "certificate"}


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """The parts of an MQTT URL. As text it shows neither user nor password.

    Attributes:
        socket: The broker's Unix socket, in place of host and port; None for TCP.
        authority: With TLS, a file with the certificates to trust; None for those of the system.
        certificate: With TLS, a file with this client's own certificate and key.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None = field(repr=False)
    authority: Path | None = None
    certificate: Path | None = None
    socket: Path | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``mqtt[s]://[user[:password]@]host[:port][/?tlsCAFile=…&tlsCertificateKeyFile=…]``.

        Or, for a Unix socket, ``mqtt+unix://[user[:password]@]localhost/path``.

        Raises:
            ValueError: It is not of that form. The message never shows the URL, which may hold a
                password.
        """
        try:
            return cls._read(url)
        except ValueError as error:
            raise ValueError(f"{error}{escaping_hint(url)}") from None

    @classmethod
    def _read(cls, url: str) -> Self:
        try:
            parts = urlsplit(url)
            port = parts.port
            options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        except ValueError:
            raise ValueError(URL_FORMAT) from None
        tls, unix = parts.scheme == "mqtts", parts.scheme == "mqtt+unix"
        if parts.scheme not in SCHEMES or not parts.hostname or has_lone_percent(parts.netloc):
            raise ValueError(URL_FORMAT)
        if unix and (parts.hostname != "localhost" or port or not parts.path.strip("/")):
            raise ValueError(SOCKET_FORMAT)
        if parts.fragment or (parts.path.strip("/") and not unix):
            raise ValueError(f"{URL_FORMAT}, with nothing behind the port but ?tlsCAFile=FILE")
        if options and (not tls or not options.keys() <= TLS_OPTIONS.keys()):
            raise ValueError(f"behind a ? there may be {' and '.join(TLS_OPTIONS)}, for mqtts:// only")
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            socket=Path(unquote(parts.path)) if unix else None,
            **{TLS_OPTIONS[name]: Path(value) for name, value in options.items()},
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """The context for TLS; None without it.

        Raises:
            ValueError: A file cannot be used.
        """
        return _load_tls_context(self.authority, self.certificate) if self.tls else None

    def __str__(self) -> str:
        if self.socket is not None:
            return str(self.socket)
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@cache
def _load_tls_context(authority: Path | None, certificate: Path | None) -> ssl.SSLContext:
    """Read the files once: a process goes on with those that it started with."""
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate is not None:
            context.load_cert_chain(certificate)
    except OSError as error:
        names = " or ".join(TLS_OPTIONS)
        reason = error.strerror or "it does not hold what it should"
        raise ValueError(f"a file that {names} names cannot be used ({reason})") from None
    return context


@cache
def _file_digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def _check_url(url: str) -> str:
    MqttAddress.parse(url).tls_context()
    return url


MqttUrl = Annotated[str, AfterValidator(_check_url)]


def client_id(name: str, address: MqttAddress) -> str:
    """Make the client id of a process: the same after a restart, and a secret.

    A client that connects with the id of another takes over its session. The digest of the password or the
    key lets only those do that who have the same password or key.
    """
    secret = f"{name}\0{address.user}\0{address.password}".encode()
    if address.certificate is not None:
        secret += _file_digest(address.certificate)
    return f"{name}-{hashlib.sha256(secret).hexdigest()[:16]}"
