"""What Docker runs once MongoDB answers: sets its users, their passwords and their rights."""

import sys
import time
from pathlib import Path

from pydantic import Field
from pymongo.errors import ConnectionFailure, PyMongoError

from broker.program.settings import ProcessSettings, exit_with, read_settings
from stack.mongo_accounts import make_users
from stack.mongod import SOCKET
from stack.processes import ProcessError
from stack.secrets.credentials import Credentials
from stack.secrets.passwords import NAMES, PREVIOUS

PROGRAM = "users"
ANSWERS_WITHIN_S = 60.0
RETRY_S = 1.0


class UsersSettings(ProcessSettings):
    """Set the users of MongoDB, with the passwords that the first container made.

    Example: python3 -m stack.mongo_users --secrets /run/secrets/users
    """

    secrets: Path = Field(Path("/run/secrets/users"), description="folder with a file for each password")
    socket: Path = Field(SOCKET, description="the Unix socket of MongoDB")


def main() -> None:
    """Read the options and do it."""
    settings = read_settings(UsersSettings, sys.argv[1:], PROGRAM)
    folder = settings.secrets
    files = {name: folder / name for name in (*NAMES, PREVIOUS)}
    passwords = {name: file.read_text().strip() for name, file in files.items() if file.exists()}
    if not passwords:
        sys.stdout.write("The database is an external one, and so are its users.\n")
        return
    authority = folder / "ca.crt"
    accounts = Credentials(passwords, authority if authority.exists() else None)
    try:
        _make_users(accounts, settings.socket)
    except ProcessError as error:
        exit_with(PROGRAM, str(error), 1)
    except ConnectionFailure:
        exit_with(PROGRAM, "MongoDB does not answer; try again with docker compose up -d", 1)
    except PyMongoError as error:
        exit_with(PROGRAM, f"MongoDB rejects this: {type(error).__name__}", 1)


def _make_users(accounts: Credentials, socket: Path) -> None:
    """Do it; once more while MongoDB does not answer, as when it was just started."""
    until = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        try:
            return make_users(accounts, socket)
        except ConnectionFailure:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_S)


if __name__ == "__main__":
    main()
