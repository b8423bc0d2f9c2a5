"""The broker's users, in a folder from which Mosquitto reads.

    register.json   name, role and sites of each user
    passwords       Mosquitto's password file, hashed as Mosquitto's own tool does
    acl             Mosquitto's access list, made from the register

A copy of the register may be written to another file besides, for an ingestor that does not see the folder.
It holds no password.

``mosquitto-start`` has the broker read both again as soon as they change, which disconnects a user who was
removed or has a new password.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from broker.access.roles import Account
from broker.program.atomic_write import inherit_owner, private_folder, write_private

# What a password may be made of: it is part of URLs and of a line of the password file. The broker answers
# thousands of guesses a second, so a short one does not last.
PASSWORD_PATTERN = re.compile(r"[A-Za-z0-9._~-]{12,200}\Z")
PASSWORD_RULE = "12 to 200 letters, digits and . _ - ~"  # noqa: S105 - the rule
SALT_BYTES = 12
# As many as Mosquitto's own tool: at each change the broker computes them again for every client.
HASH_ITERATIONS = 101
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"

T = TypeVar("T")
_accounts = TypeAdapter(list[Account])


class AccountsError(Exception):
    """Raised when the users cannot be read, written or changed like that; says why."""


def find_program(name: str) -> str:
    """Find one of Mosquitto's programs.

    Raises:
        AccountsError: It is not installed.
    """
    program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}")
    if program is None:
        raise AccountsError(f"{name} is missing; install Mosquitto (Debian: apt-get install mosquitto)")
    return program


def new_password() -> str:
    """Make a password of 192 random bits."""
    return secrets.token_urlsafe(24)


class AccountStore:
    """The accounts and their hashed passwords, to be changed between reading and writing.

    Args:
        folder: Where they are kept.
        root: The topic root of all rights.
        register_copy: Where the register is written to as well; None for what the environment says.

    Raises:
        AccountsError: They cannot be read.
    """

    def __init__(self, folder: Path, root: str, register_copy: Path | None = None) -> None:
        self._folder = folder
        copy = os.environ.get("ENERGY_BROKER_REGISTER_COPY")
        self._register_copy = register_copy or (Path(copy) if copy else None)
        self._root = root
        found = self._read("register.json", _accounts.validate_json) or []
        self.accounts = {each.name: each for each in found}
        if len(self.accounts) < len(found):
            raise AccountsError(f"{folder / 'register.json'} names somebody twice; put it back from a copy")
        self._hashes = self._read("passwords", _parse_hashes) or {}
        self._new_passwords: dict[str, str | None] = {}

    def put(self, account: Account, password: str | None) -> None:
        """Add or change an account; the password is None for a user with a certificate instead."""
        self.accounts[account.name] = account
        self._hashes.pop(account.name, None)
        self._new_passwords[account.name] = password

    def find(self, name: str) -> Account:
        """The account of that name.

        Raises:
            AccountsError: There is none.
        """
        if name not in self.accounts:
            raise AccountsError(f"there is no user {name!r}; `broker users list` shows all")
        return self.accounts[name]

    def has_password(self, name: str) -> bool:
        """Whether a user has a password, and not just a certificate."""
        return name in self._hashes

    def write(self) -> None:
        """Write all three files, the access list last: the broker reads them when it changes.

        Raises:
            AccountsError: A password cannot be used, or the folder cannot be written to.
        """
        new = {name: password for name, password in self._new_passwords.items() if password is not None}
        hashes = self._hashes | hash_passwords(new)
        ordered = [self.accounts[name] for name in sorted(self.accounts)]
        lines = [line for account in ordered for line in (*account.access_list(self._root), "")]
        passwords = [f"{name}:{hashes[name]}" for name in sorted(hashes.keys() & self.accounts.keys())]
        files = {
            "register.json": _accounts.dump_json(ordered, indent=1).decode(),
            "passwords": "".join(f"{line}\n" for line in passwords),
            "acl": "\n".join(["# Made from register.json; changes here are lost.", *lines]),
        }
        try:
            for name, text in files.items():
                write_private(self._folder / name, text)
        except OSError as error:
            raise AccountsError(f"{self._folder} cannot be written to ({error.strerror})") from error
        if self._register_copy is not None:
            try:
                # Its reader is another user, and it is no secret.
                write_private(self._register_copy, files["register.json"], 0o644)
            except OSError as error:
                raise AccountsError(f"{self._register_copy} cannot be written ({error.strerror})") from error

    def _read(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        file = self._folder / name
        try:
            return parse(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise AccountsError(f"{file} cannot be read; put it back from a copy, or move it away") from error


@contextmanager
def open_accounts(folder: Path, root: str, register_copy: Path | None = None) -> Iterator[AccountStore]:
    """Lock the accounts for this process alone, and write them at the end unless something went wrong.

    Raises:
        AccountsError: It cannot be read or written.
    """
    try:
        private_folder(folder)
        lock = os.open(folder / "register.lock", os.O_RDWR | os.O_CREAT, 0o600)
        inherit_owner(lock, folder)
    except OSError as error:
        raise AccountsError(f"{folder} cannot be used ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = AccountStore(folder, root, register_copy)
        yield store
        store.write()
    finally:
        os.close(lock)


def hash_passwords(passwords: Mapping[str, str]) -> dict[str, str]:
    """Hash passwords as ``mosquitto_passwd`` does: PBKDF2 with SHA-512, a salt of its own for each.

    Args:
        passwords: By name; the names must be valid ids.

    Returns:
        By name, what the password file has after the colon.

    Raises:
        AccountsError: A password cannot be used.
    """
    for name, password in passwords.items():
        if not PASSWORD_PATTERN.match(password):
            raise AccountsError(f"the password of {name} must have {PASSWORD_RULE}")
    return {name: _hash(password) for name, password in passwords.items()}


def _hash(password: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, HASH_ITERATIONS)
    return f"$7${HASH_ITERATIONS}${b64encode(salt).decode()}${b64encode(key).decode()}"


def _parse_hashes(passwords: bytes) -> dict[str, str]:
    # As Mosquitto reads it: no other character ends a line.
    pairs = (line.partition(":") for line in passwords.decode().split("\n"))
    return {name: rest for name, _, rest in pairs if rest}
