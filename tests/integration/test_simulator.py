"""The simulator as users run it: a whole bad day, years in seconds, recordings; held against the database."""

import asyncio
import gzip
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from broker.ledger import AttemptEntry, ExpectedAlarmEntry, MalformedEntry, OutcomeEntry, entry_adapter
from sensor_node.faults.fault_types import FAULT_TYPES
from sensor_node.scenarios.scenario import EXAMPLES
from stack.processes import Process
from stack.servers import Servers
from tests.programs import run_program
from tests.servers import RunningIngestor, Site, Wire

pytestmark = pytest.mark.integration

BAD_DAY_S = 120
# The same, sooner and shorter: alarms that need a minute without rejections are active at its end.
SHORTER = {
    r"\+(25|40|42)s": "+13s",
    r"length = (15|20|30)": "length = 10",
    'duration = "2m"': 'duration = "28s"',
}
Simulate = Callable[..., Process]


@pytest.fixture
def simulate(servers: Servers, site: str, tmp_path: Path) -> Simulate:
    def start(*arguments: str, name: str = "node") -> Process:
        environment = {"ENERGY_MQTT_URL": servers.mqtt("sensors"), "ENERGY_SITE": site}
        program = [sys.executable, "-m", "sensor_node", *arguments]
        return Process(name, program, environment, tmp_path / f"{name}.log")

    return start


async def ended(process: Process) -> str:
    await process.start()
    return await process.wait_ended()


async def verify(servers: Servers, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "verify", "--mongo-url", servers.mongo("viewer"), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


def entries(ledger: Path) -> list[AttemptEntry | MalformedEntry | ExpectedAlarmEntry | OutcomeEntry]:
    return [entry_adapter.validate_json(line) for line in ledger.read_bytes().splitlines()]


def short_bad_day(folder: Path) -> str:
    """The file of a bad day in a quarter of its time."""
    text = (EXAMPLES / "bad-day.toml").read_text()
    for long, short in SHORTER.items():
        text, count = re.subn(long, short, text)
        assert count, long
    file = folder / "bad-day.toml"
    file.write_text(text)
    return str(file)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("length", ["short", pytest.param("whole", marks=pytest.mark.long)])
async def test_bad_day_with_every_fault_ends_with_nothing_wrong(
    servers: Servers, database: Database[dict[str, Any]], simulate: Simulate, tmp_path: Path, length: str
) -> None:
    scenario = short_bad_day(tmp_path) if length == "short" else "bad-day"
    ledger = tmp_path / "ledger.jsonl"
    ingestor = RunningIngestor(servers, "bad-day", tmp_path / "ingestor.log")
    await ingestor.start()
    process = simulate("run", scenario, "--ledger", str(ledger))
    await process.start()
    async with asyncio.timeout(BAD_DAY_S + 90):
        assert "status 0" in await process.wait_ended()
    status, output = await verify(servers, str(ledger))
    assert (status, output.splitlines()[-1]) == (0, "All is well."), output
    assert max(map(len, output.splitlines())) <= 80
    struck = Counter(
        kind
        for each in entries(ledger)
        if isinstance(each, AttemptEntry | MalformedEntry)
        for kind in each.faults
    )
    of_nodes = {kind for kind, nature in FAULT_TYPES.items() if nature.of_node}
    assert set(struck) == set(FAULT_TYPES) - of_nodes - {"silence"}
    troubles = Counter(
        (each.rule, each.must) for each in entries(ledger) if isinstance(each, ExpectedAlarmEntry)
    )
    assert troubles == {("silent", True): 3, ("offline", True): 1}
    # Whoever takes one reading away, or flags one that is not, is found out.
    measures = database["measures"]
    one = measures.find_one_and_delete({"site": "bad-day", "is_anomaly": False})
    assert one is not None
    assert (await verify(servers, str(ledger)))[0] == 1
    measures.insert_one(one)
    assert (await verify(servers, str(ledger)))[0] == 0
    assert await ingestor.stop() == 0


async def test_backfill_is_the_same_each_time_and_stored_once(
    ingestor: RunningIngestor, servers: Servers, place: Site, simulate: Simulate, tmp_path: Path
) -> None:
    ledgers = [tmp_path / f"ledger-{number}.jsonl" for number in range(2)]
    for ledger in ledgers:
        options = "--profile household --yearly-kwh 3500 --interval 15m --from 2026-03-26 --to 2026-04-01"
        faults = "--seed 7 --count 3 --fault duplicate=2% --fault peak=1% --fault reorder=1% --fault nan=1%"
        where = ["--sensor-id", f"{place.sensor}-1", "--ledger", str(ledger)]
        assert "status 0" in await ended(simulate(*options.split(), *faults.split(), *where))
    first, second = (
        [each for each in entries(ledger) if isinstance(each, AttemptEntry)] for ledger in ledgers
    )
    assert first == second
    # 6 days and 96 quarters of an hour, but for the hour that is missing in March.
    assert (
        place.count()
        == len(first)
        == 3 * (6 * 96 - 4) - sum(isinstance(each, MalformedEntry) for each in entries(ledgers[0]))
    )
    for ledger in ledgers:
        status, output = await verify(servers, str(ledger))
        assert status == 0, output


async def test_simulated_time_goes_as_fast_as_it_is_told(
    ingestor: RunningIngestor, place: Site, simulate: Simulate
) -> None:
    options = ["--speed", "7200", "--from", "2026-01-05", "--interval", "1h"]
    process = simulate(*options, "--sensor-id", place.sensor)
    await process.start()
    await place.until_count(8)
    await process.stop()
    # Two hours a second: whatever the machine was busy with, not more than that, and no fewer than were seen.
    hours = [each["timestamp"].hour for each in place.stored()]
    assert hours[:3] == [0, 1, 2]
    assert 8 <= len(hours) < 200


def sample(name: str) -> Path:
    spec = importlib.util.find_spec("opendsm")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "eemeter" / "samples" / name


async def test_recording_is_replayed_reading_for_reading(
    ingestor: RunningIngestor, servers: Servers, place: Site, simulate: Simulate, tmp_path: Path
) -> None:
    whole = gzip.decompress(sample("uk-electricity-hdd-only-hourly-sample-0.csv.gz").read_bytes()).decode()
    head, *rows = whole.splitlines()[:501]
    recording, ledger = tmp_path / "meter.csv", tmp_path / "ledger.jsonl"
    recording.write_text("\n".join([head, *rows]))
    arguments = ["replay", str(recording), "--stamps", "start", "--speed", "max", "--ledger", str(ledger)]
    assert "status 0" in await ended(simulate(*arguments, "--sensor-id", place.sensor))
    stored = place.stored()
    assert [each["value_kwh"] for each in stored] == pytest.approx([float(row.split(",")[1]) for row in rows])
    assert stored[0]["timestamp"].isoformat() == "2020-04-01T02:00:00"
    status, output = await verify(servers, str(ledger))
    assert status == 0, output


async def test_replay_shifted_to_now_is_live(
    ingestor: RunningIngestor, place: Site, simulate: Simulate, tmp_path: Path
) -> None:
    recording = tmp_path / "meter.csv"
    rows = "".join(f"2020-01-01T00:00:{second:02}Z,{second}\n" for second in range(5))
    recording.write_text(f"time,value\n{rows}")
    process = simulate("replay", str(recording), "--shift-to-now", "--sensor-id", place.sensor)
    assert "status 0" in await ended(process)
    stored = place.stored()
    assert [each["value_kwh"] for each in stored] == [0, 1, 2, 3, 4]
    ages_s = [(each["received_at"] - each["timestamp"]).total_seconds() for each in stored]
    assert -1 < min(ages_s) <= max(ages_s) < 60


async def test_register_is_sent_beside_its_difference(
    ingestor: RunningIngestor, place: Site, viewer: Wire, simulate: Simulate
) -> None:
    options = [
        "--counter",
        "--register-kwh",
        "99990",
        "--interval",
        "20ms",
        "--readings",
        "12",
        "--seed",
        "3",
    ]
    assert "status 0" in await ended(simulate(*options, "--sensor-id", place.sensor))
    sent = [json.loads(each.payload) for each in viewer.on(f"energy/readings/{place.site}/{place.sensor}")]
    shown = [99_990.0, *(each["register_kwh"] for each in sent)]
    assert min(shown) < 100 < max(shown)
    differences = [round((b - a) % 100_000, 3) for a, b in pairwise(shown)]
    assert [each["value_kwh"] for each in sent] == pytest.approx(differences)
    assert [each["value_kwh"] for each in place.stored()] == [each["value_kwh"] for each in sent]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ("run nothing.toml", 1, "sensor-node run: the scenario nothing.toml cannot be read"),
        ("check", 2, "sensor-node check: the following arguments are required: FILE"),
        ("replay nothing.csv", 1, "sensor-node replay: the recording nothing.csv cannot be read"),
        ("preview --profile house", 2, "sensor-node preview: --profile 'house': unknown profile"),
        ("run bad-day --outbox /proc/no", 1, "sensor-node: the outbox /proc/no"),
    ],
)
def test_mistake_is_told_in_one_sentence(
    servers: Servers, tmp_path: Path, arguments: str, status: int, sentence: str
) -> None:
    url = {"ENERGY_MQTT_URL": servers.mqtt("sensors")}
    ended = run_program("sensor_node", *arguments.split(), variables=url, folder=tmp_path)
    assert (ended.status, ended.output) == (status, "")
    assert sentence in ended.errors
    assert ended.errors.count("\n") == 1


async def test_check_says_what_a_scenario_will_do(simulate: Simulate) -> None:
    process = simulate("check", "campus")
    assert "status 0" in await ended(process)
    assert process.log is not None
    lines = process.log.read_text().splitlines()
    assert lines[0] == "A campus of 500 meters"
    assert lines[-1].startswith("500 meters on 5 nodes: ")
    assert max(map(len, lines)) <= 80
