"""The database: what each of its users may not do, and that only the rights keep them from it."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from ingestor.documents import utc_now
from stack.secrets.credentials import DATABASE
from tests.security.world import World

pytestmark = pytest.mark.integration

Operation = Callable[[Database[dict[str, Any]]], Any]

# What nobody but the administrator may do.
NOBODYS: dict[str, Operation] = {
    "remove a reading": lambda db: db.measures.delete_one({"_id": "x"}),
    "remove all readings": lambda db: db.measures.delete_many({}),
    "remove a rejection": lambda db: db.rejected.delete_one({"_id": 1}),
    "remove an alarm": lambda db: db.alarms.delete_one({"_id": 1}),
    "replace and give back": lambda db: db.measures.find_one_and_delete({"_id": "x"}),
    "drop a collection": lambda db: db.drop_collection("measures"),
    "drop an index": lambda db: db.measures.drop_index("none"),
    "rename a collection": lambda db: db.measures.rename("elsewhere"),
    "drop the database": lambda db: db.command("dropDatabase"),
    "make a user": lambda db: db.command({"createUser": "mallory", "pwd": "x", "roles": ["dbOwner"]}),
    "give itself a role": lambda db: db.command({"grantRolesToUser": "viewer", "roles": ["dbOwner"]}),
    "change another's password": lambda db: db.command({"updateUser": "ingestor", "pwd": "stolen"}),
    "read the users": lambda db: db.command("usersInfo"),
    "read another database": lambda db: db.client["admin"]["system.users"].find_one(),
    "write another database": lambda db: db.client["elsewhere"].things.insert_one({}),
    "list all databases' sizes": lambda db: db.client.admin.command("dbStats"),
    "stop the server": lambda db: db.client.admin.command("shutdown"),
    "change the server's parameters": lambda db: db.client.admin.command({"setParameter": 1, "quiet": True}),
    "read the server's log": lambda db: db.client.admin.command({"getLog": "global"}),
    "kill what others do": lambda db: db.client.admin.command({"killAllSessions": []}),
}
# What the ingestor does, and people do not.
INGESTORS: dict[str, Operation] = {
    "store a reading": lambda db: db.measures.insert_one({}),
    "change a reading": lambda db: db.measures.update_one({"_id": "x"}, {"$set": {"value_kwh": 0.0}}),
    "change an alarm": lambda db: db.alarms.update_one({"_id": 1}, {"$set": {"severity": "minor"}}),
    "change an hour": lambda db: db.hourly.update_one({"_id": "x"}, {"$set": {"energy_kwh": 0.0}}),
    "store an alarm": lambda db: db.alarms.insert_one({}),
    "make a sensor": lambda db: db.sensors.insert_one({"sensor_id": "mine"}),
    "change a rejection": lambda db: db.rejected.update_one({"_id": 1}, {"$set": {"received_at": None}}),
    "make a rejection": lambda db: db.rejected.insert_one({}),
    "loosen the rules of a collection": lambda db: db.command({"collMod": "measures", "validator": {}}),
    "have an index delete by age": lambda db: db.measures.create_index("timestamp", expireAfterSeconds=1),
    "make a collection": lambda db: db.create_collection("mine"),
    "write the result of a question": lambda db: db.measures.aggregate([{"$out": "sensors"}]),
    "merge the result of a question": lambda db: db.measures.aggregate([{"$merge": "measures"}]),
}
# What people with the role of operator may, and viewers may not.
OPERATORS: dict[str, Operation] = {
    "give a sensor a threshold": lambda db: db.sensors.update_one(
        {"_id": "x"}, {"$set": {"threshold_kwh": 1}}
    ),
    "call a rejection repaired": lambda db: db.repairs.update_one(
        {"_id": ObjectId()}, {"$set": {"replayed_at": utc_now()}}, upsert=True
    ),
}
FORBIDDEN = {
    "ingestor": NOBODYS,
    "operator": NOBODYS | INGESTORS,
    "viewer": NOBODYS | INGESTORS | OPERATORS,
}
UNAUTHORIZED = 13
NOT_AUTHENTICATED = 18
# Its effect is for the whole server, which others still need.
TOO_MUCH = {"stop the server", "kill what others do", "drop the database", "change another's password"}


def not_rejected(
    database: Database[dict[str, Any]], operations: dict[str, Operation], *rejections: int
) -> dict[str, str]:
    """The operations that are not rejected for want of a right, and what came of them."""
    came: dict[str, str] = {}
    for name, operation in operations.items():
        try:
            operation(database)
        except OperationFailure as error:
            if error.code not in rejections:
                came[name] = f"failed for another reason: {error.code}"
        else:
            came[name] = "was done"
    return came


@pytest.mark.parametrize("role", FORBIDDEN)
def test_user_of_the_database_may_not(world: World, role: str) -> None:
    with MongoClient[dict[str, Any]](world.servers.mongo(role)) as client:
        client[DATABASE].measures.find_one()
        assert not_rejected(client[DATABASE], FORBIDDEN[role], UNAUTHORIZED) == {}


def test_it_is_for_want_of_the_right_that_it_may_not(world: World) -> None:
    """With all rights the same is done, or fails for another reason, such as that nothing is there."""
    operations = {name: each for name, each in FORBIDDEN["viewer"].items() if name not in TOO_MUCH}
    with MongoClient[dict[str, Any]](world.servers.mongo("admin")) as client:
        try:
            came = not_rejected(client[DATABASE], operations, UNAUTHORIZED)
        finally:
            _undo(client[DATABASE])
    assert came.keys() == operations.keys()


def test_nobody_without_a_password_may(world: World) -> None:
    with MongoClient[dict[str, Any]](without_a_password(world)) as client:
        came = not_rejected(client[DATABASE], FORBIDDEN["viewer"], UNAUTHORIZED, NOT_AUTHENTICATED)
    assert came == {}


def test_nobody_looks_without_a_password(world: World) -> None:
    url = without_a_password(world)
    with MongoClient[dict[str, Any]](url) as client, pytest.raises(OperationFailure, match="authentication"):
        client[DATABASE].measures.find_one()


def without_a_password(world: World) -> str:
    """The database's URL for somebody who has none."""
    servers = world.servers
    return f"mongodb://127.0.0.1:{servers.mongo_port}/{DATABASE}{servers.accounts.mongo_options()}"


def _undo(database: Database[dict[str, Any]]) -> None:
    for user in database.command("usersInfo")["users"]:
        if user["user"] == "mallory":
            database.command("dropUser", "mallory")
    if {"role": "dbOwner", "db": DATABASE} in database.command("usersInfo", "viewer")["users"][0]["roles"]:
        database.command({"revokeRolesFromUser": "viewer", "roles": ["dbOwner"]})
    database.client.drop_database("elsewhere")
    for name in ("measures", "alarms", "sensors", "rejected", "repairs", "mine", "elsewhere"):
        database.drop_collection(name)
