"""``monitor export`` as users run it, on a real database."""

import asyncio
import csv
import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from ingestor.documents import format_timestamp, measure_id
from monitor.queries.database import TimeRange, open_database
from monitor.queries.readings import ReadingQueries
from stack.secrets.credentials import DATABASE
from stack.servers import Servers
from tests.fault_points.monitor import READINGS_AT_ONCE
from tests.programs import Ended as Finished
from tests.programs import run_program
from tests.servers import eventually

pytestmark = pytest.mark.integration

Document = dict[str, Any]

START = datetime(2031, 5, 1)  # noqa: DTZ001 - as in documents, and when no other test measures
SECOND = timedelta(seconds=1)
SENSORS = ("Export-A", "Export-B", "Export-C", "Export-D")
READINGS = 5000  # of each sensor, one a second
RUN = 'exec "$0" "$@"'
PEAK = """
import resource, sys
from monitor.export.command import export_command
export_command(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Ended(NamedTuple):
    status: int | None
    output: bytes
    errors: str


class Export:
    """One run of the command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, servers: Servers, *arguments: str | Path, through: str = RUN) -> "Export":
        program = ["sh", "-c", through, sys.executable, "-m", "monitor", "export"]
        environment = {**os.environ, "ENERGY_MONGO_URL": servers.mongo("viewer")}
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                *program, *map(str, arguments), env=environment, stdout=pipe, stderr=pipe
            )
        )

    async def ended(self) -> Ended:
        async with asyncio.timeout(30):
            output, errors = await self.process.communicate()
        return Ended(self.process.returncode, output, errors.decode())


async def export(servers: Servers, *arguments: str | Path, through: str = RUN) -> Ended:
    return await (await Export.start(servers, *arguments, through=through)).ended()


def export_here(servers: Servers, *arguments: str | Path) -> Finished:
    """Run the command in this process."""
    url = {"ENERGY_MONGO_URL": servers.mongo("viewer")}
    return run_program("monitor", "export", *map(str, arguments), variables=url)


def fill(database: Database[Document], sensors: tuple[str, ...], readings: int) -> None:
    database.sensors.insert_many([{"_id": name, "sensor_id": name, "site": "export"} for name in sensors])
    for number, name in enumerate(sensors):
        database.measures.insert_many(
            [_measure(name, START + each * SECOND, (each + number) / 100) for each in range(readings)],
            ordered=False,
        )


def _measure(sensor_id: str, at: datetime, value_kwh: float) -> Document:
    measure: Document = {
        "_id": measure_id(sensor_id, format_timestamp(at)),
        "sensor_id": sensor_id,
        "site": "export",
        "location": None if value_kwh < 1 else f'=Room "{value_kwh}"\n🏭',
        "value_kwh": value_kwh,
        "timestamp": at,
        "is_anomaly": value_kwh > 12,
        "status_message": "Consumption is normal.",
        "received_at": at + timedelta(milliseconds=40),
    }
    if measure["is_anomaly"]:
        measure |= {"threshold_kwh": 12.0, "alerted_at": at}
    return measure


@pytest.fixture(scope="module")
def stored(servers: Servers) -> Iterator[Database[Document]]:
    with MongoClient[Document](servers.mongo("admin")) as client:
        database = client[DATABASE]
        fill(database, SENSORS, READINGS)
        yield database
        for collection in (database.measures, database.sensors):
            collection.delete_many({"sensor_id": {"$in": SENSORS}})


def in_order(database: Database[Document], order: list[tuple[str, int]]) -> list[Document]:
    kept = dict.fromkeys(
        (
            "sensor_id",
            "site",
            "location",
            "value_kwh",
            "timestamp",
            "is_anomaly",
            "threshold_kwh",
            "received_at",
        )
    )
    found = database.measures.find({"sensor_id": {"$in": SENSORS}}).sort(order)
    rows = [{name: each.get(name) for name in kept} for each in found]
    assert len(rows) == len(SENSORS) * READINGS
    return rows


def as_text(row: Document) -> Document:
    return row | {name: format_timestamp(row[name]) for name in ("timestamp", "received_at")}


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def test_csv_holds_every_reading(servers: Servers, stored: Database[Document], tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    done = await export(servers, file, "--sensor", ",".join(SENSORS))
    assert done == (0, b"", f"20,000 readings of 4 sensors written to {file}.\n")
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert rows == [
        {
            **as_text(row),
            # Of what is invisible, only escapes are written.
            "location": f"'{row['location']}".replace("\n", "\\n") if row["location"] else "",
            "value_kwh": str(row["value_kwh"]),
            "is_anomaly": str(row["is_anomaly"]).lower(),
            "threshold_kwh": str(row["threshold_kwh"] or ""),
        }
        for row in in_order(stored, [("_id", 1)])
    ]
    assert names_in(tmp_path) == [file.name]


async def test_json_lines_hold_every_reading_in_the_order_of_time(
    servers: Servers, stored: Database[Document]
) -> None:
    done = await export(servers, "-", "--format", "jsonl", "--from", "2031-05-01", "--to", "2031-05-02")
    assert (done.status, done.errors) == (0, "20,000 readings of 4 sensors written to standard output.\n")
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    by_id = sorted(rows, key=lambda row: (row["sensor_id"], row["timestamp"]))
    assert by_id == [as_text(row) for row in in_order(stored, [("_id", 1)])]


async def test_parquet_holds_every_reading(
    servers: Servers, stored: Database[Document], tmp_path: Path
) -> None:
    file = tmp_path / "all.parquet"
    done = await export(servers, file, "--sensor", ",".join(SENSORS))
    assert done == (0, b"", f"20,000 readings of 4 sensors written to {file}.\n")
    rows = pq.read_table(file).to_pylist()
    aware = [
        row | {name: row[name].replace(tzinfo=UTC) for name in ("timestamp", "received_at")}
        for row in in_order(stored, [("_id", 1)])
    ]
    assert rows == aware


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("batch", [3, 4, 5])
async def test_each_reading_comes_once_although_more_than_a_batch_have_one_time(
    servers: Servers, batch: int
) -> None:
    span = TimeRange(START, START + 10 * SECOND)
    async with open_database(servers.mongo("viewer")) as database:
        with READINGS_AT_ONCE.replace(batch):
            batches = [each async for each in ReadingQueries(database).batches([], span)]
    found = [each["_id"] for batch in batches for each in batch]
    moments = [format_timestamp(START + each * SECOND) for each in range(10)]
    assert sorted(found) == [measure_id(name, moment) for name in SENSORS for moment in moments]


@pytest.mark.usefixtures("stored")
def test_first_moment_counts_and_the_end_does_not(servers: Servers) -> None:
    options = ["--format", "jsonl", "--from", "2031-05-01T00:00:10", "--to", "2031-05-01T02:00:12+02:00"]
    for sensors in (["--sensor", "Export-B"], []):
        done = export_here(servers, "-", *options, *sensors)
        rows = [json.loads(line) for line in done.output.splitlines()]
        assert {row["timestamp"] for row in rows} == {"2031-05-01T00:00:10.000Z", "2031-05-01T00:00:11.000Z"}
        assert {row["sensor_id"] for row in rows} == ({"Export-B"} if sensors else {*SENSORS})


def test_location_that_a_person_has_set_is_written(servers: Servers, stored: Database[Document]) -> None:
    stored.sensors.update_one({"_id": "Export-C"}, {"$set": {"own_location": "Cellar"}})
    done = export_here(
        servers, "-", "--format", "jsonl", "--to", "2031-05-01T00:00:01", "--from", "2031-05-01"
    )
    stored.sensors.update_one({"_id": "Export-C"}, {"$unset": {"own_location": ""}})
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert {row["sensor_id"]: row["location"] for row in rows} == dict.fromkeys(SENSORS) | {
        "Export-C": "Cellar"
    }


@pytest.mark.usefixtures("stored")
def test_unknown_sensor_is_told_and_no_file_made(servers: Servers, tmp_path: Path) -> None:
    done = export_here(servers, tmp_path / "a.csv", "--sensor", "Export-A,Export-DD")
    sentence = "monitor: unknown sensor Export-DD; did you mean Export-D?\n"
    assert done == (1, "", sentence)
    assert not names_in(tmp_path)


@pytest.mark.usefixtures("stored")
def test_file_that_is_there_is_overwritten_only_by_force(servers: Servers, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("of yesterday")
    done = export_here(servers, file, "--sensor", "Export-A")
    assert done == (1, "", f"monitor: {file} exists; use --force to overwrite it\n")
    assert file.read_text() == "of yesterday"
    done = export_here(servers, file, "--sensor", "Export-A", "--to", "2031-05-01T00:00:01", "--force")
    assert done == (0, "", f"1 reading of 1 sensor written to {file}.\n")
    assert file.read_text().count("\n") == 2


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
async def test_disk_that_is_full_is_told_and_nothing_half_kept(
    servers: Servers, tmp_path: Path, name: str
) -> None:
    # No file of a process may be larger than 8 blocks of 512 bytes.
    done = await export(servers, tmp_path / name, "--sensor", "Export-A", through=f"ulimit -f 8; {RUN}")
    assert done == (1, b"", f"monitor: {tmp_path / name} was not written: file too large\n")
    assert not names_in(tmp_path)


@pytest.mark.usefixtures("stored")
async def test_one_who_has_read_enough_ends_it_quietly(servers: Servers) -> None:
    shell = '{ "$0" "$@"; echo "status $?" >&2; } | head -n 1'
    done = await export(servers, "-", "--format", "csv", "--sensor", ",".join(SENSORS), through=shell)
    assert done.output.startswith(b"sensor_id,")
    assert done.errors == "status 0\n"


@pytest.mark.usefixtures("stored")
async def test_memory_does_not_grow_with_what_is_written(servers: Servers, tmp_path: Path) -> None:
    async def peak_kib(*options: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PEAK, str(tmp_path / "a.csv"), "--force", *options),
            env={**os.environ, "ENERGY_MONGO_URL": servers.mongo("viewer")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await process.communicate()
        return int(output)

    all_at_once = await peak_kib("--sensor", ",".join(SENSORS))
    # 15,000 readings more would take 20 MB as documents.
    assert all_at_once - await peak_kib("--sensor", "Export-A") < 10_000


async def test_stopped_or_lost_export_leaves_no_file(own_servers: Servers, tmp_path: Path) -> None:
    with MongoClient[Document](own_servers.mongo("admin")) as client:
        fill(client[DATABASE], SENSORS, 40_000)
    file, part = tmp_path / "a.csv", tmp_path / "a.csv.part"
    names = ",".join(SENSORS)

    command = await Export.start(own_servers, file, "--sensor", names)
    await eventually(part.exists)
    command.process.send_signal(signal.SIGINT)
    assert await command.ended() == (1, b"", f"monitor: stopped; {file} was not written\n")
    assert not part.exists()

    command = await Export.start(own_servers, file, "--sensor", names)
    await eventually(part.exists)
    await own_servers.database.stop(signal.SIGKILL)
    done = await command.ended()
    assert done.status == 1
    assert done.errors.startswith("monitor: MongoDB does not answer (")
    assert done.errors.endswith(f"; {file} was not written\n")
    assert done.errors.count("\n") == 1
    assert not file.exists()
    assert not part.exists()
