"""What dies or is missing, and comes back: nothing is lost and nothing is stored twice."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from stack.processes import Process
from stack.servers import Servers
from tests.chaos.proxy import proxy_to
from tests.conftest import StartIngestor
from tests.readings import payload
from tests.servers import PATIENCE_S, RunningIngestor, Site, Wire, balance, eventually

pytestmark = pytest.mark.integration

FLOOD = Path(__file__).parent / "flood.py"


def flood(servers: Servers, site: str, count: int, log: Path) -> Process:
    return Process(
        "flood",
        [sys.executable, str(FLOOD), site, "0", str(count), "100"],
        {"FLOOD_URL": servers.mqtt("sensors")},
        log,
    )


async def settled(ingestor: RunningIngestor, received: int) -> dict[str, int]:
    """The books once everything received is settled."""

    async def is_settled() -> bool:
        books = await ingestor.books()
        assert balance(books) == 0
        return books.get("received", 0) >= received and books["pending"] == 0

    await eventually(is_settled, seconds=120)
    return await ingestor.books()


MANY = [20_000, pytest.param(100_000, marks=pytest.mark.long)]


@pytest.mark.parametrize("count", MANY)
async def test_readings_at_full_speed_are_each_stored_once(
    servers: Servers, site: str, ingestor: RunningIngestor, place: Site, tmp_path: Path, count: int
) -> None:
    publisher = flood(servers, site, count, tmp_path / "flood.log")
    before_s = await ingestor.cpu_s()
    await publisher.start()
    assert "status 0" in await publisher.wait_ended()
    books = await settled(ingestor, count)
    cpu_us = (await ingestor.cpu_s() - before_s) * 1e6 / count
    sys.stdout.write(f"ingestor: {cpu_us:.1f} us of CPU time per reading\n")
    assert place.count() == count
    assert (books["stored"], books["duplicates"], books["rejected"]) == (count, 0, 0)
    alerted = {"site": site, "alerted_at": {"$type": "date"}}
    await eventually(lambda: place.database.measures.count_documents(alerted) == count // 100)


@pytest.mark.parametrize("count", MANY)
async def test_ingestor_killed_in_the_middle_of_many_readings_loses_and_doubles_none(
    servers: Servers, site: str, place: Site, start_ingestor: StartIngestor, tmp_path: Path, count: int
) -> None:
    publisher = flood(servers, site, count, tmp_path / "flood.log")
    async with Wire(servers.mqtt("viewer")) as people, start_ingestor() as ingestor:
        await people.listen(f"energy/alerts/{site}/+")
        await publisher.start()
        for part in (count // 5, count // 2):
            await place.until_count(part, seconds=60)
            await ingestor.kill()
            # Beside a broker that is this busy, a new one has read most of the rest before it is ready.
            await ingestor.start(ready=False)
        await place.until_count(count, seconds=120)
        await settled(ingestor, 1)
        assert "status 0" in await publisher.wait_ended()
        assert place.count() == count
        await eventually(lambda: place.count(is_anomaly=True, alerted_at=None) == 0)
        anomalies = set(place.database.measures.distinct("_id", {"site": site, "is_anomaly": True}))
        assert len(anomalies) == count // 100
        await eventually(lambda: {json.loads(each.payload)["id"] for each in people.messages} == anomalies)


async def test_alerts_left_behind_are_published_at_the_next_start(
    place: Site, viewer: Wire, start_ingestor: StartIngestor
) -> None:
    async with start_ingestor():
        await place.publish(payload(place.sensor, 13.0))
        await eventually(lambda: len(viewer.on("energy/alerts/")) == 1)
        await eventually(lambda: place.stored()[0]["alerted_at"] is not None)
    # As if the process had been killed between the write and the alert.
    place.database.measures.update_one({"site": place.site}, {"$set": {"alerted_at": None}})
    async with start_ingestor():
        await eventually(lambda: len(viewer.on("energy/alerts/")) == 2)
        await eventually(lambda: place.stored()[0]["alerted_at"] is not None)
    first, second = viewer.on("energy/alerts/")
    assert first.payload == second.payload


async def test_ingestor_brings_home_what_is_in_hand_when_told_to_stop(
    servers: Servers, site: str, ingestor: RunningIngestor, place: Site, tmp_path: Path
) -> None:
    publisher = flood(servers, site, 30_000, tmp_path / "flood.log")
    await publisher.start()
    await place.until_count(1000)
    assert await ingestor.stop() == 0
    await publisher.wait_ended()
    before = place.count()
    await ingestor.start()
    await place.until_count(30_000, seconds=60)
    books = await settled(ingestor, 30_000 - before)
    assert books["stored"] == 30_000 - before


async def test_ingestor_waits_for_servers_that_are_missing_and_recovers(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor
) -> None:
    await own_servers.broker.stop()
    await own_servers.database.stop()
    async with start_ingestor(on=own_servers, ready=False) as ingestor:
        status, text = await ingestor.get("/ready")
        assert (status, json.loads(text)) == (503, {"ready": False, "broker": False, "database": False})
        await own_servers.broker.start()
        await eventually(lambda: _answers(ingestor, "broker"))
        async with Wire(own_servers.mqtt("sensors")) as wire:
            topic = f"energy/readings/{own_place.site}/{own_place.sensor}"
            await wire.publish(topic, payload(own_place.sensor, 1.0))
        await eventually(lambda: "MongoDB does not answer" in ingestor.log.read_text())
        await own_servers.database.start()
        await eventually(ingestor.is_ready, seconds=40)
        await own_place.until_count(1)
    log = ingestor.log.read_text()
    assert log.count("MongoDB does not answer") == 1
    assert log.count("MongoDB answers again") == 1
    assert log.count("The broker at") == 2


async def test_ingestor_is_not_ready_before_the_broker_keeps_readings_for_it(
    servers: Servers, place: Site, start_ingestor: StartIngestor
) -> None:
    async with proxy_to(servers.mqtt_port) as slow:
        slow.delay_s = 0.2
        async with start_ingestor(mqtt_port=slow.port):
            await place.publish(payload(place.sensor, 1.0))
            await place.until_count(1)


async def test_database_that_is_killed_for_a_while_costs_nothing(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor
) -> None:
    async with start_ingestor(on=own_servers) as ingestor:
        await own_place.publish(payload(own_place.sensor, 1.0))
        await settled(ingestor, 1)
        await own_servers.database.stop(signal.SIGKILL)
        await own_place.publish(*(payload(own_place.sensor, 2.0) for _ in range(50)))
        await eventually(lambda: _is_silent(ingestor, "database"))
        await eventually(lambda: _has_pending(ingestor, 50))
        books = await ingestor.books()
        assert (books["stored"], books["pending"], balance(books)) == (1, 50, 0)
        await own_servers.database.start()
        await eventually(ingestor.is_ready, seconds=40)
        await own_place.until_count(51)
        assert balance(await ingestor.books()) == 0


async def test_database_killed_in_the_middle_of_30_000_readings_loses_and_doubles_none(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor, tmp_path: Path
) -> None:
    publisher = flood(own_servers, own_place.site, 30_000, tmp_path / "flood.log")
    async with start_ingestor(on=own_servers) as ingestor:
        await publisher.start()
        for part in (5_000, 15_000):
            await own_place.until_count(part, seconds=60)
            await own_servers.database.stop(signal.SIGKILL)
            await own_servers.database.start()
            await eventually(own_servers.database_ready)
        await settled(ingestor, 30_000)
        assert own_place.count() == 30_000


async def test_what_was_alerted_is_still_there_when_the_database_is_killed_at_once(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor
) -> None:
    """A write that is in memory only would be lost here: journals are flushed every 100 ms."""
    async with Wire(own_servers.mqtt("viewer")) as people, start_ingestor(on=own_servers) as ingestor:
        await people.listen(f"energy/alerts/{own_place.site}/+")
        for count in range(1, 6):
            people.arrived.clear()
            await own_place.publish(payload(own_place.sensor, 12.0 + count))
            async with asyncio.timeout(PATIENCE_S):
                await people.arrived.wait()
            assert json.loads(people.messages[-1].payload)["value_kwh"] == 12.0 + count
            await asyncio.sleep(0.01)  # the ingestor acknowledges the reading
            await own_servers.database.stop(signal.SIGKILL)
            await own_servers.database.start()
            await eventually(own_servers.database_ready)
            assert own_place.count() == count
            await eventually(ingestor.is_ready, seconds=40)


async def test_ingestor_killed_while_the_database_is_away_loses_nothing(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor
) -> None:
    async with start_ingestor(on=own_servers) as ingestor:
        await own_place.publish(payload(own_place.sensor, 1.0))
        await settled(ingestor, 1)
        await own_servers.database.stop()
        await own_place.publish(*(payload(own_place.sensor, 2.0) for _ in range(500)))
        await eventually(lambda: _has_pending(ingestor, 500))
        await ingestor.kill()
        await own_servers.database.start()
        await ingestor.start()
        await own_place.until_count(501)
        assert (await settled(ingestor, 500))["stored"] == 500


async def test_database_that_hangs_is_noticed_and_costs_nothing(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor
) -> None:
    async with start_ingestor(on=own_servers) as ingestor:
        assert own_servers.database.running is not None
        own_servers.database.running.send_signal(signal.SIGSTOP)
        try:
            await own_place.publish(payload(own_place.sensor, 1.0))
            await eventually(lambda: _is_silent(ingestor, "database"))
        finally:
            own_servers.database.running.send_signal(signal.SIGCONT)
        books = await settled(ingestor, 1)
        assert own_place.count() == 1
        # The write whose answer was lost counts as this process's own.
        assert (books["stored"], books["duplicates"]) == (1, 0)


async def test_broker_that_restarts_loses_nothing(
    own_servers: Servers, own_place: Site, start_ingestor: StartIngestor, tmp_path: Path
) -> None:
    node = Process(
        "sensor-node",
        [
            sys.executable,
            "-m",
            "sensor_node",
            "--interval",
            "50ms",
            "--readings",
            "200",
            "--site",
            own_place.site,
        ],
        {"ENERGY_MQTT_URL": own_servers.mqtt("sensors")},
        tmp_path / "node.log",
    )
    async with start_ingestor(on=own_servers) as ingestor:
        await node.start()
        for how in (signal.SIGTERM, signal.SIGKILL):
            await own_place.until_count(own_place.count() + 20)
            await own_servers.broker.stop(how)
            await asyncio.sleep(1)  # away for longer than the first back-off
            await own_servers.broker.start()
        # The node ends with status 0 once the ingestor has confirmed every reading.
        assert "status 0" in await node.wait_ended()
        assert own_place.count() == 200
        assert balance(await ingestor.books()) == 0


async def _answers(ingestor: RunningIngestor, name: str) -> bool:
    return bool(json.loads((await ingestor.get("/ready"))[1])[name])


async def _is_silent(ingestor: RunningIngestor, name: str) -> bool:
    return not await _answers(ingestor, name)


async def _has_pending(ingestor: RunningIngestor, count: int) -> bool:
    return (await ingestor.books())["pending"] == count
