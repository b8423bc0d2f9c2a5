"""A user of its own for each simulated sensor, which may say nothing for any other."""

import os
from collections.abc import Sequence
from pathlib import Path

from broker.access.accounts import AccountsError, new_password, open_accounts
from broker.access.roles import Account

DEFAULT_SITE = "lari"


def add_sensor_accounts(folder: Path, sensors: Sequence[str]) -> dict[str, str]:
    """Let sensors in, each with a password that lasts until the next start.

    Args:
        folder: Where the broker's users are.
        sensors: Their ids.

    Returns:
        The password of each.

    Raises:
        RegisterError: The users cannot be read or written, or a real sensor has such a name.
    """
    passwords = {sensor_id: new_password() for sensor_id in sensors}
    site = os.environ.get("ENERGY_SITE") or DEFAULT_SITE
    with open_accounts(folder, os.environ.get("ENERGY_TOPIC_ROOT", "energy")) as register:
        for name in sensors:
            if name in register.accounts and not register.accounts[name].managed:
                raise AccountsError(
                    f"{name} is a user that somebody added, and would be a simulated sensor; use --nodes 0"
                )
        register.put_all(
            [
                (Account(name=sensor_id, role="sensor", sites=(site,), managed=True), password)
                for sensor_id, password in passwords.items()
            ]
        )
    return passwords
