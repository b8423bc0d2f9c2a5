"""The ports of a run, and the file that lists all URLs."""

from dataclasses import dataclass
from pathlib import Path

from broker.program.atomic_write import write_private
from stack.ports import free_port
from stack.secrets.credentials import Credentials
from stack.secrets.external import External
from stack.secrets.secret_files import MONGO_ROLES, MQTT_ROLES

# Who listens, on which port without TLS, and on which with it.
LISTENERS = (
    ("Mosquitto", 1883, 8883),
    ("MongoDB", 27017, 27017),
    ("the ingestor", 8090, 8090),
    ("the web page", 8080, 8443),
    ("Mosquitto for certificates", None, 8884),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of one run, on 127.0.0.1. The last is Mosquitto's for certificates: with TLS only."""

    mqtt_port: int
    mongo_port: int
    http_port: int
    web_port: int
    mutual_port: int | None = None

    @classmethod
    def choose(cls, *, tls: bool) -> "Addresses":
        """Take the default ports, or the next free ones."""
        chosen: list[int] = []
        for _, plain_port, tls_port in LISTENERS:
            preferred = tls_port if tls else plain_port
            if preferred is not None:
                chosen.append(free_port(preferred, chosen))
        return cls(*chosen)

    def moved(self, external: External) -> list[str]:
        """A sentence for each port that is not the default one, but for those of servers not started."""
        ports = (self.mqtt_port, self.mongo_port, self.http_port, self.web_port, self.mutual_port)
        absent = ("Mosquitto",) * (external.mqtt_url is not None)
        absent += ("MongoDB",) * (external.mongo_url is not None)
        return [
            f"Port {preferred} is taken; {name} listens on {port} instead."
            for (name, plain_port, tls_port), port in zip(LISTENERS, ports, strict=True)
            if port not in (None, preferred := plain_port if self.mutual_port is None else tls_port)
            and not name.startswith(absent)
        ]

    def write(self, file: Path, accounts: Credentials) -> None:
        """List every URL as NAME=value. The ENERGY_ names are those that the programs read."""
        mqtt, mongo = self.mqtt_port, self.mongo_port
        roles = MONGO_ROLES if accounts.external.mongo_url else (*MONGO_ROLES, "admin")
        values = {
            "ENERGY_MQTT_URL": accounts.mqtt("sensors", mqtt),
            "ENERGY_MONGO_URL": accounts.mongo("ingestor", mongo),
            **{f"{name.upper()}_MQTT_URL": accounts.mqtt(name, mqtt) for name in MQTT_ROLES},
            **{f"{name.upper()}_MONGO_URL": accounts.mongo(name, mongo) for name in roles},
            "INGESTOR_HTTP_URL": f"http://127.0.0.1:{self.http_port}",
            "WEB_URL": self.web_url(accounts),
        }
        if accounts.authority:
            values["CERTIFICATE_AUTHORITY"] = str(accounts.authority)
            values["CERTIFICATE_LISTENER"] = f"127.0.0.1:{self.mutual_port}"
        lines = ["# Written by scripts/up: where everything is in the run that began last."]
        lines += [f"{name}={value}" for name, value in values.items()]
        # It holds passwords: nobody else may read it.
        write_private(file, "\n".join(lines) + "\n")

    def web_url(self, accounts: Credentials) -> str:
        """The URL of the web page."""
        return f"{'https' if accounts.authority else 'http'}://127.0.0.1:{self.web_port}"
