"""Mosquitto on this machine, with the project's own configuration and access files."""

import os
from pathlib import Path

from broker.address import MqttAddress
from broker.errors import BrokerError
from broker.supervisor import ConnectionSupervisor
from stack.processes import Process
from stack.secrets.credentials import Credentials

ROOT = Path(__file__).parent.parent


def mosquitto(
    state: Path, port: int, socket: Path, accounts: Credentials, mutual_port: int | None = None
) -> Process:
    """Describe a Mosquitto that listens on 127.0.0.1 and on a Unix socket.

    Args:
        state: The folder with the folders of its data and its log.
        port: Its port, with TLS if the accounts have an authority.
        socket: Its socket, in a private folder: for our own programs, which no stranger can shut out there.
        accounts: Its users.
        mutual_port: Its port for clients with a certificate instead of a password, if it has one.

    Raises:
        AccountsError: The users cannot be written.
    """
    data = state / "mosquitto"
    data.mkdir(parents=True, exist_ok=True)
    accounts.write_accounts(data / "users", os.environ.get("ENERGY_TOPIC_ROOT", "energy"))
    environment = {
        "MOSQUITTO_CONF": str(ROOT / "mosquitto.conf"),
        "MOSQUITTO_STATE": str(data),
        "MOSQUITTO_INTERNAL": f"0 {socket}",
        "MOSQUITTO_LISTENER": f"{port} 127.0.0.1",
    }
    if accounts.authority is not None:
        environment |= {
            "MOSQUITTO_LISTENER": "none",
            "MOSQUITTO_CERTIFICATES": str(accounts.authority.parent),
            "MOSQUITTO_TLS": f"{port} 127.0.0.1",
            "MOSQUITTO_MUTUAL_TLS": f"{mutual_port or 0} 127.0.0.1",
        }
    command = [str(ROOT / "broker" / "mosquitto-start")]
    ports = [each for each in (port, mutual_port) if each is not None]
    return Process("Mosquitto", command, environment, state / "log" / "mosquitto.log", ports)


def damaged_stores(state: Path) -> set[Path]:
    """The stores that the broker could not use and that ``mosquitto-start`` moved aside."""
    return set(state.glob("mosquitto.db.damaged-*"))


async def accepts_clients(url: str) -> bool:
    """Whether the broker accepts the user of this URL."""
    try:
        async with ConnectionSupervisor(MqttAddress.parse(url), "stack").new_connection():
            return True
    except BrokerError:
        return False
