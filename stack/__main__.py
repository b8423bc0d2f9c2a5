"""What ``scripts/up`` runs once everything is installed."""

import asyncio
import sys

from broker.process import run
from broker.settings import read_settings
from stack.accounts import AccountsError
from stack.processes import ProcessError
from stack.settings import UpSettings
from stack.up import RunningAlreadyError, up

PROGRAM = "scripts/up"


def main() -> None:
    """Read the options and run the system."""
    settings = read_settings(UpSettings, sys.argv[1:], PROGRAM)

    async def serve(stop: asyncio.Event) -> None:
        await up(settings, stop)

    run(PROGRAM, serve, AccountsError, ProcessError, RunningAlreadyError)


if __name__ == "__main__":
    main()
