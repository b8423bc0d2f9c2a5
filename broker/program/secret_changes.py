"""Notices that a secret in a file, such as ``ENERGY_MQTT_URL_FILE``, has another value than at the start."""

import asyncio
import logging
import os
from pathlib import Path

from broker.program.bounded_file import read_small

CHECK_EVERY_S = 5.0

logger = logging.getLogger(__name__)


class SecretChangedError(Exception):
    """Raised when a process ended because it has to be started again with a new secret."""


def read_secret_files() -> dict[str, str]:
    """The values in all files that the environment names, by variable; without those that cannot be read."""
    values = {}
    for variable, file in os.environ.items():
        if file and variable.startswith("ENERGY_") and variable.endswith("_FILE"):
            try:
                values[variable] = read_small(Path(file)).strip()
            except (OSError, UnicodeDecodeError):
                continue
    return values


async def wait_for_new_secret() -> None:
    """Wait until a file has another value, and log which one.

    A file that is away for a while has not changed.
    """
    before = read_secret_files()
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        now = await asyncio.to_thread(read_secret_files)
        changed = [variable for variable, value in now.items() if value != before.get(variable, value)]
        if changed:
            logger.warning(
                "%s has a new value; stopping, to be started again with it.", " and ".join(changed)
            )
            return
