"""Collections, validators, view and indexes, as the ingestor makes them."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import WriteError

from ingestor.documents import NORMAL, utc_now
from ingestor.store.reading_store import open_store
from stack.processes import Process
from stack.servers import Servers
from tests.conftest import StartIngestor
from tests.readings import payload
from tests.servers import RunningIngestor, Site, eventually

pytestmark = pytest.mark.integration

DEFAULTS = {"validationLevel": "strict", "validationAction": "error"}


def measure(place: Site, **changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "_id": f"{place.sensor}@2026-11-23T10:00:00.123Z",
        "sensor_id": place.sensor,
        "site": place.site,
        "location": None,
        "value_kwh": 1.0,
        "timestamp": utc_now(),
        "is_anomaly": False,
        "status_message": NORMAL,
        "received_at": utc_now(),
    }
    return good | changes


async def test_everything_is_made_once_and_left_alone_the_second_time(
    ingestor: RunningIngestor, database: Database[dict[str, Any]]
) -> None:
    def described() -> tuple[list[object], dict[str, object]]:
        collections = sorted(database.list_collections(), key=lambda each: str(each["name"]))
        names = [str(each["name"]) for each in collections if each["type"] == "collection"]
        # MongoDB lists these two only after a collMod, which the second start makes.
        described = [{"name": each["name"], "options": DEFAULTS | each["options"]} for each in collections]
        return list(described), {name: database[name].index_information() for name in names}

    before = described()
    await ingestor.stop()
    await ingestor.start()
    assert described() == before
    names = {each["name"] for each in before[0] if isinstance(each, dict)}
    assert names >= {"measures", "anomalies", "alarms", "sensors", "rejected", "hourly", "daily"}
    ttl = before[1]["rejected"]
    assert isinstance(ttl, dict)
    assert ttl["received_at"]["expireAfterSeconds"] == 30 * 24 * 3600


async def test_database_is_available_once_everything_is_made(own_servers: Servers) -> None:
    async with open_store(own_servers.mongo("ingestor")) as store:
        await store.retry(lambda: store.database.command("ping"))
        answered = store.is_available
        await store.prepare()
        assert (answered, store.is_available) == (False, True)
        assert "timestamp" in await store.database["measures"].index_information()


@pytest.mark.parametrize(
    "wrong",
    [
        {"value_kwh": -1.0},
        {"value_kwh": float("nan")},
        {"value_kwh": "1"},
        {"timestamp": "2026-11-23"},
        {"sensor_id": "x" * 65},
        {"is_anomaly": None},
        {"status_message": 1},
    ],
)
async def test_database_rejects_wrong_measures_itself(
    ingestor: RunningIngestor, place: Site, wrong: dict[str, object]
) -> None:
    with pytest.raises(WriteError, match="validation"):
        place.database.measures.insert_one(measure(place, **wrong))


async def test_database_rejects_a_wrong_threshold_typed_by_hand(
    ingestor: RunningIngestor, place: Site
) -> None:
    with pytest.raises(WriteError, match="validation"):
        place.database.sensors.insert_one({"sensor_id": place.sensor, "threshold_kwh": "high"})


async def test_queries_of_the_ingestor_and_of_people_use_an_index(
    ingestor: RunningIngestor, place: Site
) -> None:
    place.database.measures.insert_many(
        [measure(place), measure(place, _id="x", is_anomaly=True, alerted_at=None)]
    )
    day = {"$gte": utc_now()}

    def index_of(query: dict[str, Any]) -> str:
        plan = place.database.measures.find(query).explain()["queryPlanner"]["winningPlan"]
        while "inputStage" in plan:
            plan = plan["inputStage"]
        return str(plan.get("indexName"))

    assert index_of({"timestamp": day}) == "timestamp"
    assert index_of({"is_anomaly": True, "timestamp": day}) in {"anomalies", "timestamp"}
    assert index_of({"is_anomaly": True, "alerted_at": {"$type": "null"}, "received_at": day}) == "unalerted"
    prefix = {"$gte": f"{place.sensor}@2026-11-23T10:", "$lt": f"{place.sensor}@2026-11-23T10;"}
    assert index_of({"_id": prefix}) == "_id_"


async def test_documents_from_before_are_left_alone(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor, tmp_path: Path
) -> None:
    """A collection of the same name, filled by an earlier program, does no harm and takes none."""
    old = {"sensor_id": own_place.sensor, "value_kwh": 13, "timestamp": "10:00", "is_anomaly": True}
    own_place.database.measures.insert_one(old)
    log = tmp_path / "watch.log"
    url = {"ENERGY_MONGO_URL": own_servers.mongo("viewer")}
    watch = Process("watch", [sys.executable, "-m", "monitor", "watch"], url, log)
    await watch.start()

    async def is_shown() -> bool:
        await own_place.publish(payload(own_place.sensor, 1.82))
        return "1.82 kWh" in log.read_text()

    async with start_ingestor(on=own_servers):
        await eventually(is_shown)
        await eventually(lambda: own_place.database.sensors.count_documents({}) == 1)
    await watch.stop()
    assert "Traceback" not in log.read_text()
    assert own_place.database.measures.find_one({"_id": old["_id"]}) == old


async def test_rejected_payloads_are_kept_as_bytes(ingestor: RunningIngestor, place: Site) -> None:
    await place.publish(b"\x00\xff not text")
    await eventually(lambda: len(place.rejected()) == 1)
    assert place.rejected()[0]["payload"] == b"\x00\xff not text"
