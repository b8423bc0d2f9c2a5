"""The command ``sensor-node``."""

import asyncio
import importlib
import sys

from broker.client import BrokerRefusedError
from broker.process import run
from broker.settings import read_settings
from sensor_node.durable import OutboxError
from sensor_node.fleet import Fleet, NotConfirmedError
from sensor_node.identity import claim
from sensor_node.ledger import LedgerError, open_ledger
from sensor_node.options import plan_of
from sensor_node.settings import SensorNodeSettings

PROGRAM = "sensor-node"
# Loaded when they are asked for: who simulates a meter needs no TOML.
COMMANDS = {
    "run": ("sensor_node.run", "run_command"),
    "check": ("sensor_node.check", "check_command"),
    "preview": ("sensor_node.preview", "preview_command"),
    "replay": ("sensor_node.replay", "replay_command"),
}


def main() -> None:
    """Run the command that the first argument names; without one, a node with meters."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in COMMANDS:
        module, function = COMMANDS[arguments[0]]
        getattr(importlib.import_module(module), function)(arguments[1:])
    else:
        run_node(arguments)


def run_node(arguments: list[str]) -> None:
    """Read the settings and run a node until told to stop."""
    settings = read_settings(SensorNodeSettings, arguments, PROGRAM)

    async def measure(stop: asyncio.Event) -> None:
        async with open_ledger(settings.ledger) as ledger, claim(settings, ledger) as (sensor_id, outbox):
            plan = plan_of(settings, sensor_id)
            try:
                await Fleet(plan, settings, [outbox], stop).run()
            finally:
                await ledger.end(outbox.kept)

    run(PROGRAM, measure, BrokerRefusedError, LedgerError, OutboxError, NotConfirmedError)


if __name__ == "__main__":
    main()
