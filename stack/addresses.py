"""The ports of a run, and the file that lists all URLs."""

from dataclasses import dataclass
from pathlib import Path

from broker.program.atomic_write import write_private
from broker.program.process import print_line
from stack.ports import free_port
from stack.secrets.credentials import Credentials
from stack.secrets.secret_files import MONGO_ROLES, MQTT_ROLES

MQTT_PORT = 1883
MONGO_PORT = 27017
HTTP_PORT = 8090
WEB_PORT = 8080
TLS_PORT = 8883
MUTUAL_PORT = 8884
WEB_TLS_PORT = 8443


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of one run, on 127.0.0.1. The last is Mosquitto's for certificates: with TLS only."""

    mqtt_port: int
    mongo_port: int
    http_port: int
    web_port: int
    mutual_port: int

    @classmethod
    def choose(cls, *, tls: bool) -> "Addresses":
        """Take the default ports, or the next free ones and say so."""
        chosen: list[int] = []
        for name, preferred in (
            ("Mosquitto", TLS_PORT if tls else MQTT_PORT),
            ("MongoDB", MONGO_PORT),
            ("the ingestor", HTTP_PORT),
            ("the web page", WEB_TLS_PORT if tls else WEB_PORT),
            ("Mosquitto for certificates", MUTUAL_PORT),
        ):
            port = free_port(preferred, chosen)
            if port != preferred and (tls or preferred != MUTUAL_PORT):
                print_line(f"Port {preferred} is taken; {name} listens on {port} instead.")
            chosen.append(port)
        return cls(*chosen)

    def write(self, file: Path, accounts: Credentials) -> None:
        """List every URL as NAME=value. The ENERGY_ names are those that the programs read."""
        mqtt, mongo = self.mqtt_port, self.mongo_port
        values = {
            "ENERGY_MQTT_URL": accounts.mqtt("sensors", mqtt),
            "ENERGY_MONGO_URL": accounts.mongo("ingestor", mongo),
            **{f"{name.upper()}_MQTT_URL": accounts.mqtt(name, mqtt) for name in MQTT_ROLES},
            **{f"{name.upper()}_MONGO_URL": accounts.mongo(name, mongo) for name in (*MONGO_ROLES, "admin")},
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
