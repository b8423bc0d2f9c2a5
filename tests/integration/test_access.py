"""Who may do what on the broker and in the database."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from broker.errors import BrokerRejectedError
from ingestor.documents import utc_now
from stack.ports import reserve_port
from stack.processes import running
from stack.secrets.credentials import DATABASE, Credentials
from stack.servers import Servers
from tests.readings import payload
from tests.servers import RunningIngestor, Site, Wire, eventually

pytestmark = pytest.mark.integration

KINDS = ("readings", "status", "stored", "alerts", "alarms", "rejected", "commands")
MAY_WRITE = {
    "ingestor": {"stored", "alerts", "alarms", "rejected"},
    "sensors": {"readings", "status"},
    "viewer": set[str](),
    "operator": {"commands", "readings"},
}
MAY_READ = {
    "ingestor": {"readings", "status", "commands"},
    "sensors": {"stored"},
    "viewer": set(KINDS),
    "operator": set(KINDS),
}


@pytest.mark.parametrize(
    "url", ["mqtt://127.0.0.1", "mqtt://sensors:wrong@127.0.0.1", "mqtt://nobody:x@127.0.0.1"]
)
async def test_broker_lets_nobody_in_without_the_right_password(servers: Servers, url: str) -> None:
    with pytest.raises(BrokerRejectedError, match="not authorized"):
        async with Wire(f"{url}:{servers.mqtt_port}"):
            pass


@pytest.mark.parametrize("role", MAY_WRITE)
@pytest.mark.parametrize("kind", KINDS)
async def test_role_writes_only_what_is_its_own(servers: Servers, site: str, role: str, kind: str) -> None:
    async with Wire(servers.mqtt(role)) as wire:
        if kind in MAY_WRITE[role]:
            await wire.publish(f"energy/{kind}/{site}/S", b"{}")
        else:
            with pytest.raises(BrokerRejectedError, match="not authorized"):
                await wire.publish(f"energy/{kind}/{site}/S", b"{}")


@pytest.mark.parametrize("role", MAY_READ)
async def test_role_reads_only_what_it_needs(servers: Servers, site: str, role: str) -> None:
    async with Wire(servers.mqtt(role)) as reader, Wire(servers.mqtt("sensors")) as sensors:
        # Mosquitto grants any subscription and filters what it delivers.
        await reader.listen(f"energy/+/{site}/+")
        await reader.listen("#")
        async with Wire(servers.mqtt("ingestor")) as ingestor, Wire(servers.mqtt("operator")) as operator:
            writers = {"ingestor": ingestor, "sensors": sensors, "operator": operator}
            for kind in KINDS:
                writer = next(writers[each] for each in writers if kind in MAY_WRITE[each])
                await writer.publish(f"energy/{kind}/{site}/S", b"{}")
        expected = {f"energy/{kind}/{site}/S" for kind in MAY_READ[role]}

        def seen() -> set[str]:
            return {each.topic for each in reader.messages if f"/{site}/" in each.topic}

        await eventually(lambda: seen() >= expected)
        await asyncio.sleep(0.3)  # for what must not be heard
        assert seen() == expected


NOT_AN_INGESTOR = "the broker rejects a message on energy/ingestors/{site}: not authorized"
NOT_LET_IN = (
    "the broker at 127.0.0.1:{port} does not let user ingestor in (not authorized); "
    "check user and password in the MQTT URL"
)
NO_DATABASE = (
    "MongoDB does not let this user in (Authentication failed.); check the MongoDB URL's user and password"
)


@pytest.mark.parametrize(
    ("variable", "url", "sentence"),
    [
        ("ENERGY_MQTT_URL", lambda servers: servers.mqtt("sensors"), NOT_AN_INGESTOR),
        ("ENERGY_MQTT_URL", lambda servers: servers.mqtt("ingestor").replace("@", "x@"), NOT_LET_IN),
        ("ENERGY_MONGO_URL", lambda servers: servers.mongo("ingestor").replace("@", "x@"), NO_DATABASE),
    ],
)
async def test_ingestor_with_the_wrong_user_says_so_and_ends(
    servers: Servers, site: str, tmp_path: Path, variable: str, url: Callable[[Servers], str], sentence: str
) -> None:
    ingestor = RunningIngestor(servers, site, tmp_path / "log")
    environment = dict(ingestor.process.environment)
    environment[variable] = url(servers)
    ingestor.process.environment = environment
    await ingestor.process.start()
    assert "status 1" in await ingestor.process.wait_ended()
    last = ingestor.log.read_text().splitlines()[-1]
    assert last == "ingestor: " + sentence.format(site=site, port=servers.mqtt_port)


def test_database_lets_nobody_in_without_a_password(servers: Servers) -> None:
    with (
        MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{servers.mongo_port}") as client,
        pytest.raises(OperationFailure, match="authentication"),
    ):
        client[DATABASE].measures.find_one()


def test_ingestor_cannot_remove_what_is_stored(servers: Servers) -> None:
    with MongoClient[dict[str, Any]](servers.mongo("ingestor")) as client:
        database = client[DATABASE]
        database.measures.find_one()
        for forbidden in (
            lambda: database.measures.delete_one({}),
            lambda: database.drop_collection("measures"),
            lambda: database.command("dropDatabase"),
            lambda: database.command({"createUser": "x", "pwd": "x", "roles": []}),
            lambda: client["elsewhere"].things.insert_one({}),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden()


def test_operator_changes_only_what_people_set_of_sensors_and_marks_repairs(servers: Servers) -> None:
    with MongoClient[dict[str, Any]](servers.mongo("operator")) as client:
        database = client[DATABASE]
        database.sensors.update_one({"sensor_id": "nobody"}, {"$set": {"threshold_kwh": 9.5}})
        repaired = {"$set": {"replayed_at": utc_now()}}
        database.repairs.update_one({"_id": ObjectId()}, repaired, upsert=True)
        for forbidden in (
            lambda: database.measures.update_one({}, {"$set": {"value_kwh": 0.0}}),
            lambda: database.rejected.update_one({}, repaired),
            lambda: database.repairs.delete_one({}),
            lambda: database.alarms.update_one({}, {"$set": {"severity": "minor"}}),
            lambda: database.sensors.insert_one({"sensor_id": "mine"}),
            lambda: database.sensors.delete_one({}),
            lambda: database.drop_collection("sensors"),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden()


def test_viewer_changes_nothing_in_the_database(servers: Servers) -> None:
    with MongoClient[dict[str, Any]](servers.mongo("viewer")) as client:
        client[DATABASE].anomalies.find_one()
        for forbidden in (
            lambda: client[DATABASE].measures.insert_one({}),
            lambda: client[DATABASE].sensors.update_one({}, {"$set": {"threshold_kwh": 0}}),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                forbidden()


async def test_another_client_cannot_take_over_the_ingestors_session(
    ingestor: RunningIngestor, servers: Servers, place: Site
) -> None:
    """Whoever connects under another's client id ends its session; so the id cannot be guessed."""
    async with Wire(servers.mqtt("sensors"), client=f"ingestor-{place.site}"):
        await place.publish(payload(place.sensor, 1.0))
        await place.until_stored(1)
    assert await ingestor.is_ready()


async def test_access_follows_the_topic_root(
    accounts: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENERGY_TOPIC_ROOT", "campus/energy")
    servers = Servers(accounts, tmp_path, reserve_port(), 0)
    async with running(servers.broker, servers.broker_ready), Wire(servers.mqtt("sensors")) as wire:
        await wire.publish("campus/energy/readings/lari/S", b"{}")
        with pytest.raises(BrokerRejectedError, match="not authorized"):
            await wire.publish("energy/readings/lari/S", b"{}")


async def test_second_ingestor_of_the_same_name_is_noticed(
    ingestor: RunningIngestor, servers: Servers, place: Site, tmp_path: Path
) -> None:
    second = RunningIngestor(servers, place.site, tmp_path / "second.log")
    await second.start()
    rival = f"Perhaps another ingestor runs as {place.site}; give one of them another --name."
    try:
        await eventually(lambda: rival in ingestor.log.read_text() + second.log.read_text(), seconds=60)
    finally:
        assert await second.stop() == 0
    await place.publish(payload(place.sensor, 1.0))
    await place.until_stored(1)
