"""``scripts/passwords``: make new passwords of the stack."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from pydantic_settings import CliPositionalArg

from broker.settings import ProcessSettings, exit_with, read_settings
from stack.secrets.passwords import ADMIN, NAMES, PasswordsError, rotate_passwords

PROGRAM = "scripts/passwords"
Name = Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,40}$")]


class PasswordsSettings(ProcessSettings):
    """Make new passwords for the stack.

    Without a name, for everybody but the database's administrator. They are in
    .env. What runs keeps the old ones until it is started again:
    scripts/up, or docker compose up --force-recreate.

    Example: scripts/passwords rotate MQTT_VIEWER_PASSWORD
    """

    command: CliPositionalArg[Literal["rotate"]] = Field(description="rotate")
    names: CliPositionalArg[list[Name]] = Field([], description="as in .env")
    env: Path = Field(Path(".env"), description="the file with the passwords")


def main() -> None:
    """Read the options and make new passwords."""
    settings = read_settings(PasswordsSettings, sys.argv[1:], PROGRAM)
    everybody = [name for name in NAMES if name != ADMIN]
    try:
        rotate_passwords(settings.env, settings.names or everybody)
    except PasswordsError as error:
        exit_with(PROGRAM, str(error), 1)
    sys.stdout.write(
        f"New in {settings.env}: {', '.join(settings.names or everybody)}.\nStart the stack again.\n"
    )


if __name__ == "__main__":
    main()
