"""``monitor report`` as users run it, on a real database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from broker.topics import SensorKey
from ingestor.alarms.episode import begin
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.stale import STALE
from ingestor.documents import format_timestamp, hour_of, measure_id, utc_now
from stack.servers import Servers
from tests.programs import Ended, run_program

pytestmark = pytest.mark.integration

DAY = datetime(2026, 3, 28, 23)  # noqa: DTZ001 - midnight of 29 March in Berlin, a day of 23 hours
HOUR = timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>\x1b[31m"
OF_THE_DAY = ("--date", "2026-03-29", "--time-zone", "Europe/Berlin")


class Scene:
    """A site with sensors of its own, and reports of it."""

    def __init__(self, servers: Servers, database: Database[dict[str, Any]], site: str) -> None:
        self.servers = servers
        self.database = database
        self.site = site

    def sensor(self, name: str, **known: object) -> str:
        sensor_id = f"{name}-{self.site}"
        known = {"first_reading": DAY - timedelta(days=9), "last_reading": utc_now(), **known}
        self.database.sensors.insert_one(
            {"_id": sensor_id, "sensor_id": sensor_id, "site": self.site, **known}
        )
        return sensor_id

    def hour(self, sensor_id: str, start: datetime, energy_kwh: float, **more: object) -> None:
        document = {
            "_id": hour_of(measure_id(sensor_id, format_timestamp(start))),
            "sensor_id": sensor_id,
            "site": self.site,
            "start": start,
            "energy_kwh": energy_kwh,
            "count": 10,
            "max_kwh": energy_kwh / 2,
            "anomalies": 0,
            "computed_at": start,
        }
        self.database.hourly.insert_one({**document, **more})

    def alarm(
        self, sensor_id: str, rule: str, since: datetime, cleared_at: datetime | None, **more: object
    ) -> None:
        document = begin(SensorKey(self.site, sensor_id), rule, AllRuleSettings().of(STALE), since, since)
        changed = {"cleared_at": cleared_at, "changed_at": cleared_at or since}
        self.database.alarms.insert_one({**document, **changed, **more})

    def reject(self, at: datetime, topic: str = "") -> None:
        topic = topic or f"campus/energy/readings/{self.site}/Sensor"
        refused = {
            "topic": topic,
            "payload": b"?",
            "kind": "not_json",
            "reason": "no JSON",
            "received_at": at,
        }
        self.database.rejected.insert_one(refused)

    def report(self, *arguments: str, **variables: str) -> Ended:
        url = {"ENERGY_MONGO_URL": self.servers.mongo("viewer")}
        ended = run_program("monitor", "report", "--site", self.site, *arguments, variables=url | variables)
        assert "Traceback" not in ended.errors
        return ended

    def report_as_users_do(self, *arguments: str, **variables: str) -> Ended:
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-W", "error", "-m", "monitor", "report", "--site", self.site, *arguments],
            env={**os.environ, "ENERGY_MONGO_URL": self.servers.mongo("viewer"), **variables},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def scene(servers: Servers, database: Database[dict[str, Any]], site: str) -> Iterator[Scene]:
    yield Scene(servers, database, site)
    for collection in (database.alarms, database.sensors, database.hourly):
        collection.delete_many({"site": site})
    database.rejected.delete_many({"kind": "not_json", "topic": {"$regex": site}})


def facts(output: str) -> dict[str, str]:
    """What the lines of a report say, by what they begin with."""
    pairs = (line.strip().split("  ", 1) for line in output.splitlines() if line.startswith("  "))
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def test_day_is_summed_up_between_the_midnights_of_the_zone(scene: Scene) -> None:
    first, second = scene.sensor("A", location="Room 1"), scene.sensor("B", own_location=HOSTILE)
    for number in range(-24, 24):
        scene.hour(first, DAY + number * HOUR, 2.0 if number >= 0 else 1.0)
    scene.hour(second, DAY + 22 * HOUR, 10.0, anomalies=3)
    scene.hour(second, DAY + 23 * HOUR, 1000.0)
    ended = scene.report(*OF_THE_DAY)
    assert (ended.status, ended.errors) == (0, "")
    lines = ended.output.splitlines()
    assert lines[0] == "Energy report: Sunday, 29 March 2026"
    assert lines[1].startswith(f"Site {scene.site}; time zone Europe/Berlin; created on ")
    told = facts(ended.output)
    assert told["Energy"] == "56.0 kWh"
    assert told["Change"] == "+133.3 %"
    assert told["Day before"] == "24.0 kWh on Saturday, 28 March 2026"
    assert told["Highest hour"] == "12.0 kWh from 23:00 to 00:00"
    assert told["Highest reading"] == f"5.00 kWh by {second}, 23:00 to 00:00"
    assert told["Anomalies"] == "3 of 240"
    bars = [line for line in lines if "█" in line]
    # There is no 02:00 on this day.
    assert [line.split()[0] for line in bars[:4]] == ["00:00", "01:00", "03:00", "04:00"]
    assert [line.split()[0] for line in lines if f"-{scene.site} " in line][:2] == [first, second]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in ended.output


def test_week_and_month_are_summed_up_day_by_day(scene: Scene) -> None:
    sensor = scene.sensor("A")
    for day in range(-40, 4):
        scene.hour(sensor, datetime(2026, 3, 2) + timedelta(days=day), 1.0)  # noqa: DTZ001
    week = scene.report("--week", "--date", "2026-03-04", "--time-zone", "UTC").output
    assert week.startswith("Energy report: 2 to 8 March 2026\n")
    assert facts(week)["Energy"] == "4.00 kWh"
    assert facts(week)["Change"] == "-42.9 %"
    assert "  Thu 5 Mar  █" in week
    assert "  Fri 6 Mar  no readings" in week
    month = scene.report("--month", "--date", "2026-02-28", "--time-zone", "UTC").output
    assert month.startswith("Energy report: February 2026\n")
    assert facts(month)["Energy"] == "28.0 kWh"
    assert "from 4 to 31 January 2026" in facts(month)["28 days before"]


def test_alarms_are_those_that_were_going_on_in_the_time(scene: Scene) -> None:
    sensor = scene.sensor("A")
    scene.alarm(
        sensor, "stuck", DAY - 9 * HOUR, DAY - HOUR, acknowledged_at=DAY + HOUR, changed_at=DAY + HOUR
    )
    scene.alarm(sensor, "clock", DAY - 9 * HOUR, DAY + HOUR)
    scene.alarm(sensor, "budget", DAY + HOUR, DAY + 2 * HOUR, severity="minor")
    scene.alarm(sensor, "silent", DAY - 99 * HOUR, None, severity="critical", message=HOSTILE)
    scene.alarm(sensor, "offline", DAY + HOUR, None, retracted_at=DAY + 2 * HOUR)
    scene.alarm(sensor, "rejecting", DAY + 24 * HOUR, None)
    output = scene.report(*OF_THE_DAY).output
    assert facts(output)["Alarms"] == "3 (1 still active)"
    table = output.split("\nAlarms\n")[1].split("\n\n")[1].splitlines()
    assert [line.split()[:4] for line in table[1:]] == [
        ["critical", "silent", "1", "1"],
        ["major", "clock", "1", "0"],
        ["minor", "budget", "1", "0"],
    ]
    assert f"silent of {sensor}" in output
    assert "<script>" in output.split("Active alarms")[1]


def test_quality_of_the_data_is_told(scene: Scene) -> None:
    heard, silent = scene.sensor("A"), scene.sensor("B", last_reading=DAY)
    scene.sensor("C", first_reading=DAY + 99 * HOUR)
    scene.hour(heard, DAY, 1.0)
    for at in (DAY, DAY + HOUR, DAY - HOUR, DAY + 23 * HOUR):
        scene.reject(at)
    scene.reject(DAY, f"energy/readings/{scene.site}-annex/Sensor")
    output = scene.report(*OF_THE_DAY).output
    told = facts(output)
    assert told["Readings"] == "10"
    assert told["Hours without readings"] == "22 of 23"
    assert told["Sensors without readings"] == "1 of 3"
    assert told["Stale sensors now"] == "1 of 3"
    after = output.split("Sensors that need attention\n")[1].splitlines()
    assert [line.split()[0] for line in after[1:]] == [silent]


def test_today_is_reported_so_far_in_the_zone_of_the_machine(scene: Scene) -> None:
    scene.hour(scene.sensor("A"), utc_now().replace(minute=0, second=0, microsecond=0), 7.5)
    # The zone of a machine does not change while a process runs.
    ended = scene.report_as_users_do(TZ="Asia/Tokyo")
    lines = ended.output.splitlines()
    assert lines[0].endswith(", so far")
    assert "; time zone Asia/Tokyo; " in lines[1]
    assert facts(ended.output)["Energy"] == "7.50 kWh so far"


def test_page_is_written_over_an_older_one(scene: Scene, tmp_path: Path) -> None:
    scene.hour(scene.sensor("A", location=HOSTILE), DAY, 7.5)
    file = tmp_path / "report.html"
    file.write_text("x" * 1_000_000)
    ended = scene.report_as_users_do(*OF_THE_DAY, "--html", str(file))
    assert ended == (0, f"Report written to {file}.\n", "")
    page = file.read_text()
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.endswith("</html>\n")
    assert "7.50 kWh" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u001b[31m" in page
    assert "<script" not in page


def test_site_without_anything_has_a_friendly_report(scene: Scene) -> None:
    ended = scene.report()
    assert (ended.status, ended.errors) == (0, "")
    assert f"No sensors at {scene.site}" in ended.output


def test_what_cannot_be_done_is_told_in_one_sentence(scene: Scene, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    told = f"monitor report: --html {missing}/x.html: no such folder: {missing}; create it first\n"
    assert scene.report("--html", f"{missing}/x.html") == (2, "", told)
    full = scene.report("--html", "/dev/full")
    assert full == (1, "", "monitor report: --html /dev/full: cannot be written (No space left on device)\n")
    gone = scene.report(ENERGY_MONGO_URL="mongodb://127.0.0.1:9/energy_db")
    assert (gone.status, gone.output) == (1, "")
    assert gone.errors.startswith("monitor: MongoDB does not answer")
    assert gone.errors.count("\n") == 1
