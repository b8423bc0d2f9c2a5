"""A disk that is full: a sensor node goes on with what it has, and everything else says so in a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from broker.ledger import AttemptEntry, entry_adapter
from stack.ports import reserve_port
from stack.processes import Process
from tests.chaos.mutants import SMALL_DISK_BYTES
from tests.preloaded import PreloadedProcess

pytestmark = pytest.mark.integration

PROGRAM = """
import asyncio, sys
from broker.program.process import print_line, run

async def write(_stop=None):
    print_line("x" * 10_000)

async def write_in_group(_stop):
    async with asyncio.TaskGroup() as group:
        group.create_task(write())

run("it", write if sys.argv[1] == "alone" else write_in_group)
"""


def node(build: str, folder: Path, *options: str) -> Process:
    """A node without a broker, on a disk of 100 kB."""
    command = [sys.executable, "-m", "tests.chaos.build", "sensor_node", "--mutant", build, "--"]
    command += ["--interval", "2ms", "--readings", "1500", "--drain", "1ms", *options]
    environment = {"ENERGY_MQTT_URL": f"mqtt://127.0.0.1:{reserve_port()}"}
    return PreloadedProcess("node", command, environment, folder / "node.log")


async def said_by(process: Process) -> str:
    await process.start()
    assert "status 1" in await process.wait_ended()
    assert process.log is not None
    said = process.log.read_text()
    process.log.unlink()
    assert "Traceback" not in said
    return said


async def test_node_with_a_full_disk_drops_the_newest_readings_and_goes_on_at_every_start(
    tmp_path: Path,
) -> None:
    outbox = tmp_path / "outbox.db"
    for _ in range(2):
        said = await said_by(node("small-disk", tmp_path, "--outbox", str(outbox)))
        assert f"The outbox is full ({outbox}: disk I/O error): new ones are LOST, the first with" in said
        # To the end, and with what is in the outbox.
        assert "of 1500 readings are not confirmed; is the ingestor running?" in said


async def test_node_that_cannot_go_on_would_end_at_every_start(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    for _ in range(2):
        said = await said_by(node("ends-without-room", tmp_path, "--outbox", str(outbox)))
        assert f"\nsensor-node: the outbox {outbox} cannot be used (disk I/O error); move it" in said


@pytest.mark.parametrize("how", ["alone", "grouped"])
def test_program_whose_output_has_no_room_says_so_in_a_sentence(how: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-c", PROGRAM, how], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    sentence = "it: cannot write its output (No space left on device); make room on the disk\n"
    assert (ended.returncode, ended.stderr) == (1, sentence)


async def test_node_whose_ledger_cannot_be_written_says_so_and_ends(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    for _ in range(2):
        said = await said_by(node("small-disk", tmp_path, "--ledger", str(ledger)))
        assert said.endswith(
            "sensor-node: the ledger cannot be written (File too large); make room, or name another\n"
        )
    whole = [line for line in ledger.read_bytes().split(b"\n") if line.endswith(b"}")]
    assert ledger.stat().st_size == SMALL_DISK_BYTES
    assert all(isinstance(entry_adapter.validate_json(line), AttemptEntry) for line in whole[:-1])
