"""The command ``sensor-node``."""

import asyncio
import importlib
import sys
from collections.abc import Sequence

from broker.client import BrokerRejectedError
from broker.process import run
from broker.settings import read_settings
from sensor_node.fleet import Fleet, NotConfirmedError
from sensor_node.identity import claim_outbox
from sensor_node.outbox.durable import OutboxError
from sensor_node.outbox.ledger import LedgerWriteError, open_ledger
from sensor_node.plan_from_options import plan_from_options
from sensor_node.settings import SensorNodeSettings

PROGRAM = "sensor-node"
# Loaded when they are asked for: who simulates a meter needs no TOML.
COMMANDS = {
    "run": ("sensor_node.scenarios.run", "run_command"),
    "check": ("sensor_node.scenarios.check", "check_command"),
    "preview": ("sensor_node.preview.command", "preview_command"),
    "replay": ("sensor_node.recordings.replay", "replay_command"),
}
# The others need no outbox.
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
    place = 0
    while place < len(arguments) and arguments[place].startswith("--"):
        place += 1 if "=" in arguments[place] else 2
    if place >= len(arguments) or arguments[place] not in COMMANDS:
        return None, [*arguments]
    command = arguments[place]
    before = arguments[:place] if command in SENDING else ()
    return command, [*before, *arguments[place + 1 :]]


def run_node(arguments: list[str]) -> None:
    """Read the settings and run a node until told to stop."""
    settings = read_settings(SensorNodeSettings, arguments, PROGRAM)

    async def measure(stop: asyncio.Event) -> None:
        async with (
            open_ledger(settings.ledger) as ledger,
            claim_outbox(settings, ledger) as (sensor_id, outbox),
        ):
            plan = plan_from_options(settings, sensor_id)
            try:
                await Fleet(plan, settings, [outbox], stop).run()
            finally:
                await ledger.mark_unknown(outbox.entries)

    run(PROGRAM, measure, BrokerRejectedError, LedgerWriteError, OutboxError, NotConfirmedError)


if __name__ == "__main__":
    main()
