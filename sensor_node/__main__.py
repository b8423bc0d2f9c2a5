"""The command ``sensor-node``."""

import importlib
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from broker.program.settings import read_settings
from sensor_node.fleet import run_fleet
from sensor_node.identity import claim_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import Outbox
from sensor_node.plan import SimulationPlan
from sensor_node.settings import SensorNodeSettings

PROGRAM = "sensor-node"
# Imported when they are used: a node does not need all their libraries.
COMMANDS = {
    "run": ("sensor_node.scenarios.run", "run_command"),
    "check": ("sensor_node.scenarios.check", "check_command"),
    "preview": ("sensor_node.preview.command", "preview_command"),
    "replay": ("sensor_node.recordings.replay", "replay_command"),
}
# Commands with an outbox.
SENDING = ("run", "replay")


def main() -> None:
    """Run the command of the first argument; without one, run a node."""
    command, arguments = find_command(sys.argv[1:])
    if command is None:
        run_node(arguments)
    else:
        module, function = COMMANDS[command]
        getattr(importlib.import_module(module), function)(arguments)


def find_command(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Separate the command from its options.

    Options with values may stand before it, such as those that a container always has; they are kept only
    for commands that send.
    """
    at = 0
    while at < len(arguments) and arguments[at].startswith("--"):
        at += 1 if "=" in arguments[at] else 2
    if at >= len(arguments) or arguments[at] not in COMMANDS:
        return None, [*arguments]
    before = arguments[:at] if arguments[at] in SENDING else ()
    return arguments[at], [*before, *arguments[at + 1 :]]


def run_node(arguments: list[str]) -> None:
    """Read the settings and run a node until told to stop."""
    settings = read_settings(SensorNodeSettings, arguments, PROGRAM)

    async def prepare(stack: AsyncExitStack, ledger: Ledger) -> tuple[SimulationPlan, list[Outbox]]:
        sensor_id, outbox = await claim_outbox(stack, settings, ledger)
        return settings.plan(sensor_id), [outbox]

    run_fleet(settings, prepare)


if __name__ == "__main__":
    main()
