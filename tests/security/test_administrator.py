"""The administrator's password is changed: the database learns it at the next start, come what may."""

import os
import signal
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from stack.processes import ProcessError
from stack.secrets.credentials import Credentials
from stack.secrets.passwords import ADMIN, ensure_passwords, forget_previous, rotate_passwords
from stack.servers import Servers
from tests.security.databases import start_database

pytestmark = pytest.mark.integration


def lets_in(servers: Servers, password: str) -> bool:
    url = f"mongodb://admin:{password}@127.0.0.1:{servers.mongo_port}/"
    with MongoClient[dict[str, object]](url) as client:
        try:
            client.admin.command("ping")
        except OperationFailure:
            return False
    return True


async def test_rotated_administrators_password_replaces_the_one_in_the_database(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    first = ensure_passwords(env)[ADMIN]
    async with start_database(tmp_path, Credentials(ensure_passwords(env))) as servers:
        assert lets_in(servers, first)
    # Twice, as if nobody had started the stack in between.
    rotate_passwords(env, [ADMIN])
    rotate_passwords(env, [ADMIN])
    second = ensure_passwords(env)[ADMIN]
    # Twice, as if the first start had been killed before it could forget the earlier passwords.
    for _ in range(2):
        async with start_database(tmp_path, Credentials(ensure_passwords(env))) as servers:
            assert lets_in(servers, second)
            assert not lets_in(servers, first)
    # With Docker nobody forgets them.
    rotate_passwords(env, [ADMIN])
    third = ensure_passwords(env)[ADMIN]
    async with start_database(tmp_path, Credentials(ensure_passwords(env))) as servers:
        assert lets_in(servers, third)
        assert not lets_in(servers, second)


async def test_mongodb_that_hangs_meanwhile_is_told_in_one_sentence(tmp_path: Path) -> None:
    async with start_database(tmp_path, Credentials.generate()) as servers:
        assert servers.database.running is not None
        os.kill(servers.database.running.pid, signal.SIGSTOP)
        try:
            with pytest.raises(ProcessError, match="MongoDB does not answer while its users are made"):
                await servers.make_users()
        finally:
            os.kill(servers.database.running.pid, signal.SIGCONT)


async def test_without_the_earlier_one_nobody_could_log_in_any_more(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    async with start_database(tmp_path, Credentials(ensure_passwords(env))):
        pass
    rotate_passwords(env, [ADMIN])
    forget_previous(env)
    with pytest.raises(ProcessError, match="the database was made with another MONGO_ADMIN_PASSWORD"):
        async with start_database(tmp_path, Credentials(ensure_passwords(env))):
            pass
