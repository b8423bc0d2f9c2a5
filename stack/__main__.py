"""What ``scripts/up`` runs once everything is installed."""

import asyncio
import os
import sys

from broker.access.accounts import AccountsError
from broker.access.authority import AuthorityError
from broker.process import run
from broker.settings import read_settings
from stack.processes import ProcessError
from stack.secrets.passwords import PasswordsError
from stack.settings import UpSettings
from stack.up import RunningAlreadyError, up

PROGRAM = "scripts/up"


def main() -> None:
    """Read the options and run the system."""
    # What a stack keeps and logs is for nobody else on this machine.
    os.umask(0o077)
    settings = read_settings(UpSettings, sys.argv[1:], PROGRAM)

    async def serve(stop: asyncio.Event) -> None:
        await up(settings, stop)

    run(PROGRAM, serve, AuthorityError, PasswordsError, ProcessError, AccountsError, RunningAlreadyError)


if __name__ == "__main__":
    main()
