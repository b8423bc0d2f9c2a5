"""Who is let in by the broker: kept in a folder from which Mosquitto reads.

    register.json   who there is: name, role, sites
    passwords       Mosquitto's password file, hashed by Mosquitto's own tool
    acl             Mosquitto's access list, made from the register

``mosquitto-start`` has the broker read both again as soon as they change: whoever was taken out, or got
another password, is disconnected by that.
"""

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from broker.access.roles import Account
from broker.atomic_write import private_folder, write_private

# What a password may be made of: it is part of URLs and of a line of the password file.
PASSWORD_PATTERN = re.compile(r"[A-Za-z0-9._~-]{1,200}\Z")
PASSWORD_RULE = "letters, digits and . _ - ~ only, at least one and at most 200"  # noqa: S105 - the rule
SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin"

_accounts = TypeAdapter(list[Account])


class AccountsError(Exception):
    """Raised when the register cannot be read, written or changed like that; says why."""


def new_password() -> str:
    """Make a password that nobody can guess: 192 bits of chance."""
    return secrets.token_urlsafe(24)


class AccountStore:
    """The accounts and their hashed passwords, to be changed between reading and writing.

    Args:
        folder: Where they are kept.
        root: The topic root that rights are for.

    Raises:
        RegisterError: They cannot be read.
    """

    def __init__(self, folder: Path, root: str) -> None:
        self._folder = folder
        self._root = root
        found = self._read_accounts()
        self.accounts = {each.name: each for each in found}
        if len(self.accounts) < len(found):
            raise AccountsError(f"{folder / 'register.json'} names somebody twice; put it back from a copy")
        self._hashes = self._read_hashes()

    def put(self, account: Account, password: str | None) -> None:
        """Let somebody in, or change what they may do.

        Args:
            account: Who.
            password: Their password; None for whoever has a certificate instead.

        Raises:
            RegisterError: The password cannot be used.
        """
        self.put_all([(account, password)])

    def put_all(self, pairs: list[tuple[Account, str | None]]) -> None:
        """Let several in at once.

        Raises:
            RegisterError: A password cannot be used.
        """
        self.accounts |= {account.name: account for account, _ in pairs}
        for account, _ in pairs:
            self._hashes.pop(account.name, None)
        self._hashes |= hash_passwords({account.name: word for account, word in pairs if word is not None})

    def remove(self, name: str) -> Account:
        """Let somebody in no more.

        Raises:
            RegisterError: There is nobody of that name.
        """
        account = self.find(name)
        del self.accounts[name]
        self._hashes.pop(name, None)
        return account

    def find(self, name: str) -> Account:
        """The account of that name.

        Raises:
            RegisterError: There is none.
        """
        if name not in self.accounts:
            raise AccountsError(f"there is no user {name!r}; `broker users list` shows all")
        return self.accounts[name]

    def has_password(self, name: str) -> bool:
        """Whether somebody is let in by a password, and not by a certificate alone."""
        return name in self._hashes

    def write(self) -> None:
        """Put everything in place, the access list last: it is what the broker is told of.

        Raises:
            RegisterError: The folder cannot be written to.
        """
        ordered = [self.accounts[name] for name in sorted(self.accounts)]
        lines = [line for account in ordered for line in (*account.access_list(self._root), "")]
        passwords = [f"{name}:{self._hashes[name]}" for name in sorted(self._hashes)]
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

    def _read_accounts(self) -> list[Account]:
        file = self._folder / "register.json"
        try:
            return _accounts.validate_json(file.read_bytes()) if file.exists() else []
        except (OSError, ValidationError) as error:
            raise AccountsError(f"{file} cannot be read; put it back from a copy, or move it away") from error

    def _read_hashes(self) -> dict[str, str]:
        file = self._folder / "passwords"
        try:
            # As Mosquitto reads it: no other character ends a line.
            lines = file.read_bytes().decode().split("\n") if file.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise AccountsError(f"{file} cannot be read; put it back from a copy, or move it away") from error
        pairs = (line.partition(":") for line in lines)
        return {name: rest for name, _, rest in pairs if name in self.accounts and rest}


@contextmanager
def open_accounts(folder: Path, root: str) -> Iterator[AccountStore]:
    """Hold the register alone, and write it at the end unless something went wrong.

    Raises:
        RegisterError: It cannot be read or written.
    """
    try:
        private_folder(folder)
        lock = os.open(folder / "register.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if os.geteuid() == 0:
            os.fchown(lock, folder.stat().st_uid, folder.stat().st_gid)
    except OSError as error:
        raise AccountsError(f"{folder} cannot be used ({error.strerror})") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        register = AccountStore(folder, root)
        yield register
        register.write()
    finally:
        os.close(lock)


def hash_passwords(passwords: Mapping[str, str]) -> dict[str, str]:
    """Hash passwords with ``mosquitto_passwd``, which reads them from a file: nobody sees them on the way.

    Args:
        passwords: By name. Names are checked already.

    Returns:
        What the password file has behind each name and colon.

    Raises:
        RegisterError: A password cannot be used, or the tool is missing or fails.
    """
    if not passwords:
        return {}
    for name, password in passwords.items():
        if not PASSWORD_PATTERN.match(password):
            raise AccountsError(f"the password of {name} may have {PASSWORD_RULE}")
    tool = shutil.which("mosquitto_passwd", path=f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}")
    if tool is None:
        raise AccountsError(
            "mosquitto_passwd is missing; install Mosquitto (Debian: apt-get install mosquitto)"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "passwords"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}:{password}\n" for name, password in passwords.items()))
        done = subprocess.run([tool, "-U", str(file)], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise AccountsError(f"mosquitto_passwd failed: {done.stderr.strip()[:200]}")
        pairs = (line.partition(":") for line in file.read_text().splitlines())
        return {name: rest for name, _, rest in pairs}
