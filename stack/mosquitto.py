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
    state: Path, port: int, accounts: Credentials, log: Path, mutual_port: int | None = None
) -> Process:
    """Describe a Mosquitto that keeps everything in ``state`` and listens on 127.0.0.1.

    Args:
        state: Its folder.
        port: Its port, with TLS if the accounts have an authority.
        accounts: Its users.
        log: The file for its output.
        mutual_port: Its port for clients with a certificate instead of a password, if it has one.

    Raises:
        AccountsError: The users cannot be written.
    """
    state.mkdir(parents=True, exist_ok=True)
    accounts.write_accounts(state / "users", os.environ.get("ENERGY_TOPIC_ROOT", "energy"))
    environment = {
        "MOSQUITTO_CONF": str(ROOT / "mosquitto.conf"),
        "MOSQUITTO_STATE": str(state),
        "MOSQUITTO_LISTENER": f"{port} 127.0.0.1",
    }
    if accounts.authority is not None:
        environment |= {
            "MOSQUITTO_LISTENER": "none",
            "MOSQUITTO_CERTIFICATES": str(accounts.authority.parent),
            "MOSQUITTO_TLS": f"{port} 127.0.0.1",
            "MOSQUITTO_MUTUAL_TLS": f"{mutual_port or 0} 127.0.0.1",
        }
    ports = [each for each in (port, mutual_port) if each is not None]
    return Process("Mosquitto", [str(ROOT / "broker" / "mosquitto-start")], environment, log, ports)


def damaged_stores(state: Path) -> set[Path]:
    """The stores that the broker could not read and that ``mosquitto-start`` moved aside."""
    return set(state.glob("mosquitto.db.damaged-*"))


async def accepts_clients(url: str) -> bool:
    """Whether the broker accepts the user of this URL."""
    try:
        async with ConnectionSupervisor(MqttAddress.parse(url), "stack").new_connection():
            return True
    except BrokerError:
        return False
