"""The REST interface, served for real, of a real database."""

import asyncio
import os
import random
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pymongo.database import Database

from ingestor.documents import alarm_id, format_timestamp, utc_now
from monitor.web.auth.cookie import COOKIE_NAME
from stack.servers import Servers
from tests.integration.api import ANSWER_S, HOUR, PASSWORDS, SECOND, Api, Stock, serving

# One server for all tests, as passwords are slow on purpose.
pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

START = datetime(2033, 5, 2)  # noqa: DTZ001 - a Monday, as in documents, when no other test measures
DAY = timedelta(days=1)
MAY_2 = {"from": "2033-05-02T00:00:00Z", "to": "2033-05-03T00:00:00Z"}
HERE = Path(__file__).parent
SWEEP = "--generation-deterministic --no-color --warnings=off --phases=examples,coverage,fuzzing"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(servers: Servers) -> AsyncIterator[Api]:
    async with serving(servers.mongo("viewer")) as one:
        yield one


@pytest.fixture
def stock(database: Database[dict[str, Any]], site: str) -> Iterator[Stock]:
    one = Stock(database, site)
    yield one
    one.clear()


async def test_token_is_given_for_a_password_and_nothing_without_one(api: Api) -> None:
    form = {"grant_type": "password", "username": "operator", "password": PASSWORDS["operator"]}
    async with httpx.AsyncClient(base_url=api.url, timeout=ANSWER_S) as nobody:
        given = await nobody.post("/token", data=form)
        wrong = await nobody.post("/token", data={**form, "password": "guess"})
        asked = await nobody.get("/sensors")
        forged = await nobody.get("/sensors", headers={"Authorization": "Bearer forged"})
        described = await nobody.get("/openapi.json")
    assert given.json() | {"access_token": ""} == {
        "access_token": "",
        "token_type": "bearer",
        "expires_in": 12 * 3600,
        "role": "operator",
    }
    for rejected in (wrong, asked, forged):
        assert (rejected.status_code, rejected.json()["kind"]) == (401, "token")
        assert rejected.headers["WWW-Authenticate"] == "Bearer"
    assert described.json()["info"]["title"] == "Energy Monitor"
    with_cookie = {COOKIE_NAME: given.json()["access_token"]}
    async with httpx.AsyncClient(base_url=api.url, cookies=with_cookie, timeout=ANSWER_S) as browser:
        assert (await browser.get("/sensors")).status_code == 200


async def test_who_guesses_is_told_to_wait(servers: Servers) -> None:
    form = {"username": "operator", "password": "guess"}
    async with (
        serving(servers.mongo("viewer")) as api,
        httpx.AsyncClient(base_url=api.url, timeout=ANSWER_S) as guesser,
    ):
        answers = await asyncio.gather(*(guesser.post("/token", data=form) for _ in range(25)))
    assert sum(each.status_code == 401 for each in answers) == 5
    busy = next(each for each in answers if each.status_code == 429)
    assert busy.json()["kind"] == "busy"
    assert int(busy.headers["Retry-After"]) > 0


@pytest.mark.parametrize("limit", [2, 7, 60])
async def test_pages_give_each_document_exactly_once(api: Api, stock: Stock, limit: int) -> None:
    sensors = [f"{stock.site}-{number}" for number in range(4)]
    for sensor in sensors:
        stock.sensor(sensor)
        # All sensors measure at the same times, so that pages end among these.
        stock.readings(sensor, START, [1.0] * 15)
        stock.hours(sensor, START - DAY, [1.0] * 48)
        for number in range(3):
            stock.alarm(
                sensor, f"rule-{number}", START, changed_at=START, cleared_at=[None, START][number % 2]
            )
            stock.reject(sensors[0], START, sequence=number)
    last = sensors[-1]
    listed = await api.all("/measures", **MAY_2, site=stock.site, limit=limit)
    assert sorted((each["sensor_id"], each["timestamp"]) for each in listed) == [
        (sensor, format_timestamp(START + n * SECOND)) for sensor in sensors for n in range(15)
    ]
    assert [each["timestamp"] for each in listed] == sorted(
        [each["timestamp"] for each in listed], reverse=True
    )
    times = [each["timestamp"] for each in await api.all(f"/sensors/{last}/measures", **MAY_2, limit=limit)]
    assert times == [format_timestamp(START + n * SECOND) for n in range(15)]
    hours = await api.all(f"/sensors/{last}/measures", **MAY_2, resolution="hourly", limit=limit)
    assert [each["start"] for each in hours] == [format_timestamp(START + n * HOUR) for n in range(24)]
    names = [each["sensor_id"] for each in await api.all("/sensors", site=stock.site, limit=limit)]
    assert names == sensors
    for state in ("all", "standing"):
        alarms = [each["id"] for each in await api.all("/alarms", site=stock.site, limit=limit, state=state)]
        assert len(alarms) == len(set(alarms)) == 12
    rejected = [each["id"] for each in await api.all("/rejected", sensor=sensors[0], limit=limit)]
    assert len(rejected) == len(set(rejected)) == 12


async def test_single_peak_among_100_000_readings_is_drawn(api: Api, stock: Stock, sensor: str) -> None:
    chance = random.Random(7)
    values = [chance.uniform(1, 2) for _ in range(100_000)]
    values[chance.randrange(100_000)], values[chance.randrange(100_000)] = 99.5, 0.125
    stock.readings(sensor, START, values)
    drawn = (
        await api.get(f"/sensors/{sensor}/measures", **{**MAY_2, "to": "2033-05-04T00:00:00Z"}, points=200)
    )["items"]
    assert 150 < len(drawn) <= 200
    assert {99.5, 0.125} < {each["value_kwh"] for each in drawn}
    assert drawn == sorted(drawn, key=lambda each: each["timestamp"])


async def test_resolution_fits_the_time_and_stays_for_all_pages(api: Api, stock: Stock, sensor: str) -> None:
    stock.readings(sensor, START, [1.0] * 5001)
    stock.hours(sensor, START, [2.0] * 48)
    path = f"/sensors/{sensor}/measures"
    few = await api.get(path, **{**MAY_2, "to": "2033-05-02T01:23:20Z"})
    assert (few["resolution"], len(few["items"])) == ("raw", 1000)
    many = await api.get(path, **MAY_2, limit=20)
    assert many["resolution"] == "hourly"
    rest = await api.get(path, **{**MAY_2, "to": "2033-05-02T22:00:00Z"}, after=many["next"])
    assert (rest["resolution"], len(rest["items"]), rest["next"]) == ("hourly", 2, None)
    assert rest["items"][0]["energy_kwh"] == 2.0
    days = await api.get(path, **{**MAY_2, "to": "2034-05-02T22:00:00Z"})
    assert (days["resolution"], len(days["items"])) == ("daily", 2)


async def test_times_have_an_offset_and_the_default_is_the_last_day(
    api: Api, stock: Stock, sensor: str
) -> None:
    now = utc_now()
    for ago_h in (23, 25):
        stock.readings(sensor, now - ago_h * HOUR, [13.0], alerted_at=now)
    stock.readings(sensor, now - HOUR, [1.0])
    last_day = (await api.get(f"/sensors/{sensor}/measures"))["items"]
    assert [each["timestamp"] for each in last_day] == [format_timestamp(now - h * HOUR) for h in (23, 1)]
    assert (await api.get("/measures", site=stock.site))["items"] == last_day[::-1]
    high = (await api.get("/measures", site=stock.site, anomalies="true"))["items"]
    assert high == last_day[:1]
    assert high[0]["alerted_at"] == format_timestamp(now)
    stock.readings(sensor, START, [1.0] * 3)
    berlin = {"from": "2033-05-02T02:00:01+02:00", "to": "2033-05-02T00:00:02Z"}
    assert len((await api.get(f"/sensors/{sensor}/measures", **berlin))["items"]) == 1


async def test_everything_is_answered_though_people_have_spoiled_documents(
    api: Api, stock: Stock, sensor: str
) -> None:
    stock.everything(sensor, START + HOUR)
    shown = await api.get(f"/sensors/{sensor}")
    assert (shown["location"], shown["reported_location"]) == ("Room 7", "Room 1")
    assert shown["shelved"][0] == {"rule": "silent", "until": "2033-05-02T01:00:00.000Z", "user": "ada"}
    assert len((await api.get("/sensors", site=stock.site))["items"]) == 10
    assert len((await api.get("/measures", **MAY_2, site=stock.site))["items"]) == 69
    whole = await api.get(f"/sensors/{sensor}/measures", **MAY_2)
    assert len(whole["items"]) == 69
    assert (await api.get(f"/sensors/{sensor}/measures", **MAY_2, points=10))["items"]
    for asked in ({"unit": "total"}, {"by": "sensor"}, {"by": "site", "unit": "hour"}):
        assert (await api.get("/energy", **MAY_2, site=stock.site, **asked))["items"]
    for asked in ({"sensor": sensor}, {"site": stock.site}):
        assert (await api.get("/energy/heat", **MAY_2, **asked))["items"]
    assert (await api.get("/energy/peaks", **MAY_2, site=stock.site))["items"]
    states = {
        state: await api.all("/alarms", site=stock.site, state=state, limit=50)
        for state in ("standing", "past", "all")
    }
    assert len(states["standing"]) + len(states["past"]) == len(states["all"]) == 11
    for state, is_so in (("standing", True), ("past", False)):
        assert all(each["stands"] is is_so for each in states[state])
    one = await api.get(f"/alarms/{alarm_id(sensor, 'stuck', START + HOUR)}")
    assert (one["rule"], one["cleared_at"]) == ("stuck", "2033-05-02T02:00:00.000Z")
    rejected = (await api.get("/rejected", sensor=sensor))["items"]
    assert {each["payload"] and b64decode(each["payload"]) for each in rejected} == {b"\xff{", None}
    health = await api.get("/health")
    assert (health["database"], health["ingestors"][0]["stored"]) == (True, 3)


async def test_energy_is_summed_up_by_the_midnights_of_a_zone(api: Api, stock: Stock, sensor: str) -> None:
    stock.hours(sensor, START, [1.0] * 48)
    berlin = {
        "from": "2033-05-02T00:00:00+02:00",
        "to": "2033-05-04T00:00:00+02:00",
        "time_zone": "Europe/Berlin",
    }
    days = (await api.get("/energy", **berlin, by="sensor", sensor=sensor))["items"]
    assert [(each["start"], each["sensor_id"], each["energy_kwh"]) for each in days] == [
        ("2033-05-01T22:00:00.000Z", sensor, 22.0),
        ("2033-05-02T22:00:00.000Z", sensor, 24.0),
    ]
    heat = (await api.get("/energy/heat", **berlin, site=stock.site))["items"]
    assert heat[0] == {"weekday": 1, "hour": 2, "mean_kwh": 1.0}
    peaks = (await api.get("/energy/peaks", **MAY_2, site=stock.site, limit=1))["items"]
    assert peaks == [
        {"sensor_id": sensor, "site": stock.site, "start": format_timestamp(START), "max_kwh": 0.5}
    ]


async def test_too_many_rows_are_rejected_with_what_to_do(api: Api, stock: Stock, sensor: str) -> None:
    stock.hours(sensor, START, [1.0] * 5001)
    stock.hours(f"{sensor}-2", START, [1.0] * 5001)
    year = {"from": "2033-05-02T00:00:00Z", "to": "2034-05-02T00:00:00Z", "by": "sensor", "site": stock.site}
    answer = await api.client.get("/energy", params={**year, "unit": "hour"})
    assert (answer.status_code, answer.json()["kind"]) == (422, "too_much")
    assert len((await api.get("/energy", **year))["items"]) == 2 * 209


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("/measures?from=2033-05-02T00:00:00", "from: write it as ISO 8601 with an offset"),
        ("/measures?from=2033-05-02T00:00:00%2B02:00&to=2033-05-01T00:00:00Z", "from: must be before `to`"),
        ("/measures?to=99999-01-01T00:00:00Z", "the years 1970 to 2199"),
        ("/measures?to=2033-02-31T00:00:00Z", "to: write it as ISO 8601"),
        ("/measures?limit=0", "limit: should be greater than or equal to 1"),
        ("/measures?after=forged", "after: give it the `next`"),
        ("/measures?form=2033-05-02T00:00:00Z", "form: there is no such parameter"),
        ("/measures?site=a%00b", "site: "),
        ("/sensors/a%00b", "sensor_id: "),
        ("/sensors/x/measures?points=9&resolution=daily", "points: does not go with"),
        ("/sensors/x/measures?after=hourly~2033&resolution=raw", "after: belongs to a list with"),
        ("/energy?time_zone=Europe/Berlim", "did you mean Europe/Berlin?"),
        ("/energy?time_zone=../../etc/passwd", "time_zone: "),
        ("/energy?from=1970-01-01T00:00:00Z&to=2199-01-01T00:00:00Z", "ask for at most 366 days"),
    ],
)
async def test_what_cannot_be_answered_is_told_in_a_sentence(api: Api, asked: str, told: str) -> None:
    answer = await api.client.get(asked)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


async def test_what_there_is_not_is_not_found(api: Api) -> None:
    for path in ("/sensors/nobody", "/sensors/nobody/measures", "/alarms/none", "/dance", "/sensors/"):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.json()["kind"]) == (404, "not_found"), path
    for path in ("/sensors", "/alarms/none", "/energy/heat"):
        rejected = await api.client.delete(path)
        assert (rejected.status_code, rejected.headers["Allow"]) == (405, "GET")


@pytest.mark.asyncio(loop_scope="function")
async def test_database_that_is_gone_is_told_in_a_sentence(own_servers: Servers) -> None:
    async with serving(own_servers.mongo("viewer")) as api:
        assert await api.get("/sensors") == {"items": [], "next": None}
        await own_servers.database.stop()
        paths = ("/sensors", "/sensors/x/measures", "/measures", "/alarms", "/energy", "/rejected")
        health, *answers = await asyncio.gather(api.get("/health"), *(api.client.get(each) for each in paths))
        for answer in answers:
            assert (answer.status_code, answer.json()["kind"]) == (503, "database")
            assert answer.json()["detail"].startswith("MongoDB does not answer")
            assert int(answer.headers["Retry-After"]) > 0
        assert (health["database"], health["lag_s"]) == (False, None)
        assert health["problem"].startswith("MongoDB does not answer")


async def test_interface_does_what_its_description_says(
    api: Api, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    stock = Stock(database, "lari")
    try:
        # The names and the time that the description has as examples.
        stock.everything("Sensor-LARI-01", datetime(2026, 11, 23, 10))  # noqa: DTZ001
        status, output = await sweep(api, 8, tmp_path)
    finally:
        stock.clear()
    assert status == 0, output


async def sweep(api: Api, examples: int, folder: Path) -> tuple[int | None, str]:
    """Run schemathesis over all operations; what it found before is in the folder."""
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml"), "run"),
        *(f"{api.url}/openapi.json", "-H", f"Authorization: Bearer {api.token}"),
        *(*SWEEP.split(), f"--max-examples={examples}"),
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "tests.integration.api_check",
            "PYTHONPATH": str(HERE.parent.parent),
        },
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
