"""Settings of the web page."""

import ipaddress
import secrets
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from broker.address import MqttUrl
from broker.program.hosts import Hosts
from broker.program.settings import Endpoint, MongoUrl, ProcessSettings
from broker.topics import TopicRoot
from monitor.web.auth.sessions import Role

MIN_PASSWORD_LENGTH = 12


def check_password(password: SecretStr) -> SecretStr:
    """Let a password pass that takes long to guess."""
    if len(password.get_secret_value()) < MIN_PASSWORD_LENGTH:
        raise ValueError(f"a password has at least {MIN_PASSWORD_LENGTH} characters")
    return password


Password = Annotated[SecretStr, AfterValidator(check_password)]


def check_proxy(text: str) -> str:
    """Check the address of a proxy, or of its network."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("write an address as 192.0.2.7 or a network as 192.0.2.0/28") from None
    if network.prefixlen == 0:
        raise ValueError("this network contains everybody; write the address of the proxy")
    return text


Proxy = Annotated[str, AfterValidator(check_proxy)]


class WebSettings(ProcessSettings):
    """Serve the web page and the REST interface.

    There are two users: viewer (read only) and operator (can make changes). Keep
    their passwords in files named by ENERGY_VIEWER_PASSWORD_FILE and
    ENERGY_OPERATOR_PASSWORD_FILE, and the URLs likewise: everybody on the machine
    can read options. A password that is not set is generated and shown once, on a
    terminal only. --tls-certificate and --tls-key switch to https.

    Example: ENERGY_MQTT_URL_FILE=mqtt-url monitor web --http 127.0.0.1:8080
    """

    http: Endpoint = Field("127.0.0.1:8080", description="host:port to listen on")
    hosts: Hosts | None = Field(
        None,
        description="names by which browsers call the page, with commas; this machine's own always count",
    )
    tls_certificate: Path | None = Field(None, description="file with the certificate, for https")
    tls_key: Path | None = Field(None, description="file with its key; may be the same file")
    trusted_proxy: Proxy | None = Field(
        None, description="address of a reverse proxy whose X-Forwarded-* headers are trusted"
    )
    viewer_password: Password | None = Field(None, description="password of the user viewer")
    operator_password: Password | None = Field(None, description="password of the user operator")
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker, as user operator")
    mongo_url: MongoUrl = Field(
        "mongodb://127.0.0.1:27017/energy_db", description="the database, as user operator"
    )
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")

    def passwords(self) -> tuple[dict[Role, str], dict[Role, str]]:
        """The password of each user that is set, and one generated for each user without."""
        users: dict[Role, SecretStr | None] = {
            "viewer": self.viewer_password,
            "operator": self.operator_password,
        }
        given = {role: password.get_secret_value() for role, password in users.items() if password}
        return given, {role: secrets.token_urlsafe(12) for role in users if role not in given}
