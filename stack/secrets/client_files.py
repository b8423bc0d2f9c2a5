"""Files from which people's programs take user and password, so that neither is in a command line.

Everybody on a machine can read the command lines of all. ``mosquitto_sub``, ``mosquitto_pub`` and
``mosquitto_rr`` read options from a file of their name in the folder that ``XDG_CONFIG_HOME`` names, ``curl``
takes what it sends from a file with ``-d @FILE``, and our own programs take URLs from files that
``ENERGY_MQTT_URL_FILE`` and ``ENERGY_MONGO_URL_FILE`` name.
"""

from pathlib import Path

from broker.atomic_write import private_folder, write_private
from stack.secrets.credentials import Credentials

PEOPLE = ("viewer", "operator", "sensors")
PROGRAMS = ("mosquitto_sub", "mosquitto_pub")
# Whose URLs scripts/monitor, scripts/ingestor, scripts/sensor-node and scripts/verify take.
MQTT_ROLES = ("viewer", "operator", "sensors", "ingestor")
MONGO_ROLES = ("viewer", "operator", "ingestor")


def write_client_files(folder: Path, accounts: Credentials, port: int, mongo_port: int) -> None:
    """Write a folder for each of ``PEOPLE``, and for the ingestor.

    Args:
        folder: Where the folders are.
        accounts: The passwords, and whom to trust.
        port: The broker's on 127.0.0.1.
        mongo_port: The database's.
    """
    private_folder(folder)
    for name in PEOPLE:
        own = private_folder(folder / name)
        lines = ["--host 127.0.0.1", f"--port {port}", f"--username {name}"]
        lines.append(f"--pw {accounts.passwords[f'MQTT_{name.upper()}_PASSWORD']}")
        if accounts.authority:
            lines.append(f"--cafile {accounts.authority}")
        for program in PROGRAMS:
            write_private(own / program, "\n".join(lines) + "\n")
        if password := accounts.passwords.get(f"WEB_{name.upper()}_PASSWORD"):
            write_private(own / "rest", f"username={name}&password={password}\n")
    for name in MQTT_ROLES:
        write_private(private_folder(folder / name) / "mqtt-url", f"{accounts.mqtt(name, port)}\n")
    for name in MONGO_ROLES:
        write_private(private_folder(folder / name) / "mongo-url", f"{accounts.mongo(name, mongo_port)}\n")
