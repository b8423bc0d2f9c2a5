"""``monitor alarms``, ``acknowledge`` and ``shelve`` as users run them; the test plays the ingestor."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from broker.alarm_messages import AlarmEntry, AlarmState
from broker.connection import OutgoingMessage
from broker.messages import RejectionNotice
from broker.topics import SensorKey
from ingestor.alarms.episode import begin
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.documents import AlarmDocument, format_timestamp, utc_now
from stack.servers import Servers
from tests.programs import Ended, run_program
from tests.servers import Wire, eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
MINUTE = timedelta(minutes=1)

Answers = Sequence[OutgoingMessage | list[OutgoingMessage]]


def clock(moment: datetime) -> str:
    """The local time of a document's, with the day unless it is today."""
    local = moment.replace(tzinfo=UTC).astimezone()
    return (
        f"{local:%H:%M}" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d %H:%M}"
    )


class Scene:
    """One sensor of a site: what is stored of it, and what its ingestor would say."""

    def __init__(self, servers: Servers, database: Database[dict[str, Any]], site: str, sensor: str) -> None:
        self.servers = servers
        self.database = database
        self.site = site
        self.sensor = sensor
        self.commands: list[dict[str, Any]] = []
        database.sensors.insert_one({"_id": sensor, "sensor_id": sensor, "site": site})

    def store(self, rule: str = "overconsumption", **changes: object) -> AlarmDocument:
        since = utc_now() - MINUTE
        document = begin(
            SensorKey(self.site, self.sensor), rule, AllRuleSettings().of(OVERCONSUMPTION), since, since
        )
        document["message"] = "High consumption (12.24 kWh > 12.0 kWh)"
        document.update(changes)  # type: ignore[typeddict-item]
        self.database.alarms.insert_one({**document})
        return document

    def shelve(self, rule: str, until: datetime) -> None:
        shelved = {f"shelved.{rule}": {"until": until, "user": "maria"}}
        self.database.sensors.update_one({"sensor_id": self.sensor}, {"$set": shelved})

    def state(
        self, *alarms: AlarmDocument, seen: bool = False, until: datetime | None = None
    ) -> OutgoingMessage:
        """What the ingestor retains of the sensor."""
        told = [
            AlarmEntry(
                id=each["_id"],
                rule=each["rule"],
                severity=each["severity"],
                state="cleared" if each["cleared_at"] else "active",
                acknowledged=seen,
                since=format_timestamp(each["since"]),
                message=each["message"],
                shelved_until=format_timestamp(until) if until else None,
            )
            for each in alarms
        ]
        state = AlarmState(
            sensor_id=self.sensor, site=self.site, updated=format_timestamp(utc_now()), alarms=told
        )
        topic = f"energy/alarms/{self.site}/{self.sensor}"
        return OutgoingMessage(topic, state.model_dump_json(exclude_none=True).encode(), retain=True)

    def rejection(self, reason: str, kind: str = "command") -> OutgoingMessage:
        topic = f"energy/rejected/{self.site}/{self.sensor}"
        return OutgoingMessage(topic, RejectionNotice(kind=kind, reason=reason).model_dump_json().encode())

    @asynccontextmanager
    async def ingestor(
        self, *, retained: OutgoingMessage | None = None, answer: Callable[[dict[str, Any]], Answers]
    ) -> AsyncIterator[None]:
        """Play it: answer each command with some messages, not at once."""
        async with Wire(self.servers.mqtt("ingestor")) as wire:
            if retained:
                await wire.send([retained])
            await wire.listen(f"energy/commands/{self.site}/+")
            playing = asyncio.create_task(self._play(wire, answer))
            yield
            playing.cancel()
            await asyncio.wait([playing])
            assert playing.cancelled()

    async def _play(self, wire: Wire, answer: Callable[[dict[str, Any]], Answers]) -> None:
        while True:
            await wire.arrived.wait()
            wire.arrived.clear()
            for message in wire.messages[len(self.commands) :]:
                assert message.topic == f"energy/commands/{self.site}/{self.sensor}"
                self.commands.append(json.loads(message.payload))
                for outgoing in answer(self.commands[-1]):
                    await asyncio.sleep(0.2)  # answers come one by one
                    await wire.send(outgoing if isinstance(outgoing, list) else [outgoing])

    def _variables(self, command: str) -> dict[str, str]:
        mongo = {"ENERGY_MONGO_URL": self.servers.mongo("viewer")}
        return mongo if command == "alarms" else mongo | {"ENERGY_MQTT_URL": self.servers.mqtt("operator")}

    async def monitor(self, *arguments: str, **variables: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self._variables(arguments[0]), **variables},
        )
        output, errors = await process.communicate()
        assert b"Traceback" not in errors
        return Ended(await process.wait(), output.decode(), errors.decode())

    def monitor_here(self, *arguments: str, **variables: str) -> Ended:
        """The same in this process, for what needs nobody who answers."""
        ended = run_program("monitor", *arguments, variables=self._variables(arguments[0]) | variables)
        assert "Traceback" not in ended.errors
        return ended


@pytest.fixture
def scene(servers: Servers, database: Database[dict[str, Any]], site: str, sensor: str) -> Iterator[Scene]:
    yield Scene(servers, database, site, sensor)
    for collection in (database.alarms, database.sensors):
        collection.delete_many({"sensor_id": sensor})


async def test_alarms_that_stand_are_listed_and_those_that_are_over_if_asked_for(scene: Scene) -> None:
    now = utc_now()
    over = scene.store("clock", changed_at=now - 3 * MINUTE, cleared_at=now)
    taken_back = scene.store(
        "stuck", changed_at=now - 2 * MINUTE, cleared_at=now, waits=True, retracted_at=now
    )
    done = scene.store("budget", cleared_at=now, waits=True, acknowledged_at=now, acknowledged_by="maria")
    waiting = scene.store("sustained", severity="minor", cleared_at=now, waits=True)
    active = scene.store("overconsumption", severity="warning")
    worst = scene.store("silent", severity="critical", message="No reading.\x1b[2J")
    scene.shelve("silent", now + 10 * MINUTE)
    scene.shelve("overconsumption", now - MINUTE)
    scene.store("silent", _id="elsewhere", site=f"{scene.site}-annex")
    scene.store("silent", _id="elsewhere-over", site=f"{scene.site}-annex", cleared_at=now)

    status, output, errors = await scene.monitor("alarms", "--site", scene.site)
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert lines[2::3][:3] == [f"    {each['_id']}" for each in (worst, waiting, active)]
    assert [line.split("  ")[-1].strip() for line in lines[0:9:3]] == [
        f"muted until {clock(now + 10 * MINUTE)}",
        "ended, not acknowledged",
        "active",
    ]
    assert lines[1] == r"    No reading.\u001b[2J"
    assert lines[9:] == [f"3 active alarms at {scene.site}, 2 of them not acknowledged."]

    everything = (
        await scene.monitor("alarms", "--all", ENERGY_SITE=f"none,{scene.site}")
    ).output.splitlines()
    assert everything[:9] == lines[:9]
    assert everything[9] == "Ended:"
    assert everything[12:19:3] == [f"    {each['_id']}" for each in (done, taken_back, over)]
    assert [line.split("  ")[-1] for line in everything[10:17:3]] == [
        "ended, acknowledged by maria",
        "retracted",
        "ended",
    ]
    assert everything[19:] == ["", f"3 active alarms at none and {scene.site}, 2 of them not acknowledged."]
    # Other sites are not left out unless one is named.
    assert {"    elsewhere", f"    {worst['_id']}"} <= {*(await scene.monitor("alarms")).output.splitlines()}


def test_no_more_than_the_last_50_that_are_over_are_listed(scene: Scene) -> None:
    now = utc_now()
    for number in range(52):
        scene.store("clock", _id=f"over-{number}", changed_at=now - number * MINUTE, cleared_at=now)
    output = scene.monitor_here("alarms", "--all", "--site", scene.site).output
    assert [line.strip() for line in output.splitlines() if line.startswith("    over-")] == [
        f"over-{number}" for number in range(50)
    ]
    assert output.splitlines()[-1] == f"No active alarms at {scene.site}."


async def test_alarm_is_acknowledged_when_the_ingestor_says_so(scene: Scene) -> None:
    alarm, other = scene.store(), scene.store("silent")

    def answer(_: dict[str, Any]) -> Answers:
        # More than the broker sends to somebody who does not acknowledge them.
        noise = [scene.rejection("no JSON", kind="not_json")] * 1100
        return [noise, scene.state(alarm, other), scene.state(alarm, other, seen=True)]

    # That no alarm stands is what was so before, and no answer.
    async with scene.ingestor(retained=scene.state(), answer=answer):
        ended = await scene.monitor("acknowledge", alarm["_id"], "--user", "maria")
    assert ended == (0, f"{alarm['_id']} is acknowledged.\n", "")
    assert scene.commands == [{"acknowledge": alarm["_id"], "user": "maria"}]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cleared_at": datetime(2026, 11, 23), "waits": True}, "is acknowledged."),  # noqa: DTZ001
        ({"acknowledged_at": datetime(2026, 11, 23)}, "is acknowledged."),  # noqa: DTZ001
        ({}, "has ended."),
    ],
)
async def test_alarm_that_is_gone_is_settled(scene: Scene, changes: dict[str, Any], sentence: str) -> None:
    alarm = scene.store(**changes)
    async with scene.ingestor(answer=lambda _: [scene.state(alarm), scene.state()]):
        ended = await scene.monitor("acknowledge", alarm["_id"])
    assert ended == (0, f"{alarm['_id']} {sentence}\n", "")


async def test_each_of_several_alarms_has_an_outcome_of_its_own(scene: Scene) -> None:
    first, rejected, last = scene.store(), scene.store("silent"), scene.store("stuck")

    def answer(command: dict[str, Any]) -> Answers:
        if command["acknowledge"] == rejected["_id"]:
            return [scene.rejection("it does not \x1b[31mstand")]
        return [scene.state(first, last, seen=True)]

    ids = [first["_id"], "nothing", rejected["_id"], last["_id"], first["_id"]]
    async with scene.ingestor(answer=answer):
        status, output, errors = await scene.monitor("acknowledge", *ids, LOGNAME="maria")
    assert status == 1
    assert output == f"{first['_id']} is acknowledged.\n{last['_id']} is acknowledged.\n"
    assert errors.splitlines() == [
        "monitor: nothing: no alarm has this id; `monitor alarms` lists them",
        f"monitor: {rejected['_id']}: it does not \\u001b[31mstand",
    ]
    assert scene.commands == [
        {"acknowledge": each["_id"], "user": "maria"} for each in (first, rejected, last)
    ]


async def test_rule_is_shelved_until_the_ingestor_says(scene: Scene) -> None:
    alarm = scene.store()
    # Half an hour later than the local clock would have it, and not the same as before.
    before, until = utc_now() + MINUTE, utc_now() + 90 * MINUTE
    scene.shelve("overconsumption", before)

    def answer(_: dict[str, Any]) -> Answers:
        return [scene.state(alarm, until=each) for each in (None, before, until)]

    async with scene.ingestor(retained=scene.state(alarm, until=until + 90 * MINUTE), answer=answer):
        ended = await scene.monitor("shelve", scene.sensor, "overconsumption", "--user", "maria")
    assert ended == (0, f"overconsumption of {scene.sensor} is muted until {clock(until)}.\n", "")
    assert scene.commands == [{"shelve": "overconsumption", "minutes": 60, "user": "maria"}]


async def test_rule_is_shelved_though_no_alarm_of_it_stands(scene: Scene) -> None:
    async with scene.ingestor(answer=lambda _: [scene.state()]):
        ended = await scene.monitor("shelve", scene.sensor, "silent", "--minutes", "5")
    # A minute may have passed since.
    sentences = [
        f"silent of {scene.sensor} is muted until {clock(utc_now() + minutes * MINUTE)}.\n"
        for minutes in (5, 4)
    ]
    assert (ended.status, ended.errors) == (0, "")
    assert ended.output in sentences


async def test_shelving_is_ended(scene: Scene) -> None:
    alarm, until = scene.store(), utc_now() + MINUTE
    async with scene.ingestor(answer=lambda _: [scene.state(alarm, until=until), scene.state(alarm)]):
        ended = await scene.monitor("shelve", scene.sensor, "overconsumption", "--minutes", "0")
    assert ended == (0, f"overconsumption of {scene.sensor} is no longer muted.\n", "")
    assert scene.commands[0]["minutes"] == 0


@pytest.mark.parametrize("command", ["acknowledge", "shelve", "end shelving"])
async def test_state_that_contradicts_is_no_answer(scene: Scene, command: str) -> None:
    alarm = scene.store()
    contrary = scene.state(alarm, until=utc_now() + MINUTE if command == "end shelving" else None)
    shelve = [
        "shelve",
        scene.sensor,
        "overconsumption",
        "--minutes",
        "0" if command == "end shelving" else "60",
    ]
    arguments = ["acknowledge", alarm["_id"]] if command == "acknowledge" else shelve
    async with scene.ingestor(answer=lambda _: [contrary, scene.rejection("no")]):
        status, output, errors = await scene.monitor(*arguments)
    assert (status, output) == (1, "")
    assert errors.endswith(": no\n")


async def test_rejection_is_told_and_ends_with_status_1(scene: Scene) -> None:
    async with scene.ingestor(answer=lambda _: [scene.rejection("there is no rule dance")]):
        ended = await scene.monitor("shelve", scene.sensor, "dance")
    assert ended == (1, "", f"monitor: dance of {scene.sensor}: there is no rule dance\n")


async def test_silence_of_the_ingestor_is_told_after_10_seconds(scene: Scene) -> None:
    first, second = scene.store(), scene.store("silent")
    began = time.monotonic()
    async with scene.ingestor(retained=scene.state(first, second, seen=True), answer=lambda _: []):
        status, output, errors = await scene.monitor("acknowledge", first["_id"], second["_id"])
    assert 10 <= time.monotonic() - began < 60
    assert (status, output) == (1, "")
    sentence = "no ingestor answered within 10 s; the broker keeps the command until one runs"
    assert errors.splitlines() == [f"monitor: {each['_id']}: {sentence}" for each in (first, second)]
    # The second one is not waited for, but sent.
    assert [each["acknowledge"] for each in scene.commands] == [first["_id"], second["_id"]]


async def test_command_that_nobody_takes_is_said_to_be_dropped(scene: Scene) -> None:
    alarm = scene.store()
    status, _, errors = await scene.monitor("acknowledge", alarm["_id"])
    sentence = "no ingestor is running, so the command was dropped; try again when one runs"
    assert (status, errors) == (1, f"monitor: {alarm['_id']}: {sentence}\n")


async def test_two_people_at_once_do_not_get_into_each_others_way(scene: Scene) -> None:
    first, second = scene.store(), scene.store("silent")

    def answer(_: dict[str, Any]) -> Answers:
        both = len(scene.commands) == 2
        return [scene.state(first, second, seen=True)] if both else []

    async with scene.ingestor(answer=answer):
        ended = await asyncio.gather(*(scene.monitor("acknowledge", each["_id"]) for each in (first, second)))
    assert [each.status for each in ended] == [0, 0]


async def test_broker_that_goes_away_is_told(scene: Scene, own_servers: Servers) -> None:
    alarm, url = scene.store(), own_servers.mqtt("operator")
    async with Wire(own_servers.mqtt("ingestor")) as wire:
        await wire.listen(f"energy/commands/{scene.site}/+")
        waiting = asyncio.create_task(scene.monitor("acknowledge", alarm["_id"], ENERGY_MQTT_URL=url))
        await eventually(lambda: bool(wire.messages))
        await own_servers.broker.stop(signal.SIGKILL)
        status, output, errors = await waiting
    assert (status, output) == (1, "")
    assert errors == (
        f"monitor: the broker at 127.0.0.1:{own_servers.mqtt_port} is lost (the connection ended); "
        "`monitor alarms` shows whether the command was executed\n"
    )


async def test_ctrl_c_ends_the_waiting(scene: Scene) -> None:
    alarm = scene.store()
    urls = ["--mongo-url", scene.servers.mongo("viewer"), "--mqtt-url", scene.servers.mqtt("operator")]
    async with scene.ingestor(answer=lambda _: []):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "acknowledge", alarm["_id"], *urls),
            stderr=asyncio.subprocess.PIPE,
        )
        await eventually(lambda: bool(scene.commands))
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), 5)
    assert process.returncode == 1
    assert errors == b"monitor: stopped; `monitor alarms` shows whether the command was executed\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "sentence"),
    [
        (["shelve", "Sensor-none", "silent"], {}, 1, "no readings from sensor Sensor-none yet"),
        (["shelve", "{sensor}", "silent", "--minutes", "-1"], {}, 2, "--minutes '-1': input should be"),
        (["acknowledge"], {}, 2, "the following arguments are required: IDS"),
        (["acknowledge", "{id}"], {"MQTT": "viewer"}, 1, "the broker rejects a message on energy/commands/"),
        (
            ["acknowledge", "{id}"],
            {"ENERGY_MQTT_URL": "mqtt://127.0.0.1:1"},
            1,
            "the broker at 127.0.0.1:1 does not answer (connection refused)",
        ),
        (["acknowledge", "{id}"], {"MQTT": "wrong"}, 1, "rejects user operator (not authorized)"),
        (
            ["alarms"],
            {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:1/d"},
            1,
            "MongoDB does not answer (127.0.0.1:1",
        ),
        (["acknowledge", "x"], {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:1/d"}, 1, "MongoDB does not answer"),
        (["shelve", "x", "y"], {"ENERGY_MONGO_URL": "mongodb://127.0.0.1:1/d"}, 1, "MongoDB does not answer"),
        (
            ["alarms"],
            {"ENERGY_MONGO_URL": "mongodb://u:hunter:2@h/d"},
            2,
            "in a user or password, write : as %3A",
        ),
        (
            ["watch"],
            {"ENERGY_MONGO_URL": "mongodb://u:hunter:2@h/d"},
            2,
            "in a user or password, write : as %3A",
        ),
    ],
)
def test_mistake_is_told_in_one_sentence(
    scene: Scene, arguments: list[str], variables: dict[str, str], status: int, sentence: str
) -> None:
    alarm = scene.store()
    role = variables.pop("MQTT", "operator") if "MQTT" in variables else None
    if role == "wrong":
        variables = {"ENERGY_MQTT_URL": f"mqtt://operator:hunter2@127.0.0.1:{scene.servers.mqtt_port}"}
    elif role:
        variables = {"ENERGY_MQTT_URL": scene.servers.mqtt(role)}
    filled = [each.format(sensor=scene.sensor, id=alarm["_id"]) for each in arguments]
    ended = scene.monitor_here(*filled, **variables)
    assert (ended.status, ended.output) == (status, "")
    assert sentence in ended.errors
    assert ended.errors.startswith("monitor")
    assert ended.errors.count("\n") == 1
    assert "hunter" not in ended.errors


async def test_reader_who_has_read_enough_is_no_error(scene: Scene) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "alarms", "--mongo-url", scene.servers.mongo("viewer")),
            stdout=pipe,
            stderr=asyncio.subprocess.PIPE,
        )
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
