"""The formats of an export, where it goes, and what it can be told."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.program.escape import escape_text
from broker.program.settings import read_settings
from ingestor.documents import Measure, format_timestamp, measure_id
from monitor.export.command import check_known
from monitor.export.formats import (
    COLUMNS,
    FORMATS,
    FORMULA_BEGINS,
    SCHEMA,
    FormatName,
    ParquetWriter,
    escape_cell,
)
from monitor.export.settings import ExportSettings, choose_format
from monitor.export.target import ExportError, ExportTarget
from monitor.formatting import format_count

Row = dict[str, Any]

AT = datetime(2026, 11, 23, 10, 0, 0, 123000)  # noqa: DTZ001 - as in documents
HOSTILE = ("=1+1", "-1", "\t=1", "\r=1", "\uff1d1", 'a"b', "a,b", "a\r\nb", "🏭", "\u202eba", "'", "", "\0")
TEXTS = ("sensor_id", "site", "location")
TIMES = ("timestamp", "received_at")


def measure(
    location: str | None = "Room 1",
    value_kwh: float = 1.5,
    threshold_kwh: float | None = None,
    late_ms: int = 0,
) -> Measure:
    document: Measure = {
        "_id": measure_id("Sensor-LARI-01", format_timestamp(AT)),
        "sensor_id": "Sensor-LARI-01",
        "site": "lari",
        "location": location,
        "value_kwh": value_kwh,
        "timestamp": AT,
        "is_anomaly": threshold_kwh is not None,
        "status_message": "Consumption is normal.",
        "received_at": AT + timedelta(milliseconds=late_ms),
    }
    if threshold_kwh is not None:
        document["threshold_kwh"] = threshold_kwh
    return document


batches = st.lists(
    st.builds(
        measure,
        st.sampled_from(HOSTILE) | st.text("=+-@\t\r\n\",;'x", max_size=5) | st.text(max_size=20) | st.none(),
        st.floats(0, 1e6),
        st.none() | st.floats(0, 1e6),
        st.integers(-(10**12), 10**12),
    ),
    max_size=8,
)


def written(name: FormatName, *given: Sequence[Measure]) -> bytes:
    out = io.BytesIO()
    with closing(FORMATS[name](out)) as writer:
        for batch in given:
            writer.write(batch)
    return out.getvalue()


def stored(batch: Sequence[Measure]) -> list[Row]:
    """What was stored, in the columns of an export; times as texts."""
    rows: list[Row] = [{name: each.get(name) for name in COLUMNS} for each in batch]
    return [row | {name: format_timestamp(row[name]) for name in TIMES} for row in rows]


def from_csv(content: bytes) -> list[Row]:
    def value(name: str, cell: str) -> object:
        if name.endswith("_kwh"):
            return float(cell) if cell else None
        return cell == "true" if name == "is_anomaly" else cell

    lines = csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
    assert lines.fieldnames == list(COLUMNS)
    return [{name: value(name, cell) for name, cell in line.items()} for line in lines]


def from_json_lines(content: bytes) -> list[Row]:
    rows = [json.loads(line) for line in content.decode().split("\n")[:-1]]
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


def from_parquet(content: bytes) -> list[Row]:
    table = pq.read_table(io.BytesIO(content))
    assert table.schema.equals(SCHEMA)
    return [
        row | {name: format_timestamp(row[name].astimezone(UTC).replace(tzinfo=None)) for name in TIMES}
        for row in table.to_pylist()
    ]


@given(batches, batches)
def test_csv_holds_what_is_stored_but_for_formulas_and_what_is_not_seen(
    first: list[Measure], second: list[Measure]
) -> None:
    content = written("csv", first, second)
    expected = [row | {"location": escape_cell(row["location"]) or ""} for row in stored([*first, *second])]
    assert from_csv(content) == expected


@given(batches)
def test_no_cell_of_text_in_csv_begins_a_formula(batch: list[Measure]) -> None:
    cells = [row[name] for row in from_csv(written("csv", batch)) for name in TEXTS]
    assert not [cell for cell in cells if cell[:1] in FORMULA_BEGINS and cell]


@pytest.mark.parametrize("begin", "=+-@\t\r")
def test_an_apostrophe_goes_before_a_formula_and_only_there(begin: str) -> None:
    assert escape_cell(f"{begin}1+1") == f"'{escape_text(begin)}1+1"
    assert escape_cell(f"Room {begin}1") == f"Room {escape_text(begin)}1"


@pytest.mark.parametrize("begin", "=+-@")
def test_spaces_do_not_hide_a_formula(begin: str) -> None:
    assert escape_cell(f"  {begin}1+1") == f"'  {begin}1+1"


@given(batches, batches)
def test_json_lines_hold_what_is_stored(first: list[Measure], second: list[Measure]) -> None:
    assert from_json_lines(written("jsonl", first, second)) == stored([*first, *second])


@given(batches, batches)
def test_parquet_holds_what_is_stored(first: list[Measure], second: list[Measure]) -> None:
    assert from_parquet(written("parquet", first, second)) == stored([*first, *second])


def test_csv_reads_as_agreed() -> None:
    hot = measure('"7"', 12.5, 12.0, 40)
    assert written("csv", [measure(None), hot]).decode() == (
        "sensor_id,site,location,value_kwh,timestamp,is_anomaly,threshold_kwh,received_at\r\n"
        "Sensor-LARI-01,lari,,1.5,2026-11-23T10:00:00.123Z,false,,2026-11-23T10:00:00.123Z\r\n"
        'Sensor-LARI-01,lari,"""7""",12.5,2026-11-23T10:00:00.123Z,true,12.0,2026-11-23T10:00:00.163Z\r\n'
    )


def test_parquet_is_written_in_groups_and_compressed() -> None:
    batch = [measure()] * 30_000
    metadata = pq.read_metadata(io.BytesIO(written("parquet", *[batch] * 5)))
    assert [metadata.row_group(each).num_rows for each in range(metadata.num_row_groups)] == [120_000, 30_000]
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_parquet_writer_gives_up_quietly_when_its_file_is_lost() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        ParquetWriter(Full())
    out = io.BytesIO()
    writer = ParquetWriter(out)
    writer.write([measure()])
    out.close()
    with pytest.raises((OSError, ValueError)):
        writer.close()


def settings(*arguments: str) -> ExportSettings:
    return read_settings(ExportSettings, ["readings.csv", *arguments], "monitor export")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", "2026-11-23T00:00:00.000Z"),
        ("2026-11-23T10:00", "2026-11-23T10:00:00.000Z"),
        ("2026-11-23 10:00:00.5", "2026-11-23T10:00:00.500Z"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
        ("2026-11-23T00:30:00+01:00", "2026-11-22T23:30:00.000Z"),
        ("2026-11-23T10:00:00.000001", "2026-11-23T10:00:00.001Z"),
    ],
)
def test_time_is_utc_unless_it_has_an_offset(text: str, moment: str) -> None:
    assert format_timestamp(settings("--from", text).span.first) == moment
    assert format_timestamp(settings("--to", text).span.end) == moment


def test_without_options_everything_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM", "somebody")
    monkeypatch.setenv("TO", "somebody else")
    assert [format_timestamp(each) for each in settings().span] == [
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
    ]
    assert settings().sensor_ids == ()


def test_each_sensor_is_meant_once() -> None:
    assert settings("--sensor", "B,A,B").sensor_ids == ("B", "A")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--from", "yesterday"],
            "--from 'yesterday': write a date or a time as 2026-11-23 or 2026-11-23T10:00:00+01:00",
        ),
        (
            ["--to", "0001-01-01T00:00+01"],
            "--to '0001-01-01T00:00+01': write a date or a time as 2026-11-23 or 2026-11-23T10:00:00+01:00",
        ),
        (["--from", "2026-11-23", "--to", "2026-11-23"], "--to '2026-11-23': must be later than --from"),
        (
            ["--sensor", "A,"],
            "--sensor 'A,': write names separated by commas: Sensor-LARI-01,Sensor-LARI-02",
        ),
        (["--format", "xlsx"], "--format 'xlsx': input should be 'csv', 'parquet' or 'jsonl'"),
    ],
)
def test_wrong_option_is_told_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        settings(*arguments)
    assert capsys.readouterr().err == f"monitor export: {sentence}\n"


@pytest.mark.parametrize(
    ("file", "given", "chosen"),
    [
        ("a.csv", None, "csv"),
        ("a.b.PARQUET", None, "parquet"),
        ("a.jsonl", None, "jsonl"),
        ("a.csv", "jsonl", "jsonl"),
        ("a.txt", "csv", "csv"),
        ("-", "csv", "csv"),
    ],
)
def test_format_is_what_is_given_else_what_the_ending_names(
    file: str, given: FormatName | None, chosen: FormatName
) -> None:
    assert choose_format(Path(file), given) == chosen


@pytest.mark.parametrize(
    ("file", "given", "sentence"),
    [
        ("a.xlsx", None, "a.xlsx: unknown extension; use .csv, .parquet or .jsonl, or add --format"),
        ("csv", None, "csv: unknown extension; use .csv, .parquet or .jsonl, or add --format"),
        ("-", None, "standard output has no extension; add --format csv or --format jsonl"),
        (
            "-",
            "parquet",
            "Parquet cannot be written to standard output; name a file, or use csv or jsonl",
        ),
    ],
)
def test_missing_format_is_told_in_one_sentence(
    file: str, given: FormatName | None, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        choose_format(Path(file), given)
    assert capsys.readouterr().err == f"monitor export: {sentence}\n"


def test_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    file, part = tmp_path / "a.csv", tmp_path / "a.csv.part"
    with ExportTarget(file).open() as out:
        out.write(b"whole")
        assert (file.exists(), part.exists()) == (False, True)
    assert file.read_bytes() == b"whole"
    assert not part.exists()


def disk_full(_: BinaryIO) -> None:
    raise OSError(28, "No space left on device")


def stopped(_: BinaryIO) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("break_off", "error"), [(disk_full, ExportError), (stopped, KeyboardInterrupt)])
def test_broken_export_leaves_the_folder_as_it_was(
    tmp_path: Path, break_off: Callable[[BinaryIO], None], error: type[BaseException]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("of yesterday")

    def write() -> None:
        with ExportTarget(file).open() as out:
            out.write(b"half")
            break_off(out)

    with pytest.raises(error):
        write()
    assert file.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [file]


def test_file_that_is_there_is_given_up_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    ExportTarget(file).check(force=False)
    file.touch()
    ExportTarget(file).check(force=True)
    with pytest.raises(ExportError, match=r"a\.csv exists; use --force to overwrite it"):
        ExportTarget(file).check(force=False)


def test_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no such folder: .*nowhere; .*a\.csv was not written"):
        ExportTarget(tmp_path / "nowhere" / "a.csv").check(force=False)
    with pytest.raises(ExportError, match="is not a file"):
        ExportTarget(tmp_path).check(force=True)
    with pytest.raises(ExportError, match="was not written: file name too long"):
        ExportTarget(tmp_path / ("a" * 300)).check(force=False)


def test_two_exports_to_one_file_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with ExportTarget(file).open() as out:
        out.write(b"first")
        with (
            pytest.raises(ExportError, match=r"a\.csv\.part exists: another export"),
            ExportTarget(file).open(),
        ):
            pass
    assert file.read_bytes() == b"first"


def test_unknown_sensor_is_told_with_the_nearest_name() -> None:
    known = ["Sensor-LARI-01", "Meter"]
    check_known(["Meter"], known)
    with pytest.raises(ExportError, match=r"unknown sensor Metre; did you mean Meter\?"):
        check_known(["Meter", "Metre"], known)
    with pytest.raises(ExportError, match="unknown sensor X; it appears with its first reading"):
        check_known(["X"], known)


def test_counts_read_as_people_say_them() -> None:
    counts = [format_count(number, "reading") for number in (0, 1, 20_000)]
    assert counts == ["0 readings", "1 reading", "20,000 readings"]
