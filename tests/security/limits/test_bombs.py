"""Files that are small and hold too much, or never end, are rejected in a sentence before memory is full."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from broker.program.bounded_file import MAX_LINE_BYTES
from monitor.verify.ledger_reader import LedgerFileError, read_alerts, read_ledgers
from sensor_node.plan import PlanError
from sensor_node.recordings.recording import read_recording
from sensor_node.recordings.series import Columns
from tests.fault_points.broker import LONGEST_LINE
from tests.fault_points.simulator import LARGEST_RECORDING
from tests.programs import run_program

MIB = 1024 * 1024
BOMB_BYTES = 64 * MIB
ZONE = ZoneInfo("UTC")


def as_gzip(file: Path) -> None:
    """64 MiB of rows in 64 kB."""
    row = b"2026-01-01T00:00Z,1.5\n"
    file.write_bytes(gzip.compress(b"time,value\n" + row * (BOMB_BYTES // len(row)), mtime=0))


def as_text(file: Path) -> None:
    """The same, not compressed."""
    as_gzip(file)
    file.write_bytes(gzip.decompress(file.read_bytes()))


def as_parquet(file: Path) -> None:
    """64 MiB of one value, which Parquet writes once."""
    zeros = np.zeros(BOMB_BYTES // 16)
    pq.write_table(pa.table({"time": zeros, "value": zeros}), file)


def peak_bytes(work: Callable[[], object]) -> int:
    """How much memory of Python and pyarrow something takes at most."""
    pool = pa.default_memory_pool()
    before = int(pool.bytes_allocated())
    tracemalloc.start()
    try:
        work()
    except (PlanError, LedgerFileError):
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return max(peak, int(pool.bytes_allocated()) - before)


@pytest.mark.parametrize("make", [as_gzip, as_text, as_parquet])
def test_recording_that_holds_too_much_is_rejected_before_it_is_in_memory(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    file = tmp_path / "bomb"
    make(file)
    with LARGEST_RECORDING.replace(MIB):
        assert peak_bytes(lambda: read_recording(file, Columns(), ZONE)) < BOMB_BYTES / 4
        with pytest.raises(PlanError, match=r"^the recording .*/bomb holds more than 256 MiB; split it$"):
            read_recording(file, Columns(), ZONE)


def test_without_a_bound_it_is_all_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "bomb"
    as_gzip(file)
    assert peak_bytes(lambda: read_recording(file, Columns(), ZONE)) > BOMB_BYTES


@pytest.mark.parametrize("read", [read_alerts, lambda file: read_ledgers([file])], ids=["alerts", "ledger"])
def test_line_without_end_is_told_with_its_number(read: Callable[[Path], object]) -> None:
    """/dev/zero has no line breaks, and no end."""
    with pytest.raises(LedgerFileError, match=r"/dev/zero cannot be read: line 1 has more than 16 MiB"):
        read(Path("/dev/zero"))


def test_long_line_behind_others_is_told_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.write_bytes(b"{}\n{}\n" + b"x" * (MAX_LINE_BYTES + 1))
    with pytest.raises(LedgerFileError) as told:
        read_ledgers([file])
    sentence = f"the ledger {file} cannot be read: line 3 has more than 16 MiB; is it a ledger?"
    assert str(told.value) == sentence


def test_without_a_bound_a_line_is_all_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    file.write_bytes(b"x" * BOMB_BYTES)
    assert peak_bytes(lambda: read_ledgers([file])) < BOMB_BYTES
    with LONGEST_LINE.replace(1 << 40):
        assert peak_bytes(lambda: read_ledgers([file])) > BOMB_BYTES


def test_settings_and_scenarios_without_end_are_told_in_a_sentence() -> None:
    url = run_program("sensor_node", variables={"ENERGY_MQTT_URL_FILE": "/dev/zero"})
    assert url.errors == "sensor-node: ENERGY_MQTT_URL_FILE: /dev/zero cannot be read (File too large)\n"
    scenario = run_program("sensor_node", "check", "/dev/zero")
    assert "the scenario /dev/zero cannot be read (File too large)" in scenario.errors
