"""Run a subcommand that is imported only when it is used."""

import importlib
from collections.abc import Sequence

from broker.program.settings import exit_with

ROOMS = frozenset({"broker", "ingestor", "monitor", "sensor_node", "stack"})


def run_subcommand(program: str, extra: str, command: tuple[str, str], arguments: Sequence[str]) -> None:
    """Import and call the function of a subcommand.

    Args:
        program: Its name in messages.
        extra: The optional dependencies that the command needs.
        command: Module and function.
        arguments: Those of the subcommand.

    Raises:
        SystemExit: With status 2 after one sentence on stderr, if the extra is not installed.
    """
    module, function = command
    try:
        call = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        package = str(error.name).split(".", maxsplit=1)[0]
        if package in ROOMS:
            raise
        exit_with(
            program, f"needs {package}, which comes with the extra `{extra}`; scripts/setup installs all"
        )
    call(arguments)
