"""``broker users``: let somebody in, give them another password, or let them in no more."""

import secrets
import sys
from pathlib import Path

from pydantic import ValidationError

from broker.access.accounts import AccountsError, new_password, open_accounts
from broker.access.authority import AuthorityError, CertificateAuthority
from broker.access.command_settings import (
    AddUserSettings,
    ListUsersSettings,
    RemoveUserSettings,
    RotatePasswordSettings,
)
from broker.access.disconnect import disconnect_user
from broker.access.roles import Account
from broker.atomic_write import write_private
from broker.settings import describe_file, read_settings
from broker.validation_errors import describe_error, first_error

MANAGED_HINT = "the password of {name} is kept in .env; change it with `scripts/passwords rotate`"


def print_line(text: str) -> None:
    """Tell the user."""
    sys.stdout.write(text + "\n")


def add_user(arguments: list[str], program: str) -> None:
    """Let somebody in, and say how they connect.

    Raises:
        RegisterError: There is somebody of that name, or something cannot be used.
    """
    settings = read_settings(AddUserSettings, arguments, program)
    try:
        account = Account(name=settings.name, role=settings.role, sites=settings.sites)
    except ValidationError as error:
        raise AccountsError(describe_error(first_error(error))) from error
    password = None if settings.certificate else _read_password(settings.password_file)
    with open_accounts(settings.broker_users, settings.topic_root) as register:
        if account.name in register.accounts:
            raise AccountsError(
                f"there is a user {account.name} already; `broker users rotate` or `remove` first"
            )
        register.put(account, password)
    _print_account(account, settings, password)


def remove_user(arguments: list[str], program: str) -> None:
    """Let somebody in no more, neither by password nor by certificate.

    Raises:
        RegisterError: There is nobody of that name, or the stack needs them.
        AuthorityError: The authority cannot be used.
    """
    settings = read_settings(RemoveUserSettings, arguments, program)
    with open_accounts(settings.broker_users, settings.topic_root) as register:
        account = register.find(settings.name)
        if account.managed:
            raise AccountsError(f"{account.name} is one of the stack's own and comes back at the next start")
        register.remove(settings.name)
    told = "; passwords are checked again at once"
    if (settings.certificates / "ca.key").exists():
        told += _revoke_certificate(CertificateAuthority(settings.certificates), settings)
    print_line(f"{settings.name} is let in no more{told}.")


def rotate_password(arguments: list[str], program: str) -> None:
    """Give somebody a new password.

    Raises:
        RegisterError: There is nobody of that name, or the password is kept elsewhere.
    """
    settings = read_settings(RotatePasswordSettings, arguments, program)
    password = _read_password(settings.password_file)
    with open_accounts(settings.broker_users, settings.topic_root) as register:
        account = register.find(settings.name)
        if account.managed:
            raise AccountsError(MANAGED_HINT.format(name=account.name))
        register.put(account, password)
    print_line(f"The old password of {account.name} is worthless.\n  password   {password}")


def list_users(arguments: list[str], program: str) -> None:
    """List everybody.

    Raises:
        RegisterError: The register cannot be read.
    """
    settings = read_settings(ListUsersSettings, arguments, program)
    with open_accounts(settings.broker_users, settings.topic_root) as register:
        for name, account in sorted(register.accounts.items()):
            way = "password" if register.has_password(name) else "certificate"
            own = ", of the stack" if account.managed else ""
            print_line(f"{name:<24} {account.role:<9} {','.join(account.sites):<16} {way}{own}")


def _revoke_certificate(authority: CertificateAuthority, settings: RemoveUserSettings) -> str:
    try:
        authority.revoke(settings.name)
    except AuthorityError:
        return ""  # they had none
    return f"; {disconnect_user(authority, settings)}"


def _read_password(file: Path | None) -> str:
    if file is None:
        return new_password()
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsError(f"--password-file: {describe_file(file)} cannot be read") from error


def _print_account(account: Account, settings: AddUserSettings, password: str | None) -> None:
    print_line(f"{account.name} is let in as {account.role}, site {','.join(account.sites)}.")
    if password is None:
        print_line(f"  next       broker certs issue {account.name}")
    elif settings.password_to is not None:
        try:
            write_private(settings.password_to, f"{password}\n")
        except OSError as error:
            raise AccountsError(f"{settings.password_to} cannot be written ({error.strerror})") from error
        print_line(f"  password   in {settings.password_to}")
    else:
        print_line(f"  password   {password}")
    # Whoever knows the client id of somebody else can end their connection: it should be chance too.
    print_line(f"  client id  {account.name}-{secrets.token_hex(8)} (or another that nobody can guess)")
    read, write = account.rights(settings.topic_root)
    for label, topics in (("publishes", write), ("hears", read)):
        for topic in topics:
            print_line(f"  {label:<10} {topic}")
            label = ""  # noqa: PLW2901 - once is enough
