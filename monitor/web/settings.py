"""What the web page can be told."""

import secrets
from typing import Annotated

from pydantic import Field, SecretStr

from broker.address import MqttUrl
from broker.settings import Endpoint, MongoUrl, ProcessSettings
from broker.topics import TopicRoot
from monitor.web.access import Role

Password = Annotated[SecretStr, Field(min_length=1)]


class WebSettings(ProcessSettings):
    """Serve the web page and the REST interface.

    There are two users: viewer may look, operator may also act. A password that is
    not set is made up at the start and shown once. Set them in the environment, as
    ENERGY_VIEWER_PASSWORD and ENERGY_OPERATOR_PASSWORD: options can be read by
    everybody on the machine.

    Example: monitor web --http 127.0.0.1:8080
    """

    http: Endpoint = Field("127.0.0.1:8080", description="host:port to listen on")
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
