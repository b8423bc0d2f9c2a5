"""Secrets in files that only their owner can read.

Everybody on a machine can read command lines, and a variable of the environment may end up in a crash report.
``mosquitto_sub``, ``mosquitto_pub`` and ``mosquitto_rr`` read options from a file of their name in the folder
that ``XDG_CONFIG_HOME`` names, ``curl`` sends a file with ``-d @FILE``, and our own programs take URLs
from the files that ``ENERGY_MQTT_URL_FILE`` and ``ENERGY_MONGO_URL_FILE`` name.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from broker.address import MqttAddress
from broker.program.atomic_write import private_folder, write_private
from stack.secrets.credentials import Credentials

PEOPLE = ("viewer", "operator", "sensors")
PROGRAMS = ("mosquitto_sub", "mosquitto_pub")
# Whose URLs scripts/monitor, scripts/ingestor, scripts/sensor-node and scripts/verify take.
MQTT_ROLES = ("viewer", "operator", "sensors", "ingestor")
MONGO_ROLES = ("viewer", "operator", "ingestor")


class SecretFiles:
    """A folder with a folder for each program. What earlier runs left there is removed."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = private_folder(folder)

    def write(self, program: str, values: Mapping[str, str]) -> dict[str, str]:
        """Write secrets into files of a program, ``mqtt-url`` for ``ENERGY_MQTT_URL``.

        Args:
            program: Its name.
            values: The secrets, by the names of their variables.

        Returns:
            Variables that name the files. The secrets' own variables are empty: a program rejects both.
        """
        own = private_folder(self._folder / program)
        variables: dict[str, str] = {}
        for name, value in values.items():
            file = own / name.removeprefix("ENERGY_").lower().replace("_", "-")
            write_private(file, f"{value}\n")
            variables |= {name: "", f"{name}_FILE": str(file)}
        return variables


def write_client_files(folder: Path, accounts: Credentials, port: int, mongo_port: int) -> None:
    """Write a folder for each of ``PEOPLE``, and for the ingestor; the ports are those on 127.0.0.1."""
    private_folder(folder)
    for name in PEOPLE:
        own = private_folder(folder / name)
        broker = MqttAddress.parse(accounts.mqtt(name, port))
        lines = [f"--host {broker.host}", f"--port {broker.port}"]
        lines += [f"--username {broker.user}", f"--pw {broker.password}"]
        if broker.tls:
            lines.append(f"--cafile {broker.authority}" if broker.authority else "--tls-use-os-certs")
        for program in PROGRAMS:
            write_private(own / program, "\n".join(lines) + "\n")
        if password := accounts.passwords.get(f"WEB_{name.upper()}_PASSWORD"):
            write_private(own / "rest", f"username={name}&password={password}\n")
    for name in MQTT_ROLES:
        write_private(private_folder(folder / name) / "mqtt-url", f"{accounts.mqtt(name, port)}\n")
    for name in MONGO_ROLES:
        write_private(private_folder(folder / name) / "mongo-url", f"{accounts.mongo(name, mongo_port)}\n")
