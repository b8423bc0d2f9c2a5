"""``monitor sensors`` as users run it: what they set counts at once, and stays."""

import asyncio
import os
import sys
from typing import Any

import pytest

from stack.servers import Servers
from tests.programs import Ended, run_program
from tests.readings import payload
from tests.servers import RunningIngestor, Site, eventually

pytestmark = pytest.mark.integration


async def sensors_as_users_do(servers: Servers, *arguments: str, role: str = "operator") -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "sensors", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "ENERGY_MONGO_URL": servers.mongo(role)},
    )
    output, errors = await process.communicate()
    assert b"Traceback" not in errors
    return Ended(await process.wait(), output.decode(), errors.decode())


def sensors(servers: Servers, *arguments: str, role: str = "operator", **variables: str) -> Ended:
    url = {"ENERGY_MONGO_URL": servers.mongo(role)}
    ended = run_program("monitor", "sensors", *arguments, variables=url | variables)
    assert "Traceback" not in ended.errors
    return ended


@pytest.fixture
async def known(ingestor: RunningIngestor, place: Site) -> Site:
    """A site whose sensor has sent a reading."""
    assert await ingestor.is_ready()
    await place.publish(payload(place.sensor, 1.0, location="Room 1"))
    await eventually(lambda: bool(document(place)))
    return place


def document(place: Site) -> dict[str, Any]:
    return place.database.sensors.find_one({"sensor_id": place.sensor}) or {}


async def test_threshold_counts_in_the_running_ingestor_until_it_is_taken_away(
    servers: Servers, known: Site
) -> None:
    ended = await sensors_as_users_do(servers, known.sensor, "--threshold", "9.5")
    assert ended == (0, f"Threshold of {known.sensor}: 9.5 kWh, within five seconds.\n", "")

    async def flags(value_kwh: float) -> bool:
        await known.publish(payload(known.sensor, value_kwh))
        return known.count(is_anomaly=True, threshold_kwh=9.5) > 0

    await eventually(lambda: flags(10.0), seconds=10)
    assert {each["value_kwh"] for each in known.stored(is_anomaly=True)} == {10.0}

    ended = await sensors_as_users_do(servers, known.sensor, "--threshold", "none")
    assert ended == (0, f"Threshold of {known.sensor}: the default, within five seconds.\n", "")
    assert "threshold_kwh" not in document(known)

    async def passes() -> bool:
        await known.publish(payload(known.sensor, 11.0))
        return known.count(value_kwh=11.0, is_anomaly=False) > 0

    await eventually(passes, seconds=10)


async def test_location_that_a_person_set_stays_whatever_readings_say(servers: Servers, known: Site) -> None:
    assert await sensors_as_users_do(servers, known.sensor, "--location", "Room 7") == (
        0,
        f"Location of {known.sensor}: Room 7.\n",
        "",
    )
    await known.publish(payload(known.sensor, 1.0, location="Elsewhere"))
    await eventually(lambda: document(known).get("location") == "Elsewhere")
    assert document(known)["own_location"] == "Room 7"
    listed = (await sensors_as_users_do(servers, "--site", known.site, role="viewer")).output.splitlines()
    assert listed[1].split()[:5] == [known.sensor, known.site, "Room", "7", "online"]
    assert listed[2] == f"1 sensor at {known.site}: 1 online, 0 stale, 0 offline."

    assert await sensors_as_users_do(servers, known.sensor, "--location", "") == (
        0,
        f"Location of {known.sensor}: as in its readings.\n",
        "",
    )
    assert "own_location" not in document(known)
    assert " Elsewhere " in (await sensors_as_users_do(servers, known.sensor, role="viewer")).output


def test_list_is_of_the_sites_named_and_a_sensor_is_found_at_any(servers: Servers, known: Site) -> None:
    other = f"{known.sensor}-other"
    known.database.sensors.insert_one({"_id": other, "sensor_id": other, "site": f"{known.site}-annex"})
    of_site = sensors(servers, "--site", known.site)
    assert known.sensor in of_site.output
    assert other not in of_site.output
    one = sensors(servers, other, ENERGY_SITE=known.site)
    assert [line.split()[0] for line in one.output.splitlines()] == ["Sensor", other]
    assert {known.sensor, other} <= set(sensors(servers).output.split())


def test_unknown_sensor_is_told_with_a_hint(servers: Servers, known: Site) -> None:
    wrong = known.sensor.lower()
    for arguments in ((wrong,), (wrong, "--threshold", "9.5")):
        ended = sensors(servers, *arguments)
        assert (ended.status, ended.output) == (1, "")
        assert ended.errors.startswith(f"monitor: unknown sensor {wrong}; did you mean Sensor-")
    ended = sensors(servers, "q", "--location", "x")
    assert ended.errors == "monitor: unknown sensor q; it appears with its first reading\n"


def test_viewer_may_list_but_not_set(servers: Servers, known: Site) -> None:
    before = document(known)
    ended = sensors(servers, known.sensor, "--threshold", "9.5", role="viewer")
    told = "monitor: the database does not allow this; use the MongoDB URL of the user operator\n"
    assert ended == (1, "", told)
    assert document(known).get("threshold_kwh") == before.get("threshold_kwh")


def test_missing_database_is_told_in_one_sentence(servers: Servers) -> None:
    url = {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:9/energy_db"}
    status, output, errors = sensors(servers, **url)
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("monitor: MongoDB does not answer")
