"""What the ingestor does with MongoDB, under both drivers that ``ingestor.store.database`` can use."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.database import Database

from broker.topics import SensorKey
from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.records import AlarmRecords
from ingestor.delivery import Batch, Duplicate, Rejection, RejectKind
from ingestor.documents import utc_now
from ingestor.flag import Thresholds, flag
from ingestor.receive.authorization import StoredSite
from ingestor.store.batch_store import store_batch
from ingestor.store.checkpoint import Checkpoint
from ingestor.store.database import open_database
from ingestor.store.dead_letters import to_document
from ingestor.store.reading_store import ReadingStore
from ingestor.store.rollups import hourly
from ingestor.store.sensor_store import SensorStore
from stack.servers import Servers
from tests import deliveries
from tests.readings import payload

if TYPE_CHECKING:
    from broker.connection import Connection

pytestmark = pytest.mark.integration
WITHIN_S = 30


@pytest.fixture(params=[AsyncIOMotorClient, AsyncMongoClient], ids=["motor", "pymongo"])
async def store(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[ReadingStore]:
    async with open_database(servers.mongo("ingestor"), request.param) as database:
        store = ReadingStore(database)
        await store.prepare()
        assert store.is_available
        yield store


def opened(site: str, sensor: str, *payloads: str) -> Batch:
    """A batch of these payloads, of which each is one reading."""
    batch = Batch(utc_now(), cast("Connection", object()))
    for each in payloads:
        delivery = deliveries.delivery(each.encode(), f"energy/readings/{site}/{sensor}")
        deliveries.check(delivery, batch.received_at)
        assert delivery.key is not None
        flag(delivery, delivery.key, Thresholds(12.0), batch)
        batch.deliveries.append(delivery)
        batch.size += 1
    return batch


async def test_rows_have_the_outcomes_that_the_database_says(
    store: ReadingStore, database: Database[dict[str, Any]], site: str, sensor: str
) -> None:
    first, second = payload(sensor, 1.5), payload(sensor, 13.0)
    await store_batch(store, opened(site, sensor, first))
    other = first.replace("1.5", "2.5")
    batch = opened(site, sensor, first, other, second)
    batch.measures[2]["location"] = "\ud800"  # BSON has no such character
    await store_batch(store, batch)
    same, conflict, unencodable = (delivery.outcomes[0] for delivery in batch.deliveries)
    assert same is Duplicate.STORED_BEFORE
    assert isinstance(conflict, Rejection)
    assert (conflict.kind, conflict.payload) == ("conflict", other.encode())
    assert isinstance(unencodable, Rejection)
    assert unencodable.kind == "refused"
    assert batch.stored == []
    assert [each["value_kwh"] for each in database["measures"].find({"sensor_id": sensor})] == [1.5]


async def test_anomalies_are_found_until_they_are_marked(store: ReadingStore, site: str, sensor: str) -> None:
    batch = opened(site, sensor, payload(sensor, 13.0), payload(sensor, 1.0))
    await store_batch(store, batch)
    (anomaly,) = await store.unalerted([site], batch.received_at)
    assert anomaly == batch.measures[0]
    await store.mark_alerted([anomaly["_id"]], utc_now())
    assert await store.unalerted([site], batch.received_at) == []
    seen: list[str] = []
    await store.each_recent(batch.received_at, lambda each: seen.append(each["_id"]))
    assert {each["_id"] for each in batch.measures} <= set(seen)


async def test_rollups_are_merged(
    store: ReadingStore, database: Database[dict[str, Any]], site: str, sensor: str
) -> None:
    hour = "2025-11-23T10"
    times = (f"{hour}:00:00Z", f"{hour}:30:00Z")
    await store_batch(store, opened(site, sensor, *(payload(sensor, 1.5, timestamp=at) for at in times)))
    await store.merge("measures", hourly([f"{sensor}@{hour}"], utc_now()))
    (rollup,) = database["hourly"].find({"sensor_id": sensor})
    assert (rollup["energy_kwh"], rollup["count"]) == (3.0, 2)


async def test_rejected_payloads_are_kept_once_however_often_they_are_written(
    store: ReadingStore, database: Database[dict[str, Any]], sensor: str
) -> None:
    topic = f"energy/readings/a/{sensor}"
    document = to_document(Rejection(RejectKind.INVALID, "too short", topic, b"x", sequence=7), utc_now())
    async with asyncio.timeout(WITHIN_S):
        # As when the answer to the first was lost.
        await store.write_rejected([document])
        await store.write_rejected([document])
    assert list(database["rejected"].find({"topic": topic})) == [document]


async def test_sensors_and_checkpoints_are_kept(store: ReadingStore, site: str, sensor: str) -> None:
    sensors = SensorStore(store)
    known = {"$set": {"site": site, "threshold_kwh": 4.5}, "$setOnInsert": {"_id": sensor}}
    await sensors.update([UpdateOne({"sensor_id": sensor}, known, upsert=True)])
    assert (await sensors.thresholds())[sensor] == 4.5
    assert await sensors.sites([sensor]) == {sensor: StoredSite(site)}
    checkpoint, until = Checkpoint(store, sensor), datetime(2026, 11, 23)  # noqa: DTZ001 - as documents have it
    assert await checkpoint.own() is None
    await checkpoint.set(until)
    assert await checkpoint.own() == until
    assert await checkpoint.others() is not None


async def test_history_is_read(store: ReadingStore, site: str, sensor: str) -> None:
    batch = opened(site, sensor, *(payload(sensor, value, ago_s=3 - value) for value in (1.0, 2.0, 3.0)))
    await store_batch(store, batch)
    first, second, third = batch.measures
    begin, end = first["timestamp"], third["timestamp"] + timedelta(seconds=1)
    unevaluated = await AlarmRecords(store, "somebody", [site]).unevaluated(batch.received_at)
    assert unevaluated == [(SensorKey(site, sensor), begin)]
    until_end = ReadingHistory(store, sensor, end)
    assert await until_end.first_reading() == begin
    assert await ReadingHistory(store, sensor, begin).first_reading() is None
    before = [each["_id"] async for each in until_end.before()]
    assert before == [third["_id"], second["_id"], first["_id"]]
    assert [each["_id"] for each in await ReadingHistory(store, sensor, second["timestamp"]).since()] == [
        second["_id"],
        third["_id"],
    ]
    assert await until_end.peak_kwh(begin) == 3.0
    assert await until_end.energy_nano(begin) == 6_000_000_000
