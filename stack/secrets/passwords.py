"""The passwords of a stack, kept in ``.env``: made at the first start, changed by ``scripts/passwords``.

``scripts/up`` and ``docker compose`` both read ``.env``, which is in no repository and readable by its owner
only. A password may be in a file instead: ``NAME_FILE=/path`` in ``.env``.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import Field, StringConstraints
from pydantic_settings import CliPositionalArg

from broker.access.accounts import PASSWORD_PATTERN, PASSWORD_RULE, new_password
from broker.program.atomic_write import write_private
from broker.program.settings import ProcessSettings, exit_with, read_settings

PROGRAM = "scripts/passwords"
Name = Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,40}$")]
NAMES = (
    *(f"MONGO_{role}_PASSWORD" for role in ("ADMIN", "INGESTOR", "VIEWER", "OPERATOR")),
    *(f"MQTT_{name}_PASSWORD" for name in ("INGESTOR", "SENSORS", "VIEWER", "OPERATOR", "WEB", "HEALTH")),
    *(f"WEB_{role}_PASSWORD" for role in ("VIEWER", "OPERATOR")),
)
ADMIN = "MONGO_ADMIN_PASSWORD"
# What the administrator had before, with commas: to change it, one must log in to the database with the old
# one, and the database is not running when `.env` is written.
PREVIOUS = "MONGO_ADMIN_PASSWORD_PREVIOUS"
HEAD = """\
# Made at the first start: who has this file has everything. What else it may hold: see .env.example.
# Change a password with `scripts/passwords rotate NAME`.
"""


class PasswordsError(Exception):
    """Raised when a password is missing or cannot be used; says which, and why."""


def ensure_passwords(env: Path) -> dict[str, str]:
    """Read all passwords from ``.env``, after adding those that are missing.

    Returns:
        The passwords by their names, and ``PREVIOUS`` if there are any.

    Raises:
        PasswordsError: One cannot be used, or the file cannot be read or written.
    """
    passwords = _add_missing(env)
    for name, password in passwords.items():
        if not PASSWORD_PATTERN.match(password):
            file = dotenv_values(env).get(f"{name}_FILE")
            remedy = f"change it in {file}" if file else f"make a new one: {PROGRAM} rotate {name}"
            raise PasswordsError(f"{name} in {env.name} must have {PASSWORD_RULE}; {remedy}")
    previous = dotenv_values(env).get(PREVIOUS)
    return passwords | ({PREVIOUS: previous} if previous else {})


def previous_passwords(passwords: Mapping[str, str]) -> list[str]:
    """The passwords that MongoDB's administrator may still have in the database, the newest first."""
    return [each for each in passwords.get(PREVIOUS, "").split(",") if each]


def forget_previous(env: Path) -> None:
    """Remove the administrator's previous passwords from ``.env``: the database has the new one."""
    if PREVIOUS in dotenv_values(env):
        lines = [line for line in env.read_text().splitlines() if _name(line) != PREVIOUS]
        write_private(env, "\n".join(lines) + "\n")


def _add_missing(env: Path) -> dict[str, str]:
    try:
        values = dotenv_values(env)
        found = {name: password for name in NAMES if (password := _find(values, name)) is not None}
        missing = {name: new_password() for name in NAMES if name not in found}
        if missing:
            _append(env, missing)
        elif env.stat().st_mode & 0o077:
            env.chmod(0o600)
    except OSError as error:
        raise PasswordsError(f"{error.filename or env} cannot be used ({error.strerror})") from error
    return found | missing


def rotate_passwords(env: Path, names: Iterable[str]) -> None:
    """Make new passwords in ``.env``.

    Raises:
        PasswordsError: One is unknown, or kept in a file of its own.
    """
    fresh = {name: new_password() for name in names}
    # Without a look at the passwords: this is how one that cannot be used is mended.
    _add_missing(env)
    values = dotenv_values(env)
    for name in fresh:
        if name not in NAMES:
            raise PasswordsError(f"there is no password {name!r}; known are {', '.join(NAMES)}")
        if values.get(f"{name}_FILE"):
            raise PasswordsError(f"{name} is kept in {values[f'{name}_FILE']}; change it there")
    lines = env.read_text().splitlines()
    if ADMIN in fresh:
        # Until the next start the database knows the old one only.
        earlier = ",".join(filter(None, (values[ADMIN], values.get(PREVIOUS))))
        lines = [line for line in lines if _name(line) != PREVIOUS] + [f"{PREVIOUS}={earlier}"]
    changed = [f"{name}={fresh[name]}" if (name := _name(line)) in fresh else line for line in lines]
    try:
        write_private(env, "\n".join(changed) + "\n")
    except OSError as error:
        raise PasswordsError(f"{env} cannot be written ({error.strerror}); nothing has changed") from error


def read_notify(env: Path) -> dict[str, str]:
    """The ingestor's setting for notifications in ``.env``, if there is one."""
    notify = dotenv_values(env).get("ENERGY_NOTIFY")
    return {"ENERGY_NOTIFY": notify} if notify else {}


def _find(values: dict[str, str | None], name: str) -> str | None:
    file = values.get(f"{name}_FILE")
    return Path(file).read_text().strip() if file else values.get(name)


def _append(env: Path, passwords: dict[str, str]) -> None:
    before = env.read_text() if env.exists() else HEAD
    lines = "".join(f"{name}={password}\n" for name, password in passwords.items())
    write_private(env, before + ("" if before.endswith("\n") else "\n") + lines)


def _name(line: str) -> str:
    return line.removeprefix("export ").partition("=")[0].strip()


class PasswordsSettings(ProcessSettings):
    """Make new passwords for the stack.

    Without a name, for everybody. They are in .env. What runs keeps the old ones
    until it is started again: scripts/up, or docker compose up --force-recreate.

    Example: scripts/passwords rotate MQTT_VIEWER_PASSWORD
    """

    command: CliPositionalArg[Literal["rotate"]] = Field(description="rotate")
    names: CliPositionalArg[list[Name]] = Field([], description="as in .env")
    env: Path = Field(Path(".env"), description="the file with the passwords")


def main() -> None:
    """Read the options and make new passwords."""
    settings = read_settings(PasswordsSettings, sys.argv[1:], PROGRAM)
    try:
        rotate_passwords(settings.env, settings.names or NAMES)
    except PasswordsError as error:
        exit_with(PROGRAM, str(error), 1)
    sys.stdout.write(
        f"New in {settings.env}: {', '.join(settings.names or NAMES)}.\nStart the stack again.\n"
    )


if __name__ == "__main__":
    main()
