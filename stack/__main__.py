"""``scripts/up``, once all is installed: check what is needed, start the whole system, stop it when asked."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from broker.access.accounts import AccountsError, find_program
from broker.access.authority import AuthorityError, CertificateAuthority
from broker.program.process import print_line, run, unless_stopped
from broker.program.settings import Duration, ProcessSettings, read_settings
from stack import mongod
from stack.addresses import Addresses
from stack.local_stack import ROOT, LocalStack
from stack.processes import ProcessError
from stack.secrets.credentials import Credentials
from stack.secrets.external import ExternalError, read_external
from stack.secrets.passwords import PasswordsError, ensure_passwords

PROGRAM = "scripts/up"


class UpSettings(ProcessSettings):
    """Start the whole system on this machine and show the readings, until Ctrl-C.

    Example: scripts/up --nodes 5 --for 10m
    """

    nodes: Annotated[int, Field(ge=0, le=500)] = Field(3, description="sensor nodes to start")
    run_for: Duration | None = Field(None, alias="for", description="end after this time, for example 30s")
    tls: bool = Field(False, description="encrypt every connection, with certificates of its own")
    clean: bool = Field(False, description="forget all readings and logs of earlier runs first")
    state: Path = Field(Path("var"), description="folder for data, logs and stack.env")


def main() -> None:
    """Read the options and run the system."""
    # What a stack keeps and logs is for nobody else on this machine.
    os.umask(0o077)
    settings = read_settings(UpSettings, sys.argv[1:], PROGRAM)
    errors = (AuthorityError, PasswordsError, ProcessError, AccountsError, ExternalError)
    # pymongo's fork handler fails in a child process when another thread frees a client meanwhile.
    run(PROGRAM, partial(up, settings), *errors, loop=asyncio.run)


async def up(settings: UpSettings, stop: asyncio.Event) -> None:
    """Run the whole system until told to stop.

    Raises:
        AccountsError: Mosquitto is missing, or its users cannot be read or written.
        AuthorityError: The certificates of earlier runs cannot be used.
        ExternalError: The URL of an external server cannot be used.
        PasswordsError: A password in ``.env`` cannot be used.
        ProcessError: A program is missing, or does not start or keep running; or all of this runs already.
    """
    state = settings.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    _hide_from_git(state)
    with _exclusive(state / "stack.lock"):
        if settings.clean:
            for folder in ("mosquitto", "mongo", "nodes", "log"):
                shutil.rmtree(state / folder, ignore_errors=True)
        env = ROOT / ".env"
        external = read_external(env)
        if external.mqtt_url is None:
            find_program("mosquitto")
        if external.mongo_url is None:
            mongod.find_mongod()
        if not env.exists():
            print_line("New passwords are in .env, which only you can read.")
        passwords = ensure_passwords(env)
        authority = CertificateAuthority(state / "certificates").ensure_servers() if settings.tls else None
        credentials = Credentials(passwords, authority, external)
        async with AsyncExitStack() as exits:
            stack = LocalStack(exits, state, credentials, Addresses.choose(tls=settings.tls))
            await unless_stopped(stack.start(settings.nodes), stop)
            if not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    seconds = settings.run_for.total_seconds() if settings.run_for else None
                    async with asyncio.timeout(seconds):
                        await unless_stopped(stack.supervise(), stop)
            print_line("\nStopping everything, the servers last.")
        print_line("Stopped. Start it again to go on with the same data.")


def _hide_from_git(state: Path) -> None:
    """Keep passwords and data out of a repository, wherever the folder is."""
    ignore = state / ".gitignore"
    # Not in the top folder of a repository: it would hide the whole of it.
    if not ignore.exists() and not (state / ".git").exists():
        ignore.write_text("# Passwords and data of scripts/up.\n*\n")


@contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Hold the folder for this process."""
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ProcessError(
                f"it runs already (process {lock.read().strip()}); end that one with Ctrl-C first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


if __name__ == "__main__":
    main()
