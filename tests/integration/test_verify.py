"""``monitor verify`` as users run it: a node with a ledger, a real database, an exit status."""

import asyncio
import sys
from pathlib import Path

import pytest

from stack.processes import Process
from stack.servers import Servers
from tests.servers import RunningIngestor, Site, eventually

pytestmark = pytest.mark.integration


async def verify(servers: Servers, *arguments: str, stdin: bytes = b"") -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "verify", "--mongo-url", servers.mongo("viewer"), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin)
    return process.returncode, output.decode(), errors.decode()


async def test_ledger_of_a_node_is_held_against_the_database(
    servers: Servers, ingestor: RunningIngestor, place: Site, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    options = ["--sensor-id", f"{place.sensor}-01", "--count", "3", "--readings", "90", "--interval", "50ms"]
    node = Process(
        "node",
        [sys.executable, "-m", "sensor_node", "--ledger", str(ledger), *options, "--seed", "7"],
        {"ENERGY_MQTT_URL": servers.mqtt("sensors"), "ENERGY_SITE": place.site},
        tmp_path / "node.log",
    )
    await node.start()
    assert "status 0" in await node.ended()
    await eventually(lambda: place.count(is_anomaly=True, alerted_at=None) == 0)
    status, output, _ = await verify(servers, str(ledger))
    assert (status, output.splitlines()[-1]) == (0, "All is well.")
    assert output.splitlines()[0].split()[:2] == ["attempted", "90"]
    assert (await verify(servers, "-", stdin=ledger.read_bytes()))[:2] == (0, output)

    place.database.measures.delete_one({"site": place.site})
    status, output, _ = await verify(servers, str(ledger))
    assert (status, output.splitlines()[-1]) == (1, "NOT WELL.")
    assert "1 of them were confirmed" in output


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "monitor verify: the following arguments are required: FILES; `monitor verify --help`"),
        (["/none"], 1, "monitor: the ledger /none cannot be read (No such file or directory)"),
        (["/dev/null"], 1, "monitor: the ledger /dev/null holds no reading"),
    ],
)
async def test_mistake_is_told_in_one_sentence(
    servers: Servers, arguments: list[str], status: int, sentence: str
) -> None:
    ended, output, errors = await verify(servers, *arguments)
    assert (ended, output) == (status, "")
    assert errors.startswith(sentence)
    assert errors.count("\n") == 1


async def test_missing_database_is_told_in_one_sentence(servers: Servers, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    reading = '{"sensor_id":"S","value_kwh":1,"timestamp":"2026-11-23T10:00:00Z","sequence":1}'
    ledger.write_text(f'{{"event":"invoke","site":"lari","reading":{reading}}}\n')
    status, _, errors = await verify(servers, str(ledger), "--mongo-url", "mongodb://127.0.0.1:1/energy_db")
    assert status == 1
    assert errors.startswith("monitor: MongoDB does not answer (127.0.0.1:1: ")
    assert errors.count("\n") == 1
