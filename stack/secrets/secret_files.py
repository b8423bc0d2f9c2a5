"""What programs are told in secret: in files that only their owner can read.

A variable of the environment may end up in a report of a crash or in the list of processes, a file does not.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from broker.atomic_write import private_folder, write_private


class SecretFiles:
    """A folder with a folder for each program. What earlier runs left there is removed.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = private_folder(folder)

    def write(self, program: str, values: Mapping[str, str]) -> dict[str, str]:
        """Write values down for a program.

        Args:
            program: Its name.
            values: By the names of variables.

        Returns:
            Variables that name the files. Those of the values are empty, whatever they are for this process:
            nobody can be told both.
        """
        own = private_folder(self._folder / program)
        variables: dict[str, str] = {}
        for name, value in values.items():
            file = own / file_name(name)
            write_private(file, f"{value}\n")
            variables |= {name: "", f"{name}_FILE": str(file)}
        return variables


def file_name(variable: str) -> str:
    """What the file with a variable's value is called: ``mqtt-url`` for ``ENERGY_MQTT_URL``."""
    return variable.removeprefix("ENERGY_").lower().replace("_", "-")
