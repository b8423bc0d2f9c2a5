"""What docs/alerts.md says, line by line, and what a person does with alarms."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from ingestor.alarms.rules.rule_settings import RULE_NAMES
from stack.secrets.secret_files import write_client_files
from stack.servers import Servers
from tests.conftest import StartIngestor
from tests.listener import Listener, write
from tests.phone import Phone
from tests.readings import payload
from tests.servers import RunningIngestor, Site, Wire, eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "alerts.md").read_text()
ALARM, SENSOR = "Sensor-LARI-02@overconsumption@2026-11-25T15:45:10.123Z", "Sensor-LARI-02"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def lines(program: str, contains: str) -> list[str]:
    """The commands of the document that begin with a program."""
    found = re.findall(rf"^    ((?:\w+=\S+ )?{program} .*)$", DOCUMENT, re.MULTILINE)
    return [each for each in found if contains in each]


@pytest.fixture
def words(servers: Servers, place: Site, tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Makes a line of the document one for the test's own servers and sensor."""

    write_client_files(tmp_path / "clients", servers.accounts, servers.mqtt_port, servers.mongo_port)

    def of(line: str, alarm: str = "") -> list[str]:
        here = line.replace("XDG_CONFIG_HOME=var/", f"env XDG_CONFIG_HOME={tmp_path}/").replace(ALARM, alarm)
        here = here.replace(f"lari/{SENSOR}", f"{place.site}/{place.sensor}")
        here = re.sub(r"energy/(alarms|alerts|rejected)/#", rf"energy/\1/{place.site}/#", here)
        return shlex.split(here)

    return of


def test_rules_and_scripts_that_are_named_exist_and_no_password_is() -> None:
    assert " -P " not in DOCUMENT
    assert tuple(re.findall(r"^\| `([a-z]+)` \|", DOCUMENT, re.MULTILINE)) == RULE_NAMES
    for script in set(re.findall(r"scripts/[a-z-]+", DOCUMENT)):
        assert (ROOT / script).exists(), script


async def test_every_way_to_listen_hears_what_it_says(
    ingestor: RunningIngestor, place: Site, alarms: Listener, words: Callable[..., list[str]]
) -> None:
    follow, what_stands, durable = (
        next(each for each in lines("mosquitto_sub", mark)) for mark in ("-F ", "--retained-only", " -c ")
    )
    subscriber = await asyncio.create_subprocess_exec(
        *words(follow), "-C", "1", "-W", "20", stdout=asyncio.subprocess.PIPE
    )
    alerts = await asyncio.create_subprocess_exec(
        *words(lines("mosquitto_sub", "'energy/alerts/#' -v")[0]), "-C", "1", stdout=asyncio.subprocess.PIPE
    )
    night = words(durable)
    await asyncio.to_thread(subprocess.run, [*night, "-E"], check=True, timeout=20)
    listening = asyncio.gather(subscriber.communicate(), alerts.communicate())

    async def are_heard() -> bool:
        # Nobody tells when a subscriber listens.
        await place.publish(payload(place.sensor, 13.0))
        return bool((await asyncio.wait({listening}, timeout=0.5))[0])

    await eventually(are_heard)
    (heard, _), (alerted, _) = await listening
    assert re.match(rf"\S+ energy/alarms/{place.site}/{place.sensor} \{{", heard.decode())
    assert b"ALERT: High consumption detected!" in alerted
    # One that was away all the while has both, and in two seconds one has what stands.
    caught_up = await asyncio.to_thread(
        subprocess.run, [*night, "-W", "2"], check=False, timeout=30, capture_output=True
    )
    assert {line.split(b"/")[1] for line in caught_up.stdout.splitlines()} == {b"alarms", b"alerts"}
    now = await asyncio.to_thread(
        subprocess.run, words(what_stands), check=False, timeout=30, capture_output=True
    )
    assert [len(json.loads(line.split(b" ", 1)[1])["alarms"]) for line in now.stdout.splitlines()] == [1]


async def test_programs_acknowledge_and_shelve_as_shown(
    ingestor: RunningIngestor, place: Site, alarms: Listener, words: Callable[..., list[str]]
) -> None:
    await place.publish(payload(place.sensor, 13.0))
    alarm = (await alarms.until("overconsumption"))["overconsumption"]
    commands = lines("mosquitto_pub", "energy/commands/")
    assert len(commands) == 2
    for command in commands:
        await asyncio.to_thread(subprocess.run, words(command, alarm["id"]), check=True, timeout=20)
    await eventually(lambda: "shelved_until" in alarms.standing["overconsumption"])
    assert alarms.standing["overconsumption"]["acknowledged_by"] == "maria"


async def test_threshold_is_set_and_taken_away_from_the_command_line(
    ingestor: RunningIngestor, servers: Servers, place: Site, alarms: Listener
) -> None:
    async def threshold(sensor_id: str, kwh: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "monitor", "sensors", sensor_id, "--threshold", kwh]
        environment = {**os.environ, "ENERGY_MONGO_URL": servers.mongo("operator")}
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, check=False, timeout=30
        )
        return done.returncode, done.stdout + done.stderr

    # Other tests have sensors as well; none of them has a name like this.
    unknown = "unknown sensor Quux; it appears with its first reading"
    assert await threshold("Quux", "3.5") == (1, f"monitor: {unknown}\n")
    await place.publish(payload(place.sensor, 3.6))
    await eventually(lambda: place.database.sensors.count_documents({"sensor_id": place.sensor}) == 1)
    said = f"Threshold of {place.sensor}: 3.5 kWh, within five seconds.\n"
    assert await threshold(place.sensor, "3.5") == (0, said)
    assert await threshold(f"{place.sensor}x", "3.5") == (
        1,
        f"monitor: unknown sensor {place.sensor}x; did you mean {place.sensor}?\n",
    )
    assert not alarms.standing

    async def is_alarmed() -> bool:
        await place.publish(payload(place.sensor, 3.6))
        return bool(alarms.standing)

    await eventually(is_alarmed)
    alarm = alarms.standing["overconsumption"]
    assert alarm["message"] == "3.6 kWh, above the threshold of 3.5 kWh"
    assert (await threshold(place.sensor, "none"))[0] == 0
    assert "threshold_kwh" not in (place.database.sensors.find_one({"sensor_id": place.sensor}) or {})


async def test_alarm_is_sent_to_phones_once_also_when_the_ingestor_dies_first(
    start_ingestor: StartIngestor, place: Site, alarms: Listener, rules: Path
) -> None:
    write(rules, "[notifications]\ncleared = true\n")
    phone = Phone()
    with patch.dict(os.environ, {"ENERGY_NOTIFY": phone.url}):
        async with start_ingestor("--alarms", str(rules)) as ingestor:
            await place.publish(payload(place.sensor, 13.0, ago_s=5))
            await alarms.until("overconsumption")
            # The server is not there yet, and neither is the ingestor when it comes.
            await ingestor.kill()
            async with phone:
                await ingestor.start()
                await eventually(lambda: bool(phone.messages))
                ((title, body),) = phone.messages
                assert title == f"{place.sensor}: overconsumption"
                assert body.startswith("13.0 kWh, above the threshold of 12.0 kWh (major, ")
                await eventually(lambda: alarms.episodes()[0]["notified_at"] is not None)
                await ingestor.kill()
                await ingestor.start()
                await place.publish(payload(place.sensor, 5.0, ago_s=4))
                await eventually(lambda: len(phone.messages) == 2)
                assert phone.titles[1] == f"{place.sensor}: overconsumption is over"
            assert phone.url not in ingestor.log.read_text()


async def test_name_that_is_no_id_makes_no_alarm_and_does_no_harm(
    start_ingestor: StartIngestor, place: Site, sensors: Wire, rules: Path
) -> None:
    write(rules, '[rules.offline]\nafter = "0s"\n')
    async with start_ingestor("--alarms", str(rules)):
        for name in ("S 1", "S@1", "-S", "é", "S" * 65):
            await sensors.publish(f"energy/status/{place.site}/{name}", '{"state": "offline"}')
            await sensors.publish(f"energy/readings/{place.site}/{name}", "no", "no", "no")
        await asyncio.sleep(1.5)  # for alarms that must not be raised
        await place.publish(payload(place.sensor, 1.0))
        await place.until_stored(1)
