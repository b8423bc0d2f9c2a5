"""``broker users``: add a user, give one a new password, remove one, list all."""

import secrets
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
from broker.program.atomic_write import write_private
from broker.program.process import print_line
from broker.program.settings import describe_file
from broker.program.validation_errors import describe_error, first_error


def add_user(settings: AddUserSettings) -> None:
    """Add a user, and show how it connects."""
    try:
        account = Account(name=settings.name, role=settings.role, sites=settings.sites)
    except ValidationError as error:
        raise AccountsError(describe_error(first_error(error))) from error
    password = None if settings.certificate else _read_password(settings.password_file)
    with open_accounts(settings.broker_users, settings.topic_root) as store:
        if account.name in store.accounts:
            raise AccountsError(
                f"there is a user {account.name} already; `broker users rotate` or `remove` first"
            )
        store.put(account, password)
    print_line(f"Added {account.name}: {account.role}, site {','.join(account.sites)}.")
    _print_password(account, settings, password)
    # Whoever knows the client id of somebody else can end their connection: it should be random too.
    print_line(f"  client id  {account.name}-{secrets.token_hex(8)} (or another that nobody can guess)")
    read, write = account.rights(settings.topic_root)
    for label, topics in (("publishes", write), ("hears", read)):
        for number, topic in enumerate(topics):
            print_line(f"  {'' if number else label:<10} {topic}")


def remove_user(settings: RemoveUserSettings) -> None:
    """Remove a user, its password and its certificates."""
    with open_accounts(settings.broker_users, settings.topic_root) as store:
        if store.find(settings.name).managed:
            raise AccountsError(f"{settings.name} is one of the stack's own and comes back at the next start")
        store.remove(settings.name)
    done = "the broker checks all passwords again now"
    if (settings.certificates / "ca.key").exists():
        done += _revoke_certificate(CertificateAuthority(settings.certificates), settings)
    print_line(f"Removed {settings.name}; {done}.")


def rotate_password(settings: RotatePasswordSettings) -> None:
    """Give a user a new password."""
    password = _read_password(settings.password_file)
    with open_accounts(settings.broker_users, settings.topic_root) as store:
        account = store.find(settings.name)
        if account.managed:
            raise AccountsError(
                f"the password of {account.name} is kept in .env; change it with `scripts/passwords rotate`"
            )
        store.put(account, password)
    print_line(f"New password of {account.name}; the old one no longer works.\n  password   {password}")


def list_users(settings: ListUsersSettings) -> None:
    """List all users."""
    with open_accounts(settings.broker_users, settings.topic_root) as store:
        for name, account in sorted(store.accounts.items()):
            way = "password" if store.has_password(name) else "certificate"
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


def _print_password(account: Account, settings: AddUserSettings, password: str | None) -> None:
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
