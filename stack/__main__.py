"""What ``scripts/up`` runs once everything is installed."""

import os
import sys
from functools import partial

from broker.access.accounts import AccountsError
from broker.access.authority import AuthorityError
from broker.program.process import run
from broker.program.settings import read_settings
from stack.processes import ProcessError
from stack.secrets.passwords import PasswordsError
from stack.up import RunningAlreadyError, UpSettings, up

PROGRAM = "scripts/up"


def main() -> None:
    """Read the options and run the system."""
    # What a stack keeps and logs is for nobody else on this machine.
    os.umask(0o077)
    settings = read_settings(UpSettings, sys.argv[1:], PROGRAM)
    expected = AuthorityError, PasswordsError, ProcessError, AccountsError, RunningAlreadyError
    run(PROGRAM, partial(up, settings), *expected)


if __name__ == "__main__":
    main()
