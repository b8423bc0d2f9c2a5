"""The command ``monitor``."""

import asyncio
import sys

from broker.process import run
from broker.settings import read_settings, stop
from monitor.queries import open_tail
from monitor.settings import WatchSettings
from monitor.watch import watch

PROGRAM = "monitor"
USAGE = """usage: monitor COMMAND [options]

Look at what is stored.

commands:
  watch       show readings as they are stored

Example: monitor watch
`monitor COMMAND --help` lists the options of a command.
"""


def main() -> None:
    """Run the command that the first argument names."""
    command, arguments = next(iter(sys.argv[1:]), "--help"), sys.argv[2:]
    if command in {"-h", "--help"}:
        sys.stdout.write(USAGE)
    elif command == "watch":
        _watch(arguments)
    else:
        stop(PROGRAM, f"{command!r} is no command; `monitor --help` lists them")


def _watch(arguments: list[str]) -> None:
    settings = read_settings(WatchSettings, arguments, f"{PROGRAM} watch")

    async def follow(ended: asyncio.Event) -> None:
        async with open_tail(settings.mongo_url) as tail:
            await watch(tail, ended)

    run(PROGRAM, follow)


if __name__ == "__main__":
    main()
