"""The command ``monitor``."""

import asyncio
import sys

from broker.process import run
from broker.settings import read_settings, stop
from monitor.ledgers import LedgerError
from monitor.queries import QueryError, open_tail
from monitor.settings import VerifySettings, WatchSettings
from monitor.verdict import to_lines
from monitor.verify import verify
from monitor.watch import watch

PROGRAM = "monitor"
USAGE = """usage: monitor COMMAND [options]

Look at what is stored.

commands:
  watch       show readings as they are stored
  verify      hold a sensor node's ledger against the database

Examples: monitor watch
          monitor verify ledger.jsonl
`monitor COMMAND --help` lists the options of a command.
"""


def main() -> None:
    """Run the command that the first argument names."""
    command, arguments = next(iter(sys.argv[1:]), "--help"), sys.argv[2:]
    if command in {"-h", "--help"}:
        sys.stdout.write(USAGE)
    elif command == "watch":
        _watch(arguments)
    elif command == "verify":
        _verify(arguments)
    else:
        stop(PROGRAM, f"{command!r} is no command; `monitor --help` lists them")


def _watch(arguments: list[str]) -> None:
    settings = read_settings(WatchSettings, arguments, f"{PROGRAM} watch")

    async def follow(ended: asyncio.Event) -> None:
        async with open_tail(settings.mongo_url) as tail:
            await watch(tail, ended)

    run(PROGRAM, follow)


def _verify(arguments: list[str]) -> None:
    settings = read_settings(VerifySettings, arguments, f"{PROGRAM} verify")

    verdicts = []

    async def check(_: asyncio.Event) -> None:
        verdicts.append(
            await verify(settings.files, settings.alerts, settings.mongo_url, settings.topic_root)
        )

    run(PROGRAM, check, LedgerError, QueryError)
    for verdict in verdicts:
        sys.stdout.write("\n".join(to_lines(verdict)) + "\n")
        if not verdict.is_well:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
