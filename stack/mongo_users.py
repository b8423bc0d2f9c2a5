"""What Docker runs once MongoDB answers: sets its users, their passwords and their rights."""

import sys
from pathlib import Path

from pydantic import Field
from pymongo.errors import PyMongoError

from broker.program.settings import ProcessSettings, exit_with, read_settings
from stack.mongo_accounts import make_users
from stack.mongod import SOCKET
from stack.processes import ProcessError
from stack.secrets.credentials import Credentials
from stack.secrets.passwords import NAMES, PREVIOUS

PROGRAM = "users"


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
    authority = folder / "ca.crt"
    accounts = Credentials(passwords, authority if authority.exists() else None)
    try:
        make_users(accounts, settings.socket)
    except ProcessError as error:
        exit_with(PROGRAM, str(error), 1)
    except PyMongoError as error:
        exit_with(PROGRAM, f"MongoDB rejects this: {type(error).__name__}", 1)


if __name__ == "__main__":
    main()
