"""``broker users``: add a user, give one a new password, remove one, list all."""

import secrets
from pathlib import Path

from pydantic import Field, ValidationError

from broker.access.accounts import AccountsError, new_password
from broker.access.authority import AuthorityError, CertificateAuthority
from broker.access.certificate_commands import disconnect_user
from broker.access.command import AccessCommand, UserCommand
from broker.access.roles import Account, AssignableRole
from broker.program.atomic_write import write_private
from broker.program.bounded_file import read_small
from broker.program.process import print_line
from broker.program.settings import Sites, describe_file
from broker.program.validation_errors import describe_error, first_error


class _PasswordCommand(UserCommand):
    password_file: Path | None = Field(
        None, description="file with the password; without it, a new one is made"
    )

    def choose_password(self) -> str:
        """The password in the file, or a new one."""
        if self.password_file is None:
            return new_password()
        try:
            return read_small(self.password_file).strip()
        except (OSError, UnicodeDecodeError) as error:
            file = describe_file(self.password_file)
            raise AccountsError(f"--password-file: {file} cannot be read") from error


class AddUser(_PasswordCommand):
    """Add a user. A sensor's name is its sensor id.

    Roles: sensor (its own readings), gateway (all sensors of its sites), viewer
    (read only), operator (also answers alarms, repairs readings), ingestor.

    Example: broker users add Meter-7 --role sensor --site lari
    """

    role: AssignableRole = Field(description="what it may do")
    site: Sites = Field("+", description="its sites: one, several with commas between, or + for all")
    certificate: bool = Field(False, description="with a certificate instead of a password")
    password_to: Path | None = Field(
        None, description="write the password into this file instead of showing it"
    )

    def run(self) -> None:
        """Add the user, and show how it connects."""
        try:
            account = Account(name=self.name, role=self.role, sites=tuple(self.site.split(",")))
        except ValidationError as error:
            raise AccountsError(describe_error(first_error(error))) from error
        password = None if self.certificate else self.choose_password()
        with self.open_accounts() as store:
            if account.name in store.accounts:
                raise AccountsError(
                    f"there is a user {account.name} already; `broker users rotate` or `remove` first"
                )
            store.put(account, password)
        print_line(f"Added {account.name}: {account.role}, site {self.site}.")
        self._print_password(password)
        # Whoever knows the client id of somebody else can end their connection: it should be random too.
        print_line(f"  client id  {account.name}-{secrets.token_hex(8)} (or another that nobody can guess)")
        read, write = account.rights(self.topic_root)
        for label, topics in (("publishes", write), ("hears", read)):
            for number, topic in enumerate(topics):
                print_line(f"  {'' if number else label:<10} {topic}")

    def _print_password(self, password: str | None) -> None:
        if password is None:
            print_line(f"  next       broker certs issue {self.name}")
        elif self.password_to is not None:
            try:
                write_private(self.password_to, f"{password}\n")
            except OSError as error:
                raise AccountsError(f"{self.password_to} cannot be written ({error.strerror})") from error
            print_line(f"  password   in {self.password_to}")
        else:
            print_line(f"  password   {password}")


class RemoveUser(UserCommand):
    """Remove a user: it is disconnected, and its certificates are revoked.

    Example: broker users remove Meter-7
    """

    def run(self) -> None:
        """Remove the user, its password and its certificates."""
        with self.open_accounts() as store:
            if store.find(self.name).managed:
                raise AccountsError(f"{self.name} is one of the stack's own and comes back at the next start")
            del store.accounts[self.name]
        done = "the broker checks all passwords again now"
        if (self.certificates / "ca.key").exists():
            authority = CertificateAuthority(self.certificates)
            try:
                authority.revoke(self.name)
            except AuthorityError:
                pass  # it had none
            else:
                done += f"; {disconnect_user(authority, self)}"
        print_line(f"Removed {self.name}; {done}.")


class RotatePassword(_PasswordCommand):
    """Give a user a new password, and disconnect whoever uses the old one.

    Example: broker users rotate Meter-7
    """

    def run(self) -> None:
        """Replace the password, and show the new one."""
        password = self.choose_password()
        with self.open_accounts() as store:
            account = store.find(self.name)
            if account.managed:
                raise AccountsError(
                    f"the password of {self.name} is kept in .env; change it with `scripts/passwords rotate`"
                )
            store.put(account, password)
        print_line(f"New password of {self.name}; the old one no longer works.\n  password   {password}")


class ListUsers(AccessCommand):
    """List all users: name, role, sites, and whether they have a password or a certificate.

    Example: broker users list
    """

    def run(self) -> None:
        """Write one line for each."""
        with self.open_accounts() as store:
            for name, account in sorted(store.accounts.items()):
                way = "password" if store.has_password(name) else "certificate"
                own = ", of the stack" if account.managed else ""
                print_line(f"{name:<24} {account.role:<9} {','.join(account.sites):<16} {way}{own}")
