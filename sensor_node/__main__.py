"""The command ``sensor-node``."""

import sys
from collections.abc import Sequence

from broker.program.subcommands import run_subcommand

PROGRAM = "sensor-node"
# Imported when they are used: a node does not need all their libraries.
COMMANDS = {
    None: ("sensor_node.node_command", "node_command"),
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
    run_subcommand(PROGRAM, "simulator", COMMANDS[command], arguments)


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


if __name__ == "__main__":
    main()
