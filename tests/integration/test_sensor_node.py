"""Sensor nodes as users run them, on a real broker and mostly with a real ingestor."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.topics import SensorKey
from sensor_node.meter.meter import Meter
from sensor_node.outbox.durable import open_outbox
from sensor_node.outbox.ledger import Ledger
from sensor_node.outbox.outbox import OutboxEntry
from sensor_node.profiles import PROFILES
from stack.processes import Process
from stack.servers import Servers
from tests.conftest import StartIngestor
from tests.preloaded import PreloadedProcess
from tests.servers import RunningIngestor, Site, Wire, eventually

pytestmark = pytest.mark.integration

DAY_READINGS = 43_200  # of a meter that is read every 2 s

StartNode = Callable[..., Process]


@pytest.fixture
def node(servers: Servers, site: str, tmp_path: Path) -> StartNode:
    def describe(*options: str, sensor_id: str | None = None, on: Servers = servers) -> Process:
        who = ["--sensor-id", sensor_id] if sensor_id else []
        command = [sys.executable, "-m", "sensor_node", *who, *options]
        environment = {"ENERGY_MQTT_URL": on.mqtt("sensors"), "ENERGY_SITE": site}
        return PreloadedProcess("node", command, environment, tmp_path / "node.log")

    return describe


def log_of(process: Process) -> str:
    assert process.log is not None
    return process.log.read_text()


async def test_readings_of_all_meters_are_published_stored_and_confirmed(
    ingestor: RunningIngestor, place: Site, node: StartNode
) -> None:
    first = f"{place.sensor}-08"
    options = ["--count", "3", "--readings", "30", "--interval", "20ms", "--location", "Room 7"]
    process = node(*options, sensor_id=first)
    await process.start()
    assert "status 0" in await process.wait_ended()
    assert "30 of 30 readings made" in log_of(process)
    stored = place.stored()
    assert len(stored) == 30
    assert {each["sensor_id"] for each in stored} == {
        f"{place.sensor}-{number}" for number in ("08", "09", "10")
    }
    assert {each["location"] for each in stored} == {"Room 7"}
    for each in stored:
        assert 0.8 <= each["value_kwh"] <= 2.5 or 8.0 <= each["value_kwh"] <= 15.0
        assert round(each["value_kwh"], 2) == each["value_kwh"]


async def test_default_meter_is_the_first_of_the_laboratory(node: StartNode, viewer: Wire, site: str) -> None:
    process = node()
    await process.start()
    try:
        await eventually(lambda: bool(viewer.on("energy/readings/")))
    finally:
        await process.stop()
    first = viewer.on("energy/readings/")[0]
    reading = json.loads(first.payload)
    assert first.topic == f"energy/readings/{site}/Sensor-LARI-01"
    assert (reading["sensor_id"], reading["location"]) == ("Sensor-LARI-01", "LARI Research Lab")


async def test_same_seed_gives_the_same_values(node: StartNode, viewer: Wire, sensor: str) -> None:
    options = ["--seed", "7", "--count", "2", "--interval", "5ms", "--readings", "20", "--drain", "0s"]
    for _ in range(2):
        process = node(*options, sensor_id=sensor)
        await process.start()
        await process.wait_ended()
    await eventually(lambda: len(viewer.on("energy/readings/")) == 40)
    values = [json.loads(each.payload)["value_kwh"] for each in viewer.on("energy/readings/")]
    assert values[:20] == values[20:]
    assert len(set(values)) > 5


async def test_node_is_online_and_offline_also_when_it_is_killed(
    node: StartNode, viewer: Wire, sensor: str
) -> None:
    def states() -> list[dict[str, object]]:
        return [json.loads(each.payload) for each in viewer.on("energy/status/")]

    async def until_said(count: int) -> None:
        await eventually(lambda: len(states()) == count)

    for number, how in enumerate((signal.SIGTERM, signal.SIGKILL), start=1):
        process = node(sensor_id=sensor)
        await process.start()
        await until_said(2 * number - 1)
        assert (states()[-1]["state"], states()[-1]["sensors"]) == ("online", 1)
        await process.stop(how)
        await until_said(2 * number)
        assert states()[-1] == {"state": "offline"}


async def test_node_told_to_stop_ends_with_status_0(node: StartNode, viewer: Wire, sensor: str) -> None:
    process = node(sensor_id=sensor)
    await process.start()
    await eventually(lambda: bool(viewer.on("energy/status/")))
    await process.stop(signal.SIGINT)
    assert process.running is not None
    assert process.running.returncode == 0
    assert "Traceback" not in log_of(process)


@pytest.mark.parametrize("durable", [False, True])
async def test_sequences_are_never_used_again(
    node: StartNode, viewer: Wire, sensor: str, tmp_path: Path, durable: bool
) -> None:
    async def until_sent(count: int) -> None:
        await eventually(lambda: len(viewer.on("energy/readings/")) > count)

    outbox = ["--outbox", str(tmp_path / "outbox.db")] if durable else []
    for count in (10, 20, 30):
        process = node("--interval", "10ms", *outbox, sensor_id=sensor)
        await process.start()
        await until_sent(count)
        await process.stop(signal.SIGKILL)
    sent = [json.loads(each.payload) for each in viewer.on("energy/readings/")]
    by_sequence = {each["sequence"]: each for each in sent}
    # Unconfirmed readings are sent again, the very same; a number never stands for another one.
    assert all(by_sequence[each["sequence"]] == each for each in sent)
    assert sorted(by_sequence) == list(dict.fromkeys(each["sequence"] for each in sent))


async def test_unconfirmed_readings_survive_in_the_outbox(
    node: StartNode, place: Site, viewer: Wire, start_ingestor: StartIngestor, tmp_path: Path
) -> None:
    outbox = ["--outbox", str(tmp_path / "outbox.db"), "--interval", "10ms"]
    process = node(*outbox, sensor_id=place.sensor)
    await process.start()
    await eventually(lambda: len(viewer.on("energy/readings/")) >= 20)
    await process.stop(signal.SIGKILL)
    # Nobody was subscribed for an ingestor yet: the broker has none of them any more.
    made = {json.loads(each.payload)["timestamp"] for each in viewer.on("energy/readings/")}
    async with start_ingestor():
        process = node(*outbox, "--readings", "1", sensor_id=place.sensor)
        await process.start()
        assert "status 0" in await process.wait_ended()
        stored = {f"{each['timestamp'].isoformat(timespec='milliseconds')}Z" for each in place.stored()}
        assert made <= stored


async def test_day_of_readings_is_backfilled_beside_live_ones(
    ingestor: RunningIngestor, place: Site, node: StartNode, tmp_path: Path
) -> None:
    path, began = tmp_path / "outbox.db", datetime.now(UTC) - timedelta(days=1)
    meter, where = Meter(SensorKey(place.site, place.sensor), "Room 1", sequence=1), range(DAY_READINGS)
    day = [meter.read(began + timedelta(seconds=2 * each), each % 900 / 100)[0] for each in where]
    async with open_outbox(path, DAY_READINGS, Ledger()) as outbox:
        await outbox.add([OutboxEntry(each.sensor_key, each.sequence, each.payload) for each in day])
    process = node("--outbox", str(path), "--interval", "100ms", sensor_id=place.sensor)
    await process.start()
    now = datetime.now(UTC)
    try:
        await place.until_count(20, timestamp={"$gte": now})
        # The live ones did not wait for the day before them.
        assert place.count() < DAY_READINGS
        await place.until_count(DAY_READINGS, seconds=60, timestamp={"$lt": now})
        stored = [each["value_kwh"] for each in place.stored(timestamp={"$lt": now})]
        assert stored == [each.value_kwh for each in day]
    finally:
        await process.stop()


async def test_full_outbox_is_said_loudly_in_the_log_and_in_the_status(
    node: StartNode, viewer: Wire, sensor: str
) -> None:
    options = ["--readings", "30", "--interval", "10ms", "--outbox-limit", "20", "--drain", "500ms"]
    process = node(*options, sensor_id=sensor)
    await process.start()
    assert "status 1" in await process.wait_ended()
    assert "The outbox is full (20 readings): new ones are LOST, the first with number " in log_of(process)
    process = node("--interval", "10ms", "--outbox-limit", "20", sensor_id=sensor)
    await process.start()
    await eventually(lambda: "LOST" in log_of(process).splitlines()[-1])
    await eventually(lambda: b'"refused":0' not in viewer.on("energy/status/")[-1].payload)
    status = json.loads(viewer.on("energy/status/")[-1].payload)
    assert status["outbox_depth"] == 20
    assert status["refused"] > 0
    assert status["oldest_age_s"] > 0
    await process.stop()


async def test_what_nobody_heard_is_sent_again_as_soon_as_somebody_listens(
    node: StartNode, place: Site, start_ingestor: StartIngestor
) -> None:
    """That is so after the broker has lost its memory: nodes are back before the ingestor."""
    process = node("--interval", "50ms", sensor_id=place.sensor)
    await process.start()
    await eventually(lambda: "measures every" in log_of(process))
    began = datetime.now(UTC)
    await asyncio.sleep(2)  # readings that nobody hears
    async with start_ingestor():
        await place.until_count(
            20, seconds=15, timestamp={"$gte": began, "$lt": began + timedelta(seconds=2)}
        )
    await process.stop()


async def test_rejected_readings_are_not_sent_for_ever(
    ingestor: RunningIngestor, place: Site, node: StartNode
) -> None:
    """A reading that the ingestor keeps in ``rejected`` leaves the outbox, with a word about it."""
    process = node("--readings", "5", "--interval", "10ms", "--location", "Room", sensor_id=place.sensor)
    async with Wire(ingestor.servers.mqtt("ingestor")) as impostor:
        await process.start()
        await eventually(lambda: place.count() == 5)
        sequences = [[0, 2**62]]
        topic = f"energy/stored/{place.site}/{place.sensor}"
        await impostor.publish(topic, "not an answer", json.dumps({"sequences": [], "rejected": sequences}))
        assert "status 0" in await process.wait_ended()
    assert f"The ingestor rejected 5 readings of {place.sensor}" in log_of(process)
    assert "Invalid confirmation" in log_of(process)


async def test_node_without_an_ingestor_says_what_is_not_confirmed(node: StartNode, sensor: str) -> None:
    process = node("--readings", "3", "--interval", "10ms", "--drain", "500ms", sensor_id=sensor)
    await process.start()
    assert "status 1" in await process.wait_ended()
    assert log_of(process).splitlines()[-1] == (
        "sensor-node: 3 of 3 readings are not confirmed; is the ingestor running?"
    )


async def test_nodes_that_share_a_folder_take_different_meters(
    node: StartNode, viewer: Wire, tmp_path: Path
) -> None:
    folder = tmp_path / "outboxes"
    folder.mkdir()
    processes = [node("--outbox", str(folder)) for _ in range(3)]
    for process in processes:
        await process.start()

    def sensor_ids() -> set[str]:
        return {each.topic.rsplit("/", 1)[1] for each in viewer.on("energy/readings/")}

    await eventually(lambda: sensor_ids() == {"Sensor-LARI-01", "Sensor-LARI-02", "Sensor-LARI-03"})
    named = node("--outbox", str(folder), sensor_id="Sensor-LARI-02")
    await named.start()
    assert "status 1" in await named.wait_ended()
    assert "another sensor node uses the outbox" in log_of(named)
    for process in processes:
        await process.stop()


ID = "use 1 to 64 letters, digits, dots, underscores and dashes, and begin with a letter or digit"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--interval 0s", "--interval '0s': an interval must be 1ms to 24h"),
        ("--interval often", "--interval 'often': write a duration as 2s, 500ms, 10m or 1h30m"),
        (
            "--count none",
            "--count 'none': input should be a valid integer, unable to parse string as an integer",
        ),
        ("--sensor-id a/b", f"--sensor-id 'a/b': {ID}"),
        (
            f"--sensor-id {'S' * 64} --count 9",
            f"the last of 9 meters counted up from {'S' * 64} would be {'S' * 64}-9: {ID}",
        ),
        ("--mqtt-url host", "--mqtt-url: write the URL as mqtt://user:password@host:port or mqtts://…"),
        ("--profile house", f"--profile 'house': unknown profile; known are {', '.join(PROFILES)}"),
        (
            "--yearly-kwh 3500",
            "--yearly-kwh does not fit --profile: lari has a fixed distribution; choose another profile",
        ),
        ("--to 2026-01-01", "--to needs --from"),
        ("--from 2026-02-01 --to 2026-01-01", "--to must be later than --from"),
        ("--from yesterday", "--from 'yesterday': write a date or a time as 2026-01-31 or 2026-01-31T10:00"),
        ("--speed fast", "--speed 'fast': use a speed of 0.001 to 1000000, or max"),
        ("--speed 0", "--speed '0': use a speed of 0.001 to 1000000, or max"),
        ("--fault peak=2", "--fault ['peak=2']: rate: input should be less than or equal to 1"),
        ("--fault counter-reset=1%", "counter-reset needs a register: add --counter"),
        ("--time-zone Mars", "--time-zone 'Mars': write a time zone as Europe/Berlin or UTC"),
        ("--nonsense", "unrecognized arguments: --nonsense; `sensor-node --help` lists the options"),
        (
            "--outbox /proc/no",
            "the outbox /proc/no cannot be used (No such file or directory); name another",
        ),
    ],
)
async def test_wrong_option_is_told_in_one_sentence(node: StartNode, options: str, sentence: str) -> None:
    process = node(*options.split())
    await process.start()
    await process.wait_ended()
    assert log_of(process) == f"sensor-node: {sentence}\n"


async def test_damaged_outbox_is_told_in_one_sentence(node: StartNode, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"this is no database, but long enough to look like one" * 100)
    process = node("--outbox", str(damaged))
    await process.start()
    assert "status 1" in await process.wait_ended()
    sentence = f"the outbox {damaged} cannot be used (file is not a database); move it away or name another"
    assert log_of(process) == f"sensor-node: {sentence}\n"
