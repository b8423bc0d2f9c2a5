"""Readings on their way through a real broker into a real database."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from ingestor.service import RECEIVE_MAX
from tests.conftest import StartIngestor
from tests.readings import moment, payload, reading
from tests.servers import RunningIngestor, Site, Wire, balance, eventually

pytestmark = pytest.mark.integration


async def test_reading_is_stored_with_all_its_fields(ingestor: RunningIngestor, place: Site) -> None:
    sent = reading(place.sensor, 1.82)
    await place.publish(json.dumps(sent))
    (stored,) = await place.until_stored(1)
    received_at = stored.pop("received_at")
    timestamp = datetime.fromisoformat(str(sent["timestamp"])).replace(tzinfo=None)
    assert stored == {
        "_id": f"{place.sensor}@{sent['timestamp']}",
        "sensor_id": place.sensor,
        "site": place.site,
        "location": "Room 1",
        "value_kwh": 1.82,
        "timestamp": timestamp,
        "is_anomaly": False,
        "status_message": "Consumption is normal.",
    }
    assert timedelta(0) <= received_at - timestamp < timedelta(seconds=10)


async def test_reading_above_the_threshold_is_flagged_and_alerted(
    ingestor: RunningIngestor, place: Site, viewer: Wire
) -> None:
    sent = reading(place.sensor, 12.24)
    await place.publish(json.dumps(sent))
    await eventually(lambda: bool(viewer.on("energy/alerts/")))
    (alert,) = viewer.on("energy/alerts/")
    message = "ALERT: High consumption detected! (12.24 kWh > 12.0 kWh)"
    assert alert.topic == f"energy/alerts/{place.site}/{place.sensor}"
    assert not alert.retain
    assert json.loads(alert.payload) == {
        "id": f"{place.sensor}@{sent['timestamp']}",
        "sensor_id": place.sensor,
        "site": place.site,
        "location": "Room 1",
        "value_kwh": 12.24,
        "threshold_kwh": 12.0,
        "timestamp": sent["timestamp"],
        "late": False,
        "message": message,
    }
    await eventually(lambda: place.stored()[0]["alerted_at"] is not None)
    (stored,) = place.stored()
    assert stored["is_anomaly"] is True
    assert stored["status_message"] == message
    assert stored["threshold_kwh"] == 12.0
    assert place.database.anomalies.find_one({"_id": stored["_id"]}) is not None


async def test_threshold_itself_is_normal(ingestor: RunningIngestor, place: Site) -> None:
    await place.publish(payload(place.sensor, 12.0))
    (stored,) = await place.until_stored(1)
    assert stored["is_anomaly"] is False
    assert place.database.anomalies.find_one({"_id": stored["_id"]}) is None


async def test_sensor_may_have_its_own_threshold(
    place: Site, viewer: Wire, start_ingestor: StartIngestor
) -> None:
    place.database.sensors.insert_one({"sensor_id": place.sensor, "threshold_kwh": 5})
    async with start_ingestor():
        await place.publish(payload(place.sensor, 5.5))
        await eventually(lambda: bool(viewer.on("energy/alerts/")))
        assert place.stored()[0]["threshold_kwh"] == 5.0
        place.database.sensors.update_one({"sensor_id": place.sensor}, {"$set": {"threshold_kwh": 6.5}})

        async def is_normal() -> bool:
            await place.publish(payload(place.sensor, 6.0))
            return bool(place.stored(value_kwh=6.0, is_anomaly=False))

        await eventually(is_normal)


async def test_threshold_is_a_setting(place: Site, start_ingestor: StartIngestor) -> None:
    async with start_ingestor("--threshold-kwh", "1.5"):
        await place.publish(payload(place.sensor, 1.82))
        (stored,) = await place.until_stored(1)
    assert stored["status_message"] == "ALERT: High consumption detected! (1.82 kWh > 1.5 kWh)"


async def test_same_reading_twice_is_stored_once(ingestor: RunningIngestor, place: Site) -> None:
    once = payload(place.sensor, 12.5)
    await place.publish(once, once)
    await eventually(lambda: bool(place.stored()))
    await place.publish(once, f"[{once}, {once}]")

    async def all_answered() -> bool:
        books = await ingestor.books()
        return (books["duplicates"], books["alerts"]) == (4, 1)

    await eventually(all_answered)
    assert len(place.stored()) == 1
    books = await ingestor.books()
    assert (books["received"], books["stored"], books["rejected"]) == (5, 1, 0)
    assert balance(books) == 0


async def test_other_value_for_a_stored_reading_is_a_conflict(
    ingestor: RunningIngestor, place: Site, viewer: Wire
) -> None:
    sent = reading(place.sensor, 1.82)
    other = json.dumps(sent | {"value_kwh": 1.99})
    await place.publish(json.dumps(sent), other)
    await eventually(lambda: bool(viewer.on("energy/rejected/")))
    (refused,) = place.rejected()
    assert refused["kind"] == "conflict"
    assert refused["payload"] == other.encode()
    reason = f"conflict: {place.sensor}@{sent['timestamp']} is stored with 1.82 kWh, not 1.99 kWh"
    assert refused["reason"] == reason
    assert json.loads(viewer.on("energy/rejected/")[0].payload)["reason"] == reason
    assert [each["value_kwh"] for each in place.stored()] == [1.82]
    assert balance(await ingestor.books()) == 0


async def test_rejected_or_repeated_reading_does_not_change_its_sensor(
    ingestor: RunningIngestor, place: Site
) -> None:
    sent = reading(place.sensor, 1.82, location="Room 1")
    await place.publish(json.dumps(sent))

    def location() -> object:
        return (place.database.sensors.find_one({"sensor_id": place.sensor}) or {}).get("location")

    await eventually(lambda: location() == "Room 1")
    conflict, repeated = sent | {"value_kwh": 1.99, "location": "Room 2"}, sent | {"location": "Room 3"}
    await place.publish(json.dumps(conflict), json.dumps(repeated))
    # Sensors are written in the order of arrival: once this one is there, so would be the others.
    after = f"{place.sensor}-after"
    await place.wire.publish(f"energy/readings/{place.site}/{after}", payload(after, 1.0))
    await eventually(lambda: place.database.sensors.count_documents({"sensor_id": after}) == 1)
    assert [each["kind"] for each in place.rejected()] == ["conflict"]
    assert location() == "Room 1"


async def test_array_is_stored_reading_by_reading(ingestor: RunningIngestor, place: Site) -> None:
    rows = [
        {"sensor_id": place.sensor, "value_kwh": number, "timestamp": 1_763_892_000 + number}
        for number in range(1000)
    ]
    longest = json.dumps(rows[:600], separators=(",", ":"))
    await place.publish("[]", longest, json.dumps(rows[600:]))
    stored = await place.until_stored(1000)
    assert [each["value_kwh"] for each in stored] == list(range(1000))
    assert {each["location"] for each in stored} == {None}
    await eventually(lambda: bool(place.rejected()))
    assert [each["reason"] for each in place.rejected()] == ["an array holds 1 to 1,000 readings, this one 0"]


async def test_readings_with_a_sequence_are_confirmed(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    await sensors.listen(f"energy/stored/{place.site}/{place.sensor}")
    rows = [payload(place.sensor, 1.0, ago_s=number, sequence=number) for number in (1, 2, 3, 12)]
    wrong = payload(place.sensor, -1.0, sequence=7)
    await place.publish(*rows, rows[0], wrong, payload(place.sensor, 2.0))
    await eventually(lambda: bool(sensors.messages))
    (confirmation,) = sensors.messages
    assert json.loads(confirmation.payload) == {"sequences": [[1, 3], [12, 12]], "rejected": [[7, 7]]}
    await place.publish(rows[1])
    await eventually(lambda: len(sensors.messages) == 2)
    assert json.loads(sensors.messages[1].payload) == {"sequences": [[2, 2]]}


async def test_thousand_readings_are_confirmed_at_once(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    await sensors.listen(f"energy/stored/{place.site}/{place.sensor}")
    rows = [reading(place.sensor, 1.0, ago_s=number / 10, sequence=number) for number in range(1000)]
    await place.publish(*(json.dumps(rows[start : start + 200]) for start in range(0, 1000, 200)))
    await eventually(lambda: bool(sensors.messages))
    assert json.loads(sensors.messages[0].payload) == {"sequences": [[0, 999]]}


async def test_late_reading_is_flagged_as_late(ingestor: RunningIngestor, place: Site, viewer: Wire) -> None:
    await place.publish(payload(place.sensor, 13.0, ago_s=660), payload(place.sensor, 14.0, ago_s=540))
    await eventually(lambda: len(viewer.on("energy/alerts/")) == 2)
    late = {
        alert["value_kwh"]: alert["late"]
        for alert in map(json.loads, (m.payload for m in viewer.on("energy/alerts/")))
    }
    assert late == {13.0: True, 14.0: False}
    assert (await ingestor.books())["late"] == 1


async def test_unix_seconds_and_other_offsets_name_the_same_reading(
    ingestor: RunningIngestor, place: Site
) -> None:
    same = [1_763_892_000.5, "2025-11-23T10:00:00.5Z", "2025-11-23T15:30:00.500+05:30"]
    await place.publish(*(payload(place.sensor, 1.0, timestamp=each) for each in same))

    async def all_answered() -> bool:
        return (await ingestor.books())["duplicates"] == 2

    await eventually(all_answered)
    assert [each["_id"] for each in place.stored()] == [f"{place.sensor}@2025-11-23T10:00:00.500Z"]


async def test_sensors_are_known_with_place_and_status(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    first, last = moment(30), moment(10)
    await place.publish(
        payload(place.sensor, 1.0, timestamp=last), payload(place.sensor, 1.0, timestamp=first)
    )
    status = f"energy/status/{place.site}/{place.sensor}"
    await sensors.publish(status, '{"state": "online", "sensors": 1}', retain=True)

    def known(**wanted: object) -> bool:
        return place.database.sensors.count_documents({"sensor_id": place.sensor, **wanted}) == 1

    times = {
        "first_reading": datetime.fromisoformat(first).replace(tzinfo=None),
        "last_reading": datetime.fromisoformat(last).replace(tzinfo=None),
    }
    await eventually(lambda: known(site=place.site, location="Room 1", status="online", **times))
    await sensors.publish(status, '{"state": "offline"}', retain=True)
    await eventually(lambda: known(status="offline"))


async def test_ingestor_says_how_it_is_with_books_that_balance(
    place: Site, viewer: Wire, start_ingestor: StartIngestor
) -> None:
    def states() -> list[dict[str, Any]]:
        return [json.loads(each.payload) for each in viewer.on("energy/ingestors/")]

    async with start_ingestor() as ingestor:
        await place.publish(
            payload(place.sensor, 1.0), payload(place.sensor, 13.0), "no", payload(place.sensor, -1)
        )

        def says(**wanted: int) -> bool:
            return any(each.items() >= wanted.items() for each in states())

        await eventually(lambda: says(received=4, stored=2, rejected=2, alerts=1))
        assert all(each["state"] == "online" and balance(each) == 0 for each in states())
        assert states()[-1]["database"] is True
        assert balance(await ingestor.books()) == 0
    await eventually(lambda: states()[-1] == {"state": "offline"})
    async with Wire(ingestor.servers.mqtt("viewer")) as later:
        await later.listen(f"energy/ingestors/{place.site}")
        await eventually(lambda: [m.payload for m in later.messages] == [b'{"state":"offline"}'])


async def test_killed_ingestor_is_offline_by_its_last_will(
    place: Site, viewer: Wire, start_ingestor: StartIngestor
) -> None:
    async with start_ingestor() as ingestor:
        await eventually(lambda: bool(viewer.on("energy/ingestors/")))
        await ingestor.kill()
        await eventually(lambda: viewer.on("energy/ingestors/")[-1].payload == b'{"state":"offline"}')


async def test_other_sites_are_left_to_other_ingestors(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    await sensors.publish(f"energy/readings/elsewhere/{place.sensor}", payload(place.sensor, 1.0))
    await place.publish(payload(place.sensor, 2.0))
    await place.until_stored(1)
    assert place.database.measures.count_documents({"sensor_id": place.sensor}) == 1


async def test_statuses_without_readings_are_acknowledged_too(
    ingestor: RunningIngestor, place: Site, sensors: Wire
) -> None:
    """Else they would fill the window in which the broker sends, for good."""
    topic = f"energy/status/{place.site}/{place.sensor}"
    for _ in range(5):
        await sensors.publish(topic, *['{"state": "online", "sensors": 1}'] * (RECEIVE_MAX // 4))
        await asyncio.sleep(0.3)  # each burst a batch of its own
    await place.publish(payload(place.sensor, 1.0))
    await place.until_stored(1)
