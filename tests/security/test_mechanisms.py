"""What MongoDB offers besides what the system needs: weak log-ins, programs in queries, old ciphers."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from stack.secrets.credentials import DATABASE, Credentials
from tests.fault_points.stack import CIPHERS, UPDATE_OR_CREATE
from tests.security.databases import start_database
from tests.security.test_certificates import speaks
from tests.security.world import World

pytestmark = pytest.mark.integration

FUNCTION = {"$function": {"body": "function() { return 1 }", "args": [], "lang": "js"}}
PROGRAMS: dict[str, Callable[[Database[dict[str, Any]]], object]] = {
    "where": lambda db: db.sensors.find_one({"$where": "true"}),
    "function": lambda db: list(db.aggregate([{"$documents": [{}]}, {"$set": {"x": FUNCTION}}])),
}
CBC = "ECDHE+AES:!AESGCM:!AESCCM@SECLEVEL=0"
AEAD = "ECDHE+AESGCM"


def logs_in(url: str, mechanism: str) -> bool:
    """Whether a viewer gets in by a mechanism."""
    with MongoClient[dict[str, Any]](url, authMechanism=mechanism) as client:
        try:
            client[DATABASE].measures.find_one()
        except OperationFailure:
            return False
    return True


def test_nobody_logs_in_by_sha_1(world: World) -> None:
    url = world.servers.mongo("viewer")
    assert logs_in(url, "SCRAM-SHA-256")
    assert not logs_in(url, "SCRAM-SHA-1")
    with MongoClient[dict[str, Any]](world.servers.mongo("admin")) as client:
        users = client[DATABASE].command("usersInfo")["users"]
    assert {mechanism for user in users for mechanism in user["mechanisms"]} == {"SCRAM-SHA-256"}


def test_no_query_runs_a_program(world: World) -> None:
    with MongoClient[dict[str, Any]](world.servers.mongo("viewer")) as client:
        for program in PROGRAMS.values():
            with pytest.raises(OperationFailure, match=r"(?i)script"):
                program(client[DATABASE])


async def test_with_the_options_taken_away_both_would(tmp_path: Path) -> None:
    update_or_create = UPDATE_OR_CREATE.original

    def both(database: Database[dict[str, Any]], kind: str, name: str, what: dict[str, Any]) -> None:
        update_or_create(
            database, kind, name, {key: value for key, value in what.items() if key != "mechanisms"}
        )

    options = "Mechanisms|setParameter|SCRAM|security:|javascript"
    with UPDATE_OR_CREATE.replace(both):
        async with start_database(tmp_path, Credentials.generate(), without=options) as servers:
            assert logs_in(servers.mongo("viewer"), "SCRAM-SHA-1")
            with MongoClient[dict[str, Any]](servers.mongo("viewer")) as client:
                assert PROGRAMS["where"](client[DATABASE]) is None
                assert PROGRAMS["function"](client[DATABASE]) == [{"x": 1}]


def test_no_old_ciphers_are_spoken(tls_world: World) -> None:
    port = tls_world.servers.mongo_port
    assert speaks(port, ssl.TLSVersion.TLSv1_2, AEAD)
    assert not speaks(port, ssl.TLSVersion.TLSv1_2, CBC)


async def test_with_openssls_own_choice_they_are(tmp_path: Path) -> None:
    with CIPHERS.replace("HIGH:!EXPORT:!aNULL@STRENGTH"):
        async with start_database(tmp_path, Credentials.generate(), tls=True) as servers:
            assert speaks(servers.mongo_port, ssl.TLSVersion.TLSv1_2, CBC)
