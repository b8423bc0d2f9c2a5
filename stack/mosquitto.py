"""Mosquitto on this machine, with the project's own configuration and access files."""

import os
import shutil
from pathlib import Path

from broker.address import MqttAddress
from broker.client import BrokerError
from broker.connection import Connection, Outgoing
from broker.link import Link
from stack.accounts import Accounts
from stack.processes import Process, ProcessError

ROOT = Path(__file__).parent.parent
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"


def find_mosquitto() -> None:
    """Make sure that Mosquitto and its password tool are there.

    Raises:
        ProcessError: One is not.
    """
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}"
    for program in ("mosquitto", "mosquitto_passwd"):
        if shutil.which(program, path=path) is None:
            raise ProcessError(f"{program} is missing; install Mosquitto (Debian: apt-get install mosquitto)")


def mosquitto(state: Path, port: int, accounts: Accounts, log: Path) -> Process:
    """Describe a Mosquitto that keeps everything in ``state`` and listens on 127.0.0.1."""
    state.mkdir(parents=True, exist_ok=True)
    return Process(
        "Mosquitto",
        [str(ROOT / "broker" / "mosquitto-start")],
        {
            "MOSQUITTO_CONF": str(ROOT / "mosquitto.conf"),
            "MOSQUITTO_STATE": str(state),
            "MOSQUITTO_LISTENER": f"{port} 127.0.0.1",
            "INGESTOR_MQTT_URL": accounts.mqtt("ingestor", port),
            "SENSORS_MQTT_URL": accounts.mqtt("sensors", port),
            "VIEWER_MQTT_URL": accounts.mqtt("viewer", port),
            "OPERATOR_MQTT_URL": accounts.mqtt("operator", port),
        },
        log,
    )


def damaged_stores(state: Path) -> set[Path]:
    """The stores that the broker could not read and that ``mosquitto-start`` moved aside."""
    return set(state.glob("mosquitto.db.damaged-*"))


async def answers(url: str) -> bool:
    """Whether the broker lets the user of this URL in."""

    def ignore(_connection: Connection, _packet: object) -> None:
        return None

    link = Link(MqttAddress.parse(url), "stack", ignore, will=Outgoing("health/stack", b""), rival="")
    try:
        async with link.open():
            return True
    except BrokerError:
        return False
