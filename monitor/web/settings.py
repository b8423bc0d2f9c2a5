"""What the web page can be told."""

import ipaddress
import secrets
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from broker.address import MqttUrl
from broker.settings import Endpoint, MongoUrl, ProcessSettings
from broker.topics import TopicRoot
from monitor.web.auth.sessions import Role

Password = Annotated[SecretStr, Field(min_length=1)]


def check_proxy(text: str) -> str:
    """Let the address of a proxy pass, or the network in which it is."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("write an address as 192.0.2.7 or a network as 192.0.2.0/28") from None
    if network.prefixlen == 0:
        raise ValueError("this would be everybody; write the address of the proxy")
    return text


Proxy = Annotated[str, AfterValidator(check_proxy)]


class WebSettings(ProcessSettings):
    """Serve the web page and the REST interface.

    There are two users: viewer may look, operator may also act. Keep their
    passwords in files that ENERGY_VIEWER_PASSWORD_FILE and
    ENERGY_OPERATOR_PASSWORD_FILE name, and the URLs as well: options can be read by
    everybody on the machine. In a terminal, a password that is not set is made up
    and shown once. With --tls-certificate and --tls-key it speaks https.

    Example: ENERGY_MQTT_URL_FILE=mqtt-url monitor web --http 127.0.0.1:8080
    """

    http: Endpoint = Field("127.0.0.1:8080", description="host:port to listen on")
    tls_certificate: Path | None = Field(None, description="file with its certificate: speak https")
    tls_key: Path | None = Field(None, description="file with the certificate's key; may be the same")
    trusted_proxy: Proxy | None = Field(
        None, description="address of a reverse proxy that says from where people come"
    )
    viewer_password: Password | None = Field(None, description="of the user viewer")
    operator_password: Password | None = Field(None, description="of the user operator")
    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker, as user operator")
    mongo_url: MongoUrl = Field(
        "mongodb://127.0.0.1:27017/energy_db", description="the database, as user operator"
    )
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")

    def passwords(self) -> tuple[dict[Role, str], list[str]]:
        """The password of each user, and in words those that had to be made up."""
        given = {"viewer": self.viewer_password, "operator": self.operator_password}
        passwords: dict[Role, str] = {}
        told = []
        for role in ("viewer", "operator"):
            password = given[role]
            passwords[role] = password.get_secret_value() if password else secrets.token_urlsafe(12)
            if password is None:
                told.append(f"User {role} has the password {passwords[role]} until this process ends.")
        return passwords, told

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, port = self.http.rsplit(":", 1)
        return host.strip("[]"), int(port)
