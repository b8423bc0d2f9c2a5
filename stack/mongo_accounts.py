"""The users of MongoDB with just the rights that they need, made over its Unix socket.

``createUser`` takes a password in clear text, so it goes where nobody listens in: through a folder that only
the server and those who make its users can enter. Over the network every password goes by SCRAM.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from stack.processes import ProcessError
from stack.secrets.credentials import DATABASE, Credentials
from stack.secrets.passwords import ADMIN, previous_passwords

ROLES = Path(__file__).parent / "mongo"
ANSWER_LIMIT_MS = 10_000
AUTHENTICATION_FAILED = 18
NOT_FOUND = frozenset({11, 31})  # UserNotFound, RoleNotFound


async def accepts_clients(accounts: Credentials, socket: Path) -> bool:
    """Whether a server listens there, users or not."""
    try:
        await asyncio.to_thread(_ping, accounts.mongo_by_socket("", socket))
    except PyMongoError:
        return False
    return True


def make_users(accounts: Credentials, socket: Path) -> None:
    """Make the administrator, the ingestor, the viewer and the operator, or set their passwords and rights.

    Args:
        accounts: Their passwords; an administrator's password that was changed is set in the database, too.
        socket: The server's Unix socket.

    Raises:
        ProcessError: The data was made with another administrator's password.
        ConnectionFailure: MongoDB does not answer.
    """
    admin_url = accounts.mongo_by_socket("admin", socket)
    if not _may_log_in(admin_url):
        _set_administrator(accounts, socket)
    with _client(admin_url) as client:
        database = client[DATABASE]
        _set_user(database, accounts, "ingestor", [_set_role(database, "ingestor")])
        _set_user(database, accounts, "viewer", ["read"])
        _set_user(database, accounts, "operator", ["read", _set_role(database, "operator")])


def _set_administrator(accounts: Credentials, socket: Path) -> None:
    """Make the administrator, or log in with a password that it had and set the one that it has now."""
    # As long as there is no user at all, this machine may make the first one.
    earlier = filter(_may_log_in, _earlier_urls(accounts, socket))
    with _client(next(earlier, accounts.mongo_by_socket("", socket))) as client:
        try:
            _set_user(client.admin, accounts, "admin", ["root"])
        except OperationFailure:
            raise ProcessError(
                "the database was made with another MONGO_ADMIN_PASSWORD; put that one into .env, or begin "
                "with an empty database: scripts/up --clean, or docker compose down --volumes"
            ) from None


def _earlier_urls(accounts: Credentials, socket: Path) -> Iterator[str]:
    for password in previous_passwords(accounts.passwords):
        yield replace(accounts, passwords={ADMIN: password}).mongo_by_socket("admin", socket)


def _may_log_in(url: str) -> bool:
    try:
        _ping(url)
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED:
            raise
        return False
    return True


def _set_role(database: Database[dict[str, Any]], of: str) -> str:
    role: dict[str, Any] = json.loads((ROLES / f"{of}-role.json").read_text())
    privileges = [
        {"resource": {"db": DATABASE, "collection": name}, "actions": actions}
        for name, actions in role["collections"].items()
    ]
    _update_or_create(database, "Role", role["role"], {"privileges": privileges, "roles": []})
    return str(role["role"])


def _set_user(database: Database[dict[str, Any]], accounts: Credentials, name: str, roles: list[str]) -> None:
    password = accounts.mongo_password(name)
    # Otherwise a hash for SCRAM-SHA-1, which is weaker and not used, is kept, too.
    what = {"pwd": password, "roles": roles, "mechanisms": ["SCRAM-SHA-256"]}
    _update_or_create(database, "User", name, what)


def _update_or_create(database: Database[dict[str, Any]], kind: str, name: str, what: dict[str, Any]) -> None:
    try:
        database.command({f"update{kind}": name, **what})
    except OperationFailure as error:
        if error.code not in NOT_FOUND and database.name != "admin":
            raise
        database.command({f"create{kind}": name, **what})


def _client(url: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(url, serverSelectionTimeoutMS=1000, timeoutMS=ANSWER_LIMIT_MS)


def _ping(url: str) -> None:
    with _client(url) as client:
        client.admin.command("ping")
