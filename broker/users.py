"""``broker users``: let somebody in, give them another password, or let them in no more."""

import secrets
import sys
from pathlib import Path

from pydantic import ValidationError

from broker.authority import Authority, AuthorityError
from broker.kick import disconnect
from broker.private_file import write_private
from broker.register import RegisterError, new_password, open_register
from broker.roles import Account
from broker.settings import read_settings, shown_file
from broker.users_settings import AddSettings, ListSettings, RemoveSettings, RotateSettings

KEPT = "the password of {name} is kept in .env; change it with `scripts/passwords rotate`"


def say(text: str) -> None:
    """Tell the user."""
    sys.stdout.write(text + "\n")


def add(arguments: list[str], program: str) -> None:
    """Let somebody in, and say how they connect.

    Raises:
        RegisterError: There is somebody of that name, or something cannot be used.
    """
    settings = read_settings(AddSettings, arguments, program)
    try:
        account = Account(name=settings.name, role=settings.role, sites=settings.sites)
    except ValidationError as error:
        raise RegisterError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    password = None if settings.certificate else _password(settings.password_file)
    with open_register(settings.broker_users, settings.topic_root) as register:
        if account.name in register.accounts:
            raise RegisterError(
                f"there is a user {account.name} already; `broker users rotate` or `remove` first"
            )
        register.put(account, password)
    _tell(account, settings, password)


def remove(arguments: list[str], program: str) -> None:
    """Let somebody in no more, neither by password nor by certificate.

    Raises:
        RegisterError: There is nobody of that name, or the stack needs them.
        AuthorityError: The authority cannot be used.
    """
    settings = read_settings(RemoveSettings, arguments, program)
    with open_register(settings.broker_users, settings.topic_root) as register:
        account = register.find(settings.name)
        if account.managed:
            raise RegisterError(f"{account.name} is one of the stack's own and comes back at the next start")
        register.remove(settings.name)
    told = "; passwords are checked again at once"
    if (settings.certificates / "ca.key").exists():
        told += _revoke(Authority(settings.certificates), settings)
    say(f"{settings.name} is let in no more{told}.")


def rotate(arguments: list[str], program: str) -> None:
    """Give somebody a new password.

    Raises:
        RegisterError: There is nobody of that name, or the password is kept elsewhere.
    """
    settings = read_settings(RotateSettings, arguments, program)
    password = _password(settings.password_file)
    with open_register(settings.broker_users, settings.topic_root) as register:
        account = register.find(settings.name)
        if account.managed:
            raise RegisterError(KEPT.format(name=account.name))
        register.put(account, password)
    say(f"The old password of {account.name} is worthless.\n  password   {password}")


def list_users(arguments: list[str], program: str) -> None:
    """List everybody.

    Raises:
        RegisterError: The register cannot be read.
    """
    settings = read_settings(ListSettings, arguments, program)
    with open_register(settings.broker_users, settings.topic_root) as register:
        for name, account in sorted(register.accounts.items()):
            way = "password" if register.has_password(name) else "certificate"
            own = ", of the stack" if account.managed else ""
            say(f"{name:<24} {account.role:<9} {','.join(account.sites):<16} {way}{own}")


def _revoke(authority: Authority, settings: RemoveSettings) -> str:
    try:
        authority.revoke(settings.name)
    except AuthorityError:
        return ""  # they had none
    return f"; {disconnect(authority, settings)}"


def _password(file: Path | None) -> str:
    if file is None:
        return new_password()
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RegisterError(f"--password-file: {shown_file(file)} cannot be read") from error


def _tell(account: Account, settings: AddSettings, password: str | None) -> None:
    say(f"{account.name} is let in as {account.role}, site {','.join(account.sites)}.")
    if password is None:
        say(f"  next       broker certs issue {account.name}")
    elif settings.password_to is not None:
        try:
            write_private(settings.password_to, f"{password}\n")
        except OSError as error:
            raise RegisterError(f"{settings.password_to} cannot be written ({error.strerror})") from error
        say(f"  password   in {settings.password_to}")
    else:
        say(f"  password   {password}")
    # Whoever knows the client id of somebody else can end their connection: it should be chance too.
    say(f"  client id  {account.name}-{secrets.token_hex(8)} (or another that nobody can guess)")
    read, write = account.rights(settings.topic_root)
    for label, topics in (("publishes", write), ("hears", read)):
        for topic in topics:
            say(f"  {label:<10} {topic}")
            label = ""  # noqa: PLW2901 - once is enough
