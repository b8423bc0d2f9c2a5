"""``scripts/sensor-node`` with TLS: one more sensor node for the stack that runs, with a user of its own.

Over TLS the client id is the user's name, so that each user has one connection at a time. The users are
``sensor-node-1``, ``sensor-node-2`` and so on; a node takes the first that no other node has.
"""

import asyncio
import fcntl
import os
import sys
from itertools import count
from pathlib import Path
from typing import TextIO

from broker.access.accounts import AccountsError, new_password, open_accounts
from broker.access.roles import Account
from broker.program.atomic_write import private_folder, write_private
from broker.program.settings import exit_with
from stack.mosquitto import accepts_clients

PROGRAM = "scripts/sensor-node"
STATE = Path("var")
LOOKS = 50
LOOK_EVERY_S = 0.2


def main() -> None:
    """Make the user, wait until the broker knows it, and become the sensor node."""
    url_of_all = (STATE / "clients" / "sensors" / "mqtt-url").read_text().strip()
    try:
        lock, url_file = take_account(url_of_all)
    except (AccountsError, OSError) as error:
        exit_with(PROGRAM, str(error), 1)
    if not asyncio.run(_is_accepted(url_file.read_text().strip())):
        exit_with(PROGRAM, "the broker does not answer; start scripts/up first", 1)
    # For as long as the node runs, nobody else takes its user.
    os.set_inheritable(lock.fileno(), True)
    environment = {name: value for name, value in os.environ.items() if name != "ENERGY_MQTT_URL"}
    command = [sys.executable, "-m", "sensor_node", *sys.argv[1:]]
    os.execve(sys.executable, command, environment | {"ENERGY_MQTT_URL_FILE": str(url_file)})  # noqa: S606


def take_account(url_of_all: str) -> tuple[TextIO, Path]:
    """Lock the first user that is free, and give it a new password.

    Args:
        url_of_all: The broker's URL for the user that all gateways have without TLS.

    Returns:
        The lock, and the file with the user's URL.

    Raises:
        AccountsError: The broker's users cannot be read or written.
        OSError: A file cannot be written.
    """
    root = os.environ.get("ENERGY_TOPIC_ROOT", "energy")
    for number in count(1):
        name = f"sensor-node-{number}"
        folder = private_folder(private_folder(STATE / "clients") / name)
        lock = (folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        password = new_password()
        with open_accounts(STATE / "mosquitto" / "users", root) as store:
            if name in store.accounts and store.accounts[name].role != "gateway":
                continue  # somebody else's
            store.put(Account(name=name, role="gateway"), password)
        rest = url_of_all.rpartition("@")[2]
        write_private(folder / "mqtt-url", f"mqtts://{name}:{password}@{rest}\n")
        return lock, folder / "mqtt-url"
    raise AssertionError


async def _is_accepted(url: str) -> bool:
    """Whether the broker takes a new user, which it reads within a second."""
    for _ in range(LOOKS):
        if await accepts_clients(url):
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False


if __name__ == "__main__":
    main()
