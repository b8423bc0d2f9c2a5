"""An operator's password is in the wrong hands: evidence is to disappear, or the database to fill."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, WriteError

from ingestor.documents import utc_now
from ingestor.store.reading_store import open_store
from monitor.queries.database import open_database
from monitor.queries.rejected import RejectedQueries
from stack.secrets.credentials import DATABASE, Credentials
from stack.servers import Servers
from tests.fault_points.ingestor import CAPPED_COLLECTIONS, MAX_DOCUMENT_SIZES
from tests.security.databases import start_database
from tests.servers import eventually

pytestmark = pytest.mark.integration

Collections = Database[dict[str, Any]]
LONG_AGO = {"$set": {"received_at": datetime(1970, 1, 1)}}  # noqa: DTZ001 - as the database keeps it
MARKS = 140_000
CAP_BYTES = 4 << 20


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[tuple[Collections, Collections]]:
    """A database as the ingestor makes it: as its operator sees it, and as its administrator does."""
    # Once a minute otherwise.
    cleaning = "  ttlMonitorSleepSecs: 1"
    async with start_database(folder, Credentials.generate(), parameter=cleaning) as servers:
        async with open_store(servers.mongo("ingestor")) as store:
            await store.prepare()
        with connected(servers, "operator") as operator, connected(servers, "admin") as admin:
            yield operator[DATABASE], admin[DATABASE]


def connected(servers: Servers, role: str) -> MongoClient[dict[str, Any]]:
    return MongoClient[dict[str, Any]](servers.mongo(role))


def reject_something(admin: Collections) -> ObjectId:
    rejected = {"topic": "energy/readings/a/S", "payload": Binary(b"x"), "kind": "not_json", "reason": "?"}
    name = admin.rejected.insert_one(rejected | {"received_at": utc_now()}).inserted_id
    assert isinstance(name, ObjectId)
    return name


def cleanings(admin: Collections) -> int:
    """How often MongoDB has removed what is too old."""
    return int(admin.client.admin.command("serverStatus")["metrics"]["ttl"]["passes"])


async def test_operator_cannot_have_a_rejected_payload_removed_by_its_age(tmp_path: Path) -> None:
    async with prepared(tmp_path) as (operator, admin):
        name = reject_something(admin)
        for change in (LONG_AGO, {"$unset": {"payload": 1}}, {"$set": {"topic": "elsewhere"}}):
            with pytest.raises(OperationFailure, match="not authorized"):
                operator.rejected.update_one({"_id": name}, change)
        repaired = {"$set": {"replayed_at": utc_now()}}
        operator.repairs.update_one({"_id": name}, repaired, upsert=True)
        before = cleanings(admin)
        await eventually(lambda: cleanings(admin) > before + 1)
        assert admin.rejected.find_one({"_id": name}) is not None


async def test_repair_is_shown_all_the_same(tmp_path: Path) -> None:
    async with start_database(tmp_path, Credentials.generate()) as servers:
        async with open_store(servers.mongo("ingestor")) as store:
            await store.prepare()
        with connected(servers, "admin") as admin:
            first, second = reject_something(admin[DATABASE]), reject_something(admin[DATABASE])
        async with open_database(servers.mongo("operator")) as database:
            queries = RejectedQueries(database)
            # Somebody repairs it again.
            for _ in range(2):
                await queries.mark_replayed(first)
            page = await queries.page(None, 10)
            for found in (await queries.newest(10), page.documents):
                assert {each["_id"]: "replayed_at" in each for each in found} == {first: True, second: False}


async def test_with_the_right_to_change_it_they_could(tmp_path: Path) -> None:
    async with prepared(tmp_path) as (operator, admin):
        name = reject_something(admin)
        resource = {"db": DATABASE, "collection": "rejected"}
        privileges = [{"resource": resource, "actions": ["update"]}]
        admin.command({"createRole": "once", "privileges": privileges, "roles": []})
        admin.command({"grantRolesToUser": "operator", "roles": ["once"]})
        operator.rejected.update_one({"_id": name}, LONG_AGO)
        await eventually(lambda: admin.rejected.find_one({"_id": name}) is None)


def marks_kept(operator: Collections) -> int:
    """Bytes that are kept of the marks of somebody who writes them without end."""
    marks = [{"_id": ObjectId(), "replayed_at": utc_now()} for _ in range(MARKS)]
    operator.repairs.insert_many(marks, ordered=False)
    return int(operator.command("collStats", "repairs")["size"])


def grows(operator: Collections, admin: Collections) -> bool:
    """Whether an operator can make a sensor's document large."""
    admin.sensors.insert_one({"sensor_id": "S"})
    try:
        operator.sensors.update_one({"sensor_id": "S"}, {"$set": {"junk": "x" * 1_000_000}})
    except WriteError:
        return False
    return True


async def test_what_operators_may_write_is_bounded(tmp_path: Path) -> None:
    async with prepared(tmp_path) as (operator, admin):
        assert marks_kept(operator) <= CAP_BYTES
        assert not grows(operator, admin)
        operator.sensors.update_one({"sensor_id": "S"}, {"$set": {"threshold_kwh": 9.5}})


async def test_without_the_bounds_it_would_grow(tmp_path: Path) -> None:
    with CAPPED_COLLECTIONS.replace({}), MAX_DOCUMENT_SIZES.replace({}):
        async with prepared(tmp_path) as (operator, admin):
            assert marks_kept(operator) > CAP_BYTES
            assert grows(operator, admin)
